// Follows the cases of a real desk twice, directly and through a proxy that cuts, and says whether both saw the same.
// tests/console/test_cut.py starts it with DIRECT and CUT (origins), TOKEN and QUERY, and writes a line when to compare.

import { createInterface } from "node:readline";
import { browserClock } from "../../src/api/clock.ts";
import { Follower, type DeskEvent, type Progress, type Target } from "../../src/api/follow.ts";
import { DeskSocket } from "../../src/api/socket.ts";
import { CaseList } from "../../src/live/cases.ts";
import { byDecimal } from "../../src/live/order_of_rows.ts";

interface Row {
  readonly id: string;
  readonly status: string;
  readonly amount: string;
}

interface Change extends DeskEvent {
  readonly case: Row;
}

type Step = { readonly replaces: boolean; readonly events: readonly Change[] };

const byAmount = byDecimal((row: Row) => row.amount, "DESC");

class Watched implements Target<Change> {
  readonly steps: Step[] = [];
  readonly progress: Progress[] = [];
  readonly follower: Follower<Change>;
  readonly #socket: DeskSocket;
  changed: () => void = () => {};

  constructor(origin: string) {
    this.#socket = new DeskSocket({ url: `${origin.replace("http", "ws")}/graphql`, token: () => process.env.TOKEN! });
    this.follower = new Follower<Change>({
      source: this.#socket,
      clock: browserClock,
      query: process.env.QUERY!,
      variables: { filter: null },
      field: "caseEvents",
      target: this,
      schedule: (flush) => void setTimeout(flush, 16),
      report: (progress) => this.progress.push(progress),
    });
    this.follower.start();
  }

  replace(events: readonly Change[]): void {
    this.steps.push({ replaces: true, events });
  }

  apply(events: readonly Change[]): void {
    this.steps.push({ replaces: false, events });
    this.changed();
  }

  get ids(): string[] {
    const events = this.steps.flatMap((step) => step.events);
    return events.filter(({ kind }) => kind !== "SNAPSHOT").map(({ id }) => id);
  }

  /** The rows right after this event. */
  rows(last: string): Row[] {
    const list = new CaseList<Row>(byAmount, null, () => 0);
    for (const { replaces, events } of this.steps) {
      const at = events.findIndex(({ id }) => id === last);
      const until = at < 0 ? events : events.slice(0, at + 1);
      if (replaces) list.replace(until);
      else list.apply(until);
      if (at >= 0) break;
    }
    return list.rows.list();
  }

  close(): void {
    this.follower.stop();
    this.#socket.close();
  }
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const [direct, cut] = [new Watched(process.env.DIRECT!), new Watched(process.env.CUT!)];
const isLive = ({ progress }: Watched) => progress.some(({ is }) => is === "live");
direct.changed = cut.changed = () => {
  if (isLive(direct) && isLive(cut)) say({ live: true });
};

function compare(): void {
  const last = direct.ids.at(-1)!;
  const finish = () => {
    if (!cut.ids.includes(last)) return;
    const [wanted, given] = [direct.ids, cut.ids];
    const first = given.find((id) => wanted.includes(id))!;
    const expected = wanted.slice(wanted.indexOf(first), wanted.indexOf(last) + 1);
    const received = given.slice(given.indexOf(first), given.indexOf(last) + 1);
    say({
      events: expected.length,
      lost: expected.filter((id) => !received.includes(id)).length,
      twice: received.length - new Set(received).size,
      sameOrder: JSON.stringify(expected) === JSON.stringify(received),
      sameRows: JSON.stringify(direct.rows(last)) === JSON.stringify(cut.rows(last)),
      rows: direct.rows(last).length,
      subscriptions: cut.progress.filter(({ is }) => is === "connecting").length,
      rebuilt: cut.progress.filter((each) => each.is === "live" && each.after === "rebuilt").length,
      stopped: cut.progress.filter(({ is }) => is === "stopped" || is === "signed out"),
    });
    direct.close();
    cut.close();
    clearInterval(waiting);
    input.close();
  };
  const waiting = setInterval(finish, 50);
}

const input = createInterface({ input: process.stdin });
input.once("line", compare);
