// Cells whose amount changed: a mark for a moment and an arrow for a while. A class that comes and goes costs a fraction
// of an animation. Only cells that are on the screen, and of the same row, flash.

import { batch, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { compare } from "../exact/compare.ts";

export const FLASH_MS = 600;
export const ARROW_MS = 5_000;
/** Marks end together, at most so late: each end by itself would have the browser lay out the page again. */
export const STEP_MS = 100;
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
  /** Steps since the change. */
  steps: number;
}

/** Flashes of the cells that are on the screen, by a key of row and column. */
export class Flashes {
  readonly #timer: Timer;
  readonly #still: () => boolean;
  readonly #cells = new Map<string, Cell>();
  readonly #marked = new Set<Cell>();
  #cancel: (() => void) | null = null;

  /** `still` says whether the person prefers less motion: then nothing is marked. */
  constructor(timer: Timer, still: () => boolean) {
    this.#timer = timer;
    this.#still = still;
  }

  /** A cell came onto the screen with this text; its flash, until `hide`. */
  show(key: string, text: string | null): ReadonlySignal<Flash | null> {
    this.hide(key);
    const cell: Cell = { shown: signal(null), text, steps: 0 };
    this.#cells.set(key, cell);
    return cell.shown;
  }

  /** The cell left the screen, or shows another row now. */
  hide(key: string): void {
    const cell = this.#cells.get(key);
    if (!cell) return;
    this.#unmark(cell);
    this.#cells.delete(key);
    if (!this.#marked.size) this.#rest();
  }

  /** The text of a cell on the screen is now this one. */
  change(key: string, text: string | null): void {
    const cell = this.#cells.get(key);
    if (!cell || cell.text === text) return;
    const direction = directionOf(cell.text, text);
    cell.text = text;
    const free = this.#marked.has(cell) || this.#marked.size < FLASHES_MOST;
    if (direction === null || this.#still() || !free) return this.#unmark(cell);
    this.#marked.add(cell);
    cell.steps = 0;
    const now = cell.shown.peek();
    if (!now?.bright || now.direction !== direction) cell.shown.value = { direction, bright: true };
    this.#cancel ??= this.#timer.after(STEP_MS, this.#step);
  }

  readonly #step = (): void => {
    this.#cancel = null;
    batch(() => {
      for (const cell of this.#marked) {
        cell.steps += 1;
        const age = cell.steps * STEP_MS;
        const { direction, bright } = cell.shown.peek()!;
        if (age >= ARROW_MS) this.#unmark(cell);
        else if (bright && age >= FLASH_MS) cell.shown.value = { direction, bright: false };
      }
    });
    if (this.#marked.size) this.#cancel = this.#timer.after(STEP_MS, this.#step);
  };

  #unmark(cell: Cell): void {
    if (this.#marked.delete(cell)) cell.shown.value = null;
  }

  #rest(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
