import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../src/api/http.ts";
import type { CancelInput, CancelMutation, OrderRowFragment } from "../src/api/operations.ts";
import { problem } from "../src/api/problems.ts";
import { Rows } from "../src/live/rows.ts";
import { Cancelling } from "../src/screens/cancel/cancelling.ts";
import { cancellable, figuresOf, SeenOrders } from "../src/screens/cancel/seen_orders.ts";

type Given = Answer<CancelMutation>;

/** A dialog whose requests are answered by hand. */
function dialog() {
  const inputs: CancelInput[] = [];
  const waiting: ((answer: Given) => void)[] = [];
  const made = new Cancelling((input) => {
    inputs.push(input);
    return new Promise<Given>((resolve) => waiting.push(resolve));
  });
  const answer = async (given: Given) => {
    waiting.shift()!(given);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { made, inputs, answer };
}

function answered(results: CancelMutation["cancel"]["results"]): Given {
  return { ok: true, data: { cancel: { results } }, problems: [] };
}

const requested = (id: string, alreadyPending = false) => ({ alreadyPending, order: { id } });
const lost: Given = { ok: false, ...problem("NO_ANSWER", "the network was away") };

test("the request names the orders of the dialog, and nothing is claimed before the desk answers", async () => {
  const { made, inputs, answer } = dialog();
  assert.deepEqual(made.state.value, { is: "deciding" });
  void made.cancel(["a", "b"], "  error of entry ");
  assert.deepEqual(made.state.value, { is: "sending" });
  assert.deepEqual(inputs.map(({ orderIds, reason }) => ({ orderIds, reason })), [
    { orderIds: ["a", "b"], reason: "error of entry" },
  ]);
  await answer(answered([requested("a"), requested("b", true)]));
  assert.deepEqual(made.state.value, {
    is: "answered",
    lines: [
      { orderId: "a", outcome: { is: "requested", before: false } },
      { orderId: "b", outcome: { is: "requested", before: true } },
    ],
  });
});

test("there is one line for each order, in the order of the request, whatever the desk answers", async () => {
  const { made, answer } = dialog();
  void made.cancel(["a", "b", "c"], "");
  const refusal = { code: "TOO_LATE" as const, message: "the order has ended" };
  await answer(answered([{ orderId: "c", ...refusal }, requested("a"), requested("x")]));
  const state = made.state.value;
  assert.ok(state.is === "answered");
  assert.deepEqual(state.lines, [
    { orderId: "a", outcome: { is: "requested", before: false } },
    { orderId: "b", outcome: { is: "missing" } },
    { orderId: "c", outcome: { is: "refused", ...refusal } },
  ]);
});

test("a second press sends nothing", async () => {
  const { made, inputs, answer } = dialog();
  void made.cancel(["a"], "");
  void made.cancel(["a"], "");
  assert.equal(inputs.length, 1);
  await answer(answered([requested("a")]));
  void made.cancel(["a"], "");
  assert.equal(inputs.length, 1, "what was answered is not asked again");
  assert.equal(made.state.value.is, "answered");
});

test("after a lost answer the same request goes again, with the same key", async () => {
  const { made, inputs, answer } = dialog();
  void made.cancel(["a", "b"], "why");
  await answer(lost);
  assert.ok(made.state.value.is === "failed" && made.state.value.problem.code === "NO_ANSWER");
  void made.cancel(["a"], "another reason");
  await answer(lost);
  made.again();
  await answer(answered([requested("a"), requested("b", true)]));
  assert.equal(inputs.length, 3);
  for (const input of inputs) assert.deepEqual(input, inputs[0]);
  assert.deepEqual(made.sent, ["a", "b"]);
  assert.equal(made.state.value.is, "answered");
});

test("each dialog has a key of its own", () => {
  const [one, other] = [dialog(), dialog()];
  void one.made.cancel(["a"], "");
  void other.made.cancel(["a"], "");
  assert.notEqual(one.inputs[0]!.idempotencyKey, other.inputs[0]!.idempotencyKey);
  assert.equal(one.inputs[0]!.reason, null);
});

type Fields = Partial<Pick<OrderRowFragment, "status" | "leavesQuantity" | "cancellable" | "terminal">>;

function order(id: string, fields: Fields = {}): OrderRowFragment {
  const made = { id, status: "NEW", quantity: "200", leavesQuantity: "200", cancellable: true, terminal: false, ...fields };
  return made as OrderRowFragment;
}

function list(...ids: string[]) {
  const rows = new Rows<OrderRowFragment>(() => 0);
  for (const id of ids) rows.put(order(id));
  rows.publish();
  return rows;
}

test("a dialog shows its orders as they are now, and asks for those that can still be cancelled", () => {
  const rows = list("a", "b");
  const seen = new SeenOrders(rows, ["b", "a"]);
  const before = figuresOf(seen.look());
  rows.put(order("a", { status: "FILLED", leavesQuantity: "0", cancellable: false, terminal: true }));
  const now = seen.look();
  assert.deepEqual(cancellable(now).map(({ id }) => id), ["b"]);
  assert.notEqual(figuresOf(now), before, "the button has to be armed again");
  assert.deepEqual(now.map(({ id, current }) => [id, current]), [["b", true], ["a", true]]);
});

test("an order that leaves the list stays in the dialog as it was when it left", () => {
  const rows = list("a", "b");
  const seen = new SeenOrders(rows, ["a", "b"]);
  seen.look();
  rows.leave(order("a", { status: "CANCELED", cancellable: false, terminal: true }), "REMOVED", 0);
  rows.leave(order("b"), "REMOVED", 0);
  seen.look();
  rows.sweep(60_000);
  const [a, b] = seen.look();
  assert.deepEqual([a!.row?.status, a!.current], ["CANCELED", true]);
  assert.deepEqual([b!.row?.status, b!.current], ["NEW", false], "what became of it is not known here");
});
