// The time of the desk, whatever the clock of this computer says. Countdowns and ages tick by it once a second, and stop
// when nothing came from the desk for a while: a countdown that goes on would claim to know.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { Clock } from "../api/clock.ts";

export const SAMPLES = 9;
export const STOPS_AFTER_MS = 20_000;
export const TICK_MS = 1_000;
/** The header `Date` has no fraction: on the average it is half a second early. */
const HALF_A_SECOND_MS = 500;

export interface Ticking {
  /** The time of the desk, in milliseconds since 1970. */
  readonly now: number;
  /** Nothing came for `STOPS_AFTER_MS`: `now` stands still. */
  readonly stopped: boolean;
}

export class ServerClock {
  readonly #clock: Clock;
  readonly #offsets: number[] = [];
  readonly #time: ReturnType<typeof signal<Ticking>>;
  #heardAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#heardAt = clock.now();
    this.#time = signal<Ticking>({ now: clock.now(), stopped: false });
  }

  get time(): ReadonlySignal<Ticking> {
    return this.#time as ReadonlySignal<Ticking>;
  }

  /** What the desk's clock is ahead of this computer's, in milliseconds: the median of the last nine. */
  get offset(): number {
    const sorted = this.#offsets.toSorted((a, b) => a - b);
    return sorted[sorted.length >>> 1] ?? 0;
  }

  now(): number {
    return this.#clock.now() + this.offset;
  }

  /** A message of the desk said its time. */
  told(deskAt: number): void {
    this.#sample(deskAt - this.#clock.now());
  }

  /** The header `Date` of an answer, with the page's times at both ends of the request. */
  readonly dated = (deskAt: number, sentAt: number, receivedAt: number): void => {
    this.heard();
    this.#sample(deskAt + HALF_A_SECOND_MS - (sentAt + receivedAt) / 2);
  };

  readonly heard = (): void => {
    this.#heardAt = this.#clock.now();
  };

  /** Once every `TICK_MS`. */
  tick(): void {
    const stopped = this.#clock.now() - this.#heardAt >= STOPS_AFTER_MS;
    const { now } = this.time.peek();
    this.#time.value = { now: stopped ? now : this.now(), stopped };
  }

  #sample(offset: number): void {
    if (Number.isNaN(offset)) return;
    this.#offsets.push(offset);
    if (this.#offsets.length > SAMPLES) this.#offsets.shift();
  }
}
