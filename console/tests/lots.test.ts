import assert from "node:assert/strict";
import { test } from "node:test";
import { fractionOf, isCount, isUnsigned, lotsIn, shareOf, stepped, unitsOf } from "../src/exact/lots.ts";

test("lots become units as text, however many digits they have", () => {
  assert.equal(unitsOf("3", "100"), "300");
  assert.equal(unitsOf("3", "0.1"), "0.3", "a float would say 0.30000000000000004");
  assert.equal(unitsOf("7", "0.00000001"), "0.00000007");
  assert.equal(unitsOf("12345678901234567890", "100.00"), "1234567890123456789000");
  assert.equal(unitsOf("4", "0.250"), "1");
});

test("what is no number of lots is refused and never guessed", () => {
  for (const lots of ["", "-1", "1.5", "1e3", "1,000", " 1"]) assert.throws(() => unitsOf(lots, "1"), RangeError);
  assert.throws(() => unitsOf("1", "-1"), RangeError);
});

test("units have so many whole lots", () => {
  assert.equal(lotsIn("250", "100"), "2");
  assert.equal(lotsIn("99", "100"), "0");
  assert.equal(lotsIn("0.3", "0.1"), "3", "floats would find two");
  assert.equal(lotsIn("219", "1"), "219");
  assert.equal(lotsIn("0", "100"), "0");
});

test("every number of lots comes back from its units", () => {
  for (const size of ["1", "100", "0.5", "0.001", "2.50"]) {
    for (const lots of ["1", "9", "10", "219", "99999999999999999999"]) assert.equal(lotsIn(unitsOf(lots, size), size), lots);
  }
});

test("a step is one lot and stays between one and what can be closed", () => {
  assert.equal(stepped("", 1, "9"), "1");
  assert.equal(stepped("x", -1, "9"), "1");
  assert.equal(stepped("8", 1, "9"), "9");
  assert.equal(stepped("9", 1, "9"), "9");
  assert.equal(stepped("12", 1, "9"), "9");
  assert.equal(stepped("1", -1, "9"), "1");
  assert.equal(stepped("1", 1, "0"), "1");
  assert.equal(stepped("99999999999999999998", 1, "99999999999999999999"), "99999999999999999999");
});

test("a percentage becomes a fraction and a share without a float", () => {
  assert.equal(fractionOf("1.5"), "0.015");
  assert.equal(fractionOf("0.07"), "0.0007");
  assert.equal(fractionOf("100"), "1");
  assert.equal(shareOf("200.10", "1"), "2.001");
  assert.equal(shareOf("200.10", "0"), "0");
  assert.equal(shareOf("12345678901234567890.12", "5"), "617283945061728394.506");
});

test("a count is above zero, and a decimal has no sign", () => {
  assert.deepEqual(["1", "007", "0", "", "1.0", "٣"].map(isCount), [true, true, false, false, false, false]);
  assert.deepEqual(["0", "1.5", "-1", ".5", "1.", "1e2"].map(isUnsigned), [true, true, false, false, false, false]);
});
