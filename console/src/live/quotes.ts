// Prices of `quotes`: a signal for each instrument, so that a new price repaints its own cells alone.

import { signal, type ReadonlySignal, type Signal } from "@preact/signals";

export interface Price {
  readonly symbol: string;
  readonly at: string;
  readonly stale: boolean;
}

export class Quotes<Value extends Price> {
  readonly #quotes = new Map<string, Signal<Value | null>>();

  /** Null until the first came, so that a cell can wait for it. */
  quote(symbol: string): ReadonlySignal<Value | null> {
    return this.#signal(symbol);
  }

  readonly apply = (values: readonly Value[]): void => {
    for (const value of values) this.#signal(value.symbol).value = value;
  };

  /** The age in whole seconds at the time of the desk; null while no price is known. */
  ageS(symbol: string, deskNow: number): number | null {
    const quote = this.#signal(symbol).value;
    return quote && Math.max(0, Math.floor((deskNow - Date.parse(quote.at)) / 1_000));
  }

  /** Forget the instruments that are not among these. */
  keep(symbols: readonly string[]): void {
    const kept = new Set(symbols);
    for (const symbol of this.#quotes.keys()) if (!kept.has(symbol)) this.#quotes.delete(symbol);
  }

  #signal(symbol: string): Signal<Value | null> {
    let held = this.#quotes.get(symbol);
    if (!held) this.#quotes.set(symbol, (held = signal<Value | null>(null)));
    return held;
  }
}
