import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { signal } from "@preact/signals";
import { browserClock } from "../src/api/clock.ts";
import type { Answer } from "../src/api/http.ts";
import type { LiquidateInput, LiquidateMutation } from "../src/api/operations.ts";
import { problem } from "../src/api/problems.ts";
import { Rows } from "../src/live/rows.ts";
import { firstEntries } from "../src/screens/liquidate/entries.ts";
import type { AskedCase, Overview } from "../src/screens/liquidate/planned.ts";
import { SETTLE_MS } from "../src/screens/liquidate/planning.ts";
import { presentCases, presentRow } from "../src/screens/liquidate/present.ts";
import { linesOf, Sale, toLookAgain } from "../src/screens/liquidate/sale.ts";
import { BATCH_EVERY_MS, EVERY_MS, Selling, type Wanted } from "../src/screens/liquidate/selling.ts";
import { caseOf, plan, refused } from "./kit/plans.ts";
import { settled } from "./kit/scripted_desk.ts";

type Results = LiquidateMutation["liquidate"]["results"];
type Asked = { readonly wanted: Wanted; readonly answer: (given: Answer<Overview>) => void };

const BASIS = { casesMost: 200, legsMost: 100, lotSizes: new Map([["AAPL.US", "1"]]) };

/** A dialog whose desk answers what the test says; refused cases are those of `refusedIds`. */
function dialog(t: TestContext, cases: readonly AskedCase[], refusedIds = new Set<string>()) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const entries = signal(firstEntries());
  const versions = new Map(cases.map(({ id }) => [id, 7]));
  const asked: Asked[] = [];
  const sent: LiquidateInput[] = [];
  const hidden = signal(false);
  const selling = new Selling({
    ...{ cases, entries, clock: browserClock },
    ask: (wanted) => new Promise((answer) => void asked.push({ wanted, answer })),
    send: (input) => (sent.push(input), new Promise(() => {})),
    versionOf: (id) => versions.get(id) ?? null,
    paused: () => hidden.value,
    newKey: () => "key-1",
  });
  t.after(() => selling.stop());
  const pass = async (ms: number) => (t.mock.timers.tick(ms), await settled());
  const answer = async () => {
    const { wanted, answer } = asked.at(-1)!;
    const of = (each: AskedCase) => {
      const shown = refusedIds.has(each.id) ? refused("FROZEN") : plan();
      return { case: each, version: wanted.versions.get(each.id) ?? null, plan: shown };
    };
    answer({ ok: true, problems: [], data: { planned: wanted.cases.map(of), evidence: null, totals: null } });
    await settled();
  };
  return { selling, entries, versions, asked, sent, hidden, pass, answer };
}

const shown = ({ selling }: { selling: Selling }) => selling.planning.state.value;
const names = (cases: readonly { readonly id: string }[]) => cases.map(({ id }) => id);

test("the plan is asked for once the limits are known, and again from time to time", async (t) => {
  const { selling, asked, pass, answer } = dialog(t, [caseOf(1)]);
  await pass(SETTLE_MS);
  assert.equal(asked.length, 0);
  selling.basis.value = BASIS;
  await pass(SETTLE_MS);
  assert.equal(asked.length, 1);
  await answer();
  assert.equal(shown({ selling }).pending, false);
  await pass(EVERY_MS);
  assert.equal(asked.length, 2);
});

test("a batch is asked for less often, and a hidden page asks for nothing", async (t) => {
  const { selling, asked, hidden, pass, answer } = dialog(t, [caseOf(1), caseOf(2)]);
  selling.basis.value = BASIS;
  await pass(SETTLE_MS);
  await answer();
  await pass(EVERY_MS);
  assert.equal(asked.length, 1);
  hidden.value = true;
  await pass(BATCH_EVERY_MS);
  assert.equal(asked.length, 1);
  hidden.value = false;
  await pass(BATCH_EVERY_MS);
  assert.equal(asked.length, 2);
});

test("another entry makes the plan one of before, and an answer that is overtaken is dropped", async (t) => {
  const { selling, entries, asked, pass, answer } = dialog(t, [caseOf(1)]);
  selling.basis.value = BASIS;
  await pass(SETTLE_MS);
  await answer();
  entries.value = { ...entries.value, policy: "LOSERS_FIRST" };
  assert.equal(shown({ selling }).pending, true);
  assert.notEqual(shown({ selling }).plan, null, "it stays until the next one is there");
  await pass(SETTLE_MS - 1);
  assert.equal(asked.length, 1, "not at each key");
  await pass(1);
  entries.value = { ...entries.value, policy: "PRO_RATA" };
  await answer();
  assert.equal(shown({ selling }).pending, true, "that was the answer for other entries");
  await pass(SETTLE_MS);
  assert.equal(asked.at(-1)!.wanted.entries.policy, "PRO_RATA");
  await answer();
  assert.equal(shown({ selling }).pending, false);
});

test("entries with a fault are not asked about", async (t) => {
  const { selling, entries, asked, pass } = dialog(t, [caseOf(1)]);
  selling.basis.value = BASIS;
  entries.value = { ...entries.value, band: "x" };
  await pass(SETTLE_MS);
  assert.equal(asked.length, 0);
  assert.deepEqual(selling.faults.value, [{ is: "band", symbol: null }]);
});

test("more cases than the desk takes at once are not asked about", async (t) => {
  const { selling, asked, pass } = dialog(t, [caseOf(1), caseOf(2), caseOf(3)]);
  selling.basis.value = { ...BASIS, casesMost: 2 };
  await pass(SETTLE_MS);
  assert.equal(asked.length, 0);
});

test("a question without an answer leaves the plan, and says why there is no newer one", async (t) => {
  const { selling, asked, pass, answer } = dialog(t, [caseOf(1)]);
  selling.basis.value = BASIS;
  await pass(SETTLE_MS);
  await answer();
  await pass(EVERY_MS);
  asked.at(-1)!.answer({ ok: false, ...problem("TIMEOUT", "no answer") });
  await settled();
  assert.equal(shown({ selling }).problem?.code, "TIMEOUT");
  assert.notEqual(shown({ selling }).plan, null);
  await pass(EVERY_MS);
  await answer();
  assert.equal(shown({ selling }).problem, null);
});

test("refused cases are left out of a batch, and the rest is planned without them", async (t) => {
  const { selling, entries, asked, pass, answer } = dialog(t, [caseOf(1), caseOf(2), caseOf(3)], new Set(["case-2"]));
  selling.basis.value = BASIS;
  await pass(SETTLE_MS);
  await answer();
  assert.deepEqual(names(asked.at(-1)!.wanted.cases), ["case-1", "case-3"]);
  await answer();
  assert.deepEqual(names(shown({ selling }).plan!.planned.map((each) => each.case)), ["case-1", "case-3"]);
  assert.deepEqual(selling.left.value.map((each) => each.plan.refusal?.code), ["FROZEN"]);
  assert.deepEqual(selling.sent.value.map(({ caseId }) => caseId), ["case-1", "case-3"]);
  selling.tryLeftOut();
  assert.equal(asked.at(-1)!.wanted.cases.length, 3);
  entries.value = { ...entries.value, policy: "ALL" };
  assert.deepEqual(selling.left.value, [], "with other entries they may not be refused");
});

test("a batch of which every case is refused places nothing", async (t) => {
  const { selling, pass, answer } = dialog(t, [caseOf(1), caseOf(2)], new Set(["case-1", "case-2"]));
  selling.basis.value = BASIS;
  await pass(SETTLE_MS);
  await answer();
  assert.deepEqual(shown({ selling }).plan?.planned, []);
  assert.deepEqual(selling.sent.value, []);
  assert.equal(selling.left.value.length, 2);
});

test("the version is the one that was on the page before the plan was asked for", async (t) => {
  const { selling, versions, pass, answer } = dialog(t, [caseOf(1)]);
  selling.basis.value = BASIS;
  await pass(SETTLE_MS);
  versions.set("case-1", 8);
  await answer();
  assert.equal(selling.sent.value[0]!.expectedVersion, 7);
});

test("what is on its way stays as it was shown", async (t) => {
  const { selling, asked, sent, pass, answer } = dialog(t, [caseOf(1)]);
  selling.basis.value = BASIS;
  await pass(SETTLE_MS);
  await answer();
  void selling.sale.begin(selling.sent.value, [caseOf(1)]);
  void selling.sale.begin(selling.sent.value, [caseOf(1)]);
  await pass(EVERY_MS * 3);
  assert.equal(asked.length, 1);
  assert.deepEqual(sent, [{ idempotencyKey: "key-1", cases: selling.sent.value }]);
});

const STARTED: Results[number] = { amountAfter: "36.01", estimatedReduction: "5000", orders: [{ id: "o", clientOrderId: "MC-1" }] };

function answered(code: string, more: { plan?: object; approval?: string } = {}): Results[number] {
  const { plan: now = null, approval } = more;
  const details = { approval: approval === undefined ? null : { id: approval } };
  return { code, message: `the desk says ${code}`, plan: now, details } as Results[number];
}

/** A sale whose requests get these answers in turn. */
function sale(...answers: Answer<LiquidateMutation>[]) {
  const sent: LiquidateInput[] = [];
  const begun = new Sale(async (input) => (sent.push(input), answers[sent.length - 1]!), () => `key-${Math.random()}`);
  return { sale: begun, sent };
}

const done = (...results: Results[number][]): Answer<LiquidateMutation> => ({ ok: true, problems: [], data: { liquidate: { results } } });
const failed = (code: string): Answer<LiquidateMutation> => ({ ok: false, ...problem(code, code) });
const CASES = [{ caseId: "case-1", expectedVersion: 7 }];

test("after a lost answer the same is sent again, with the same key", async () => {
  const { sale: begun, sent } = sale(failed("NO_ANSWER"), failed("NOT_GRAPHQL"), done(STARTED));
  await begun.begin(CASES, [caseOf(1)]);
  assert.equal(begun.phase.value.is, "unanswered");
  await begun.begin([{ caseId: "case-2" }], [caseOf(2)]);
  assert.equal(sent.length, 1, "nothing else is sent meanwhile");
  await begun.again();
  assert.equal(begun.phase.value.is, "unanswered");
  await begun.again();
  assert.equal(begun.phase.value.is, "answered");
  assert.equal(new Set(sent.map(({ idempotencyKey }) => idempotencyKey)).size, 1);
  assert.deepEqual(sent.map(({ cases }) => cases), [CASES, CASES, CASES]);
});

test("a request that the desk did not accept can be changed; after a lost answer that is not certain", async () => {
  const certain = sale(failed("BAD_USER_INPUT"));
  await certain.sale.begin(CASES, [caseOf(1)]);
  assert.equal(certain.sale.phase.value.is, "deciding");
  const uncertain = sale(failed("TIMEOUT"), failed("FORBIDDEN"));
  await uncertain.sale.begin(CASES, [caseOf(1)]);
  await uncertain.sale.again();
  assert.equal(uncertain.sale.phase.value.is, "unanswered");
});

test("nothing is sent without cases, and nothing again without a lost answer", async () => {
  const { sale: begun, sent } = sale(done(STARTED));
  await begun.begin([], []);
  await begun.again();
  assert.equal(sent.length, 0);
  await begun.begin(CASES, [caseOf(1)]);
  await begun.begin(CASES, [caseOf(1)]);
  assert.equal(sent.length, 1, "an answered sale is over");
});

test("each case has one line, in the order of the request", () => {
  const cases = [1, 2, 3, 4, 5, 6].map((number) => caseOf(number));
  const now = { notional: "300", amountAfter: "40" };
  const lines = linesOf(
    [
      STARTED,
      answered("APPROVAL_REQUIRED", { approval: "r-1" }),
      answered("APPROVAL_PENDING"),
      answered("EXPECTATION_EXCEEDED", { plan: now }),
      answered("CASE_CLAIMED"),
    ],
    cases,
  );
  assert.deepEqual(lines.map((line) => line.case), cases);
  assert.deepEqual(lines.map(({ case: _, ...line }) => line), [
    { is: "placed", orders: 1, amountAfter: "36.01" },
    { is: "asked", before: false, message: "the desk says APPROVAL_REQUIRED", request: "r-1" },
    { is: "asked", before: true, message: "the desk says APPROVAL_PENDING", request: null },
    { is: "refused", code: "EXPECTATION_EXCEEDED", message: "the desk says EXPECTATION_EXCEEDED", step: "look again", now },
    { is: "refused", code: "CASE_CLAIMED", message: "the desk says CASE_CLAIMED", step: "take over", now: null },
    { is: "missing" },
  ]);
});

test("another look is offered where the case or its plan has changed, and for nothing that was placed", () => {
  const cases = [1, 2, 3, 4].map((number) => caseOf(number));
  const lines = linesOf([STARTED, answered("VERSION_CONFLICT"), answered("FROZEN"), answered("EXPECTATION_EXCEEDED")], cases);
  assert.deepEqual(toLookAgain(lines), [cases[1], cases[3]]);
});

test("a case that has left the list is not sold, though its row is still in sight", () => {
  const row = (id: string) => ({ id, caseNo: `MC-${id}`, version: 7, client: { name: "Ann" }, account: { baseCurrency: "HKD" } });
  const rows = new Rows<any>(() => 0);
  for (const id of ["a", "b"]) rows.put(row(id));
  rows.leave(row("b"), "CLOSED", 0);
  assert.deepEqual(presentCases(rows, ["b", "a", "x"]), [{ id: "a", caseNo: "MC-a", clientName: "Ann", currency: "HKD" }]);
  assert.equal(presentRow(rows, "a")?.version, 7);
  assert.equal(presentRow(rows, "b"), null);
});
