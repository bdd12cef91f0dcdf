// Cases and plans as the desk answers them, for tests of the dialog Liquidate.
import type { PlanFragment } from "../../src/api/operations.ts";
import type { AskedCase, Evidence, Planned } from "../../src/screens/liquidate/planned.ts";

type Leg = PlanFragment["legs"][number];

export function caseOf(number: number, currency = "USD"): AskedCase {
  const caseNo = `MC2026-${String(number).padStart(6, "0")}`;
  return { id: `case-${number}`, caseNo, clientName: `Client ${number}`, currency };
}

export function leg(symbol: string, quantity: string, more: Partial<Leg> = {}): Leg {
  return {
    side: "SELL",
    quantity,
    price: "199.90",
    limitPrice: "199.90",
    fee: "1.50",
    baseNotional: "43778.10",
    reduction: "5000",
    marketOpen: true,
    instrument: { symbol, currency: "USD" },
    quote: { at: "2026-11-30T06:00:00Z", stale: false },
    ...more,
  };
}

export function plan(more: Partial<PlanFragment> = {}): PlanFragment {
  return {
    amountBefore: "5000",
    amountAfter: "0",
    estimatedReduction: "5000",
    notional: "43778.10",
    cures: true,
    shortOfTarget: "0",
    volumeUnknown: [],
    legs: [leg("AAPL.US", "219")],
    uncurable: [],
    refusal: null,
    ...more,
  };
}

export function refusal(code: NonNullable<PlanFragment["refusal"]>["code"], approval: string | null = null): PlanFragment["refusal"] {
  return { code, message: `the desk says ${code}`, details: { approval: approval === null ? null : { id: approval } } };
}

export function refused(code: NonNullable<PlanFragment["refusal"]>["code"]): PlanFragment {
  return plan({ legs: [], notional: "0", estimatedReduction: "0", amountAfter: "5000", cures: false, refusal: refusal(code) });
}

export function evidence(more: Partial<Evidence> = {}): Evidence {
  return {
    ...plan(),
    asOf: "2026-11-30T06:00:01Z",
    inFlightRelief: "0",
    figuresAfter: null,
    oneLotLess: { symbol: "AAPL.US", quantity: "218", amountAfter: "36.01" },
    ...more,
  };
}

export function planned(number: number, of: PlanFragment = plan(), version: number | null = 7): Planned {
  return { case: caseOf(number), version, plan: of };
}
