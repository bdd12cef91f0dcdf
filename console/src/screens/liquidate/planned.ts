// Plans as the desk answered them, and what `liquidate` would do with each.
import type { LiquidateCaseInput, LiquidationPlanQuery, LiquidationPlansQuery, PlanFragment } from "../../api/operations.ts";
import { caseInput, type Entries } from "./entries.ts";

/** A case that the dialog is about. */
export interface AskedCase {
  readonly id: string;
  readonly caseNo: string;
  readonly clientName: string;
  /** The base currency of its account. */
  readonly currency: string;
}

export type Evidence = NonNullable<LiquidationPlanQuery["liquidationPreview"]>;
export type Totals = Omit<NonNullable<LiquidationPlansQuery["liquidationPreviews"]>, "results">;

export interface Planned {
  readonly case: AskedCase;
  /** As the page showed it when the plan was asked for; null if the case had left the page. */
  readonly version: number | null;
  readonly plan: PlanFragment;
}

/** The plan of one case with its evidence, or those of several with their totals. */
export interface Overview {
  readonly planned: readonly Planned[];
  readonly evidence: Evidence | null;
  readonly totals: Totals | null;
}

export type Fate =
  | "place" // the orders at once
  | "ask" // a second person
  | "cancel first" // resting orders; the legs can be placed when these have ended
  | "pending" // a second person was asked before
  | "refuse";

export function fateOf({ plan: { legs, refusal }, version }: Pick<Planned, "plan" | "version">): Fate {
  if (version === null || legs.length === 0) return refusal?.code === "APPROVAL_PENDING" ? "pending" : "refuse";
  switch (refusal?.code) {
    case undefined:
      return "place";
    case "APPROVAL_REQUIRED":
      return "ask";
    case "APPROVAL_PENDING":
      return "pending";
    case "ORDERS_RESTING":
      return "cancel first";
    default:
      return "refuse";
  }
}

/** Whether sending it does something, and only what is shown. */
export function isSendable(planned: Planned): boolean {
  return !["pending", "refuse"].includes(fateOf(planned));
}

/** In the order of the dialog, without those that would do nothing. */
export function casesOf(planned: readonly Planned[], entries: Entries): LiquidateCaseInput[] {
  return planned
    .filter(isSendable)
    .map((each) => caseInput(each.case.id, each.version!, each.plan, entries));
}

/** What is known of one order less than a lot: the proof that nothing is sold without need. */
export interface Proof {
  readonly symbol: string;
  readonly quantity: string;
  readonly amountAfter: string;
  readonly lessQuantity: string;
  readonly lessAmountAfter: string;
}

/** Null where the desk has none, or the last leg is another one. */
export function proofOf({ oneLotLess, legs, amountAfter }: Evidence): Proof | null {
  const last = legs.at(-1);
  if (oneLotLess === null || last?.instrument.symbol !== oneLotLess.symbol) return null;
  const { symbol, quantity: lessQuantity, amountAfter: lessAmountAfter } = oneLotLess;
  return { symbol, quantity: last.quantity, amountAfter, lessQuantity, lessAmountAfter };
}
