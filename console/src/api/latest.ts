// Follows caseSummary or quotes, of which only the newest counts: after a cut the desk sends the state of then.

import type { Clock } from "./clock.ts";
import { fields, readProblem } from "./problems.ts";
import { Reopening, type Standing } from "./reopen.ts";
import type { Source } from "./socket.ts";

export interface LatestOptions<Value> {
  readonly source: Source;
  readonly clock: Clock;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly field: "caseSummary" | "quotes";
  readonly schedule: (flush: () => void) => void;
  /** Values since the last call, oldest first. */
  readonly apply: (values: readonly Value[]) => void;
  readonly report: (standing: Standing | { readonly is: "live" }) => void;
}

/** Values that wait for a frame; older ones are dropped, as a newer one says more. */
const WAITING_MOST = 1_000;

export class Latest<Value> {
  readonly #options: LatestOptions<Value>;
  readonly #reopening: Reopening;
  #waiting: Value[] = [];
  #live = false;

  constructor(options: LatestOptions<Value>) {
    this.#options = options;
    this.#reopening = new Reopening(options.source, options.clock, {
      request: () => ({ query: options.query, variables: options.variables }),
      next: (frame) => {
        const value = fields(frame.data)[options.field] as Value | null | undefined;
        if (value == null) return { is: "problem", problem: readProblem(frame.errors?.[0]) };
        if (this.#waiting.push(value) > WAITING_MOST) this.#waiting.shift();
        options.schedule(this.#flush);
        return null;
      },
      quiet: () => {},
      interrupted: () => (this.#live = false),
      voided: () => {},
      report: options.report,
    });
  }

  start(): void {
    this.#reopening.start();
  }

  hurry(): void {
    this.#reopening.hurry();
  }

  stop(): void {
    this.#reopening.stop();
    this.#waiting = [];
  }

  readonly #flush = (): void => {
    const values = this.#waiting;
    if (!values.length) return;
    this.#waiting = [];
    this.#options.apply(values);
    if (!this.#live) this.#options.report({ is: "live" });
    this.#live = true;
  };
}
