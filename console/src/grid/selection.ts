// Which rows are chosen, by id and never by place: a list that moves changes nothing of it.

import { computed, signal, type ReadonlySignal } from "@preact/signals";

/** The most that one request of the API takes. */
export const BATCH_MOST = 200;

export class Selection {
  readonly #chosen = signal<ReadonlySet<string>>(new Set());
  /** Where a range begins. */
  #anchor: string | null = null;
  readonly size: ReadonlySignal<number> = computed(() => this.#chosen.value.size);

  get chosen(): ReadonlySignal<ReadonlySet<string>> {
    return this.#chosen;
  }

  has(id: string): boolean {
    return this.#chosen.value.has(id);
  }

  toggle(id: string): void {
    const chosen = new Set(this.#chosen.peek());
    if (!chosen.delete(id)) chosen.add(id);
    this.#anchor = id;
    this.#chosen.value = chosen;
  }

  /** From the anchor to this row, in the order that is shown; what is chosen outside of it stays. */
  extend(id: string, shown: readonly string[]): void {
    const from = this.#anchor === null ? -1 : shown.indexOf(this.#anchor);
    const to = shown.indexOf(id);
    if (to < 0) return;
    if (from < 0) this.#anchor = id;
    const start = from < 0 ? to : from;
    const range = shown.slice(Math.min(start, to), Math.max(start, to) + 1);
    this.#chosen.value = new Set([...this.#chosen.peek(), ...range]);
  }

  /** The rows in view: never rows that the person cannot see. */
  add(ids: readonly string[]): void {
    this.#chosen.value = new Set([...this.#chosen.peek(), ...ids]);
  }

  clear(): void {
    this.#anchor = null;
    if (this.#chosen.peek().size) this.#chosen.value = new Set();
  }

  /** Those chosen that are in the list, in its order: what a batch names. Its length is the number in the button. */
  within(list: readonly string[]): string[] {
    const chosen = this.#chosen.value;
    return list.filter((id) => chosen.has(id));
  }
}
