// Orders of rows by values of the API. What is unknown comes last, whichever the direction.

import { compare } from "../exact/compare.ts";
import type { Order } from "./rows.ts";

export type Direction = "ASC" | "DESC";

type Value = string | null | undefined;

/** By decimal texts, exactly. */
export function byDecimal<Row>(value: (row: Row) => Value, direction: Direction): Order<Row> {
  return by(value, compare, direction);
}

/** By texts as people of this language sort them. */
export function byText<Row>(value: (row: Row) => Value, direction: Direction, locale: string): Order<Row> {
  return by(value, new Intl.Collator(locale, { numeric: true }).compare, direction);
}

/** By times of the API, which may have a fraction of a second or none. */
export function byTime<Row>(value: (row: Row) => Value, direction: Direction): Order<Row> {
  return by(value, compareTimes, direction);
}

/** By numbers that are no amounts, such as a count, or truths. */
export function byCount<Row>(value: (row: Row) => number | boolean, direction: Direction): Order<Row> {
  return by((row) => String(value(row) === true ? 1 : value(row) || 0), compare, direction);
}

function by<Row>(value: (row: Row) => Value, order: (a: string, b: string) => number, direction: Direction): Order<Row> {
  const turn = direction === "ASC" ? 1 : -1;
  return (left, right) => {
    const [a, b] = [value(left), value(right)];
    if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
    return turn * order(a, b);
  };
}

/** Of UTC with a Z. Without it the shorter of two texts with the same beginning is the earlier time. */
function compareTimes(a: string, b: string): number {
  const [left, right] = [a.slice(0, -1), b.slice(0, -1)];
  return left < right ? -1 : left > right ? 1 : 0;
}
