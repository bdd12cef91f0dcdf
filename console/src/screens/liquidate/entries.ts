// What a person enters in the dialog Liquidate, what is wrong with it, and what is sent for it.
import type {
  LiquidateCaseInput,
  LiquidationLegInput,
  LiquidationPolicy,
  LiquidationPreviewInput,
  LiquidationTarget,
  OrderType,
  PlanFragment,
  TimeInForce,
  TradingSession,
} from "../../api/operations.ts";
import { fractionOf, isCount, isUnsigned, shareOf, unitsOf } from "../../exact/lots.ts";
import { sum } from "../../exact/sum.ts";

/** As typed; empty lots are as many as reach the target, an empty limit is the price of the desk. */
export interface LegEntry {
  readonly lots: string;
  readonly limit: string;
}

export interface Entries {
  /** The desk selects positions by `policy`, or the person names `legs`. */
  readonly by: "policy" | "legs";
  readonly policy: LiquidationPolicy;
  readonly target: LiquidationTarget;
  /** Symbols, with spaces or commas between them. */
  readonly keep: string;
  readonly orderType: OrderType;
  readonly session: TradingSession;
  readonly timeInForce: TimeInForce;
  /** In percent; empty for none. */
  readonly band: string;
  /** In percent of the notional: how much worse than shown the plan may be when it is carried out. */
  readonly slack: string;
  /** By symbol, in the order in which they are to be closed. */
  readonly legs: ReadonlyMap<string, LegEntry>;
}

export const POLICIES: readonly LiquidationPolicy[] = [
  "MIN_TURNOVER",
  "LOSERS_FIRST",
  "LARGEST_FIRST",
  "MOST_LIQUID_FIRST",
  "PRO_RATA",
  "ALL",
];
export const TARGETS: readonly LiquidationTarget[] = ["MARGIN_CALL", "INITIAL_MARGIN"];
export const ORDER_TYPES: readonly OrderType[] = ["LIMIT", "MARKET"];
export const SESSIONS: readonly TradingSession[] = ["REGULAR", "ANY"];
export const TIMES_IN_FORCE: readonly TimeInForce[] = ["DAY", "GTC", "IOC"];
export const SLACKS: readonly string[] = ["0", "1", "5"];
const USUAL_SLACK = "1";
export const EMPTY_LEG: LegEntry = { lots: "", limit: "" };

/** With which the dialog begins: for these positions, or for the desk to select where none is named. */
export function firstEntries(symbols: readonly string[] = []): Entries {
  return {
    by: symbols.length > 0 ? "legs" : "policy",
    policy: "MIN_TURNOVER",
    target: "MARGIN_CALL",
    keep: "",
    orderType: "LIMIT",
    session: "REGULAR",
    timeInForce: "DAY",
    band: "",
    slack: USUAL_SLACK,
    legs: new Map(symbols.map((symbol) => [symbol, EMPTY_LEG])),
  };
}

export interface Fault {
  readonly is: "band" | "lots" | "limit" | "no leg" | "many legs";
  /** Of the leg that it is about. */
  readonly symbol: string | null;
}

export type LotSizes = ReadonlyMap<string, string>;

/** What keeps the entries from being sent; the rest is for the desk to judge. */
export function faultsOf(entries: Entries, lotSizes: LotSizes, legsMost: number): Fault[] {
  const faults: Fault[] = [];
  const wrong = (is: Fault["is"], symbol: string | null = null) => faults.push({ is, symbol });
  if (entries.band !== "" && !isUnsigned(entries.band)) wrong("band");
  if (entries.by === "policy") return faults;
  if (entries.legs.size === 0) wrong("no leg");
  if (entries.legs.size > legsMost) wrong("many legs");
  for (const [symbol, { lots, limit }] of entries.legs) {
    if (lots !== "" && !(isCount(lots) && lotSizes.has(symbol))) wrong("lots", symbol);
    if (isPriced(entries) && limit !== "" && !isUnsigned(limit)) wrong("limit", symbol);
  }
  return faults;
}

/** Whether limits and a band have a meaning. */
export function isPriced({ orderType }: Entries): boolean {
  return orderType === "LIMIT";
}

/** Symbols as the API names them, each once. */
export function symbolsOf(text: string): string[] {
  return [...new Set(text.split(/[\s,;，；、]+/u).filter(Boolean))];
}

/** Of entries without faults. */
export function previewInput(caseId: string, entries: Entries, lotSizes: LotSizes): LiquidationPreviewInput {
  const { orderType, target } = entries;
  const keep = symbolsOf(entries.keep);
  return {
    caseId,
    orderType,
    target,
    ...priceBand(entries),
    ...(entries.by === "legs" ? { legs: legsOf(entries, lotSizes) } : { policy: entries.policy }),
    ...(entries.by === "policy" && keep.length > 0 && { keep }),
  };
}

function priceBand(entries: Entries): { priceBand?: string } {
  return isPriced(entries) && entries.band !== "" ? { priceBand: fractionOf(entries.band) } : {};
}

function legsOf(entries: Entries, lotSizes: LotSizes): LiquidationLegInput[] {
  return [...entries.legs].map(([symbol, { lots, limit }]) => ({
    symbol,
    ...(lots !== "" && { quantity: unitsOf(lots, lotSizes.get(symbol)!) }),
    ...(isPriced(entries) && limit !== "" && { limitPrice: limit }),
  }));
}

/** Whether every position that can be closed is, even beyond the amount. */
export function closesAll({ by, policy }: Entries): boolean {
  return by === "policy" && policy === "ALL";
}

/** What may still change until the plan is carried out, as `expected` has it. */
export function expectedOf({ notional, amountAfter }: Pick<PlanFragment, "notional" | "amountAfter">, slack: string) {
  const more = shareOf(notional, slack);
  return { notionalAtMost: sum([notional, more]), amountAfterAtMost: sum([amountAfter, more]) };
}

/**
 * The legs exactly as they are shown, in place of the policy that chose them. The policy ALL is sent itself, as it also
 * closes positions that the desk refuses where they are named, since they collect nothing; none that is not shown is closed.
 */
export function caseInput(caseId: string, version: number, plan: PlanFragment, entries: Entries): LiquidateCaseInput {
  const { orderType, session, timeInForce, target, slack } = entries;
  return {
    caseId,
    expectedVersion: version,
    ...(closesAll(entries) ? everything(plan, entries) : { legs: shownLegs(plan) }),
    orderType,
    session,
    timeInForce,
    target,
    expected: expectedOf(plan, slack),
  };
}

function shownLegs({ legs }: PlanFragment): LiquidationLegInput[] {
  return legs.map(({ instrument: { symbol }, quantity, limitPrice }) => ({
    symbol,
    quantity,
    ...(limitPrice !== null && { limitPrice }),
  }));
}

function everything({ legs, uncurable }: PlanFragment, entries: Entries) {
  const shown = new Set(legs.map((leg) => leg.instrument.symbol));
  const others = uncurable.map(({ symbol }) => symbol).filter((symbol) => !shown.has(symbol));
  const keep = [...new Set([...symbolsOf(entries.keep), ...others])];
  return { policy: entries.policy, ...priceBand(entries), ...(keep.length > 0 && { keep }) };
}
