// The list of cases: what events of `caseEvents` make of it.

import type { DeskEvent, Target } from "../api/follow.ts";
import { Rows, type Identified, type Order } from "./rows.ts";

export interface CaseKey extends Identified {
  readonly status: string;
}

export interface CaseChange<Row extends CaseKey> extends DeskEvent {
  readonly case: Row;
}

export class CaseList<Row extends CaseKey> implements Target<CaseChange<Row>> {
  readonly rows: Rows<Row>;
  readonly #statuses: ReadonlySet<string> | null;
  readonly #now: () => number;

  /** `statuses` are those of the filter; null where it has none, so that the list is that of live cases. */
  constructor(order: Order<Row>, statuses: readonly string[] | null, now: () => number) {
    this.rows = new Rows(order);
    this.#statuses = statuses && new Set(statuses);
    this.#now = now;
  }

  replace(events: readonly CaseChange<Row>[]): void {
    this.rows.replace(events.map((event) => event.case));
    this.rows.publish();
  }

  apply(events: readonly CaseChange<Row>[]): void {
    for (const { kind, case: row } of events) {
      if (this.#leaves(kind, row)) this.rows.leave(row, kind, this.#now());
      else this.rows.put(row);
    }
    this.rows.publish();
  }

  /** A list without statuses shows live cases; one with the new status keeps a closed case. */
  #leaves(kind: string, row: Row): boolean {
    return kind === "REMOVED" || (kind === "CLOSED" && !this.#statuses?.has(row.status));
  }
}
