// What keeps a person from confirming, what has to be typed for it, and the text of what they confirm.
import type { LiquidateCaseInput } from "../../api/operations.ts";
import { formatAmount, formatCount, formatQuantity } from "../../exact/format.ts";
import { sumByCurrency } from "../../exact/sum.ts";
import type { LiquidateWords } from "../../words/liquidate/en.ts";
import { closesAll, type Entries, type Fault } from "./entries.ts";
import { fateOf, type Overview, type Planned } from "./planned.ts";

/** Cases beyond which their number has to be typed. */
export const CASES_WITHOUT_WORD = 10;
const LAST_DIGITS = 4;

/** The word to be typed where a mistake is dear: the last digits of the case, or the number of cases; else undefined. */
export function typedWord(entries: Entries, caseNos: readonly string[]): string | undefined {
  const { orderType, session } = entries;
  const isDear = closesAll(entries) || orderType === "MARKET" || session === "ANY" || caseNos.length > CASES_WITHOUT_WORD;
  if (!isDear || caseNos.length === 0) return undefined;
  return caseNos.length === 1 ? caseNos[0]!.replace(/\D/g, "").slice(-LAST_DIGITS) : String(caseNos.length);
}

/** Plans of the desk that are older are not to be confirmed. */
export const PLAN_OLD_MS = 30_000;
/** Below the desk's limit of 100,000 for a request, which contains the text of the operation too. */
export const REQUEST_BYTES_MOST = 95_000;
/** The desk's limit of fields and items in the variables of a request. */
export const REQUEST_FIELDS_MOST = 6_000;
/** A case and a leg with the fields that are left out, which count too. */
const CASE_FIELDS = 18;
const LEG_FIELDS = 4;

/** Whether the desk would refuse to read it. */
export function isTooLarge(cases: readonly LiquidateCaseInput[]): boolean {
  const fields = ({ legs, keep }: LiquidateCaseInput) => CASE_FIELDS + LEG_FIELDS * (legs?.length ?? 0) + (keep?.length ?? 0);
  if (cases.reduce((count, each) => count + fields(each), 0) > REQUEST_FIELDS_MOST) return true;
  return new TextEncoder().encode(JSON.stringify(cases)).length > REQUEST_BYTES_MOST;
}

export type Obstacle =
  | "not live" // the page cannot claim that what it shows is so
  | "many cases"
  | "fault" // of an entry, which says so beside it
  | "no plan" // the desk gave none; its reason stands beside it
  | "pending" // the plan is of other entries
  | "old"
  | "nothing" // the desk would do nothing
  | "large";

export interface Standing {
  /** Whether the light of the page allows to sell. */
  readonly live: boolean;
  readonly casesMost: number;
  readonly cases: number;
  readonly faults: readonly Fault[];
  readonly overview: Overview | null;
  readonly pending: boolean;
  readonly failed: boolean;
  /** In milliseconds. */
  readonly age: number;
  /** What would be sent. */
  readonly sent: readonly LiquidateCaseInput[];
}

/** The first thing that stands in the way; null if the person may confirm. */
export function obstacle(standing: Standing): Obstacle | null {
  const { overview, sent } = standing;
  if (!standing.live) return "not live";
  if (standing.cases > standing.casesMost) return "many cases";
  if (standing.faults.length > 0) return "fault";
  if (standing.failed) return "no plan";
  if (standing.pending || overview === null) return "pending";
  if (standing.age > PLAN_OLD_MS) return "old";
  if (sent.length === 0) return "nothing";
  if (sent.length < overview.planned.length) return "pending"; // those that the desk refuses are about to be left out
  return isTooLarge(sent) ? "large" : null;
}

/** A text that is another one whenever a figure that the person may look at is. */
export function figuresText(overview: Overview | null, hindered: Obstacle | null, entries: Entries): string {
  const { legs, ...others } = entries;
  const planned = overview?.planned.map(({ case: { id }, version, plan }) => {
    const orders = plan.legs.map(({ quote, ...leg }) => ({ ...leg, stale: quote.stale }));
    return [id, version, { ...plan, asOf: null, legs: orders }];
  });
  const totals = overview?.totals && { ...overview.totals, asOf: null };
  return JSON.stringify([hindered, others, [...legs], planned ?? null, totals ?? null]);
}

/** What the button does, with its numbers, such as "Sell 219 AAPL, about USD 43,778.10, case MC2026-000012". */
export function confirmText(planned: readonly Planned[], words: LiquidateWords, locale: string): string {
  const orders = planned.reduce((count, { plan }) => count + plan.legs.length, 0);
  const sums = sumByCurrency(planned.map(({ case: { currency }, plan }) => ({ currency, amount: plan.notional })));
  const about = sums.map(({ currency, amount }) => `${currency} ${formatAmount(amount, currency, locale)}`).join(" + ");
  const [first] = planned;
  if (first === undefined) return words.confirm;
  if (planned.length > 1) {
    const asked = planned.filter((each) => fateOf(each) === "ask").length;
    const text = words.doBatch(formatCount(planned.length, locale), formatCount(orders, locale), about);
    return asked > 0 ? words.withAsked(text, formatCount(asked, locale)) : text;
  }
  const { caseNo } = first.case;
  if (fateOf(first) === "cancel first") return words.doCancelFirst(caseNo);
  const [leg] = first.plan.legs;
  const text =
    orders === 1 && leg !== undefined
      ? words.doOne[leg.side](formatQuantity(leg.quantity, locale), leg.instrument.symbol, about, caseNo)
      : words.doMany(formatCount(orders, locale), about, caseNo);
  return fateOf(first) === "ask" ? words.doAsk(text) : text;
}
