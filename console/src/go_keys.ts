// `g` and then a letter goes to a page, wherever the focus is but in a field.

import { isComposed } from "./parts/composed.ts";
import type { Key } from "./grid/keyboard.ts";

/** From `g` to the letter. */
export const GO_WITHIN_MS = 1_000;

/** A key that belongs to such a pair; `to` is where it leads, if it does. */
export interface Gone {
  readonly to: string | null;
}

export class GoKeys {
  readonly #places: ReadonlyMap<string, string>;
  #until = 0;

  /** Paths by their letters. */
  constructor(places: ReadonlyMap<string, string>) {
    this.#places = places;
  }

  /** Null: the key is none of these. `now` is in milliseconds, of any clock. */
  press(key: Key, now: number): Gone | null {
    const isSecond = now < this.#until;
    this.#until = 0;
    const isPlain = !key.ctrlKey && !key.metaKey && !key.altKey && !key.shiftKey && !key.repeat && !isComposed(key);
    if (!isPlain || !/^[a-z]$/.test(key.key)) return null;
    // A letter that leads nowhere does nothing else either: it was not meant for the rows of a list.
    if (isSecond) return { to: this.#places.get(key.key) ?? null };
    if (key.key !== "g") return null;
    this.#until = now + GO_WITHIN_MS;
    return { to: null };
  }
}
