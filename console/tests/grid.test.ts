import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { signal } from "@preact/signals";
import { copied, isFormula } from "../src/grid/clipboard.ts";
import { commandOf, moved, type Key } from "../src/grid/keyboard.ts";
import { directionOf, Flashes, ARROW_MS, FLASH_MS, FLASHES_MOST, STEP_MS } from "../src/grid/flash.ts";
import { HeldOrder } from "../src/grid/held_order.ts";
import { Selection } from "../src/grid/selection.ts";
import { browserClock } from "../src/api/clock.ts";

test("a selection is of ids, whatever the order", () => {
  const selection = new Selection();
  selection.toggle("b");
  selection.toggle("c");
  assert.deepEqual(selection.within(["c", "a", "b"]), ["c", "b"]);
  selection.toggle("b");
  assert.deepEqual([...selection.chosen.value], ["c"]);
  assert.equal(selection.size.value, 1);
  selection.clear();
  assert.equal(selection.has("c"), false);
});

test("a range goes from the anchor, in the order that is shown now", () => {
  const selection = new Selection();
  selection.toggle("a");
  selection.extend("c", ["a", "b", "c", "d"]);
  assert.deepEqual([...selection.chosen.value], ["a", "b", "c"]);
  selection.extend("b", ["a", "b", "c", "d"]);
  assert.deepEqual([...selection.chosen.value], ["a", "b"], "a range that becomes shorter lets rows go");
  selection.extend("d", ["d", "a", "b"]);
  assert.deepEqual([...selection.chosen.value], ["a", "d"], "only what lies between in the order of now");
  selection.extend("gone", ["a"]);
  assert.equal(selection.size.value, 2);
  selection.toggle("x");
  selection.extend("y", ["x", "y", "a"]);
  assert.deepEqual([...selection.chosen.value], ["a", "d", "x", "y"], "what was chosen before stays");
});

test("a range without an anchor is its row", () => {
  const selection = new Selection();
  selection.extend("b", ["a", "b"]);
  assert.deepEqual([...selection.chosen.value], ["b"]);
  selection.clear();
  selection.toggle("gone");
  selection.extend("b", ["a", "b"]);
  assert.deepEqual([...selection.chosen.value], ["gone", "b"]);
});

test("what a batch names is in the list: the number in the button is the number in the request", () => {
  const selection = new Selection();
  selection.add(["a", "b", "left"]);
  assert.deepEqual(selection.within(["b", "a"]), ["b", "a"]);
});

test("held rows do not move, and what waits is counted", () => {
  const [live, held] = [signal<readonly string[]>(["a", "b", "c", "d"]), signal(false)];
  const order = new HeldOrder(live, held);
  held.value = true;
  live.value = ["d", "a", "x", "c", "y"];
  assert.deepEqual(order.shown.value, ["a", "b", "c", "d"]);
  assert.deepEqual(order.waiting.value, { added: 2, moved: 1, left: 1 });
  order.show();
  assert.deepEqual(order.shown.value, live.value);
  assert.deepEqual(order.waiting.value, { added: 0, moved: 0, left: 0 });
  live.value = ["y", "d"];
  assert.equal(order.shown.value.length, 5, "still held");
  held.value = false;
  assert.deepEqual(order.shown.value, ["y", "d"]);
  live.value = ["d"];
  assert.deepEqual(order.shown.value, ["d"], "a list in which no person works follows at once");
  order.stop();
});

test("a list that fills while the pointer is on it is shown", () => {
  const live = signal<readonly string[]>([]);
  const order = new HeldOrder(live, signal(true));
  live.value = ["a"];
  assert.deepEqual(order.shown.value, ["a"]);
  live.value = ["b", "a"];
  assert.deepEqual(order.shown.value, ["a"]);
  order.stop();
});

const cell = (text: string, isNumber = false) => ({ text, isNumber });

test("what is copied is exact, tab separated and HTML, with headers where wanted", () => {
  const rows = [[cell("MC2026-000001"), cell("-12345678901234567890.125", true)]];
  const { text, html } = copied(rows, ["case", "amount"]);
  assert.equal(text, "case\tamount\r\nMC2026-000001\t-12345678901234567890.125");
  assert.equal(
    html,
    "<table><thead><tr><th>case</th><th>amount</th></tr></thead>" +
      "<tbody><tr><td>MC2026-000001</td><td>-12345678901234567890.125</td></tr></tbody></table>",
  );
  assert.equal(copied(rows).text, "MC2026-000001\t-12345678901234567890.125");
});

test("no text becomes a formula, a second cell, a second row, or markup", () => {
  const hostile = ["=1+1", "+A1", "-A1", "@x", "\u200b=1", "  =1", "＝1", "\t=1"];
  for (const text of hostile) assert.ok(isFormula(text), JSON.stringify(text));
  for (const text of ["", "a=1", "Smith & Co", "王", "1-2"]) assert.ok(!isFormula(text), text);
  const { text, html } = copied([[cell("=cmd()"), cell("a\tb\r\nc"), cell('<img src="x">')]]);
  assert.equal(text, `'=cmd()\ta b c\t<img src="x">`);
  assert.ok(html.includes("&lt;img src=&quot;x&quot;&gt;"));
});

/** The test's timers know of one that begins within a tick only after it. */
function pass(t: TestContext, ms: number): void {
  for (let at = 0; at < ms; at += STEP_MS) t.mock.timers.tick(STEP_MS);
}

test("a cell flashes for a moment in its direction, and keeps an arrow for a while", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const flashes = new Flashes(browserClock, () => false);
  const shown = flashes.show("a amount", "9");
  flashes.change("a amount", "10");
  assert.deepEqual(shown.value, { direction: "up", bright: true });
  pass(t, FLASH_MS);
  assert.deepEqual(shown.value, { direction: "up", bright: false });
  flashes.change("a amount", "9.99");
  assert.deepEqual(shown.value, { direction: "down", bright: true });
  pass(t, ARROW_MS - STEP_MS);
  assert.deepEqual(shown.value, { direction: "down", bright: false });
  pass(t, STEP_MS);
  assert.equal(shown.value, null);
});

test("a cell that shows another row, or is off the screen, does not flash", () => {
  const flashes = new Flashes(browserClock, () => false);
  flashes.change("b amount", "10");
  const shown = flashes.show("b amount", "11");
  assert.equal(shown.value, null);
  flashes.hide("b amount");
  flashes.change("b amount", "12");
  assert.equal(shown.value, null);
});

test("nothing flashes where less motion is preferred, nor where there was no amount", () => {
  const flashes = new Flashes(browserClock, () => true);
  const shown = flashes.show("a", "1");
  flashes.change("a", "2");
  assert.equal(shown.value, null);
  assert.equal(directionOf(null, "1"), null);
  assert.equal(directionOf("1", null), null);
  assert.equal(directionOf("1.0", "1"), null);
});

test("a page on which everything changes does not flash everywhere", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const flashes = new Flashes(browserClock, () => false);
  const shown = Array.from({ length: FLASHES_MOST + 10 }, (_, at) => flashes.show(`${at}`, "1"));
  for (const at of shown.keys()) flashes.change(`${at}`, "2");
  assert.equal(shown.filter(({ value }) => value).length, FLASHES_MOST);
  pass(t, ARROW_MS);
  for (const at of shown.keys()) flashes.change(`${at}`, "3");
  assert.equal(shown.filter(({ value }) => value).length, FLASHES_MOST, "the count comes back");
});

function key(name: string, more: Partial<Key> = {}): Key {
  const none = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
  return { key: name, keyCode: 0, isComposing: false, repeat: false, ...none, ...more };
}

test("keys of a grid", () => {
  const is = (name: string, more?: Partial<Key>, letters = true) => commandOf(key(name, more), letters);
  assert.deepEqual(is("ArrowDown"), { is: "move", to: "down", extend: false });
  assert.deepEqual(is("j", { repeat: true }), { is: "move", to: "down", extend: false });
  assert.deepEqual(is("ArrowUp", { shiftKey: true }), { is: "move", to: "up", extend: true });
  assert.deepEqual(is("Home"), { is: "move", to: "first", extend: false });
  assert.deepEqual(is("Enter"), { is: "open" });
  assert.deepEqual(is(" "), { is: "select" });
  assert.deepEqual(is("a", { ctrlKey: true }), { is: "select view" });
  assert.deepEqual(is("c", { metaKey: true }), { is: "copy", headers: false });
  assert.deepEqual(is("C", { ctrlKey: true, shiftKey: true }), { is: "copy", headers: true });
  assert.deepEqual(is("."), { is: "show order" });
  assert.deepEqual(is("l"), { is: "letter", letter: "l" });
  assert.deepEqual(is("ArrowLeft"), { is: "go to column", by: -1 });
  assert.deepEqual(is("ArrowLeft", { altKey: true }), { is: "move column", by: -1 });
  assert.deepEqual(is("ArrowRight", { altKey: true, shiftKey: true }), { is: "resize column", by: 1 });
  for (const other of ["Tab", "F5", "/", "?", "1", "é", "L"]) assert.equal(is(other), null, other);
  assert.equal(is("l", { ctrlKey: true }), null, "the browser's own");
});

test("letters can be switched off, keys that say their name cannot", () => {
  for (const letter of ["l", "j", "k", "."]) assert.equal(commandOf(key(letter), false), null);
  assert.deepEqual(commandOf(key("ArrowDown"), false), { is: "move", to: "down", extend: false });
});

test("no key acts while an input method composes, and a held key neither opens nor chooses nor acts", () => {
  for (const name of ["Enter", " ", "l", "ArrowDown", "c"]) {
    assert.equal(commandOf(key(name, { isComposing: true }), true), null);
    assert.equal(commandOf(key(name, { keyCode: 229 }), true), null);
  }
  for (const name of ["Enter", " ", "l", "x", "Escape"]) assert.equal(commandOf(key(name, { repeat: true }), true), null);
});

test("moves end at the edges, and there is no row in an empty list", () => {
  assert.deepEqual([moved(0, "up", 5, 3), moved(4, "down", 5, 3)], [0, 4]);
  assert.deepEqual([moved(1, "page down", 9, 3), moved(1, "page up", 9, 3)], [4, 0]);
  assert.deepEqual([moved(3, "first", 9, 3), moved(3, "last", 9, 3)], [0, 8]);
  assert.equal(moved(-1, "down", 3, 2), 0, "no row was active");
  assert.equal(moved(0, "down", 0, 2), -1);
});
