// Sums of a selection, per currency and exact.

import createBig from "big.js";

// An own constructor: strict, so that a float cannot enter, and without a change for others that use big.js.
const Exact = createBig();
Exact.strict = true;

export interface Amount {
  readonly amount: string;
  readonly currency: string;
}

/** The exact sum of decimal texts, without an exponent; "0" of none. Throws for what is no decimal. */
export function sum(texts: Iterable<string>): string {
  let total = new Exact("0");
  for (const text of texts) total = total.plus(text);
  const text = total.toFixed();
  return text === "-0" ? "0" : text;
}

/** One sum for each currency, in the order of their codes: amounts of two currencies are never added. */
export function sumByCurrency(amounts: Iterable<Amount>): Amount[] {
  const texts = new Map<string, string[]>();
  for (const { amount, currency } of amounts) {
    const found = texts.get(currency);
    if (found) found.push(amount);
    else texts.set(currency, [amount]);
  }
  return [...texts.keys()].sort().map((currency) => ({ amount: sum(texts.get(currency)!), currency }));
}
