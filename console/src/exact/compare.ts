// Order of decimal texts, exactly. No amount becomes a float: 20 digits do not fit into one.

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Digits of a decimal text without zeros that say nothing; zero has no sign. */
interface Parts {
  readonly negative: boolean;
  readonly whole: string;
  readonly fraction: string;
}

/** Throws RangeError for what is not a decimal text of the API, such as "1e5" or "". */
function parts(text: string): Parts {
  const found = DECIMAL.exec(text);
  if (!found) throw new RangeError(`not a decimal: ${JSON.stringify(text)}`);
  const whole = found[2]!.replace(/^0+/, "");
  const fraction = (found[3] ?? "").replace(/0+$/, "");
  return { negative: found[1] === "-" && whole + fraction !== "", whole, fraction };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Negative if `a` is less than `b`, 0 if they are equal (as "1.50" and "1.5"), positive otherwise. */
export function compare(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [parts(a), parts(b)];
  if (left.negative !== right.negative) return left.negative ? -1 : 1;
  const size =
    left.whole.length - right.whole.length ||
    compareText(left.whole, right.whole) ||
    compareText(left.fraction, right.fraction);
  return left.negative ? 0 - size : size; // never -0
}

/** -1, 0 or 1. */
export function sign(text: string): -1 | 0 | 1 {
  const { negative, whole, fraction } = parts(text);
  return negative ? -1 : whole + fraction === "" ? 0 : 1;
}

/** The text without its sign. */
export function absolute(text: string): string {
  return text.startsWith("-") ? text.slice(1) : text;
}
