// Digits of the minor unit of a currency, as the desk rounds (ISO 4217). The browser's own table is another one:
// it shows forints and rupiahs without the two digits that the desk books.

const DIGITS: ReadonlyMap<string, number> = new Map([
  ...["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"].map((code) => [code, 0] as const),
  ...["VND", "VUV", "XAF", "XOF", "XPF"].map((code) => [code, 0] as const),
  ...["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"].map((code) => [code, 3] as const),
]);
const USUAL_DIGITS = 2;

/** 2 for most, 0 for the yen, 3 for the Kuwaiti dinar. */
export function minorDigits(currency: string): number {
  return DIGITS.get(currency) ?? USUAL_DIGITS;
}
