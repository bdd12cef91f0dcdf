import assert from "node:assert/strict";
import { test } from "node:test";
import { GoKeys, GO_WITHIN_MS } from "../src/go_keys.ts";

const PLAIN = { isComposing: false, keyCode: 0, repeat: false, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

function keys() {
  const made = new GoKeys(new Map([["o", "/console/orders"]]));
  return (key: string, now: number, more: Partial<typeof PLAIN> = {}) => made.press({ ...PLAIN, key, ...more }, now);
}

test("g and then o goes to the orders, and both keys are no one else's", () => {
  const press = keys();
  assert.deepEqual(press("g", 1_000), { to: null });
  assert.deepEqual(press("o", 1_100), { to: "/console/orders" });
  assert.equal(press("o", 1_200), null, "the pair is over");
});

test("a letter that leads nowhere acts on no row", () => {
  const press = keys();
  press("g", 1_000);
  assert.deepEqual(press("x", 1_100), { to: null });
  assert.equal(press("x", 1_200), null, "by itself it is a key of the list");
});

test("a letter that comes late is one by itself", () => {
  const press = keys();
  press("g", 1_000);
  assert.equal(press("o", 1_000 + GO_WITHIN_MS), null);
});

test("held keys, keys with Ctrl and those of input methods are none of these", () => {
  const press = keys();
  for (const more of [{ repeat: true }, { ctrlKey: true }, { altKey: true }, { shiftKey: true }, { isComposing: true }]) {
    assert.equal(press("g", 1_000, more), null);
    assert.equal(press("o", 1_001), null);
  }
  press("g", 2_000);
  assert.equal(press("Enter", 2_001), null);
  assert.equal(press("o", 2_002), null, "another key ends the pair");
});
