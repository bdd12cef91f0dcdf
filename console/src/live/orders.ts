// The list of orders: what events of `orderEvents` make of it. Ended orders stay: a late fill may follow.

import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { DeskEvent, Target } from "../api/follow.ts";
import { Rows, type Identified, type Order } from "./rows.ts";

export interface OrderKey extends Identified {
  readonly status: string;
}

export interface OrderChange<Row extends OrderKey> extends DeskEvent {
  readonly order: Row;
}

/** Late fills that are shown on top; the oldest gives way to a newer one. */
export const LATE_MOST = 200;

export class OrderList<Row extends OrderKey> implements Target<OrderChange<Row>> {
  readonly rows: Rows<Row>;
  readonly #late = signal<ReadonlySet<string>>(new Set());
  readonly #now: () => number;
  /** Orders about which a person has to know more: the venue has not answered, or filled what had ended. */
  readonly attention: ReadonlySignal<{ readonly unknown: readonly string[]; readonly late: readonly string[] }>;

  constructor(order: Order<Row>, now: () => number) {
    this.rows = new Rows(order);
    this.#now = now;
    this.attention = computed(() => {
      const ids = this.rows.ids.value;
      const late = this.#late.value;
      return {
        unknown: ids.filter((id) => this.rows.entry(id)?.value.row.status === "UNKNOWN"),
        late: ids.filter((id) => late.has(id)),
      };
    });
  }

  replace(events: readonly OrderChange<Row>[]): void {
    this.rows.replace(events.map((event) => event.order));
    this.rows.publish();
  }

  apply(events: readonly OrderChange<Row>[]): void {
    for (const { kind, order } of events) {
      if (kind === "REMOVED") this.rows.leave(order, kind, this.#now());
      else this.rows.put(order);
      if (kind === "LATE_FILL") this.#remember(order.id);
    }
    this.rows.publish();
  }

  /** The person has seen the late fill. */
  seen(id: string): void {
    const late = new Set(this.#late.peek());
    if (late.delete(id)) this.#late.value = late;
  }

  #remember(id: string): void {
    const late = new Set(this.#late.peek());
    late.delete(id);
    late.add(id);
    if (late.size > LATE_MOST) late.delete(late.values().next().value!);
    this.#late.value = late;
  }
}
