// Puts what many streams received onto the page once per frame, in one batch. While the page is hidden there are no
// frames, so that a timer does it: what waits would grow otherwise.

import { batch } from "@preact/signals";
import type { Clock } from "../api/clock.ts";

/** The longest time that something waits, also on a page that the browser does not draw. */
export const HIDDEN_MS = 1_000;

export interface Painter {
  /** Call `work` before the next frame, if there is one. */
  beforeFrame(work: () => void): () => void;
}

export const browserPainter: Painter = {
  beforeFrame: (work) => {
    const asked = requestAnimationFrame(work);
    return () => cancelAnimationFrame(asked);
  },
};

export class Frames {
  readonly #clock: Clock;
  readonly #painter: Painter;
  readonly #flushes = new Set<() => void>();
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, painter: Painter) {
    this.#clock = clock;
    this.#painter = painter;
  }

  /** Call `flush` once with the next frame, or after `HIDDEN_MS` without one. */
  readonly schedule = (flush: () => void): void => {
    this.#flushes.add(flush);
    if (this.#cancel) return;
    const cancelFrame = this.#painter.beforeFrame(this.run);
    const cancelTimer = this.#clock.after(HIDDEN_MS, this.run);
    this.#cancel = () => (cancelFrame(), cancelTimer());
  };

  /** Put everything onto the page now. One stream that fails does not keep the others from it. */
  readonly run = (): void => {
    this.#cancel?.();
    this.#cancel = null;
    const flushes = [...this.#flushes];
    this.#flushes.clear();
    const failures: unknown[] = [];
    batch(() => {
      for (const flush of flushes) {
        try {
          flush();
        } catch (why) {
          failures.push(why);
        }
      }
    });
    if (failures.length) throw failures[0];
  };
}
