import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Arming, ARMED_AFTER_MS, isDeliberate, isTyped } from "../src/parts/arming.ts";
import { browserClock } from "../src/api/clock.ts";

function arming(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const made = new Arming(browserClock);
  t.after(() => made.stop());
  return { made, tick: (ms: number) => t.mock.timers.tick(ms) };
}

test("a press counts 600 ms after the last change of a figure, and not before", (t) => {
  const { made, tick } = arming(t);
  made.show("219 AAPL");
  tick(ARMED_AFTER_MS - 1);
  assert.equal(made.armed.value, false);
  assert.equal(made.press(), false, "a press that comes too early does nothing");
  made.show("218 AAPL");
  tick(ARMED_AFTER_MS - 1);
  assert.equal(made.press(), false, "a figure that changed begins the time again");
  tick(1);
  assert.equal(made.armed.value, true);
  assert.equal(made.press(), true);
});

test("the same figures again change nothing", (t) => {
  const { made, tick } = arming(t);
  made.show("219 AAPL");
  tick(ARMED_AFTER_MS / 2);
  made.show("219 AAPL");
  tick(ARMED_AFTER_MS / 2);
  assert.equal(made.armed.value, true);
  made.show("219 AAPL");
  assert.equal(made.armed.value, true);
});

test("a figure that changes under an armed button disarms it", (t) => {
  const { made, tick } = arming(t);
  made.show("1");
  tick(ARMED_AFTER_MS);
  made.show("2");
  assert.equal(made.armed.value, false);
  assert.equal(made.press(), false);
});

test("a second press on the same figures does not count", (t) => {
  const { made, tick } = arming(t);
  made.show("1");
  tick(ARMED_AFTER_MS);
  assert.equal(made.press(), true);
  assert.equal(made.press(), false);
  tick(10 * ARMED_AFTER_MS);
  assert.equal(made.press(), false);
  made.show("2");
  tick(ARMED_AFTER_MS);
  assert.equal(made.press(), true, "other figures are another decision");
});

test("a dialog that was closed arms nothing", (t) => {
  const { made, tick } = arming(t);
  made.show("1");
  made.stop();
  tick(ARMED_AFTER_MS);
  assert.equal(made.armed.value, false);
});

test("clicks and Enter count once; held keys, double clicks and input methods do not", () => {
  const enter = { type: "keydown", key: "Enter", keyCode: 13 };
  assert.ok(isDeliberate({ type: "click", detail: 1 }));
  assert.ok(isDeliberate({ type: "click", detail: 0 }), "of a key");
  assert.ok(isDeliberate(enter));
  assert.ok(isDeliberate({ type: "keydown", key: " ", keyCode: 32 }));
  assert.ok(!isDeliberate({ type: "click", detail: 2 }), "the second one of a double click");
  assert.ok(!isDeliberate({ ...enter, repeat: true }));
  assert.ok(!isDeliberate({ ...enter, isComposing: true }));
  assert.ok(!isDeliberate({ ...enter, keyCode: 229 }));
  assert.ok(!isDeliberate({ type: "keydown", key: "a", keyCode: 65 }));
  assert.ok(!isDeliberate({ type: "submit" }), "Enter out of a field");
});

test("the word that was typed is the one that was asked for", () => {
  assert.ok(isTyped("", ""), "none was asked for");
  assert.ok(isTyped(" 0012 ", "0012"));
  assert.ok(isTyped("００１２", "0012"), "wide digits of an input method");
  assert.ok(!isTyped("012", "0012"));
  assert.ok(!isTyped("", "0012"));
});
