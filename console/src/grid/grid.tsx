// The grid on the page: one tab stop, one scrolling box, and a row for each place in view. A changed row draws itself
// alone; the grid is drawn again only when other rows come into view.

import { useComputed, useSignalEffect } from "@preact/signals";
import type { TargetedKeyboardEvent, TargetedMouseEvent } from "preact";
import { useEffect, useId, useMemo, useRef } from "preact/hooks";
import { isComposed } from "../parts/composed.ts";
import "../style/grid.css";
import { Header, type Sorted } from "./header.tsx";
import { Flashes } from "./flash.ts";
import { commandOf } from "./keyboard.ts";
import { cellId, FIRST_COLUMN, GridRow, type Shared } from "./row.tsx";
import type { Asked, GridState } from "./state.ts";
import { RowWindow } from "./window.ts";

export interface GridProps<Row> {
  readonly state: GridState<Row>;
  /** What the grid is about, in the language of the page. */
  readonly label: string;
  /** What the column of ticks is called. */
  readonly tick: string;
  readonly asked: Asked;
  readonly sorted: Sorted;
  /** In CSS pixels: 32, or 24 where the person chose it. */
  readonly rowHeight: number;
  /** Whether single letters act. */
  readonly letters: boolean;
}

const browserTimer = {
  after: (ms: number, work: () => void) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

export function Grid<Row>({ state, label, tick, asked, sorted, rowHeight, letters }: GridProps<Row>) {
  const scroller = useRef<HTMLDivElement>(null);
  const name = useId();
  const view = useMemo(() => new RowWindow(rowHeight, rowHeight), []);
  const flashes = useMemo(() => new Flashes(browserTimer, prefersStillness), []);
  const shared = useMemo<Shared<Row>>(() => ({ name, state, flashes }), [name, state, flashes]);
  const pinned = useComputed(() => widthOf(state.columns.shown.value.filter((each) => each.pinned)));
  const width = useComputed(() => widthOf(state.columns.shown.value));

  useEffect(() => (scroller.current ? view.mount(scroller.current) : undefined), [view]);
  useEffect(() => {
    // Keys led to the content around the grid: they go on in it.
    const focused = document.activeElement;
    if (focused !== document.body && focused?.contains(scroller.current)) scroller.current?.focus();
  }, []);
  useEffect(() => view.setRowHeight(rowHeight), [view, rowHeight]);
  useEffect(() => () => state.stop(), [state]);
  const place = useComputed(() => state.place());
  useSignalEffect(() => view.update(state.order.shown.value.length, place.value));

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    // A button or box within the grid has its own keys.
    if (event.target !== event.currentTarget || isComposed(event)) return;
    const command = commandOf(event, letters);
    if (!command || !state.run(command, view, asked)) return;
    event.preventDefault();
    event.stopPropagation();
    if (command.is === "move") view.reveal(state.place());
    else if (command.is.endsWith("column")) requestAnimationFrame(revealColumn);
  };
  const revealColumn = () => {
    const active = scroller.current?.getAttribute("aria-activedescendant");
    if (active) document.getElementById(active)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const onClick = (event: TargetedMouseEvent<HTMLDivElement>) => {
    const cell = (event.target as Element).closest<HTMLElement>("[data-row]");
    const id = cell?.dataset.row;
    if (id === undefined) return;
    const toggles = event.ctrlKey || event.metaKey || cell!.dataset.tick !== undefined;
    state.activate(id, cell!.dataset.column ?? null);
    if (event.shiftKey) state.selection.extend(id, state.order.shown.peek());
    else if (toggles) state.selection.toggle(id);
  };
  const onDoubleClick = (event: TargetedMouseEvent<HTMLDivElement>) => {
    const id = (event.target as Element).closest<HTMLElement>("[data-row]")?.dataset.row;
    if (id !== undefined) asked.open(id);
  };

  const shown = state.order.shown.value;
  const columns = state.columns.shown.value;
  const [row, column] = [state.activeId.value, state.activeColumn.value];
  return (
    <div
      ref={scroller}
      class="grid"
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={shown.length + 1}
      aria-colcount={columns.length + FIRST_COLUMN - 1}
      aria-multiselectable="true"
      aria-activedescendant={row === null || column === null ? undefined : cellId(name, row, column)}
      style={{ "--row-height": `${rowHeight}px`, "--row-width": `${width.value}px`, "--pinned": `${pinned.value}px` }}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onDblClick={onDoubleClick}
      onPointerEnter={() => (state.pointerIn.value = true)}
      onPointerLeave={() => (state.pointerIn.value = false)}
      onFocusIn={() => (state.focusIn.value = true)}
      onFocusOut={() => (state.focusIn.value = false)}
    >
      <Header columns={state.columns} sorted={sorted} tick={tick} />
      <div class="grid-rows" role="rowgroup" style={{ height: `${view.height.value}px` }}>
        {view.drawn.value
          .filter(({ place: at }) => at < shown.length)
          .map(({ place: at, top }) => {
            const id = shown[at]!;
            return <GridRow key={id} shared={shared} id={id} entry={state.rows.entry(id)} place={at} top={top} />;
          })}
      </div>
    </div>
  );
}

function widthOf(columns: readonly { readonly width: number }[]): number {
  return columns.reduce((sum, column) => sum + column.width, 0);
}

function prefersStillness(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
