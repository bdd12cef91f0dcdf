// The heading of a grid: titles that sort, and edges that change a width. Keys of the grid do the same.

import type { TargetedPointerEvent } from "preact";
import type { Columns, Shown } from "./columns.ts";
import { FIRST_COLUMN } from "./row.tsx";

/** By which column the list is sorted, and what happens when a person asks for another. */
export interface Sorted {
  readonly column: string | null;
  readonly direction: "ASC" | "DESC";
  readonly by: (column: string) => void;
}

interface HeaderProps<Row> {
  readonly columns: Columns<Row>;
  readonly sorted: Sorted;
  /** What the column of ticks is called. */
  readonly tick: string;
}

export function Header<Row>({ columns, sorted, tick }: HeaderProps<Row>) {
  return (
    <div class="grid-head" role="row" aria-rowindex={1}>
      <div class="grid-cell grid-tick" role="columnheader" aria-colindex={1} aria-label={tick} />
      {columns.shown.value.map((shown, at) => (
        <HeaderCell key={shown.column.id} columns={columns} shown={shown} at={at} sorted={sorted} />
      ))}
    </div>
  );
}

interface HeaderCellProps<Row> {
  readonly columns: Columns<Row>;
  readonly shown: Shown<Row>;
  readonly at: number;
  readonly sorted: Sorted;
}

function HeaderCell<Row>({ columns, shown, at, sorted }: HeaderCellProps<Row>) {
  const { column, width, pinned, start } = shown;
  const isSorted = sorted.column === column.id;
  const ascending = sorted.direction === "ASC";
  return (
    <div
      class={`grid-cell${pinned ? " pinned" : ""}${column.isNumber ? " digits" : ""}`}
      role="columnheader"
      aria-colindex={at + FIRST_COLUMN}
      aria-sort={isSorted ? (ascending ? "ascending" : "descending") : undefined}
      style={pinned ? { width: `${width}px`, insetInlineStart: `calc(var(--tick) + ${start}px)` } : { width: `${width}px` }}
    >
      {/* No tab stop of its own: the grid is one. */}
      <button type="button" tabIndex={-1} title={column.title} onClick={() => sorted.by(column.id)}>
        {column.title}
        {isSorted && <span aria-hidden="true">{ascending ? " ▲" : " ▼"}</span>}
      </button>
      <div class="grid-edge" onPointerDown={(event) => resize(event, (by) => columns.setWidth(column.id, width + by))} />
    </div>
  );
}

/** Until the pointer is lifted, `resized` is given how far it went, in CSS pixels. */
function resize(event: TargetedPointerEvent<HTMLDivElement>, resized: (by: number) => void): void {
  const edge = event.currentTarget;
  const from = event.clientX;
  event.preventDefault();
  edge.setPointerCapture(event.pointerId);
  edge.onpointermove = (moving) => resized(moving.clientX - from);
  edge.onlostpointercapture = () => {
    edge.onpointermove = null;
    edge.onlostpointercapture = null;
  };
}
