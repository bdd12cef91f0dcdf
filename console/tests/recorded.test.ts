import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Follower, type DeskEvent } from "../src/api/follow.ts";
import type { Frame, Receiver, Request, Source } from "../src/api/socket.ts";
import { CaseList } from "../src/live/cases.ts";
import { byDecimal } from "../src/live/order_of_rows.ts";
import { steadyClock } from "./kit/scripted_desk.ts";

interface Row {
  readonly id: string;
  readonly status: string;
  readonly amount: string;
}

interface Change extends DeskEvent {
  readonly case: Row;
}

interface Message {
  readonly data: { readonly caseEvents: Change };
  readonly extensions: { readonly cursor: string; readonly stream?: { readonly snapshotEvents: number } };
}

interface Recording {
  readonly messages: readonly Message[];
  readonly rows: readonly Row[];
}

/** Made by tests/console/record.py: a stream of the demo desk, and a fresh query of the same moment. */
const recordings: Record<string, Recording> = JSON.parse(
  readFileSync(new URL("recorded.json", import.meta.url), "utf8"),
);
const SPLITS = 200;
const byAmount = byDecimal((row: Row) => row.amount, "DESC");

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function list(): CaseList<Row> {
  return new CaseList(byAmount, null, () => 0);
}

/** The rows of the fresh query in the order of the list. */
function fresh({ rows }: Recording): Row[] {
  return rows.toSorted((a, b) => byAmount(a, b) || (a.id < b.id ? -1 : 1));
}

/** Both hold these rows, in this order; `ids` too, once what has left is out of sight. */
function assertSame(made: CaseList<Row>, recording: Recording, why: string): void {
  assert.deepEqual(made.rows.list(), fresh(recording), why);
  made.rows.sweep(Number.MAX_SAFE_INTEGER);
  assert.deepEqual(made.rows.ids.value, fresh(recording).map(({ id }) => id), why);
  assert.equal(made.rows.count.value, recording.rows.length, why);
}

/** A desk that sends the recorded stream, breaks off where the test says, and resumes with some repeats. */
class RecordedDesk implements Source {
  readonly requests: Request[] = [];
  readonly #messages: readonly Message[];
  readonly #snapshot: number;
  #receiver: Receiver | null = null;
  #place = 0;
  #opening: object | null = null;

  constructor({ messages }: Recording) {
    this.#messages = messages;
    this.#snapshot = messages[0]!.extensions.stream!.snapshotEvents;
  }

  subscribe(request: Request, receiver: Receiver): () => void {
    this.requests.push(request);
    this.#receiver = receiver;
    const { after } = request.variables;
    this.#place = after === null ? 0 : Number(after) + 1;
    this.#opening = after === null ? null : { resumed: true };
    return () => (this.#receiver = null);
  }

  /** Resume from some events earlier than asked, as a desk may. */
  repeat(events: number): void {
    if (this.#place > this.#snapshot) this.#place = Math.max(this.#snapshot, this.#place - events);
  }

  /** Whether there was a message left to send. */
  send(): boolean {
    const message = this.#messages[this.#place];
    if (!message) return false;
    this.#place += 1;
    const frame: Frame = this.#opening
      ? { ...message, extensions: { ...message.extensions, stream: this.#opening } }
      : message;
    this.#opening = null;
    this.#receiver!.next(frame);
    return true;
  }

  cut(): void {
    this.#receiver!.ended({ is: "closed", code: 1006, reason: "" });
  }
}

for (const [name, recording] of Object.entries(recordings)) {
  test(`${name}: what was recorded has every kind of change`, () => {
    const kinds = new Set(recording.messages.map(({ data }) => data.caseEvents.kind));
    const leaving = name === "live" ? ["CLOSED", "STATUS_CHANGED"] : ["REMOVED"];
    for (const kind of ["SNAPSHOT", "OPENED", "UPDATED", ...leaving]) assert.ok(kinds.has(kind), kind);
    assert.ok(recording.rows.length > 5);
  });

  test(`${name}: any split into frames leads to the rows of a fresh query`, () => {
    const events = recording.messages.map(({ data }) => data.caseEvents);
    for (let seed = 1; seed <= SPLITS; seed += 1) {
      const chance = chances(seed);
      const longest = 1 + Math.floor(chance() * events.length);
      const made = list();
      for (let from = 0; from < events.length; ) {
        const to = from + 1 + Math.floor(chance() * longest);
        made.apply(events.slice(from, to));
        from = to;
      }
      assertSame(made, recording, `seed ${seed}`);
    }
  });

  test(`${name}: so does a stream that is cut anywhere and resumes with repeats`, (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
    for (let seed = 1; seed <= SPLITS; seed += 1) {
      const chance = chances(seed);
      const desk = new RecordedDesk(recording);
      const made = list();
      let flush = () => {};
      const follower = new Follower<Change>({
        source: desk,
        clock: steadyClock(),
        query: "",
        variables: {},
        field: "caseEvents",
        target: made,
        schedule: (given) => (flush = given),
        report: () => {},
      });
      follower.start();
      const cuts = chance() * 0.1;
      while (desk.send()) {
        if (chance() < 0.3) flush();
        if (chance() >= cuts) continue;
        desk.cut();
        t.mock.timers.tick(300);
        desk.repeat(Math.floor(chance() * 20));
      }
      flush();
      assertSame(made, recording, `seed ${seed}, ${desk.requests.length} subscriptions`);
      follower.stop();
    }
  });
}
