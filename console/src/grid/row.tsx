// One row of a grid, and its cells. It reads the signal of its row, so that a change of it draws nothing else.

import type { ReadonlySignal } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { UNKNOWN } from "../exact/format.ts";
import type { Shown } from "./columns.ts";
import type { Flashes } from "./flash.ts";
import type { GridState, RowEntry } from "./state.ts";

/** What all rows of a grid share. */
export interface Shared<Row> {
  /** The beginning of the ids of its elements. */
  readonly name: string;
  readonly state: GridState<Row>;
  readonly flashes: Flashes;
}

interface GridRowProps<Row> {
  readonly shared: Shared<Row>;
  readonly id: string;
  /** A row that left and came again has another. */
  readonly entry: ReadonlySignal<RowEntry<Row>> | undefined;
  readonly place: number;
  /** From the top of the list, in CSS pixels. */
  readonly top: number;
}

export function cellId(name: string, row: string, column: string): string {
  return `${name}-${row}-${column}`;
}

/** The place of the first column among the cells of a row, from 1: the tick comes before it. */
export const FIRST_COLUMN = 2;

export function GridRow<Row>({ shared, id, entry, place, top }: GridRowProps<Row>) {
  const { state } = shared;
  const held = entry?.value;
  const selected = state.selection.has(id);
  const active = state.activeId.value === id;
  const marks = [active && "active", held?.gone !== null && "gone", state.rows.marked.value.has(id) && "marked"];
  return (
    <div
      class={["grid-row", ...marks.filter(Boolean)].join(" ")}
      role="row"
      aria-rowindex={place + 2}
      aria-selected={selected}
      style={{ transform: `translateY(${top}px)` }}
    >
      <div class="grid-cell grid-tick" role="gridcell" aria-colindex={1} data-row={id} data-tick="">
        <span aria-hidden="true">{selected ? "☑" : "☐"}</span>
      </div>
      {state.columns.shown.value.map((shown, at) => (
        <Cell key={shown.column.id} shared={shared} id={id} row={held?.row} shown={shown} at={at} active={active} />
      ))}
    </div>
  );
}

interface CellProps<Row> {
  readonly shared: Shared<Row>;
  readonly id: string;
  /** Undefined where the row is no longer known. */
  readonly row: Row | undefined;
  readonly shown: Shown<Row>;
  readonly at: number;
  /** Whether its row is the active one. */
  readonly active: boolean;
}

function Cell<Row>({ shared, id, row, shown, at, active }: CellProps<Row>) {
  const { column, width, pinned, start } = shown;
  const text = row === undefined ? null : column.text(row);
  const flash = useFlash(shared.flashes, `${id} ${column.id}`, column.isNumber ? text : null);
  const marks = [
    pinned && "pinned",
    column.isNumber && "digits",
    active && shared.state.activeColumn.value === column.id && "active",
    flash?.bright && flash.direction,
  ];
  const content = row !== undefined && column.shown ? column.shown(row) : text;
  return (
    <div
      id={cellId(shared.name, id, column.id)}
      class={["grid-cell", ...marks.filter(Boolean)].join(" ")}
      role="gridcell"
      aria-colindex={at + FIRST_COLUMN}
      data-row={id}
      data-column={column.id}
      title={text ?? undefined}
      style={pinned ? { width: `${width}px`, insetInlineStart: `calc(var(--tick) + ${start}px)` } : { width: `${width}px` }}
    >
      {flash && (
        <span class="grid-arrow" aria-hidden="true">
          {flash.direction === "up" ? "▲" : "▼"}
        </span>
      )}
      {content ?? UNKNOWN}
    </div>
  );
}

/** The flash of this cell, while it is on the screen. */
function useFlash(flashes: Flashes, key: string, text: string | null) {
  const flash = useMemo(() => flashes.show(key, text), [flashes, key]);
  useLayoutEffect(() => () => flashes.hide(key), [flashes, key]);
  useLayoutEffect(() => flashes.change(key, text), [flashes, key, text]);
  return flash.value;
}
