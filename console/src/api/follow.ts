// Follows caseEvents or orderEvents without a gap: the only code that knows a cursor (docs/realtime.md).
//
// A snapshot comes first. The cursor of an event is kept when the event was applied, and after a cut the stream goes on
// behind it. Where the desk cannot resume, what was held is void: a new snapshot replaces it as a whole.

import type { Clock } from "./clock.ts";
import type { End } from "./ends.ts";
import { fields, problem, readProblem } from "./problems.ts";
import { Reopening, type Standing } from "./reopen.ts";
import type { Frame, Source } from "./socket.ts";

export interface DeskEvent {
  readonly id: string;
  readonly kind: string;
}

/** What holds the rows. */
export interface Target<Event> {
  /** All rows that there are: what was held before is void. */
  replace(events: readonly Event[]): void;
  /** Events after these, in order, each once. */
  apply(events: readonly Event[]): void;
}

export type Progress =
  | Standing
  | { readonly is: "snapshot"; readonly received: number; readonly of: number }
  | { readonly is: "live"; readonly after: "snapshot" | "rebuilt" }
  /** Nothing is missing; `events` counts those that came at once, of the time of the cut. */
  | { readonly is: "live"; readonly after: "resumed"; readonly events: number };

export interface FollowOptions<Event extends DeskEvent> {
  readonly source: Source;
  readonly clock: Clock;
  readonly query: string;
  /** Without `snapshot` and `after`, which the document declares and the follower sets. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** The field of `data` that has the event. */
  readonly field: "caseEvents" | "orderEvents";
  readonly target: Target<Event>;
  /** Call `flush` soon, with those of other streams: see live/frames.ts. */
  readonly schedule: (flush: () => void) => void;
  readonly report: (progress: Progress) => void;
}

/** Ids of events by which repeats are known. */
export const REMEMBERED_IDS = 1_000;
/** Events that wait for a frame; a browser that draws none and hardly runs timers would let them grow. */
export const QUEUE_MOST = 2_000;
/** Events that follow each other within this time after a cut are of the time of the cut. */
export const BURST_MS = 250;

interface Received<Event> {
  readonly events: readonly Event[];
  readonly replaces: boolean;
  /** Where to resume once these are applied; null within a snapshot, from which nothing resumes. */
  readonly cursor: string | null;
}

/** One that is arriving; `collected` where rows on the page wait for it to be whole. */
interface Snapshot<Event> {
  received: number;
  readonly of: number;
  readonly collected: Event[] | null;
}

export class Follower<Event extends DeskEvent> {
  readonly #options: FollowOptions<Event>;
  readonly #reopening: Reopening;
  #cursor: string | null = null;
  #queue: Received<Event>[] = [];
  readonly #seen = new Set<string>();
  /** Of the running subscription. */
  #first = true;
  #resuming = false;
  #snapshot: Snapshot<Event> | null = null;
  #completed = false;
  /** Events since the cut, while they are counted. */
  #burst: number | null = null;
  #cancelBurst: (() => void) | null = null;
  /** Rows are on the page, of a whole snapshot or of a part of one. */
  #holds = false;
  #wasWhole = false;

  constructor(options: FollowOptions<Event>) {
    this.#options = options;
    this.#reopening = new Reopening(options.source, options.clock, {
      request: () => this.#request(),
      next: (frame) => this.#next(frame),
      quiet: () => this.#quiet(),
      interrupted: () => this.#interrupted(),
      voided: () => (this.#cursor = null),
      report: options.report,
    });
  }

  /** Follow; after `stop`, a sign-in, or an end that is not tried again, follow on from where it was. */
  start(): void {
    this.#reopening.start();
  }

  hurry(): void {
    this.#reopening.hurry();
  }

  /** What was received is applied; the rows stay. */
  stop(): void {
    this.#reopening.stop();
    this.#interrupted();
  }

  #request() {
    const { query, variables } = this.#options;
    this.#first = true;
    this.#resuming = this.#cursor !== null;
    this.#snapshot = null;
    this.#completed = false;
    this.#burst = this.#resuming ? 0 : null;
    const begin = this.#resuming ? { after: this.#cursor, snapshot: false } : { after: null, snapshot: true };
    return { query, variables: { ...variables, ...begin } };
  }

  #next(frame: Frame): End | null {
    const event = fields(frame.data)[this.#options.field] as Event | null | undefined;
    if (event == null) return { is: "problem", problem: readProblem(frame.errors?.[0]) };
    const { cursor, stream } = fields(frame.extensions);
    if (this.#first) {
      const { resumed, snapshotEvents } = fields(stream);
      if (!this.#resuming) this.#begin(typeof snapshotEvents === "number" ? snapshotEvents : 0);
      else if (resumed !== true) return { is: "problem", problem: problem("CURSOR_EXPIRED", "the desk did not resume") };
      this.#first = false;
    }
    this.#take(event, typeof cursor === "string" ? cursor : null);
    return null;
  }

  /** Rows that are on the page stay there until the snapshot is whole; an empty page fills as rows come. */
  #begin(of: number): void {
    this.#seen.clear();
    if (of > 0) this.#snapshot = { received: 0, of, collected: this.#holds ? [] : null };
    else this.#completed = true;
    if (of === 0 || !this.#holds) this.#put([], true, null);
  }

  #take(event: Event, cursor: string | null): void {
    if (this.#snapshot) return this.#takeRow(this.#snapshot, event, cursor);
    if (this.#burst !== null) this.#countBurst(this.#burst + 1);
    if (this.#seen.has(event.id)) return;
    this.#seen.add(event.id);
    if (this.#seen.size > REMEMBERED_IDS) this.#seen.delete(this.#seen.values().next().value!);
    this.#put([event], false, cursor);
  }

  #takeRow(snapshot: Snapshot<Event>, row: Event, cursor: string | null): void {
    snapshot.received += 1;
    const whole = snapshot.received === snapshot.of;
    snapshot.collected?.push(row);
    if (!snapshot.collected) this.#put([row], false, whole ? cursor : null);
    else if (whole) this.#put(snapshot.collected, true, cursor);
    else this.#options.schedule(this.#flush); // for the progress
    if (!whole) return;
    this.#snapshot = null;
    this.#completed = true;
  }

  #put(events: readonly Event[], replaces: boolean, cursor: string | null): void {
    this.#queue.push({ events, replaces, cursor });
    if (this.#queue.length >= QUEUE_MOST) this.#flush();
    else this.#options.schedule(this.#flush);
  }

  /** Applies what was received, in order, and only then moves the cursor. */
  readonly #flush = (): void => {
    const queue = this.#queue;
    this.#queue = [];
    try {
      for (let at = 0; at < queue.length; ) at = this.#applyRun(queue, at);
    } catch (why) {
      return this.#reopening.fail(why);
    }
    this.#tell();
  };

  /** One call of the target for all events up to the next replacement. */
  #applyRun(queue: readonly Received<Event>[], from: number): number {
    const first = queue[from]!;
    let to = from + 1;
    if (first.replaces) {
      this.#options.target.replace(first.events);
    } else {
      while (to < queue.length && !queue[to]!.replaces) to += 1;
      this.#options.target.apply(queue.slice(from, to).flatMap(({ events }) => events));
    }
    this.#holds = true;
    for (const { cursor } of queue.slice(from, to)) this.#cursor = cursor ?? this.#cursor;
    return to;
  }

  #tell(): void {
    const { report } = this.#options;
    if (this.#completed) {
      this.#completed = false;
      report({ is: "live", after: this.#wasWhole ? "rebuilt" : "snapshot" });
      this.#wasWhole = true;
    } else if (this.#snapshot) {
      const { received, of } = this.#snapshot;
      report({ is: "snapshot", received, of });
    } else if (this.#burst !== null) {
      report({ is: "live", after: "resumed", events: this.#burst });
    }
  }

  #countBurst(events: number): void {
    this.#burst = events;
    this.#cancelBurst?.();
    this.#cancelBurst = this.#options.clock.after(BURST_MS, () => {
      this.#flush();
      this.#burst = null;
    });
  }

  #quiet(): void {
    if (this.#resuming) {
      this.#tell();
      this.#burst = null;
      return;
    }
    this.#put([], true, null);
    this.#options.report({ is: "live", after: this.#wasWhole ? "rebuilt" : "snapshot" });
  }

  #interrupted(): void {
    this.#cancelBurst?.();
    this.#cancelBurst = null;
    if (this.#queue.length) this.#flush();
    this.#snapshot = null;
  }
}
