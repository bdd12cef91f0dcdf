import assert from "node:assert/strict";
import { test } from "node:test";
import { effect } from "@preact/signals";
import { CaseList } from "../src/live/cases.ts";
import { byCount, byDecimal, byText, byTime } from "../src/live/order_of_rows.ts";
import { LATE_MOST, OrderList } from "../src/live/orders.ts";
import { GONE_MOST, GONE_STAYS_MS, Rows } from "../src/live/rows.ts";

interface Row {
  readonly id: string;
  readonly status: string;
  readonly amount: string;
}

const byAmount = byDecimal((row: Row) => row.amount, "DESC");

function row(id: string, amount: string, status = "OPEN"): Row {
  return { id, amount, status };
}

function change(kind: string, id: string, amount: string, status?: string) {
  return { id: `${kind} ${id} ${amount}`, kind, case: row(id, amount, status) };
}

function cases(statuses: string[] | null = null, now = () => 0): CaseList<Row> {
  const list = new CaseList(byAmount, statuses, now);
  list.replace([change("SNAPSHOT", "a", "30"), change("SNAPSHOT", "b", "9.5"), change("SNAPSHOT", "c", "100")]);
  return list;
}

test("rows are in order of their amounts, and a row moves when its amount passes another", () => {
  const list = cases();
  assert.deepEqual(list.rows.ids.value, ["c", "a", "b"]);
  list.apply([change("UPDATED", "b", "99.99"), change("OPENED", "d", "99.990")]);
  assert.deepEqual(list.rows.ids.value, ["c", "b", "d", "a"], "equal amounts have the order of their ids");
});

test("a change of a row paints that row alone, and the order only where it changed", () => {
  const list = cases();
  const painted: string[] = [];
  const stops = ["a", "b"].map((id) => effect(() => void painted.push(list.rows.entry(id)!.value.row.amount)));
  stops.push(effect(() => void painted.push(list.rows.ids.value.join(""))));
  painted.length = 0;
  list.apply([change("UPDATED", "a", "31")]);
  assert.deepEqual(painted, ["31"]);
  list.apply([change("UPDATED", "a", "9")]);
  assert.deepEqual(painted, ["31", "9", "cba"]);
  for (const stop of stops) stop();
});

test("a case that ends stays in sight for ten seconds, and is counted no longer", () => {
  let now = 1_000;
  const list = cases(null, () => now);
  list.apply([change("CLOSED", "a", "0", "RESOLVED"), change("REMOVED", "b", "1"), change("REMOVED", "x", "1")]);
  assert.equal(list.rows.count.value, 1);
  assert.deepEqual(list.rows.list().map(({ id }) => id), ["c"]);
  const { row: before, gone } = list.rows.entry("a")!.value;
  assert.deepEqual(before, row("a", "30"));
  assert.deepEqual(gone, { kind: "CLOSED", row: row("a", "0", "RESOLVED"), at: now });
  assert.equal(list.rows.entry("x"), undefined, "one that was never here does not come to leave");
  assert.deepEqual(list.rows.ids.value, ["c", "a", "b"], "a row that left stays where it was");
  now += GONE_STAYS_MS - 1;
  list.rows.sweep(now);
  assert.equal(list.rows.ids.value.length, 3);
  list.rows.sweep(now + 1);
  assert.deepEqual(list.rows.ids.value, ["c"]);
  assert.equal(list.rows.entry("a"), undefined);
});

test("a case that left among rows in which a person works stays in sight", () => {
  const list = cases();
  list.rows.keeps = (id) => id === "a";
  list.apply([change("CLOSED", "a", "0", "RESOLVED"), change("CLOSED", "b", "0", "RESOLVED")]);
  list.rows.sweep(GONE_STAYS_MS);
  assert.deepEqual(list.rows.ids.value, ["c", "a"]);
  list.rows.keeps = () => false;
  list.rows.sweep(GONE_STAYS_MS);
  assert.deepEqual(list.rows.ids.value, ["c"]);
});

test("a case that matches again is back", () => {
  const list = cases();
  list.apply([change("REMOVED", "a", "1"), change("UPDATED", "a", "50")]);
  list.rows.sweep(GONE_STAYS_MS);
  assert.deepEqual(list.rows.ids.value, ["c", "a", "b"]);
  assert.equal(list.rows.entry("a")!.value.gone, null);
});

test("a list that asks for the new status keeps a closed case", () => {
  const list = cases(["OPEN", "RESOLVED"]);
  list.apply([change("CLOSED", "a", "0", "RESOLVED"), change("CLOSED", "b", "0", "VOID")]);
  assert.deepEqual(list.rows.list().map(({ id }) => id), ["c", "a"]);
});

test("rows that leave together do not stay without limit", () => {
  const rows = new Rows<Row>(byAmount);
  const many = Array.from({ length: GONE_MOST + 5 }, (_, at) => row(`r${at}`, "1"));
  rows.replace(many);
  for (const each of many) rows.leave(each, "CLOSED", 0);
  rows.publish();
  assert.equal(rows.ids.value.length, GONE_MOST);
  assert.equal(rows.count.value, 0);
});

test("after a gap the rows that differ are marked until they are touched", () => {
  const list = cases();
  assert.equal(list.rows.marked.value.size, 0, "a first snapshot is no gap");
  const again = ["a 30", "b 8", "d 1"].map((text) => change("SNAPSHOT", ...(text.split(" ") as [string, string])));
  list.replace(again);
  assert.deepEqual([...list.rows.marked.value].sort(), ["b", "d"]);
  assert.deepEqual(list.rows.ids.value, ["a", "b", "d"]);
  list.rows.touch("b");
  list.replace(again);
  assert.deepEqual([...list.rows.marked.value], ["d"], "a second gap forgets no mark");
});

test("another order sorts all rows again", () => {
  const list = cases();
  list.rows.orderBy(byDecimal((each: Row) => each.amount, "ASC"));
  assert.deepEqual(list.rows.ids.value, ["b", "a", "c"]);
});

test("unknown values come last in both directions, and times with a fraction are in order", () => {
  const rows: { v: string | null }[] = [{ v: null }, { v: "2026-01-31T14:00:00Z" }, { v: "2026-01-31T14:00:00.5Z" }];
  rows.push({ v: "2026-01-31T13:59:59Z" });
  const sorted = (direction: "ASC" | "DESC") => rows.toSorted(byTime(({ v }) => v, direction)).map(({ v }) => v?.slice(14));
  assert.deepEqual(sorted("ASC"), ["59:59Z", "00:00Z", "00:00.5Z", undefined]);
  assert.deepEqual(sorted("DESC"), ["00:00.5Z", "00:00Z", "59:59Z", undefined]);
  const names = ["b10", "B9", "a"].toSorted(byText((text) => text, "ASC", "en"));
  assert.deepEqual(names, ["a", "B9", "b10"]);
  assert.deepEqual([3, 12, 0].toSorted(byCount((count) => count, "DESC")), [12, 3, 0]);
  assert.deepEqual([true, false].toSorted(byCount((is) => is, "ASC")), [false, true]);
});

test("orders that the venue did not answer, and late fills, are on top until they are seen", () => {
  const list = new OrderList<Row>(byAmount, () => 0);
  const event = (kind: string, id: string, status: string) => ({ id: `${kind}${id}`, kind, order: row(id, id, status) });
  list.replace([event("SNAPSHOT", "1", "UNKNOWN"), event("SNAPSHOT", "2", "NEW")]);
  list.apply([event("CREATED", "3", "QUEUED"), event("LATE_FILL", "2", "CANCELED"), event("REMOVED", "3", "QUEUED")]);
  assert.deepEqual(list.attention.value, { unknown: ["1"], late: ["2"] });
  assert.equal(list.rows.count.value, 2, "an ended order stays");
  list.seen("2");
  list.apply([event("STATUS_CHANGED", "1", "FILLED")]);
  assert.deepEqual(list.attention.value, { unknown: [], late: [] });
  const many = Array.from({ length: LATE_MOST + 1 }, (_, at) => event("LATE_FILL", String(at + 10), "FILLED"));
  list.apply(many);
  assert.equal(list.attention.value.late.length, LATE_MOST);
});
