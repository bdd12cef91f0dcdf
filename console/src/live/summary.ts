// Totals of `caseSummary`: the newest ones, and the time of the desk that they tell.

import { signal, type ReadonlySignal } from "@preact/signals";

export interface Totals {
  readonly asOf: string;
}

export class Summary<Value extends Totals> {
  readonly #totals = signal<Value | null>(null);
  readonly #told: (deskAt: number) => void;

  /** `told` is given the time of the desk, in milliseconds since 1970. */
  constructor(told: (deskAt: number) => void) {
    this.#told = told;
  }

  /** Null until the first came. */
  get totals(): ReadonlySignal<Value | null> {
    return this.#totals;
  }

  readonly apply = (values: readonly Value[]): void => {
    const newest = values.at(-1);
    if (!newest) return;
    this.#totals.value = newest;
    this.#told(Date.parse(newest.asOf));
  };
}
