// Rows by their id, each a signal, and their ids in order. A changed row repaints itself alone; it moves by binary
// search, and only if a value by which the list is sorted changed.

import { signal, type ReadonlySignal, type Signal } from "@preact/signals";

export interface Identified {
  readonly id: string;
}

/** Why a row is about to leave the list, which is struck through meanwhile. */
export interface Gone<Row> {
  readonly kind: string;
  /** As it was when it left; its place in the list is that of before. */
  readonly row: Row;
  /** When it left, in milliseconds of the page's clock. */
  readonly at: number;
}

export interface Entry<Row> {
  readonly row: Row;
  readonly gone: Gone<Row> | null;
}

export type Order<Row> = (a: Row, b: Row) => number;

/** For which a row that left stays in sight. */
export const GONE_STAYS_MS = 10_000;
/** Rows that left and stay in sight; more leave at once. */
export const GONE_MOST = 200;

export class Rows<Row extends Identified> {
  readonly #entries = new Map<string, Signal<Entry<Row>>>();
  readonly #gone = new Map<string, number>();
  readonly #ids = signal<readonly string[]>([]);
  readonly #count = signal(0);
  readonly #marked = signal<ReadonlySet<string>>(new Set());
  #sorted: string[] = [];
  #order: Order<Row>;
  /** Rows that stay in sight although they left, as a person works among them. */
  keeps: (id: string) => boolean = () => false;

  constructor(order: Order<Row>) {
    this.#order = order;
  }

  /** In the order of the list, with those that stay in sight. */
  get ids(): ReadonlySignal<readonly string[]> {
    return this.#ids;
  }

  /** Of rows that have not left. */
  get count(): ReadonlySignal<number> {
    return this.#count;
  }

  /** Rows that are not as they were before a gap, until they are touched. */
  get marked(): ReadonlySignal<ReadonlySet<string>> {
    return this.#marked;
  }

  entry(id: string): ReadonlySignal<Entry<Row>> | undefined {
    return this.#entries.get(id);
  }

  /** Rows that have not left, in the order of the list. */
  list(): Row[] {
    const entries = this.#sorted.map((id) => this.#entries.get(id)!.peek());
    return entries.filter(({ gone }) => gone === null).map(({ row }) => row);
  }

  /** Add a row, or put it in place of that with its id. Call `publish` after all changes. */
  put(row: Row): void {
    const held = this.#entries.get(row.id);
    this.#gone.delete(row.id);
    if (!held) {
      this.#entries.set(row.id, signal({ row, gone: null }));
      this.#sorted.splice(this.#place(row), 0, row.id);
      return;
    }
    const before = held.peek().row;
    if (this.#compare(before, row) !== 0) {
      this.#sorted.splice(this.#place(before), 1);
      held.value = { row, gone: null };
      this.#sorted.splice(this.#place(row), 0, row.id);
    } else {
      held.value = { row, gone: null };
    }
  }

  /** The row leaves the list; it stays in sight for a while where it was. An unknown row is ignored. */
  leave(row: Row, kind: string, now: number): void {
    const held = this.#entries.get(row.id);
    if (!held) return;
    held.value = { row: held.peek().row, gone: { kind, row, at: now } };
    this.#gone.delete(row.id);
    this.#gone.set(row.id, now);
    if (this.#gone.size > GONE_MOST) this.#remove(this.#gone.keys().next().value!);
  }

  /** Rows that have been out of the list for long enough leave the sight too. */
  sweep(now: number): void {
    for (const [id, at] of [...this.#gone]) {
      if (now - at >= GONE_STAYS_MS && !this.keeps(id)) this.#remove(id);
    }
    this.publish();
  }

  /** These rows and no others. If rows were there before, those that differ or are new are marked. */
  replace(rows: readonly Row[]): void {
    const rebuilt = this.#entries.size > 0;
    const former = this.#marked.peek();
    const marked = new Set<string>();
    const kept = new Set(rows.map(({ id }) => id));
    for (const id of this.#entries.keys()) if (!kept.has(id)) this.#entries.delete(id);
    for (const row of rows) {
      const held = this.#entries.get(row.id);
      if (rebuilt && (former.has(row.id) || !(held && same(held.peek().row, row)))) marked.add(row.id);
      if (held) held.value = { row, gone: null };
      else this.#entries.set(row.id, signal({ row, gone: null }));
    }
    this.#gone.clear();
    this.#sort();
    this.#marked.value = marked;
  }

  touch(id: string): void {
    if (!this.#marked.peek().has(id)) return;
    const marked = new Set(this.#marked.peek());
    marked.delete(id);
    this.#marked.value = marked;
  }

  orderBy(order: Order<Row>): void {
    this.#order = order;
    this.#sort();
    this.publish();
  }

  /** Show order and number as they are now. */
  publish(): void {
    const shown = this.#ids.peek();
    const changed = shown.length !== this.#sorted.length || this.#sorted.some((id, at) => id !== shown[at]);
    if (changed) this.#ids.value = [...this.#sorted];
    this.#count.value = this.#entries.size - this.#gone.size;
  }

  #sort(): void {
    const rows = [...this.#entries.values()].map((entry) => entry.peek().row);
    this.#sorted = rows.sort((a, b) => this.#compare(a, b)).map(({ id }) => id);
  }

  /** Total: two rows that are equal by the chosen order have that of their ids. */
  #compare(a: Row, b: Row): number {
    return this.#order(a, b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  }

  /** Where the row is, or belongs. */
  #place(row: Row): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#entries.get(this.#sorted[middle]!)!.peek().row, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #remove(id: string): void {
    this.#sorted.splice(this.#place(this.#entries.get(id)!.peek().row), 1);
    this.#entries.delete(id);
    this.#gone.delete(id);
  }
}

/** Rows are answers in JSON, whose members come in the order of the document. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
