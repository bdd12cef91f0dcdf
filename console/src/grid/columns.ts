// Which columns a list shows, in which order, width and pinned: `@tanstack/table-core` keeps them, and the browser's
// storage remembers them.

import {
  columnOrderingFeature,
  columnPinningFeature,
  columnSizingFeature,
  columnVisibilityFeature,
  constructTable,
  tableFeatures,
} from "@tanstack/table-core";
import { storeReactivityBindings } from "@tanstack/table-core/store-reactivity-bindings";
import { signal, type ReadonlySignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

/** A column as its list defines it. */
export interface Column<Row> {
  readonly id: string;
  /** In CSS pixels. */
  readonly width: number;
  /** Stays at the left edge. */
  readonly pinned?: boolean;
  /** Not shown until a person asks for it. */
  readonly hidden?: boolean;
  /** In the language of the page. */
  readonly title: string;
  /** What the clipboard takes: the exact text, or null if it is unknown. */
  readonly text: (row: Row) => string | null;
  /** What the cell shows, if that is not the text itself. */
  readonly shown?: (row: Row) => ComponentChildren;
  /** Right-aligned, flashing, and safe to paste as a number. */
  readonly isNumber?: boolean;
}

export interface Shown<Row> {
  readonly column: Column<Row>;
  readonly width: number;
  readonly pinned: boolean;
  /** From the left edge of the row, in CSS pixels. */
  readonly start: number;
}

export const LEAST_WIDTH = 40;
export const MOST_WIDTH = 800;
const STEP = 16;
/** Of what is stored: a change that older pages could not read needs another. */
const VERSION = 1;

interface Stored {
  readonly version: number;
  readonly order: string[];
  readonly hidden: string[];
  readonly widths: Record<string, number>;
  readonly pinned: string[];
}

const features = tableFeatures({
  coreReactivityFeature: storeReactivityBindings(),
  columnOrderingFeature,
  columnPinningFeature,
  columnSizingFeature,
  columnVisibilityFeature,
});

export class Columns<Row> {
  readonly #columns: ReadonlyMap<string, Column<Row>>;
  readonly #key: string;
  readonly #storage: Storage | null;
  readonly #table;
  readonly #shown = signal<readonly Shown<Row>[]>([]);

  /** `name` is that of the list. Without storage, or where it is full, the choice lasts as long as the page. */
  constructor(name: string, columns: readonly Column<Row>[], storage: Storage | null) {
    this.#columns = new Map(columns.map((column) => [column.id, column]));
    this.#key = `desk.columns.${name}`;
    this.#storage = storage;
    this.#table = constructTable<typeof features, object>({
      features,
      data: [],
      columns: columns.map(({ id, width }) => ({ id, size: width, minSize: LEAST_WIDTH, maxSize: MOST_WIDTH })),
    });
    this.#restore(this.#read() ?? this.#defaults());
  }

  /** Those that are visible, pinned ones first. */
  get shown(): ReadonlySignal<readonly Shown<Row>[]> {
    return this.#shown;
  }

  /** All columns, for the list in which a person chooses them. */
  choices(): { readonly column: Column<Row>; readonly visible: boolean }[] {
    const visible = new Set(this.#shown.value.map(({ column }) => column.id));
    return this.#order().map((id) => ({ column: this.#columns.get(id)!, visible: visible.has(id) }));
  }

  setVisible(id: string, visible: boolean): void {
    const others = this.#shown.peek().some(({ column }) => column.id !== id);
    if (!visible && !others) return; // a list without columns could not be brought back
    this.#table.getColumn(id)?.toggleVisibility(visible);
    this.#changed();
  }

  setPinned(id: string, pinned: boolean): void {
    this.#table.getColumn(id)?.pin(pinned ? "start" : false);
    this.#changed();
  }

  setWidth(id: string, width: number): void {
    if (!this.#columns.has(id)) return;
    this.#table.setColumnSizing((widths) => ({ ...widths, [id]: bounded(width) }));
    this.#changed();
  }

  /** By one step of the keyboard. */
  resize(id: string, by: -1 | 1): void {
    const width = this.#table.getColumn(id)?.getSize();
    if (width !== undefined) this.setWidth(id, width + by * STEP);
  }

  /** Past the next visible column of the same kind, pinned or not. */
  move(id: string, by: -1 | 1): void {
    const shown = this.#shown.peek();
    const at = shown.findIndex(({ column }) => column.id === id);
    const other = shown[at + by];
    if (at < 0 || !other || other.pinned !== shown[at]!.pinned) return;
    if (other.pinned) {
      this.#table.setColumnPinning(({ start, end }) => ({ start: exchanged(start, id, other.column.id), end }));
    }
    this.#table.setColumnOrder(exchanged(this.#order(), id, other.column.id));
    this.#changed();
  }

  /** As the list defines them. */
  reset(): void {
    this.#restore(this.#defaults());
    this.#storage?.removeItem(this.#key);
  }

  #order(): string[] {
    return this.#table.store.state.columnOrder;
  }

  #changed(): void {
    this.#show();
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(this.#stored()));
    } catch {
      // The storage is full or forbidden: the choice lasts as long as the page.
    }
  }

  #show(): void {
    let start = 0;
    this.#shown.value = this.#table.getVisibleLeafColumns().map((each) => {
      const width = each.getSize();
      start += width;
      return {
        column: this.#columns.get(each.id)!,
        width,
        pinned: each.getIsPinned() === "start",
        start: start - width,
      };
    });
  }

  #defaults(): Stored {
    const columns = [...this.#columns.values()];
    return {
      version: VERSION,
      order: columns.map(({ id }) => id),
      hidden: columns.filter(({ hidden }) => hidden).map(({ id }) => id),
      widths: {},
      pinned: columns.filter(({ pinned }) => pinned).map(({ id }) => id),
    };
  }

  #stored(): Stored {
    const { columnOrder, columnVisibility, columnSizing, columnPinning } = this.#table.store.state;
    const hidden = columnOrder.filter((id) => columnVisibility[id] === false);
    return { version: VERSION, order: columnOrder, hidden, widths: columnSizing, pinned: columnPinning.start };
  }

  /** Unknown names are dropped, and columns that are newer than what was stored come at the end. */
  #restore({ order, hidden, widths, pinned }: Stored): void {
    const known = (ids: readonly string[]) => ids.filter((id) => this.#columns.has(id));
    const ordered = [...new Set([...known(order), ...this.#columns.keys()])];
    const widthsKnown = Object.entries(widths).filter(([id]) => this.#columns.has(id));
    this.#table.setColumnOrder(ordered);
    this.#table.setColumnVisibility(Object.fromEntries(ordered.map((id) => [id, !hidden.includes(id)])));
    this.#table.setColumnSizing(Object.fromEntries(widthsKnown.map(([id, width]) => [id, bounded(width)])));
    this.#table.setColumnPinning({ start: known(pinned), end: [] });
    this.#show();
  }

  /** Null if nothing was stored, or by another version, or it is damaged. */
  #read(): Stored | null {
    try {
      const stored = JSON.parse(this.#storage?.getItem(this.#key) ?? "null");
      const lists = stored?.version === VERSION && [stored.order, stored.hidden, stored.pinned].every(isNames);
      if (!lists || !Object.values(stored.widths).every(Number.isFinite)) return null;
      const newer = this.#defaults().hidden.filter((id) => !stored.order.includes(id));
      const visible = stored.order.some((id: string) => this.#columns.has(id) && !stored.hidden.includes(id));
      return visible ? { ...stored, hidden: [...stored.hidden, ...newer] } : null;
    } catch {
      return null;
    }
  }
}

function bounded(width: number): number {
  return Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, Math.round(width)));
}

function exchanged(ids: readonly string[], one: string, other: string): string[] {
  return ids.map((id) => (id === one ? other : id === other ? one : id));
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
