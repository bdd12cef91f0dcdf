// What a grid knows, without a page: order, selection, the active cell, and what each command does to them.

import { batch, computed, effect, signal, type ReadonlySignal } from "@preact/signals";
import { copied, type Copied } from "./clipboard.ts";
import type { Columns } from "./columns.ts";
import { HeldOrder } from "./held_order.ts";
import { moved, type Command, type Move } from "./keyboard.ts";
import { Selection } from "./selection.ts";

export interface RowEntry<Row> {
  readonly row: Row;
  /** Set while a row that left stays in sight. */
  readonly gone: { readonly kind: string } | null;
}

/** Rows as a live list has them. */
export interface GridRows<Row> {
  readonly ids: ReadonlySignal<readonly string[]>;
  entry(id: string): ReadonlySignal<RowEntry<Row>> | undefined;
  readonly marked: ReadonlySignal<ReadonlySet<string>>;
  touch(id: string): void;
  /** Set by the grid: rows that stay in sight although they left. */
  keeps: (id: string) => boolean;
}

/** What is in view, of the page. */
export interface View {
  /** Whole rows that fit. */
  page(): number;
  inView(): { readonly from: number; readonly to: number };
}

/** What the grid does not do itself. */
export interface Asked {
  open(id: string): void;
  copy(content: Copied): void;
  /** A letter on the rows chosen, or on the active one if none is; false if it means nothing here. */
  letter(letter: string, ids: readonly string[]): boolean;
}

export class GridState<Row> {
  readonly rows: GridRows<Row>;
  readonly columns: Columns<Row>;
  readonly selection = new Selection();
  readonly order: HeldOrder;
  readonly pointerIn = signal(false);
  readonly focusIn = signal(false);
  readonly #activeId = signal<string | null>(null);
  readonly #activeColumn = signal<string | null>(null);
  /** Where the active row was, for the case that it leaves. */
  #lastPlace = 0;
  /** Until then the active row is the first one: rows that arrive one by one come in any order. */
  #settled = false;
  readonly #stops: (() => void)[];

  /** `whole` says whether the list is: rows of one that is still arriving are not held in their places. */
  constructor(rows: GridRows<Row>, columns: Columns<Row>, whole: ReadonlySignal<boolean> = signal(true)) {
    this.rows = rows;
    this.columns = columns;
    const works = computed(() => this.selection.size.value > 0 || this.pointerIn.value || this.focusIn.value);
    const held = computed(() => whole.value && works.value);
    this.order = new HeldOrder(rows.ids, held);
    const shown = computed(() => new Set(this.order.shown.value));
    const keeps = (id: string) => held.peek() && shown.peek().has(id);
    rows.keeps = keeps;
    const letGo = () => {
      // Another grid of these rows may have begun before this one ends.
      if (rows.keeps === keeps) rows.keeps = () => false;
    };
    this.#stops = [letGo, effect(() => this.#keepActive(this.order.shown.value, whole.peek())), () => this.order.stop()];
  }

  get activeId(): ReadonlySignal<string | null> {
    return this.#activeId;
  }

  /** Of the visible columns; the first one until a person moves. */
  readonly activeColumn: ReadonlySignal<string | null> = computed(() => {
    const shown = this.columns.shown.value;
    const wanted = this.#activeColumn.value;
    return (shown.find(({ column }) => column.id === wanted) ?? shown[0])?.column.id ?? null;
  });

  /** Of the active row among those shown; -1 if there is none. */
  place(): number {
    const id = this.#activeId.value;
    return id === null ? -1 : this.order.shown.value.indexOf(id);
  }

  activate(id: string, column: string | null = null): void {
    this.#settled = true;
    batch(() => {
      this.#activeId.value = id;
      if (column !== null) this.#activeColumn.value = column;
    });
    this.rows.touch(id);
    this.#lastPlace = Math.max(this.place(), 0);
  }

  /** Rows on which an action works: those chosen and in the list, or the active one if none is chosen. */
  targets(): string[] {
    const present = (id: string) => this.rows.entry(id)?.value.gone === null;
    const shown = this.order.shown.value;
    if (this.selection.size.value > 0) return this.selection.within(shown).filter(present);
    const id = this.#activeId.value;
    return id !== null && present(id) ? [id] : [];
  }

  /** Whether the command was the grid's. */
  run(command: Command, view: View, asked: Asked): boolean {
    switch (command.is) {
      case "move":
        return this.#move(command.to, command.extend, view.page());
      case "select":
        return this.#onActive((id) => this.selection.toggle(id));
      case "open":
        return this.#onActive((id) => asked.open(id));
      case "select view": {
        const { from, to } = view.inView();
        this.selection.add(this.order.shown.peek().slice(from, to));
        return true;
      }
      case "clear":
        if (this.selection.size.peek() === 0) return false;
        this.selection.clear();
        return true;
      case "show order":
        this.#settled = true;
        this.order.show();
        return true;
      case "copy":
        asked.copy(this.copy(command.headers));
        return true;
      case "go to column":
        return this.#goToColumn(command.by);
      case "move column":
        return this.#onColumn((id) => this.columns.move(id, command.by));
      case "resize column":
        return this.#onColumn((id) => this.columns.resize(id, command.by));
      case "letter": {
        const targets = this.targets();
        return targets.length > 0 && asked.letter(command.letter, targets);
      }
    }
  }

  /** The exact texts of the rows chosen, or of the active one, in the columns shown. */
  copy(headers: boolean): Copied {
    const shown = this.columns.shown.value.map(({ column }) => column);
    const rows = this.targets().map((id) => {
      const { row } = this.rows.entry(id)!.value;
      return shown.map(({ text, isNumber }) => ({ text: text(row) ?? "", isNumber: isNumber ?? false }));
    });
    return copied(rows, headers ? shown.map(({ title }) => title) : null);
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #move(to: Move, extend: boolean, page: number): boolean {
    const shown = this.order.shown.peek();
    const place = moved(this.place(), to, shown.length, page);
    const id = shown[place];
    if (id === undefined) return false;
    if (extend) {
      const from = this.#activeId.peek();
      if (from !== null && this.selection.size.peek() === 0) this.selection.toggle(from);
      this.selection.extend(id, shown);
    }
    this.activate(id);
    return true;
  }

  #goToColumn(by: -1 | 1): boolean {
    const shown = this.columns.shown.peek();
    const at = shown.findIndex(({ column }) => column.id === this.activeColumn.peek());
    const next = shown[at + by];
    if (!next) return false;
    this.#activeColumn.value = next.column.id;
    return true;
  }

  #onActive(work: (id: string) => void): boolean {
    const id = this.#activeId.peek();
    if (id === null) return false;
    work(id);
    return true;
  }

  #onColumn(work: (id: string) => void): boolean {
    const id = this.activeColumn.peek();
    if (id === null) return false;
    this.#activeColumn.value = id; // it stays the active one, wherever it moves
    work(id);
    return true;
  }

  /** A row that left gives its place to the one that is there now. */
  #keepActive(shown: readonly string[], isWhole: boolean): void {
    const id = this.#settled ? this.#activeId.peek() : (shown[0] ?? null);
    this.#settled ||= isWhole && shown.length > 0;
    const place = id === null ? -1 : shown.indexOf(id);
    if (place >= 0) this.#lastPlace = place;
    this.#activeId.value = place >= 0 ? id : (shown[Math.min(this.#lastPlace, shown.length - 1)] ?? null);
  }
}
