import assert from "node:assert/strict";
import { test } from "node:test";
import { batch, signal } from "@preact/signals";
import { Columns } from "../src/grid/columns.ts";
import type { Copied } from "../src/grid/clipboard.ts";
import type { Command } from "../src/grid/keyboard.ts";
import { GridState, type Asked, type View } from "../src/grid/state.ts";
import { drawnPlaces } from "../src/grid/window.ts";
import { byDecimal } from "../src/live/order_of_rows.ts";
import { GONE_STAYS_MS, Rows } from "../src/live/rows.ts";

interface Row {
  readonly id: string;
  readonly amount: string;
}

const VIEW: View = { page: () => 2, inView: () => ({ from: 0, to: 2 }) };

function grid(amounts: Record<string, string> = { a: "40", b: "30", c: "20", d: "10" }) {
  const rows = new Rows<Row>(byDecimal((row: Row) => row.amount, "DESC"));
  rows.replace(Object.entries(amounts).map(([id, amount]) => ({ id, amount })));
  rows.publish();
  const column = (id: "id" | "amount") => ({ id, title: id.toUpperCase(), width: 100, text: (row: Row) => row[id] });
  const columns = new Columns<Row>("t", [column("id"), { ...column("amount"), isNumber: true }], null);
  const state = new GridState<Row>(rows, columns);
  const opened: string[] = [];
  const copies: Copied[] = [];
  const letters: [string, readonly string[]][] = [];
  const asked: Asked = {
    open: (id) => opened.push(id),
    copy: (content) => copies.push(content),
    letter: (letter, ids) => letters.push([letter, ids]) > 0,
  };
  const run = (command: Command) => state.run(command, VIEW, asked);
  const set = (id: string, amount: string) => (rows.put({ id, amount }), rows.publish());
  return { rows, columns, state, run, set, opened, copies, letters };
}

const down: Command = { is: "move", to: "down", extend: false };
const shiftDown: Command = { is: "move", to: "down", extend: true };

test("the first row is active, and keys move from row to row", () => {
  const { state, run } = grid();
  assert.equal(state.activeId.value, "a");
  run(down);
  run({ is: "move", to: "page down", extend: false });
  assert.equal(state.activeId.value, "d");
  assert.equal(state.place(), 3);
});

test("the active row is one by its id: rows that move take it along", () => {
  const { state, run, set } = grid();
  run(down);
  set("b", "99");
  assert.deepEqual([state.activeId.value, state.place()], ["b", 0]);
});

test("rows do not move while the pointer, the focus or a selection is in the grid", () => {
  const { state, run, set } = grid();
  for (const within of [state.pointerIn, state.focusIn]) {
    within.value = true;
    set("d", within === state.pointerIn ? "99" : "1");
    assert.equal(state.order.waiting.value.moved, 1);
    within.value = false;
    assert.equal(state.order.waiting.value.moved, 0);
  }
  run({ is: "select" });
  set("e", "100");
  assert.deepEqual(state.order.shown.value.includes("e"), false);
  run({ is: "show order" });
  assert.equal(state.order.shown.value[0], "e");
  assert.ok(state.selection.has("a"), "the selection is of ids");
});

test("a list that is still arriving is not held, and once it is whole its last rows are in", () => {
  const { rows, columns } = grid({ b: "30" });
  const whole = signal(false);
  const state = new GridState<Row>(rows, columns, whole);
  const put = (id: string, amount: string) => (rows.put({ id, amount }), rows.publish());
  state.focusIn.value = true;
  put("a", "40");
  assert.deepEqual(state.order.shown.value, ["a", "b"]);
  batch(() => {
    put("c", "20");
    whole.value = true;
  });
  assert.deepEqual(state.order.shown.value, ["a", "b", "c"]);
  put("d", "99");
  assert.deepEqual(state.order.shown.value, ["a", "b", "c"]);
  assert.equal(state.order.waiting.value.added, 1);
});

test("the first row is active until the list is whole, if no person chose another", () => {
  const { rows, columns } = grid({ b: "30" });
  const whole = signal(false);
  const state = new GridState<Row>(rows, columns, whole);
  const put = (id: string, amount: string) => (rows.put({ id, amount }), rows.publish());
  put("a", "40");
  assert.equal(state.activeId.value, "a");
  batch(() => {
    put("c", "50");
    whole.value = true;
  });
  assert.equal(state.activeId.value, "c");
  put("d", "60");
  assert.equal(state.activeId.value, "c", "from now on it is one by its id");
  const other = new GridState<Row>(rows, columns, signal(false));
  other.activate("b");
  put("e", "70");
  assert.equal(other.activeId.value, "b");
});

test("shift chooses a range from the active row", () => {
  const { state, run } = grid();
  run(shiftDown);
  run(shiftDown);
  assert.deepEqual(state.targets(), ["a", "b", "c"]);
  run({ is: "clear" });
  assert.equal(run({ is: "clear" }), false, "the page may close something else");
});

test("an action is on the rows chosen, or on the active one, and never on a row that has left", () => {
  const { rows, state, run, letters } = grid();
  run({ is: "letter", letter: "l" });
  run({ is: "select view" });
  run({ is: "letter", letter: "m" });
  rows.leave({ id: "a", amount: "0" }, "CLOSED", 0);
  rows.publish();
  run({ is: "letter", letter: "m" });
  assert.deepEqual(letters, [
    ["l", ["a"]],
    ["m", ["a", "b"]],
    ["m", ["b"]],
  ]);
  state.selection.clear();
  state.activate("a");
  assert.equal(run({ is: "letter", letter: "l" }), false);
});

test("a row that left stays in sight while a person works there, and then gives its place to the next", () => {
  const { rows, state, run } = grid();
  run(down);
  state.focusIn.value = true;
  rows.leave({ id: "b", amount: "0" }, "CLOSED", 0);
  rows.sweep(GONE_STAYS_MS);
  assert.deepEqual(state.order.shown.value, ["a", "b", "c", "d"]);
  assert.equal(rows.entry("b")!.value.gone?.kind, "CLOSED");
  state.focusIn.value = false;
  rows.sweep(GONE_STAYS_MS);
  assert.deepEqual(state.order.shown.value, ["a", "c", "d"]);
  assert.equal(state.activeId.value, "c");
});

test("a grid that is replaced by another takes nothing from that one", () => {
  const { rows, columns, state } = grid();
  const next = new GridState<Row>(rows, columns);
  state.stop();
  next.focusIn.value = true;
  rows.leave({ id: "b", amount: "0" }, "CLOSED", 0);
  rows.sweep(GONE_STAYS_MS);
  assert.equal(rows.entry("b")?.value.gone?.kind, "CLOSED", "it stays in sight in the other one");
  next.stop();
  rows.sweep(GONE_STAYS_MS);
  assert.equal(rows.entry("b"), undefined);
});

test("an empty list has no active row, and the first that comes is active", () => {
  const { state, run, set } = grid({});
  assert.equal(state.activeId.value, null);
  assert.equal(run(down), false);
  assert.equal(run({ is: "open" }), false);
  assert.deepEqual(state.targets(), []);
  set("x", "1");
  assert.equal(state.activeId.value, "x");
});

test("what is copied are the exact texts of the columns shown", () => {
  const { columns, run, copies } = grid({ a: "-12345678901234567890.125" });
  run({ is: "copy", headers: true });
  columns.setVisible("id", false);
  run({ is: "copy", headers: false });
  assert.deepEqual(copies.map(({ text }) => text), [
    "ID\tAMOUNT\r\na\t-12345678901234567890.125",
    "-12345678901234567890.125",
  ]);
});

test("keys go to a column, move it and change its width", () => {
  const { columns, state, run } = grid();
  assert.equal(state.activeColumn.value, "id");
  run({ is: "move column", by: 1 });
  run({ is: "resize column", by: 1 });
  assert.deepEqual(columns.shown.value.map(({ column, width }) => [column.id, width > 100]), [
    ["amount", false],
    ["id", true],
  ]);
  assert.equal(state.activeColumn.value, "id", "it is taken along");
  assert.equal(run({ is: "go to column", by: 1 }), false);
  run({ is: "go to column", by: -1 });
  assert.equal(state.activeColumn.value, "amount");
  columns.setVisible("amount", false);
  assert.equal(state.activeColumn.value, "id");
});

test("Enter opens the active row", () => {
  const { run, opened } = grid();
  run(down);
  run({ is: "open" });
  assert.deepEqual(opened, ["b"]);
});

test("the active row is drawn wherever the view is", () => {
  const range = { startIndex: 50, endIndex: 52, overscan: 1, count: 100 };
  assert.deepEqual(drawnPlaces(range, 3), [3, 49, 50, 51, 52, 53]);
  assert.deepEqual(drawnPlaces(range, 99), [49, 50, 51, 52, 53, 99]);
  assert.deepEqual(drawnPlaces(range, 51), [49, 50, 51, 52, 53]);
  for (const none of [-1, 100]) assert.equal(drawnPlaces(range, none).length, 5);
});
