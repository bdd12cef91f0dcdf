// Keeps the plan of the dialog up: asked for again when an entry changed, and from time to time while prices move.
//
// The last plan stays until the next one is there, and only the newest question is answered.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { Clock } from "../../api/clock.ts";
import type { Answer } from "../../api/http.ts";
import { problem, type Problem } from "../../api/problems.ts";

/** After the last change of an entry, so that a plan is not asked for at each key. */
export const SETTLE_MS = 250;

export interface Shown<Plan> {
  readonly plan: Plan | null;
  /** The plan is not that of the entries of now. */
  readonly pending: boolean;
  /** Why there is no newer plan. */
  readonly problem: Problem | null;
  /** When the plan was asked for, in milliseconds of the page's clock. */
  readonly at: number;
}

export interface PlanningOptions<Plan> {
  readonly clock: Clock;
  /** Ask with the entries of now; null where they have faults. */
  readonly ask: (signal: AbortSignal) => Promise<Answer<Plan>> | null;
  /** Between an answer and the next question, in milliseconds. */
  readonly everyMs: number;
  /** Whether the page is hidden, so that it asks for nothing. */
  readonly paused: () => boolean;
}

export class Planning<Plan> {
  readonly #options: PlanningOptions<Plan>;
  readonly #state = signal<Shown<Plan>>({ plan: null, pending: true, problem: null, at: 0 });
  #cancelTimer: (() => void) | null = null;
  #giveUp: AbortController | null = null;

  constructor(options: PlanningOptions<Plan>) {
    this.#options = options;
  }

  get state(): ReadonlySignal<Shown<Plan>> {
    return this.#state;
  }

  /** An entry is another one: the plan shown is not of it. */
  changed(): void {
    this.stop();
    this.#state.value = { ...this.#state.peek(), pending: true, problem: null };
    this.#after(SETTLE_MS);
  }

  /** Ask at once. */
  look(): void {
    this.stop();
    this.#ask();
  }

  /** Ask nothing more; an answer that is on its way is dropped. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#giveUp?.abort();
    this.#giveUp = null;
  }

  #after(ms: number): void {
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      if (this.#options.paused()) this.#after(this.#options.everyMs);
      else this.#ask();
    });
  }

  #ask(): void {
    const { clock, ask, everyMs } = this.#options;
    const giveUp = new AbortController();
    const at = clock.now();
    this.#giveUp = giveUp;
    const asked = ask(giveUp.signal);
    if (asked === null) return; // until an entry changes
    const take = (answer: Answer<Plan>) => {
      if (giveUp.signal.aborted) return;
      const held = this.#state.peek();
      this.#state.value = answer.ok
        ? { plan: answer.data, pending: false, problem: null, at }
        : { ...held, problem: answer };
      this.#after(everyMs);
    };
    void asked.then(take, (why) => take({ ok: false, ...problem("PAGE_FAULT", String(why)) }));
  }
}
