import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { BURST_MS, Follower, QUEUE_MOST, REMEMBERED_IDS, type DeskEvent, type Progress } from "../src/api/follow.ts";
import { QUIET_MS } from "../src/api/reopen.ts";
import { settled, ScriptedDesk, steadyClock } from "./kit/scripted_desk.ts";

const FIELD = "caseEvents";
const MOST_WAIT = 70_000;

/** A page that follows cases; what it holds are ids in the order in which they came. */
class Page {
  readonly desk = new ScriptedDesk();
  held: string[] = [];
  readonly calls: string[] = [];
  readonly progress: Progress[] = [];
  flushes: (() => void)[] = [];
  broken = false;
  readonly follower: Follower<DeskEvent>;
  readonly #test: TestContext;

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
    this.#test = t;
    this.follower = new Follower({
      source: this.desk.socket(),
      clock: steadyClock(),
      query: "subscription",
      variables: { filter: null },
      field: FIELD,
      target: {
        replace: (events) => {
          this.calls.push(`replace ${events.length}`);
          this.held = events.map(({ id }) => id);
        },
        apply: (events) => {
          if (this.broken) throw new Error("a row without an id");
          this.calls.push(`apply ${events.length}`);
          this.held.push(...events.map(({ id }) => id));
        },
      },
      schedule: (flush) => this.flushes.push(flush),
      report: (progress) => this.progress.push(progress),
    });
    t.after(() => this.follower.stop());
  }

  async start(): Promise<void> {
    this.follower.start();
    await settled();
  }

  frame(): void {
    const flushes = this.flushes;
    this.flushes = [];
    for (const flush of flushes) flush();
  }

  async pass(ms: number): Promise<void> {
    this.#test.mock.timers.tick(ms);
    await settled();
  }

  event(id: string, stream?: object): void {
    this.desk.event(FIELD, { id, kind: "UPDATED" }, stream);
  }

  /** A snapshot of two rows, applied. */
  async live(): Promise<void> {
    await this.start();
    this.desk.snapshot(FIELD, ["a", "b"]);
    this.frame();
  }

  async cut(code: number, reason?: string): Promise<void> {
    this.desk.connection.cut(code, reason);
    await settled();
  }

  get last(): Progress {
    return this.progress.at(-1)!;
  }
}

test("a page begins with a snapshot, and fills as its rows come", async (t) => {
  const page = new Page(t);
  await page.start();
  assert.deepEqual(page.desk.variables, { filter: null, after: null, snapshot: true });
  page.desk.snapshot(FIELD, ["a", "b", "c"], 2);
  page.frame();
  assert.deepEqual(page.last, { is: "snapshot", received: 2, of: 3 });
  assert.deepEqual(page.held, ["a", "b"]);
  page.desk.event(FIELD, { id: "c", kind: "SNAPSHOT" });
  page.event("d");
  page.frame();
  assert.deepEqual(page.last, { is: "live", after: "snapshot" });
  assert.deepEqual(page.held, ["a", "b", "c", "d"]);
});

test("events of one frame are applied by one call", async (t) => {
  const page = new Page(t);
  await page.live();
  for (const id of ["c", "d", "e"]) page.event(id);
  page.frame();
  assert.deepEqual(page.calls.slice(-1), ["apply 3"]);
});

test("a page that is not drawn for long does not let events wait without limit", async (t) => {
  const page = new Page(t);
  await page.live();
  for (let at = 0; at < QUEUE_MOST; at += 1) page.event(`e${at}`);
  assert.deepEqual(page.calls.slice(-1), [`apply ${QUEUE_MOST}`]);
  page.event("next");
  assert.equal(page.held.length, 2 + QUEUE_MOST);
});

test("after a cut the stream goes on behind the last event, and says that nothing is missing", async (t) => {
  const page = new Page(t);
  await page.live();
  page.event("c");
  page.frame();
  await page.cut(1006);
  assert.equal(page.last.is, "waiting");
  await page.pass(300);
  assert.deepEqual(page.desk.variables, { filter: null, after: "after c", snapshot: false });
  page.event("d", { resumed: true });
  page.event("e");
  page.frame();
  assert.deepEqual(page.last, { is: "live", after: "resumed", events: 2 });
  assert.deepEqual(page.held, ["a", "b", "c", "d", "e"]);
  await page.pass(BURST_MS);
  const told = page.progress.length;
  page.event("f");
  page.frame();
  assert.equal(page.progress.length, told, "an event of now is not one of the time of the cut");
});

test("what came before the cut is applied before the cursor is read", async (t) => {
  const page = new Page(t);
  await page.live();
  page.event("c");
  await page.cut(1001);
  assert.deepEqual(page.held, ["a", "b", "c"]);
  await page.pass(300);
  assert.equal(page.desk.variables.after, "after c");
});

test("an event that could not be applied is not passed over", async (t) => {
  const page = new Page(t);
  await page.live();
  page.broken = true;
  page.event("c");
  page.frame();
  assert.equal(page.last.is === "stopped" && page.last.end.is === "problem" && page.last.end.problem.code, "PAGE_FAULT");
  page.broken = false;
  await page.start();
  assert.equal(page.desk.variables.after, "after b");
});

test("repeats are dropped by their id, also those that come after a cut", async (t) => {
  const page = new Page(t);
  await page.live();
  page.event("c");
  page.event("c");
  page.event("d");
  await page.cut(1013);
  await page.pass(300);
  page.event("c", { resumed: true });
  page.event("d");
  page.event("e");
  page.frame();
  assert.deepEqual(page.held, ["a", "b", "c", "d", "e"]);
  await page.cut(1006);
  await page.pass(300);
  assert.equal(page.desk.variables.after, "after e");
});

test("only the newest ids are remembered", async (t) => {
  const page = new Page(t);
  await page.live();
  for (let at = 0; at <= REMEMBERED_IDS; at += 1) page.event(`e${at}`);
  page.event("e1");
  page.event("e0");
  page.frame();
  assert.deepEqual(page.held.slice(2 + REMEMBERED_IDS), [`e${REMEMBERED_IDS}`, "e0"], "e0 was forgotten, e1 was not");
});

for (const code of ["CURSOR_EXPIRED", "CURSOR_INVALID"]) {
  test(`${code}: what was held is void, and a snapshot replaces it as a whole`, async (t) => {
    const page = new Page(t);
    await page.live();
    await page.cut(1006);
    await page.pass(300);
    page.desk.says("error", [{ message: "too old", extensions: { code } }]);
    await settled();
    assert.deepEqual(page.desk.variables, { filter: null, after: null, snapshot: true });
    page.desk.snapshot(FIELD, ["b", "x"], 1);
    page.frame();
    assert.deepEqual(page.held, ["a", "b"], "the rows stay until the new ones are there");
    assert.deepEqual(page.last, { is: "snapshot", received: 1, of: 2 });
    page.desk.event(FIELD, { id: "x", kind: "SNAPSHOT" });
    page.event("y");
    page.frame();
    assert.deepEqual(page.held, ["b", "x", "y"]);
    assert.deepEqual(page.last, { is: "live", after: "rebuilt" });
  });
}

test("a stream that did not resume is not believed", async (t) => {
  const page = new Page(t);
  await page.live();
  await page.cut(1006);
  await page.pass(300);
  page.event("z", { resumed: false });
  page.frame();
  await settled();
  assert.deepEqual(page.held, ["a", "b"]);
  assert.equal(page.desk.variables.snapshot, true);
});

test("a snapshot refused again and again is asked for with pauses", async (t) => {
  const page = new Page(t);
  await page.live();
  for (let tried = 0; tried < 3; tried += 1) {
    page.desk.says("error", [{ message: "void", extensions: { code: "CURSOR_EXPIRED" } }]);
    await settled();
  }
  assert.equal(page.desk.subscriptions.length, 2, "once at once, and then after a wait");
  await page.pass(3_000);
  assert.equal(page.desk.subscriptions.length, 3);
});

test("a cut within a snapshot begins a new one, and the rows of the first stay until it is whole", async (t) => {
  const page = new Page(t);
  await page.start();
  page.desk.snapshot(FIELD, ["a", "b", "c"], 2);
  await page.cut(1006);
  assert.deepEqual(page.held, ["a", "b"]);
  await page.pass(300);
  assert.deepEqual(page.desk.variables, { filter: null, after: null, snapshot: true });
  page.desk.snapshot(FIELD, ["b", "c", "d"], 2);
  await page.cut(1006);
  assert.deepEqual(page.held, ["a", "b"]);
  await page.pass(300);
  page.desk.snapshot(FIELD, ["c", "d"]);
  page.frame();
  assert.deepEqual(page.held, ["c", "d"]);
  assert.deepEqual(page.last, { is: "live", after: "snapshot" });
});

test("a whole snapshot resumes behind its last row", async (t) => {
  const page = new Page(t);
  await page.live();
  await page.cut(1006);
  await page.pass(300);
  assert.equal(page.desk.variables.after, "after b");
});

test("a desk that says nothing has an empty list, and the event that comes then is its first row", async (t) => {
  const page = new Page(t);
  await page.start();
  await page.pass(QUIET_MS);
  page.frame();
  assert.deepEqual(page.last, { is: "live", after: "snapshot" });
  assert.deepEqual(page.held, []);
  page.event("a", { resumed: false });
  page.frame();
  assert.deepEqual(page.held, ["a"]);
});

test("a list that became empty during the cut is emptied", async (t) => {
  const page = new Page(t);
  await page.live();
  await page.cut(1006);
  await page.pass(300);
  page.desk.says("error", [{ message: "too old", extensions: { code: "CURSOR_EXPIRED" } }]);
  await settled();
  await page.pass(QUIET_MS);
  page.frame();
  assert.deepEqual(page.held, []);
  assert.deepEqual(page.last, { is: "live", after: "rebuilt" });
});

test("the first event of a list that was empty during the cut is its only row", async (t) => {
  const page = new Page(t);
  await page.live();
  await page.cut(1006);
  await page.pass(300);
  page.desk.says("error", [{ message: "too old", extensions: { code: "CURSOR_EXPIRED" } }]);
  await settled();
  page.event("c", { resumed: false });
  page.frame();
  assert.deepEqual(page.held, ["c"]);
  assert.deepEqual(page.last, { is: "live", after: "rebuilt" });
});

test("a stream that resumes while nothing happens is live, and its first event later is no burst", async (t) => {
  const page = new Page(t);
  await page.live();
  await page.cut(1006);
  await page.pass(300);
  await page.pass(QUIET_MS);
  assert.deepEqual(page.last, { is: "live", after: "resumed", events: 0 });
  const told = page.progress.length;
  page.event("c", { resumed: true });
  page.frame();
  assert.equal(page.progress.length, told);
  assert.deepEqual(page.held, ["a", "b", "c"]);
});

const CLOSE_CODES: readonly [number, string, "again" | "sign in" | "stop", number?][] = [
  [1000, "", "again"],
  [1001, "", "again"],
  [1005, "", "again"],
  [1006, "", "again"],
  [1011, "", "again"],
  [1012, "the desk restarts: reconnect in 4.5 s and resume", "again", 4_500],
  [1012, "the desk restarts: reconnect in 9000 s and resume", "again", 60_000],
  [1012, "the desk restarts: reconnect and resume", "again"],
  [1013, "the client did not keep up", "again"],
  [4408, "no connection_init arrived", "again"],
  [4499, "Terminated", "again"],
  [4999, "of a proxy", "again"],
  [4403, "TOKEN_EXPIRED", "sign in"],
  [1002, "", "stop"],
  [1007, "", "stop"],
  [1009, "", "stop"],
  [4400, "", "stop"],
  [4401, "", "stop"],
  [4406, "", "stop"],
  [4409, "", "stop"],
  [4429, "", "stop"],
];

for (const [code, reason, then, ms = 300] of CLOSE_CODES) {
  test(`closed with ${code} "${reason}": ${then}`, async (t) => {
    const page = new Page(t);
    await page.live();
    await page.cut(code, reason);
    const end = { is: "closed", code, reason };
    if (then === "again") {
      assert.deepEqual(page.last, { is: "waiting", ms, end });
      await page.pass(ms - 1);
      assert.equal(page.desk.subscriptions.length, 1);
      await page.pass(1);
      assert.equal(page.desk.variables.after, "after b");
    } else {
      assert.deepEqual(page.last, { is: then === "stop" ? "stopped" : "signed out", end });
      await page.pass(MOST_WAIT);
      assert.equal(page.desk.subscriptions.length, 1);
      page.follower.start();
      await settled();
      assert.equal(page.desk.variables.after, "after b", "a person who signs in again goes on");
    }
    assert.deepEqual(page.held, ["a", "b"]);
  });
}

const PROBLEMS: readonly [string, object, string, number?][] = [
  ["RATE_LIMITED", { retryAfterS: 7 }, "waiting", 7_000],
  ["TOO_MANY_OPERATIONS", {}, "waiting"],
  ["DATABASE_UNAVAILABLE", { retryable: true }, "waiting"],
  ["INTERNAL", {}, "waiting"],
  ["TOKEN_EXPIRED", {}, "signed out"],
  ["BAD_USER_INPUT", {}, "stopped"],
  ["FORBIDDEN", {}, "stopped"],
  ["GRAPHQL_VALIDATION_FAILED", {}, "stopped"],
];

for (const [code, more, then, ms = 300] of PROBLEMS) {
  test(`an operation that ends with ${code}: ${then}`, async (t) => {
    const page = new Page(t);
    await page.live();
    page.desk.says("error", [{ message: "no", extensions: { code, ...more } }]);
    await settled();
    assert.equal(page.last.is, then);
    if (page.last.is === "waiting") assert.equal(page.last.ms, ms);
    assert.equal(page.desk.connections.length, 1, "the socket is not to blame");
  });
}

test("an event without data ends the operation, and comes again", async (t) => {
  const page = new Page(t);
  await page.live();
  page.desk.says("next", { data: null, errors: [{ message: "damaged", extensions: { code: "UNREADABLE_DATA" } }] });
  await settled();
  assert.equal(page.last.is, "waiting");
  assert.ok(page.desk.connection.sent.some(({ type }) => type === "complete"));
  await page.pass(300);
  assert.equal(page.desk.variables.after, "after b");
});

test("a desk that completes a subscription is asked again", async (t) => {
  const page = new Page(t);
  await page.live();
  page.desk.says("complete");
  await settled();
  await page.pass(300);
  assert.equal(page.desk.variables.after, "after b");
});

test("waits grow while the desk is away, up to a limit, and differ from page to page", async (t) => {
  const page = new Page(t);
  await page.live();
  page.desk.accepts = false;
  await page.cut(1006);
  for (let tried = 0; tried < 6; tried += 1) await page.pass(3_000);
  const waits = page.progress.filter((each) => each.is === "waiting");
  assert.equal(waits.length, 7);
  assert.deepEqual(new Set(waits.map(({ ms }) => ms)), new Set([300]), "without chance the least wait");
  page.desk.accepts = true;
  await page.pass(3_000);
  assert.equal(page.desk.variables.after, "after b");
});

test("a page whose network is back does not wait", async (t) => {
  const page = new Page(t);
  await page.live();
  await page.cut(1012, "reconnect in 50 s");
  page.follower.hurry();
  await settled();
  assert.equal(page.desk.variables.after, "after b");
});

test("a stopped follower takes nothing more, and its operation is completed at the desk", async (t) => {
  const page = new Page(t);
  await page.live();
  page.event("c");
  page.follower.stop();
  assert.deepEqual(page.held, ["a", "b", "c"]);
  page.event("d");
  page.frame();
  await page.pass(MOST_WAIT);
  assert.deepEqual(page.held, ["a", "b", "c"]);
  assert.ok(page.desk.connection.sent.some(({ type }) => type === "complete"));
});
