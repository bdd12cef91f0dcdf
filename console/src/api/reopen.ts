// Keeps one subscription open: after an end it waits as the end asks, and subscribes with the request of then.

import type { Clock } from "./clock.ts";
import { backoffMs, judge, type End } from "./ends.ts";
import { problem } from "./problems.ts";
import type { Frame, Request, Source } from "./socket.ts";

/** How a subscription stands, for continuity. */
export type Standing =
  | { readonly is: "connecting" }
  | { readonly is: "waiting"; readonly ms: number; readonly end: End }
  | { readonly is: "signed out"; readonly end: End }
  | { readonly is: "stopped"; readonly end: End };

export interface Followed {
  request(): Request;
  /** An end, or null if the subscription goes on. */
  next(frame: Frame): End | null;
  /** The desk said nothing for `QUIET_MS` after the request: nothing is there to be said. */
  quiet(): void;
  /** Whatever was received counts from now on; nothing more comes from this subscription. */
  interrupted(): void;
  /** What the page holds is void: the next request has to ask for everything. */
  voided(): void;
  report(standing: Standing): void;
}

/** An empty snapshot and a resumed stream without events have no frame, so that only silence shows them. */
export const QUIET_MS = 2_000;

export class Reopening {
  readonly #source: Source;
  readonly #clock: Clock;
  readonly #followed: Followed;
  /** Ends since the last frame, and those among them that made the cursor void. */
  #failures = 0;
  #voids = 0;
  #generation = 0;
  #cancel: (() => void) | null = null;
  #cancelTimer: (() => void) | null = null;
  #state: "new" | "open" | "waiting" | "ended" = "new";

  constructor(source: Source, clock: Clock, followed: Followed) {
    this.#source = source;
    this.#clock = clock;
    this.#followed = followed;
  }

  /** Subscribe; again after `stop`, a sign-in, or an end that is not tried again. */
  start(): void {
    if (this.#state === "open" || this.#state === "waiting") return;
    this.#works();
    this.#open();
  }

  /** Do not wait any longer, for instance because the network is back. */
  hurry(): void {
    if (this.#state === "waiting") this.#open();
  }

  stop(): void {
    this.#close();
    this.#state = "ended";
  }

  /** What was received could not be used: the page is at fault, and trying again would repeat it. */
  fail(why: unknown): void {
    this.stop();
    this.#followed.report({ is: "stopped", end: { is: "problem", problem: problem("PAGE_FAULT", String(why)) } });
  }

  #open(): void {
    this.#close();
    this.#state = "open";
    const generation = this.#generation;
    const current = () => generation === this.#generation;
    this.#followed.report({ is: "connecting" });
    this.#cancel = this.#source.subscribe(this.#followed.request(), {
      sent: () => {
        if (!current() || this.#cancelTimer) return;
        this.#cancelTimer = this.#clock.after(QUIET_MS, () => {
          this.#works();
          this.#followed.quiet();
        });
      },
      next: (frame) => {
        if (!current()) return;
        this.#cancelTimer?.();
        const end = this.#followed.next(frame);
        if (end) this.#ended(end);
        else this.#works();
      },
      ended: (end) => {
        if (current()) this.#ended(end);
      },
    });
  }

  #ended(end: End): void {
    this.#close();
    this.#followed.interrupted();
    const verdict = judge(end, this.#failures, this.#clock.random());
    this.#failures += 1;
    switch (verdict.then) {
      case "again":
        return this.#wait(verdict.ms, end);
      case "snapshot":
        this.#followed.voided();
        this.#voids += 1;
        // At once, unless the snapshot is refused in the same way.
        if (this.#voids === 1) return this.#open();
        return this.#wait(backoffMs(this.#failures, this.#clock.random()), end);
      case "sign in":
        this.#state = "ended";
        return this.#followed.report({ is: "signed out", end });
      case "stop":
        this.#state = "ended";
        return this.#followed.report({ is: "stopped", end });
    }
  }

  #works(): void {
    this.#failures = 0;
    this.#voids = 0;
  }

  #wait(ms: number, end: End): void {
    this.#state = "waiting";
    this.#cancelTimer = this.#clock.after(ms, () => this.#open());
    this.#followed.report({ is: "waiting", ms, end });
  }

  #close(): void {
    this.#generation += 1;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#cancel?.();
    this.#cancel = null;
  }
}
