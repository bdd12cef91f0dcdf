// The light of one stream: its continuity as a signal, kept up by what the follower reports and by the clock.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { Clock } from "../api/clock.ts";
import type { Progress } from "../api/follow.ts";
import { begin, continuity, heard, looked, progressed, type Continuity, type Facts } from "./continuity.ts";

export class Light {
  readonly #clock: Clock;
  readonly #state = signal<Continuity>({ is: "connecting" });
  #facts: Facts;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#facts = begin(clock.now());
  }

  get state(): ReadonlySignal<Continuity> {
    return this.#state;
  }

  readonly report = (progress: Progress): void => {
    this.#facts = progressed(this.#facts, progress, this.#clock.now());
    this.tick();
  };

  /** Cheap: it is called with every message. What follows from it is seen at the next tick. */
  readonly heard = (): void => {
    this.#facts = heard(this.#facts, this.#clock.now());
  };

  /** The person has looked at what a gap changed. */
  looked(): void {
    this.#facts = looked(this.#facts);
    this.tick();
  }

  /** Once a second, with the server clock. A state that is the same paints nothing. */
  tick(): void {
    const next = continuity(this.#facts, this.#clock.now());
    if (JSON.stringify(next) !== JSON.stringify(this.#state.peek())) this.#state.value = next;
  }
}
