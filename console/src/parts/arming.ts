// When a press confirms what a dialog shows: never a figure that has just changed, and each set of figures once.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { Clock } from "../api/clock.ts";
import { isComposed } from "./composed.ts";

/** After the last change of a figure. A press within this time was meant for the figure of before. */
export const ARMED_AFTER_MS = 600;

export class Arming {
  readonly #clock: Pick<Clock, "after">;
  readonly #armed = signal(false);
  #figures: string | null = null;
  #cancel: (() => void) | null = null;

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  get armed(): ReadonlySignal<boolean> {
    return this.#armed;
  }

  /** What is shown now; other figures than before arm it again. */
  show(figures: string): void {
    if (figures === this.#figures) return;
    this.stop();
    this.#figures = figures;
    this.#cancel = this.#clock.after(ARMED_AFTER_MS, () => (this.#armed.value = true));
  }

  /** Whether the press counts: the first one on these figures, once they are armed. */
  press(): boolean {
    const counts = this.#armed.peek();
    this.#armed.value = false;
    return counts;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#figures = null;
    this.#armed.value = false;
  }
}

/** What is known of a MouseEvent or a KeyboardEvent. */
export interface Press {
  readonly type: string;
  readonly key?: string;
  readonly keyCode?: number;
  readonly isComposing?: boolean;
  readonly repeat?: boolean;
  /** Of a click: the second one of a double click has 2, that of a key has 0. */
  readonly detail?: number;
}

/** Whether a person pressed once and on purpose: no held key, no double click, no key of an input method. */
export function isDeliberate({ type, key, keyCode = 0, isComposing = false, repeat = false, detail = 0 }: Press): boolean {
  if (type === "click") return detail <= 1;
  return type === "keydown" && (key === "Enter" || key === " ") && !repeat && !isComposed({ isComposing, keyCode });
}

/** Whether the word that is asked for was typed. Digits of an input method, which may be wide ones, count. */
export function isTyped(text: string, word: string): boolean {
  return text.normalize("NFKC").trim() === word;
}
