import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { signal } from "@preact/signals";
import { LiveDesk } from "../src/live/desk.ts";
import { HIDDEN_MS } from "../src/live/frames.ts";
import { byDecimal } from "../src/live/order_of_rows.ts";
import { settled, ScriptedDesk, steadyClock } from "./kit/scripted_desk.ts";

interface Row {
  readonly id: string;
  readonly status: string;
  readonly amount: string;
}

const byAmount = byDecimal((row: Row) => row.amount, "DESC");

/** A page that the browser never draws, so that timers do all. */
function page(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const scripted = new ScriptedDesk();
  const token = signal<string | null>("first-token");
  const live = new LiveDesk({
    token,
    origin: "http://desk.example",
    painter: { beforeFrame: () => () => {} },
    clock: steadyClock(),
    webSocket: scripted.webSocket,
    signedOut: () => {},
    expiring: () => {},
  });
  t.after(() => live.close());
  return { live, scripted, token };
}

function event(id: string, kind: string, amount: string) {
  return { id: `${kind} ${id}`, kind, case: { id, status: "OPEN", amount } };
}

test("a list is live: snapshot, changes, rows that leave the sight, and a light that says so", async (t) => {
  const { live, scripted } = page(t);
  const { list, light, stop } = live.cases<Row>("subscription", {}, byAmount);
  await settled();
  assert.deepEqual(scripted.variables, { filter: {}, after: null, snapshot: true });
  scripted.event("caseEvents", event("a", "SNAPSHOT", "1"), { resumed: false, snapshotEvents: 1 });
  scripted.event("caseEvents", event("b", "OPENED", "2"));
  assert.deepEqual(list.rows.ids.value, [], "nothing is shown between two frames");
  t.mock.timers.tick(HIDDEN_MS);
  assert.deepEqual(list.rows.ids.value, ["b", "a"]);
  assert.deepEqual(light.state.value, { is: "live" });
  scripted.event("caseEvents", event("a", "CLOSED", "0"));
  t.mock.timers.tick(HIDDEN_MS);
  assert.equal(list.rows.entry("a")!.value.gone?.kind, "CLOSED");
  for (let second = 2; second < 9; second += 1) t.mock.timers.tick(1_000);
  assert.equal(light.state.value.is, "silent", "nothing came for eight seconds");
  for (let second = 9; second < 12; second += 1) t.mock.timers.tick(1_000);
  assert.deepEqual(list.rows.ids.value, ["b"]);
  stop();
});

test("a desk that is silent ends the socket, and the list goes on when it is back", async (t) => {
  const { live, scripted } = page(t);
  const { list, light } = live.cases<Row>("subscription", {}, byAmount);
  await settled();
  scripted.event("caseEvents", event("a", "SNAPSHOT", "1"), { resumed: false, snapshotEvents: 1 });
  for (let second = 0; second < 10; second += 1) t.mock.timers.tick(1_000);
  await settled();
  assert.equal(light.state.value.is, "offline");
  live.hurry();
  await settled();
  assert.equal(scripted.variables.after, "after SNAPSHOT a");
  scripted.event("caseEvents", event("a", "UPDATED", "3"), { resumed: true });
  t.mock.timers.tick(HIDDEN_MS);
  assert.deepEqual(light.state.value, { is: "resumed", events: 1 });
  assert.deepEqual(list.rows.list().map(({ amount }) => amount), ["3"]);
});

test("totals tell the clock of the desk, and come again after a cut", async (t) => {
  const { live, scripted } = page(t);
  const { summary, light } = live.summary<{ asOf: string }>("subscription", {});
  await settled();
  scripted.says("next", { data: { caseSummary: { asOf: "2026-01-31T14:00:00Z" } } });
  t.mock.timers.tick(HIDDEN_MS);
  assert.equal(summary.totals.value?.asOf, "2026-01-31T14:00:00Z");
  assert.equal(Math.floor(live.time.now() / 1_000), Date.UTC(2026, 0, 31, 14) / 1_000);
  assert.deepEqual(light.state.value, { is: "live" });
  scripted.connection.cut(1012, "reconnect in 2 s");
  await settled();
  assert.equal(light.state.value.is, "restarting");
  t.mock.timers.tick(2_000);
  await settled();
  scripted.says("next", { data: { caseSummary: { asOf: "2026-01-31T14:00:05Z" } } });
  t.mock.timers.tick(HIDDEN_MS);
  assert.equal(summary.totals.value?.asOf, "2026-01-31T14:00:05Z");
  assert.deepEqual(light.state.value, { is: "live" });
});

test("a new token reaches the running socket, and a refused one stops the streams until there is another", async (t) => {
  const { live, scripted, token } = page(t);
  const { quotes, light } = live.quotes<{ symbol: string; at: string; stale: boolean }>("subscription", ["700.HK"]);
  await settled();
  token.value = "second-token";
  assert.deepEqual(scripted.connection.sent.at(-1), { type: "pong", payload: { authorization: "Bearer second-token" } });
  scripted.connection.cut(4403, "TOKEN_REVOKED");
  await settled();
  assert.equal(light.state.value.is, "signed out");
  token.value = "third-token";
  live.resume();
  await settled();
  scripted.says("next", { data: { quotes: { symbol: "700.HK", at: "2026-01-31T14:00:00Z", stale: false } } });
  t.mock.timers.tick(HIDDEN_MS);
  assert.equal(quotes.quote("700.HK").value?.stale, false);
  assert.equal(scripted.connection.sent[0]!.payload.authorization, "Bearer third-token");
});

test("a closed page leaves nothing running", async (t) => {
  const { live, scripted } = page(t);
  live.cases<Row>("subscription", {}, byAmount);
  live.orders<Row>("subscription", {}, byAmount);
  await settled();
  live.close();
  await settled();
  t.mock.timers.tick(60_000);
  await settled();
  assert.equal(scripted.connections.length, 1);
  assert.equal(scripted.connection.readyState, 3);
});
