import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { absolute, compare, sign } from "../src/exact/compare.ts";
import { minorDigits } from "../src/exact/digits.ts";
import { formatAmount, formatCount, formatPrice, formatQuantity, formatRatio } from "../src/exact/format.ts";
import { sum, sumByCurrency } from "../src/exact/sum.ts";

interface Vectors {
  readonly digits: Record<string, number>;
  readonly shown: readonly [string, number, string][];
  readonly compared: readonly [string, string, number][];
  readonly ascending: readonly string[];
  readonly sums: readonly [string[], string][];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8"));
const WITH_DIGITS: Record<number, string> = { 0: "JPY", 2: "USD", 3: "KWD" };

test("every currency has the digits by which the desk rounds", () => {
  for (const [currency, digits] of Object.entries(vectors.digits)) {
    assert.equal(minorDigits(currency), digits, currency);
  }
});

test("an amount is shown as Python rounds it half up, at any length", () => {
  for (const [text, digits, shown] of vectors.shown) {
    assert.equal(formatAmount(text, WITH_DIGITS[digits]!, "en"), shown, `${text} with ${digits} digits`);
  }
});

test("decimals compare as in Python, also with zeros that say nothing", () => {
  for (const [a, b, order] of vectors.compared) {
    assert.equal(Math.sign(compare(a, b)), order, `${a} and ${b}`);
    assert.equal(Math.sign(compare(b, a)) + order, 0, `${b} and ${a}`);
  }
});

test("decimals sort as in Python", () => {
  const mixed = vectors.ascending.toSorted(); // by letters, which is another order
  assert.deepEqual(mixed.sort(compare), vectors.ascending);
});

test("a sum is exact", () => {
  for (const [texts, total] of vectors.sums) assert.equal(compare(sum(texts), total), 0);
  assert.equal(sum(["0.1", "0.2"]), "0.3");
  assert.equal(sum(["1.5", "-1.5"]), "0");
  assert.equal(sum([]), "0");
});

test("amounts of two currencies are not added", () => {
  const amounts = [
    { amount: "10.10", currency: "USD" },
    { amount: "5", currency: "HKD" },
    { amount: "0.20", currency: "USD" },
  ];
  assert.deepEqual(sumByCurrency(amounts), [
    { amount: "5", currency: "HKD" },
    { amount: "10.3", currency: "USD" },
  ]);
});

test("what is no decimal text is refused and not guessed", () => {
  for (const text of ["", "1e5", "1,000", ".5", "5.", "NaN", "Infinity", " 1", "+1", "0x10", "١"]) {
    assert.throws(() => compare(text, "1"), RangeError, text);
  }
  assert.throws(() => sum(["1", 0.5 as unknown as string]));
});

test("a sign is that of the value", () => {
  assert.deepEqual(["-0.00", "0", "-0.01", "3"].map(sign), [0, 0, -1, 1]);
  assert.equal(absolute("-3.10"), "3.10");
});

test("a price keeps the digits of a small tick, a quantity shows no zeros, a ratio is a percentage", () => {
  assert.equal(formatPrice("0.0005", "HKD", "en"), "0.0005");
  assert.equal(formatPrice("190.5", "USD", "en"), "190.50");
  assert.equal(formatQuantity("12345678901234567890.5", "en"), "12,345,678,901,234,567,890.5");
  assert.equal(formatRatio("0.43215", "en"), "43.22%");
  assert.equal(formatCount(12345, "en"), "12,345");
});

test("unknown is a dash, and never zero", () => {
  assert.equal(formatAmount(null, "USD", "en"), "–");
  assert.equal(formatPrice(undefined, "USD", "en"), "–");
  assert.equal(formatQuantity(null, "en"), "–");
  assert.equal(formatRatio(null, "en"), "–");
});

test("the Chinese languages show the same digits", () => {
  for (const locale of ["zh-Hans", "zh-Hant"]) {
    assert.equal(formatAmount("-1234567.125", "HKD", locale), "-1,234,567.13");
  }
});
