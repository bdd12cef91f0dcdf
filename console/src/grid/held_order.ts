// While a person works in the grid its rows do not move: a click must not hit the row that took the place of another.

import { computed, effect, signal, type ReadonlySignal } from "@preact/signals";

export interface Waiting {
  /** Rows that are in the list and not shown. */
  readonly added: number;
  /** Rows that belong to another place among those shown. */
  readonly moved: number;
  /** Rows that are shown and no longer in the list. */
  readonly left: number;
}

const NOTHING_WAITS: Waiting = { added: 0, moved: 0, left: 0 };

export class HeldOrder {
  readonly #live: ReadonlySignal<readonly string[]>;
  readonly #shown;
  readonly #holding = signal(false);
  readonly #stop: () => void;
  /** What `show` would change. */
  readonly waiting: ReadonlySignal<Waiting>;

  /** `held` says whether there is a selection, or pointer or focus are in the grid. */
  constructor(live: ReadonlySignal<readonly string[]>, held: ReadonlySignal<boolean>) {
    this.#live = live;
    this.#shown = signal<readonly string[]>(live.peek());
    let wasHeld = false;
    this.#stop = effect(() => {
      const ids = live.value;
      // A list that was empty has no row to hold in its place.
      this.#holding.value = held.value && this.#shown.peek().length > 0;
      // What came together with the reason to hold is of the order that is held.
      if (!wasHeld || !this.#holding.peek()) this.#shown.value = ids;
      wasHeld = held.value;
    });
    this.waiting = computed(() => (this.#holding.value ? difference(this.#shown.value, live.value) : NOTHING_WAITS));
  }

  /** The order in which rows are drawn. It may contain ids that have left the list. */
  get shown(): ReadonlySignal<readonly string[]> {
    return this.#shown;
  }

  /** Take the order of now, also while held. */
  show(): void {
    this.#shown.value = this.#live.peek();
  }

  stop(): void {
    this.#stop();
  }
}

function difference(shown: readonly string[], live: readonly string[]): Waiting {
  if (shown === live) return NOTHING_WAITS;
  const places = new Map(live.map((id, place) => [id, place]));
  const kept = shown.map((id) => places.get(id)).filter((place) => place !== undefined);
  return {
    added: live.length - kept.length,
    moved: kept.length - longestAscending(kept),
    left: shown.length - kept.length,
  };
}

/** The length of the longest ascending subsequence: all other rows have moved. */
function longestAscending(places: readonly number[]): number {
  const ends: number[] = [];
  for (const place of places) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! < place) low = middle + 1;
      else high = middle;
    }
    ends[low] = place;
  }
  return ends.length;
}
