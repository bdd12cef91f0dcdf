import assert from "node:assert/strict";
import { test } from "node:test";
import { Columns, LEAST_WIDTH, MOST_WIDTH, type Column } from "../src/grid/columns.ts";

class MemoryStorage {
  readonly items = new Map<string, string>();
  getItem = (key: string) => this.items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.items.set(key, value);
  removeItem = (key: string) => void this.items.delete(key);
}

function column(id: string): Column<object> {
  return { id, title: id, width: 100, text: () => id };
}

const KEY = "desk.columns.cases";
const DEFINED: Column<object>[] = ["case", "client", "amount", "remark"].map(column);
DEFINED[0] = { ...DEFINED[0]!, pinned: true };
DEFINED[3] = { ...DEFINED[3]!, hidden: true };

function columns(storage: MemoryStorage | null = new MemoryStorage(), defined = DEFINED): Columns<object> {
  return new Columns("cases", defined, storage as unknown as Storage);
}

function ids(from: Columns<object>): string[] {
  return from.shown.value.map(({ column }) => column.id);
}

test("columns begin as the list defines them, each at its place", () => {
  const made = columns();
  assert.deepEqual(
    made.shown.value.map(({ column, start, pinned }) => [column.id, start, pinned]),
    [
      ["case", 0, true],
      ["client", 100, false],
      ["amount", 200, false],
    ],
  );
  assert.deepEqual(made.choices().map(({ visible }) => visible), [true, true, true, false]);
});

test("what a person chose is there again on the next page", () => {
  const storage = new MemoryStorage();
  const made = columns(storage);
  made.move("amount", -1);
  made.setVisible("remark", true);
  made.setWidth("client", 250.4);
  made.setPinned("amount", true);
  const again = columns(storage);
  assert.deepEqual(again.shown.value.map(({ column, width }) => [column.id, width]), [
    ["case", 100],
    ["amount", 100],
    ["client", 250],
    ["remark", 100],
  ]);
  assert.deepEqual(again.shown.value.map(({ pinned }) => pinned), [true, true, false, false]);
  again.reset();
  assert.deepEqual(ids(again), ["case", "client", "amount"]);
  assert.equal(storage.getItem(KEY), null);
});

test("a column moves past its neighbour, and not over the edge of the pinned ones", () => {
  const made = columns();
  made.move("client", -1);
  made.move("amount", 1);
  made.move("case", -1);
  assert.deepEqual(ids(made), ["case", "client", "amount"]);
  made.setPinned("client", true);
  made.move("client", -1);
  assert.deepEqual(ids(made), ["client", "case", "amount"]);
});

test("a width has limits, also by the keyboard", () => {
  const made = columns();
  made.setWidth("client", 1);
  assert.equal(made.shown.value[1]!.width, LEAST_WIDTH);
  made.setWidth("client", 1e9);
  made.resize("client", 1);
  assert.equal(made.shown.value[1]!.width, MOST_WIDTH);
  made.resize("client", -1);
  assert.ok(made.shown.value[1]!.width < MOST_WIDTH);
  made.resize("unknown", 1);
});

test("the last column cannot be hidden", () => {
  const made = columns();
  for (const id of ["case", "client", "amount"]) made.setVisible(id, false);
  assert.deepEqual(ids(made), ["amount"]);
});

test("names that are gone are dropped, and new columns come at the end as they are defined", () => {
  const storage = new MemoryStorage();
  columns(storage).move("amount", -1);
  const newer: Column<object>[] = [DEFINED[0]!, DEFINED[2]!];
  newer.push(column("age"), { ...column("note"), hidden: true });
  assert.deepEqual(ids(columns(storage, newer)), ["case", "amount", "age"]);
});

test("what is damaged, of another version or without a column is not used", () => {
  const lists = { order: ["amount"], hidden: [], widths: {}, pinned: [] };
  for (const stored of [
    "{",
    "null",
    "[]",
    JSON.stringify({ version: 2, ...lists }),
    JSON.stringify({ version: 1, ...lists, order: [1] }),
    JSON.stringify({ version: 1, ...lists, widths: { amount: "wide" } }),
    JSON.stringify({ version: 1, ...lists, hidden: ["amount"] }),
  ]) {
    const storage = new MemoryStorage();
    storage.setItem(KEY, stored);
    assert.deepEqual(ids(columns(storage)), ["case", "client", "amount"], stored);
  }
});

test("a browser without storage, or with a full one, keeps the choice for the page", () => {
  const full = new MemoryStorage();
  full.setItem = () => {
    throw new Error("QuotaExceededError");
  };
  for (const storage of [null, full]) {
    const made = columns(storage);
    made.setVisible("client", false);
    assert.deepEqual(ids(made), ["case", "amount"]);
  }
});
