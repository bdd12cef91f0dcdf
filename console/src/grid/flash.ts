// Cells whose amount changed: a mark for a moment and an arrow for a while. A class that comes and goes costs a fraction
// of an animation. Only cells that are on the screen, and of the same row, flash.

import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { compare } from "../exact/compare.ts";

export const FLASH_MS = 600;
export const ARROW_MS = 5_000;
/** Cells that are marked at a time; more would say nothing. */
export const FLASHES_MOST = 500;

export interface Flash {
  readonly direction: "up" | "down";
  /** The class is on; afterwards only the arrow is. */
  readonly bright: boolean;
}

/** Calls work once after a time; the result cancels it. */
export interface Timer {
  after(ms: number, work: () => void): () => void;
}

/** A change of an amount; null where there is none to be seen, or no amount before or after. */
export function directionOf(before: string | null, after: string | null): Flash["direction"] | null {
  if (before === null || after === null) return null;
  const order = compare(before, after);
  return order === 0 ? null : order < 0 ? "up" : "down";
}

interface Cell {
  readonly shown: Signal<Flash | null>;
  text: string | null;
  cancel: () => void;
}

/** Flashes of the cells that are on the screen, by a key of row and column. */
export class Flashes {
  readonly #timer: Timer;
  readonly #still: () => boolean;
  readonly #cells = new Map<string, Cell>();
  #marked = 0;

  /** `still` says whether the person prefers less motion: then nothing is marked. */
  constructor(timer: Timer, still: () => boolean) {
    this.#timer = timer;
    this.#still = still;
  }

  /** A cell came onto the screen with this text; its flash, until `hide`. */
  show(key: string, text: string | null): ReadonlySignal<Flash | null> {
    this.hide(key);
    const cell: Cell = { shown: signal(null), text, cancel: () => {} };
    this.#cells.set(key, cell);
    return cell.shown;
  }

  /** The cell left the screen, or shows another row now. */
  hide(key: string): void {
    const cell = this.#cells.get(key);
    if (!cell) return;
    this.#unmark(cell);
    this.#cells.delete(key);
  }

  /** The text of a cell on the screen is now this one. */
  change(key: string, text: string | null): void {
    const cell = this.#cells.get(key);
    if (!cell || cell.text === text) return;
    const direction = directionOf(cell.text, text);
    cell.text = text;
    this.#unmark(cell);
    if (direction === null || this.#still() || this.#marked >= FLASHES_MOST) return;
    this.#marked += 1;
    cell.shown.value = { direction, bright: true };
    cell.cancel = this.#timer.after(FLASH_MS, () => {
      cell.shown.value = { direction, bright: false };
      cell.cancel = this.#timer.after(ARROW_MS - FLASH_MS, () => this.#unmark(cell));
    });
  }

  #unmark(cell: Cell): void {
    if (cell.shown.peek() === null) return;
    cell.cancel();
    cell.shown.value = null;
    this.#marked -= 1;
  }
}
