// Which rows are chosen, by id and never by place: a list that moves changes nothing of it.

import { computed, signal, type ReadonlySignal } from "@preact/signals";

/** The most that one request of the API takes. */
export const BATCH_MOST = 200;

export class Selection {
  readonly #chosen = signal<ReadonlySet<string>>(new Set());
  /** Where a range begins, and what was chosen before it. */
  #anchor: string | null = null;
  #before: ReadonlySet<string> = new Set();
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
    this.#begin(id, chosen);
    this.#chosen.value = chosen;
  }

  /** From the anchor to this row, in the order that is shown; it takes the place of a range from the same anchor. */
  extend(id: string, shown: readonly string[]): void {
    const to = shown.indexOf(id);
    if (to < 0) return;
    const from = this.#anchor === null ? -1 : shown.indexOf(this.#anchor);
    if (from < 0) this.#begin(id, this.#chosen.peek());
    const start = from < 0 ? to : from;
    const range = shown.slice(Math.min(start, to), Math.max(start, to) + 1);
    this.#chosen.value = new Set([...this.#before, ...range]);
  }

  /** The rows in view: never rows that the person cannot see. */
  add(ids: readonly string[]): void {
    this.#anchor = null;
    this.#chosen.value = new Set([...this.#chosen.peek(), ...ids]);
  }

  clear(): void {
    this.#anchor = null;
    this.#before = new Set();
    if (this.#chosen.peek().size) this.#chosen.value = new Set();
  }

  #begin(anchor: string, before: ReadonlySet<string>): void {
    this.#anchor = anchor;
    this.#before = new Set(before);
  }

  /** Those chosen that are in the list, in its order: what a batch names. Its length is the number in the button. */
  within(list: readonly string[]): string[] {
    const chosen = this.#chosen.value;
    return list.filter((id) => chosen.has(id));
  }
}
