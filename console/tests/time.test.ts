import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../src/api/clock.ts";
import type { Progress } from "../src/api/follow.ts";
import { allowed, begin, continuity, heard, looked, progressed, RESUMED_SHOWN_MS, SILENT_AFTER_MS } from "../src/live/continuity.ts";
import { Quotes } from "../src/live/quotes.ts";
import { ServerClock, STOPS_AFTER_MS, TICK_MS } from "../src/live/server_clock.ts";
import { Summary } from "../src/live/summary.ts";

const TEN_MINUTES = 600_000;

class SetClock implements Clock {
  at = 1_000_000;
  now = () => this.at;
  random = () => 0;
  after = () => () => {};
}

/** Seconds pass, each with its tick. */
function pass(clock: SetClock, server: ServerClock, seconds: number): void {
  for (let second = 0; second < seconds; second += 1) {
    clock.at += TICK_MS;
    server.tick();
  }
}

test("a computer whose clock is ten minutes wrong shows the time of the desk", () => {
  const clock = new SetClock();
  const server = new ServerClock(clock);
  server.told(clock.at + TEN_MINUTES);
  assert.equal(server.now(), clock.at + TEN_MINUTES);
  server.tick();
  assert.deepEqual(server.time.value, { now: clock.at + TEN_MINUTES, stopped: false });
});

test("the offset is the median of the last nine, so that a late message moves nothing", () => {
  const clock = new SetClock();
  const server = new ServerClock(clock);
  for (const late of [10, 20, 30, 5_000, 15, 25, 9_000, 12, 18]) server.told(clock.at - late);
  assert.equal(server.offset, -20);
  for (let sample = 0; sample < 5; sample += 1) server.told(clock.at + TEN_MINUTES);
  assert.equal(server.offset, TEN_MINUTES, "a clock that was set is believed after five");
  server.told(Number.NaN);
  assert.equal(server.offset, TEN_MINUTES);
});

test("the header Date counts from the middle of the request, and half a second later", () => {
  const clock = new SetClock();
  const server = new ServerClock(clock);
  server.dated(clock.at + TEN_MINUTES, clock.at - 200, clock.at);
  assert.equal(server.offset, TEN_MINUTES + 500 + 100);
});

test("the time stands still when nothing came for twenty seconds, and goes on by itself", () => {
  const clock = new SetClock();
  const server = new ServerClock(clock);
  pass(clock, server, STOPS_AFTER_MS / TICK_MS - 1);
  assert.equal(server.time.value.stopped, false);
  const before = server.time.value.now;
  pass(clock, server, 10);
  assert.deepEqual(server.time.value, { now: before, stopped: true });
  server.heard();
  pass(clock, server, 1);
  assert.deepEqual(server.time.value, { now: clock.at, stopped: false });
});

test("the newest totals count, and tell the time of the desk", () => {
  const told: number[] = [];
  const summary = new Summary<{ asOf: string; openCases: number }>((at) => told.push(at));
  const openCases = () => summary.totals.value?.openCases;
  assert.equal(openCases(), undefined);
  summary.apply([
    { asOf: "2026-01-31T14:00:00Z", openCases: 1 },
    { asOf: "2026-01-31T14:00:01.5Z", openCases: 2 },
  ]);
  assert.equal(openCases(), 2);
  assert.deepEqual(told, [Date.UTC(2026, 0, 31, 14, 0, 1, 500)]);
});

test("a price has an age by the time of the desk", () => {
  const quotes = new Quotes<{ symbol: string; at: string; stale: boolean; bid: string }>();
  assert.equal(quotes.quote("700.HK").value, null);
  assert.equal(quotes.ageS("700.HK", 0), null);
  quotes.apply([{ symbol: "700.HK", at: "2026-01-31T14:00:00Z", stale: true, bid: "1" }]);
  assert.equal(quotes.ageS("700.HK", Date.UTC(2026, 0, 31, 14, 1, 34, 900)), 94);
  assert.equal(quotes.ageS("700.HK", Date.UTC(2026, 0, 31, 13)), 0, "never negative");
  quotes.keep(["5.HK"]);
  assert.equal(quotes.quote("700.HK").value, null);
});

const closed = (code: number): Progress => ({ is: "waiting", ms: 4_000, end: { is: "closed", code, reason: "" } });

test("the state of a stream is what the page may claim", () => {
  let facts = begin(0);
  const state = (now: number) => continuity(facts, now);
  assert.deepEqual(state(0), { is: "connecting" });
  facts = progressed(facts, { is: "snapshot", received: 5, of: 9 }, 10);
  assert.deepEqual(state(10), { is: "snapshot", received: 5, of: 9 });
  facts = progressed(facts, { is: "live", after: "snapshot" }, 20);
  assert.deepEqual(state(20), { is: "live" });
  assert.deepEqual(state(20 + SILENT_AFTER_MS), { is: "silent", since: 20 });
  facts = heard(facts, 9_000);
  assert.deepEqual(state(9_000), { is: "live" });
  facts = progressed(facts, closed(1012), 10_000);
  assert.deepEqual(state(11_000), { is: "restarting", backAt: 14_000 });
  facts = progressed(facts, { is: "connecting" }, 14_000);
  assert.equal(state(14_000).is, "restarting", "the reason stays until rows come");
  facts = progressed(facts, { is: "live", after: "resumed", events: 34 }, 14_500);
  assert.deepEqual(state(14_500), { is: "resumed", events: 34 });
  facts = heard(facts, 19_000);
  assert.deepEqual(state(14_500 + RESUMED_SHOWN_MS), { is: "live" });
});

test("a gap stays until the person has looked, also over a cut", () => {
  let facts = progressed(begin(0), { is: "live", after: "rebuilt" }, 100);
  assert.deepEqual(continuity(facts, 100), { is: "gap", at: 100 });
  facts = progressed(facts, closed(1006), 200);
  assert.equal(continuity(facts, 200).is, "offline");
  facts = progressed(facts, { is: "live", after: "resumed", events: 0 }, 300);
  assert.deepEqual(continuity(facts, 300), { is: "gap", at: 100 });
  assert.deepEqual(continuity(looked(facts), 300), { is: "resumed", events: 0 });
});

test("orders are placed only on what is complete, and a cancel is tried whenever a person is signed in", () => {
  const end = { is: "closed", code: 4403, reason: "" } as const;
  const states: [Progress, string, boolean, boolean][] = [
    [{ is: "connecting" }, "connecting", false, false],
    [{ is: "live", after: "snapshot" }, "live", true, true],
    [{ is: "live", after: "rebuilt" }, "gap", false, true],
    [closed(1006), "offline", false, true],
    [closed(1013), "behind", false, true],
    [{ is: "stopped", end }, "stopped", false, true],
    [{ is: "signed out", end }, "signed out", false, false],
  ];
  for (const [progress, is, liquidate, cancel] of states) {
    const state = continuity(progressed(begin(0), progress, 0), 0);
    assert.equal(state.is, is);
    assert.deepEqual([allowed(state).liquidate, allowed(state).cancel], [liquidate, cancel], is);
  }
  assert.equal(allowed({ is: "silent", since: 0 }).liquidate, false);
});
