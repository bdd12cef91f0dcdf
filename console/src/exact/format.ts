// Decimal texts as people read them, exactly: `Intl.NumberFormat` takes a text and rounds it half up.

import { minorDigits } from "./digits.ts";

export const UNKNOWN = "–";
/** Digits after the point that the API may send. */
export const MOST_DIGITS = 10;
const RATIO_DIGITS = 2;
/** One for each language and shape that a page uses; a page in three languages stays far below. */
const FORMATS_KEPT = 200;

const formats = new Map<string, Intl.NumberFormat>();

function format(text: string, locale: string, least: number, most: number, style: "decimal" | "percent"): string {
  const key = `${locale} ${least} ${most} ${style}`;
  let made = formats.get(key);
  if (!made) {
    if (formats.size >= FORMATS_KEPT) formats.clear();
    made = new Intl.NumberFormat(locale, {
      style,
      minimumFractionDigits: least,
      maximumFractionDigits: most,
      roundingMode: "halfExpand",
      signDisplay: "negative", // never "-0.00"
    });
    formats.set(key, made);
  }
  // TypeScript admits only literal numbers as text, though the browser reads any without a float.
  return made.format(text as `${number}`);
}

/** An amount with the digits of its currency: ("1234.5", "USD") is "1,234.50"; null is "–". */
export function formatAmount(text: string | null | undefined, currency: string, locale: string): string {
  if (text == null) return UNKNOWN;
  const digits = minorDigits(currency);
  return format(text, locale, digits, digits, "decimal");
}

/** A price: at least the digits of its currency, and all that it has, as a tick may be smaller than a cent. */
export function formatPrice(text: string | null | undefined, currency: string, locale: string): string {
  return text == null ? UNKNOWN : format(text, locale, minorDigits(currency), MOST_DIGITS, "decimal");
}

/** A quantity with all its digits and none more. */
export function formatQuantity(text: string | null | undefined, locale: string): string {
  return text == null ? UNKNOWN : format(text, locale, 0, MOST_DIGITS, "decimal");
}

/** A ratio such as "0.4321" as "43.21%". */
export function formatRatio(text: string | null | undefined, locale: string): string {
  return text == null ? UNKNOWN : format(text, locale, RATIO_DIGITS, RATIO_DIGITS, "percent");
}

/** A number of rows or cases; never an amount. */
export function formatCount(count: number, locale: string): string {
  return format(String(count), locale, 0, 0, "decimal");
}
