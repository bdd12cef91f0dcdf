// Lots, units and percentages, exactly: a quantity is a whole number of lots, and a lot may be a fraction of a unit.

const DECIMAL = /^(\d+)(?:\.(\d+))?$/;
const COUNT = /^\d+$/;

/** `value` of ten to the power of minus `digits`. */
interface Scaled {
  readonly value: bigint;
  readonly digits: number;
}

/** Whether it is a decimal without sign and exponent, such as "12.5". */
export function isUnsigned(text: string): boolean {
  return DECIMAL.test(text);
}

/** Whether it is a whole number above zero. */
export function isCount(text: string): boolean {
  return COUNT.test(text) && /[1-9]/.test(text);
}

function scaled(text: string): Scaled {
  const found = DECIMAL.exec(text);
  if (!found) throw new RangeError(`not a decimal without sign: ${JSON.stringify(text)}`);
  const fraction = found[2] ?? "";
  return { value: BigInt(found[1]! + fraction), digits: fraction.length };
}

function plain({ value, digits }: Scaled): string {
  if (digits === 0) return value.toString();
  const text = value.toString().padStart(digits + 1, "0");
  const fraction = text.slice(-digits).replace(/0+$/, "");
  return fraction === "" ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${fraction}`;
}

/** So many lots in units: ("3", "0.5") is "1.5". Throws RangeError for what is no whole number. */
export function unitsOf(lots: string, lotSize: string): string {
  if (!COUNT.test(lots)) throw new RangeError(`not a number of lots: ${JSON.stringify(lots)}`);
  const { value, digits } = scaled(lotSize);
  return plain({ value: BigInt(lots) * value, digits });
}

/** The whole lots in so many units: ("250", "100") is "2". */
export function lotsIn(units: string, lotSize: string): string {
  const [all, lot] = [scaled(units), scaled(lotSize)];
  const digits = Math.max(all.digits, lot.digits);
  const raised = (each: Scaled) => each.value * 10n ** BigInt(digits - each.digits);
  return (raised(all) / raised(lot)).toString();
}

/** One lot more or less, from 1 to `most`; an empty or wrong entry begins with 1. */
export function stepped(lots: string, by: 1 | -1, most: string): string {
  if (!isCount(lots)) return "1";
  const next = BigInt(lots) + BigInt(by);
  const last = BigInt(most) > 1n ? BigInt(most) : 1n;
  return (next < 1n ? 1n : next > last ? last : next).toString();
}

/** "1.5" percent is the fraction "0.015". */
export function fractionOf(percent: string): string {
  const { value, digits } = scaled(percent);
  return plain({ value, digits: digits + 2 });
}

/** So many percent of an amount that is not negative, with all digits: ("200.10", "1") is "2.001". */
export function shareOf(amount: string, percent: string): string {
  const [whole, part] = [scaled(amount), scaled(percent)];
  return plain({ value: whole.value * part.value, digits: whole.digits + part.digits + 2 });
}
