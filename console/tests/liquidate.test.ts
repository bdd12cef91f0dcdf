import assert from "node:assert/strict";
import { test } from "node:test";
import {
  caseInput,
  expectedOf,
  faultsOf,
  firstEntries,
  previewInput,
  symbolsOf,
  type Entries,
} from "../src/screens/liquidate/entries.ts";
import {
  CASES_WITHOUT_WORD,
  confirmText,
  figuresText,
  isTooLarge,
  obstacle,
  PLAN_OLD_MS,
  typedWord,
  type Standing,
} from "../src/screens/liquidate/confirming.ts";
import { casesOf, fateOf, isSendable, proofOf, type Overview } from "../src/screens/liquidate/planned.ts";
import { en } from "../src/words/liquidate/en.ts";
import { caseOf, evidence, leg, plan, planned, refusal, refused } from "./kit/plans.ts";

const LOTS = new Map([
  ["AAPL.US", "1"],
  ["700.HK", "100"],
]);
const LEGS_MOST = 100;

function entries(more: Partial<Entries> = {}): Entries {
  return { ...firstEntries(), ...more };
}

function named(legs: Record<string, { lots?: string; limit?: string }>, more: Partial<Entries> = {}): Entries {
  const all = Object.entries(legs).map(([symbol, { lots = "", limit = "" }]) => [symbol, { lots, limit }] as const);
  return entries({ by: "legs", legs: new Map(all), ...more });
}

test("without a choice the desk selects with the least turnover", () => {
  assert.deepEqual(previewInput("c", entries(), LOTS), {
    caseId: "c",
    orderType: "LIMIT",
    target: "MARGIN_CALL",
    policy: "MIN_TURNOVER",
  });
});

test("a policy takes the positions to keep, a target and a band along", () => {
  const chosen = entries({ policy: "PRO_RATA", target: "INITIAL_MARGIN", keep: "AAPL.US, 700.HK AAPL.US", band: "1.5" });
  assert.deepEqual(previewInput("c", chosen, LOTS), {
    caseId: "c",
    orderType: "LIMIT",
    target: "INITIAL_MARGIN",
    priceBand: "0.015",
    policy: "PRO_RATA",
    keep: ["AAPL.US", "700.HK"],
  });
});

test("a market order has neither a band nor limits", () => {
  const market = { orderType: "MARKET", band: "2" } as const;
  assert.deepEqual(previewInput("c", entries(market), LOTS), {
    caseId: "c",
    orderType: "MARKET",
    target: "MARGIN_CALL",
    policy: "MIN_TURNOVER",
  });
  const { legs } = previewInput("c", named({ "AAPL.US": { lots: "2", limit: "180" } }, market), LOTS);
  assert.deepEqual(legs, [{ symbol: "AAPL.US", quantity: "2" }]);
});

test("own legs are sent in units, in their order, without a policy and without symbols to keep", () => {
  const chosen = named({ "700.HK": { lots: "3", limit: "612.5" }, "AAPL.US": {} }, { keep: "700.HK", policy: "ALL" });
  assert.deepEqual(previewInput("c", chosen, LOTS), {
    caseId: "c",
    orderType: "LIMIT",
    target: "MARGIN_CALL",
    legs: [{ symbol: "700.HK", quantity: "300", limitPrice: "612.5" }, { symbol: "AAPL.US" }],
  });
});

test("positions with which the dialog is opened are legs of as many lots as are needed", () => {
  const opened = firstEntries(["AAPL.US"]);
  assert.equal(opened.by, "legs");
  assert.deepEqual(previewInput("c", opened, LOTS).legs, [{ symbol: "AAPL.US" }]);
});

test("symbols may be separated as people write them", () => {
  assert.deepEqual(symbolsOf(" A.US,B.US；B.US\n 700.HK、 "), ["A.US", "B.US", "700.HK"]);
  assert.deepEqual(symbolsOf(""), []);
});

test("entries that cannot be sent say which they are", () => {
  const faults = (of: Entries) => faultsOf(of, LOTS, LEGS_MOST).map(({ is, symbol }) => (symbol === null ? is : `${is} ${symbol}`));
  assert.deepEqual(faults(entries()), []);
  assert.deepEqual(faults(entries({ band: "1,5" })), ["band"]);
  assert.deepEqual(faults(named({})), ["no leg"]);
  assert.deepEqual(faults(named({ "AAPL.US": { lots: "0" }, "700.HK": { lots: "1.5", limit: "x" } })), [
    "lots AAPL.US",
    "lots 700.HK",
    "limit 700.HK",
  ]);
  assert.deepEqual(faults(named({ "X.US": { lots: "1" } })), ["lots X.US"], "its lot size is not known");
  const market = named({ "AAPL.US": { limit: "x" } }, { orderType: "MARKET" });
  assert.deepEqual(faults(market), [], "a market order does not use it");
  assert.deepEqual(faultsOf(named({ "AAPL.US": {}, "700.HK": {} }), LOTS, 1).map(({ is }) => is), ["many legs"]);
});

test("what is sent are the legs as shown, with the version and what the plan may become", () => {
  const shown = plan({ notional: "200.10", amountAfter: "36.01", legs: [leg("AAPL.US", "219"), leg("B.US", "1", { limitPrice: null })] });
  const chosen = entries({ policy: "PRO_RATA", keep: "C.US", band: "1", session: "ANY", timeInForce: "IOC", target: "INITIAL_MARGIN" });
  assert.deepEqual(caseInput("c", 12, shown, chosen), {
    caseId: "c",
    expectedVersion: 12,
    legs: [{ symbol: "AAPL.US", quantity: "219", limitPrice: "199.90" }, { symbol: "B.US", quantity: "1" }],
    orderType: "LIMIT",
    session: "ANY",
    timeInForce: "IOC",
    target: "INITIAL_MARGIN",
    expected: { notionalAtMost: "202.101", amountAfterAtMost: "38.011" },
  });
});

test("everything is sent as the policy, and positions that are not shown are kept", () => {
  const uncurable = [
    { symbol: "DEAD.US", reason: "INSTRUMENT_SUSPENDED", remainingQuantity: "100" },
    { symbol: "AAPL.US", reason: "CAPPED", remainingQuantity: "5" },
  ] as const;
  const sent = caseInput("c", 12, plan({ uncurable }), entries({ policy: "ALL", keep: "C.US DEAD.US", band: "1" }));
  assert.deepEqual([sent.policy, sent.keep, sent.priceBand, sent.legs], ["ALL", ["C.US", "DEAD.US"], "0.01", undefined]);
  assert.equal(sent.expected?.amountAfterAtMost, "437.781");
  const named = caseInput("c", 12, plan(), entries({ policy: "ALL", by: "legs" }));
  assert.equal(named.policy, undefined, "own legs have no policy");
});

test("without slack the plan may not become worse at all", () => {
  assert.deepEqual(expectedOf(plan({ notional: "200.10", amountAfter: "0" }), "0"), {
    notionalAtMost: "200.1",
    amountAfterAtMost: "0",
  });
});

test("the desk says what would become of each case", () => {
  assert.equal(fateOf(planned(1)), "place");
  assert.equal(fateOf(planned(1, plan({ refusal: refusal("APPROVAL_REQUIRED") }))), "ask");
  assert.equal(fateOf(planned(1, plan({ refusal: refusal("APPROVAL_PENDING") }))), "pending");
  assert.equal(fateOf(planned(1, plan({ refusal: refusal("ORDERS_RESTING") }))), "cancel first");
  assert.equal(fateOf(planned(1, refused("FROZEN"))), "refuse");
  assert.equal(fateOf(planned(1, plan({ legs: [] }))), "refuse");
  assert.equal(fateOf(planned(1, plan(), null)), "refuse", "a case that left the page is not sold");
});

test("only cases whose legs are shown are sent", () => {
  const all = [planned(1), planned(2, refused("STALE_QUOTE")), planned(3, plan({ refusal: refusal("APPROVAL_REQUIRED") })), planned(4, plan(), null)];
  assert.deepEqual(all.map(isSendable), [true, false, true, false]);
  assert.deepEqual(casesOf(all, entries()).map(({ caseId }) => caseId), ["case-1", "case-3"]);
});

test("the proof compares the last leg with one lot less", () => {
  assert.deepEqual(proofOf(evidence()), {
    symbol: "AAPL.US",
    quantity: "219",
    amountAfter: "0",
    lessQuantity: "218",
    lessAmountAfter: "36.01",
  });
  assert.equal(proofOf(evidence({ oneLotLess: null })), null);
  assert.equal(proofOf(evidence({ legs: [leg("B.US", "1")] })), null);
});

test("a word is to be typed where a mistake is dear", () => {
  const one = ["MC2026-000012"];
  const many = (count: number) => Array.from({ length: count }, (_, at) => caseOf(at).caseNo);
  assert.equal(typedWord(entries(), one), undefined);
  assert.equal(typedWord(entries({ policy: "ALL" }), one), "0012");
  assert.equal(typedWord(entries({ orderType: "MARKET" }), one), "0012");
  assert.equal(typedWord(entries({ session: "ANY" }), one), "0012");
  assert.equal(typedWord(named({ "AAPL.US": {} }, { policy: "ALL" }), one), undefined, "own legs have no policy");
  assert.equal(typedWord(entries(), many(CASES_WITHOUT_WORD)), undefined);
  assert.equal(typedWord(entries(), many(CASES_WITHOUT_WORD + 1)), "11");
  assert.equal(typedWord(entries({ policy: "ALL" }), many(3)), "3");
  assert.equal(typedWord(entries({ policy: "ALL" }), []), undefined);
});

function standing(more: Partial<Standing> = {}): Standing {
  const overview: Overview = { planned: [planned(1)], evidence: evidence(), totals: null };
  return {
    ...{ live: true, casesMost: 200, cases: 1, faults: [], overview, pending: false, failed: false, age: 0 },
    sent: casesOf(overview.planned, entries()),
    ...more,
  };
}

test("a reason stands in place of the button until nothing stands in the way", () => {
  assert.equal(obstacle(standing()), null);
  assert.equal(obstacle(standing({ live: false })), "not live");
  assert.equal(obstacle(standing({ cases: 201 })), "many cases");
  assert.equal(obstacle(standing({ faults: [{ is: "band", symbol: null }] })), "fault");
  assert.equal(obstacle(standing({ failed: true })), "no plan");
  assert.equal(obstacle(standing({ pending: true })), "pending");
  assert.equal(obstacle(standing({ overview: null })), "pending");
  assert.equal(obstacle(standing({ age: PLAN_OLD_MS + 1 })), "old");
  assert.equal(obstacle(standing({ sent: [] })), "nothing");
});

test("a plan with cases that would be refused is not confirmed: they are left out first", () => {
  const both: Overview = { planned: [planned(1), planned(2, refused("FROZEN"))], evidence: null, totals: null };
  assert.equal(obstacle(standing({ cases: 2, overview: both, sent: casesOf(both.planned, entries()) })), "pending");
});

test("a request that the desk would not read is not sent", () => {
  const cases = (count: number, legs: number) => {
    const wide = plan({ legs: Array.from({ length: legs }, (_, at) => leg(`S${at}.US`, "100")) });
    return Array.from({ length: count }, (_, at) => caseInput(`case-${at}`, 1, wide, entries()));
  };
  assert.equal(isTooLarge(cases(200, 2)), false);
  assert.equal(isTooLarge(cases(200, 4)), true);
  assert.equal(isTooLarge(cases(1, 100)), false);
});

test("the figures are another text when one of them is, and the same while only time goes by", () => {
  const overview = (of: Partial<Parameters<typeof evidence>[0]> = {}): Overview => {
    const shown = evidence(of);
    return { planned: [planned(1, shown)], evidence: shown, totals: null };
  };
  const text = figuresText(overview(), null, entries());
  const later = leg("AAPL.US", "219", { quote: { at: "2026-11-30T06:00:03Z", stale: false } });
  assert.equal(figuresText(overview({ asOf: "2026-11-30T06:00:04Z", legs: [later] }), null, entries()), text);
  assert.notEqual(figuresText(overview({ legs: [leg("AAPL.US", "220")] }), null, entries()), text);
  assert.notEqual(figuresText(overview({ amountAfter: "0.01" }), null, entries()), text);
  assert.notEqual(figuresText(overview({ oneLotLess: null }), null, entries()), text);
  assert.notEqual(figuresText(overview(), "old", entries()), text);
  assert.notEqual(figuresText(overview(), null, entries({ session: "ANY" })), text);
  assert.notEqual(figuresText(overview(), null, named({ "AAPL.US": {} })), text);
});

test("the button says what it does, with its numbers", () => {
  const text = (...all: Parameters<typeof confirmText>[0]) => confirmText(all, en, "en");
  assert.equal(text(planned(12)), "Sell 219 AAPL.US, about USD 43,778.10, case MC2026-000012");
  const cover = plan({ legs: [leg("AAPL.US", "5", { side: "BUY" })] });
  assert.equal(text(planned(12, cover)), "Buy 5 AAPL.US, about USD 43,778.10, case MC2026-000012");
  const two = plan({ legs: [leg("A.US", "1"), leg("B.US", "2")] });
  assert.equal(text(planned(12, two)), "Place 2 orders, about USD 43,778.10, case MC2026-000012");
  const asked = plan({ refusal: refusal("APPROVAL_REQUIRED") });
  assert.equal(text(planned(12, asked)), "Ask a second person: Sell 219 AAPL.US, about USD 43,778.10, case MC2026-000012");
  const resting = plan({ refusal: refusal("ORDERS_RESTING") });
  assert.equal(text(planned(12, resting)), "Cancel the resting orders of case MC2026-000012; then liquidate again");
  const hk = { ...planned(2, plan({ notional: "1000" })), case: caseOf(2, "HKD") };
  assert.equal(
    text(planned(1), hk, planned(3, asked)),
    "Liquidate 3 cases: 3 orders, about HKD 1,000.00 + USD 87,556.20; a second person decides 1 of them",
  );
});
