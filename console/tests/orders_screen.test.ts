import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { OrderRowFragment } from "../src/api/operations.ts";
import { filterOf, presetOf, PRESETS, REJECTED_DAYS } from "../src/screens/orders/presets.ts";
import { NEWEST_FIRST, orderOf } from "../src/screens/orders/sorting.ts";
import { turned } from "../src/screens/sorting.ts";
import { ACTION_WORDS, refusalWord } from "../src/words/actions/words.ts";

const SCHEMA = readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8");

function valuesOf(name: string): string[] {
  const body = new RegExp(`enum ${name} \\{(.*?)\\n\\}`, "s").exec(SCHEMA)![1]!;
  return [...body.matchAll(/^  ([A-Z_]+)$/gm)].map(([, value]) => value!);
}

test("the open orders are those with every status that can still trade", () => {
  const ended = ["FILLED", "CANCELED", "REJECTED", "EXPIRED"];
  const expected = valuesOf("OrderStatus").filter((status) => !ended.includes(status));
  assert.deepEqual([...filterOf("open", 0).status!].sort(), expected.sort());
});

test("today begins at midnight of the person, and rejected orders are those of a week", () => {
  const now = new Date(2026, 2, 16, 14, 30).getTime();
  assert.deepEqual(filterOf("today", now), { createdAfter: new Date(2026, 2, 16).toISOString() });
  assert.deepEqual(filterOf("rejected", now), {
    status: ["REJECTED"],
    createdAfter: new Date(2026, 2, 16 - REJECTED_DAYS + 1).toISOString(),
  });
});

test("an address without a list, or with an unknown one, shows the open orders", () => {
  for (const preset of PRESETS) assert.equal(presetOf(preset), preset);
  assert.equal(presetOf(undefined), "open");
  assert.equal(presetOf("constructor"), "open");
});

test("orders are sorted by any column, and equal ones by time, the newest first", () => {
  const row = (id: string, quantity: string, createdAt: string) => ({ id, quantity, createdAt }) as OrderRowFragment;
  const rows = [row("a", "9", "2026-03-16T01:00:00Z"), row("b", "10", "2026-03-16T02:00:00Z"), row("c", "9.0", "2026-03-16T03:00:00Z")];
  const sorted = (column: string, direction: "ASC" | "DESC") => rows.toSorted(orderOf({ column, direction })).map(({ id }) => id).join("");
  assert.equal(rows.toSorted(orderOf(NEWEST_FIRST)).map(({ id }) => id).join(""), "cba");
  assert.equal(sorted("quantity", "ASC"), "cab");
  assert.equal(sorted("quantity", "DESC"), "bca");
  assert.equal(sorted("cancel", "ASC"), "cba", "a column without an order changes nothing");
});

test("a column is sorted ascending, and descending when it is asked for again", () => {
  const first = turned(NEWEST_FIRST, "symbol");
  assert.deepEqual(first, { column: "symbol", direction: "ASC" });
  assert.deepEqual(turned(first, "symbol"), { column: "symbol", direction: "DESC" });
  assert.deepEqual(turned(turned(first, "symbol"), "symbol"), first);
});

test("every refusal of the schema has a word in every language, and a newer one stands for itself", () => {
  const codes = valuesOf("RefusalCode").sort();
  for (const say of Object.values(ACTION_WORDS)) {
    assert.deepEqual(Object.keys(say.refusal).sort(), codes);
    assert.equal(refusalWord("NEWER", say), "NEWER");
  }
});
