// Everything live on a signed-in page: the streams that its screens follow, put onto the page once per frame, and one
// tick a second for whatever has an age.

import { batch, type ReadonlySignal } from "@preact/signals";
import { browserClock, type Clock } from "../api/clock.ts";
import { Follower, type DeskEvent, type Target } from "../api/follow.ts";
import { Latest } from "../api/latest.ts";
import type { Problem } from "../api/problems.ts";
import { openSession, type Session } from "../api/session.ts";
import { CaseList, type CaseChange, type CaseKey } from "./cases.ts";
import { Frames, type Painter } from "./frames.ts";
import { Light } from "./light.ts";
import { OrderList, type OrderChange, type OrderKey } from "./orders.ts";
import { Quotes, type Price } from "./quotes.ts";
import type { Order } from "./rows.ts";
import { ServerClock, TICK_MS } from "./server_clock.ts";
import { Summary, type Totals } from "./summary.ts";

export interface LiveOptions {
  readonly token: ReadonlySignal<string | null>;
  readonly origin: string;
  readonly painter: Painter;
  readonly clock?: Clock;
  readonly webSocket?: typeof WebSocket;
  readonly signedOut: (why: Problem) => void;
  readonly expiring: (seconds: number) => void;
}

/** A stream that a screen follows until it stops it. */
export interface Following {
  readonly light: Light;
  stop(): void;
}

interface Stream {
  hurry(): void;
  start(): void;
  stop(): void;
}

interface Swept {
  sweep(now: number): void;
}

interface Live {
  readonly stream: Stream;
  readonly light: Light;
  readonly rows: Swept | null;
}

export class LiveDesk {
  readonly session: Session;
  /** The time of the desk. */
  readonly time: ServerClock;
  readonly #clock: Clock;
  readonly #frames: Frames;
  readonly #followed = new Set<Live>();
  #cancelTick: (() => void) | null = null;

  constructor(options: LiveOptions) {
    this.#clock = options.clock ?? browserClock;
    this.#frames = new Frames(this.#clock, options.painter);
    this.time = new ServerClock(this.#clock);
    this.session = openSession({ ...options, heard: () => this.#heard(), dated: this.time.dated });
    this.#tick();
  }

  /** `filter` is that of the document; its statuses decide which cases leave the list when they end. */
  cases<Row extends CaseKey>(
    query: string,
    filter: { readonly status?: readonly string[] | null },
    order: Order<Row>,
  ): Following & { readonly list: CaseList<Row> } {
    const list = new CaseList<Row>(order, filter.status ?? null, () => this.#clock.now());
    return { list, ...this.#follow<CaseChange<Row>>("caseEvents", query, filter, list, list.rows) };
  }

  orders<Row extends OrderKey>(
    query: string,
    filter: object,
    order: Order<Row>,
  ): Following & { readonly list: OrderList<Row> } {
    const list = new OrderList<Row>(order, () => this.#clock.now());
    return { list, ...this.#follow<OrderChange<Row>>("orderEvents", query, filter, list, list.rows) };
  }

  summary<Value extends Totals>(query: string, filter: object): Following & { readonly summary: Summary<Value> } {
    const summary = new Summary<Value>((deskAt) => this.time.told(deskAt));
    return { summary, ...this.#latest<Value>("caseSummary", query, { filter }, summary.apply) };
  }

  /** Of 1 to 100 symbols. */
  quotes<Value extends Price>(
    query: string,
    symbols: readonly string[],
  ): Following & { readonly quotes: Quotes<Value> } {
    const quotes = new Quotes<Value>();
    return { quotes, ...this.#latest<Value>("quotes", query, { symbols }, quotes.apply) };
  }

  /** The network is back, or the page is seen again: no stream waits any longer. */
  hurry(): void {
    for (const { stream } of this.#followed) stream.hurry();
  }

  /** The person has signed in again: streams that had ended go on from where they were. */
  resume(): void {
    for (const { stream } of this.#followed) stream.start();
  }

  /** The person has signed out. */
  close(): void {
    this.#cancelTick?.();
    for (const { stream } of this.#followed) stream.stop();
    this.#followed.clear();
    this.session.close();
  }

  #follow<Event extends DeskEvent>(
    field: "caseEvents" | "orderEvents",
    query: string,
    filter: object,
    target: Target<Event>,
    rows: Swept,
  ): Following {
    const light = new Light(this.#clock);
    const { socket: source } = this.session;
    const { schedule } = this.#frames;
    const variables = { filter };
    const shared = { source, clock: this.#clock, query, variables, schedule, report: light.report };
    return this.#begin({ stream: new Follower<Event>({ ...shared, field, target }), light, rows });
  }

  #latest<Value>(
    field: "caseSummary" | "quotes",
    query: string,
    variables: Readonly<Record<string, unknown>>,
    apply: (values: readonly Value[]) => void,
  ): Following {
    const light = new Light(this.#clock);
    const { schedule } = this.#frames;
    const stream = new Latest<Value>({
      source: this.session.socket,
      clock: this.#clock,
      query,
      variables,
      field,
      schedule,
      apply,
      report: (standing) => light.report(standing.is === "live" ? { is: "live", after: "snapshot" } : standing),
    });
    return this.#begin({ stream, light, rows: null });
  }

  #begin(live: Live): Following {
    this.#followed.add(live);
    live.stream.start();
    const stop = () => {
      this.#followed.delete(live);
      live.stream.stop();
    };
    return { light: live.light, stop };
  }

  #heard(): void {
    this.time.heard();
    for (const { light } of this.#followed) light.heard();
  }

  #tick(): void {
    this.#cancelTick = this.#clock.after(TICK_MS, () => this.#tick());
    batch(() => {
      this.time.tick();
      for (const { light, rows } of this.#followed) {
        light.tick();
        rows?.sweep(this.#clock.now());
      }
    });
  }
}
