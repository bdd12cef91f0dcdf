// What the page may claim about what it shows, and what may be done on that ground.

import type { Progress } from "../api/follow.ts";
import type { End } from "../api/ends.ts";

export const SILENT_AFTER_MS = 8_000;
export const RESUMED_SHOWN_MS = 5_000;

export type Continuity =
  | { readonly is: "connecting" }
  | { readonly is: "snapshot"; readonly received: number; readonly of: number }
  | { readonly is: "live" }
  /** Nothing is missing; shown for a few seconds. */
  | { readonly is: "resumed"; readonly events: number }
  /** What was held was void and was built again at that time; until the person has looked. */
  | { readonly is: "gap"; readonly at: number }
  /** The socket is open, but nothing came since then. */
  | { readonly is: "silent"; readonly since: number }
  | { readonly is: "offline"; readonly backAt: number; readonly why: End }
  /** 1012: the desk restarts. */
  | { readonly is: "restarting"; readonly backAt: number }
  /** 1013: this page did not keep up, or its rights changed; it goes on by itself. */
  | { readonly is: "behind"; readonly backAt: number; readonly why: End }
  | { readonly is: "signed out"; readonly why: End }
  /** A mistake of the page: shown with its code. */
  | { readonly is: "stopped"; readonly why: End };

/** All times are of the page's clock, in milliseconds. */
export interface Facts {
  readonly progress: Progress;
  /** When `progress` was reported. */
  readonly since: number;
  /** When the last sign of life came. */
  readonly heardAt: number;
  /** When rows were rebuilt after a gap that the person has not looked at. */
  readonly gapAt: number | null;
}

export function begin(now: number): Facts {
  return { progress: { is: "connecting" }, since: now, heardAt: now, gapAt: null };
}

export function progressed(facts: Facts, progress: Progress, now: number): Facts {
  // The first try of a page is "connecting"; after a cut the reason for the cut stays until rows come.
  if (progress.is === "connecting" && facts.progress.is === "waiting") return { ...facts, heardAt: now };
  const gap = progress.is === "live" && progress.after === "rebuilt";
  return { progress, since: now, heardAt: now, gapAt: gap ? now : facts.gapAt };
}

export function heard(facts: Facts, now: number): Facts {
  return { ...facts, heardAt: now };
}

/** The person has looked at what a gap changed. */
export function looked(facts: Facts): Facts {
  return { ...facts, gapAt: null };
}

export function continuity(facts: Facts, now: number): Continuity {
  const { progress, since, heardAt, gapAt } = facts;
  switch (progress.is) {
    case "connecting":
    case "snapshot":
      return progress;
    case "waiting":
      return waiting(progress.end, since + progress.ms);
    case "signed out":
    case "stopped":
      return { is: progress.is, why: progress.end };
    case "live":
      if (now - heardAt >= SILENT_AFTER_MS) return { is: "silent", since: heardAt };
      if (gapAt !== null) return { is: "gap", at: gapAt };
      if (progress.after !== "resumed" || now - since >= RESUMED_SHOWN_MS) return { is: "live" };
      return { is: "resumed", events: progress.events };
  }
}

function waiting(why: End, backAt: number): Continuity {
  if (why.is === "closed" && why.code === 1012) return { is: "restarting", backAt };
  if (why.is === "closed" && why.code === 1013) return { is: "behind", backAt, why };
  return { is: "offline", backAt, why };
}

export interface Allowed {
  /** Orders that are placed on what the page shows. */
  readonly liquidate: boolean;
  /** Cancel and stop: tried over HTTP even without a socket. */
  readonly cancel: boolean;
  readonly write: boolean;
}

const NOTHING: Allowed = { liquidate: false, cancel: false, write: false };
const SAFE: Allowed = { liquidate: false, cancel: true, write: false };
const UNPRICED: Allowed = { liquidate: false, cancel: true, write: true };
const ALL: Allowed = { liquidate: true, cancel: true, write: true };

export function allowed(state: Continuity): Allowed {
  switch (state.is) {
    case "live":
    case "resumed":
      return ALL;
    case "gap":
    case "silent":
      return UNPRICED;
    case "offline":
    case "restarting":
    case "behind":
    case "stopped":
      return SAFE;
    case "connecting":
    case "snapshot":
    case "signed out":
      return NOTHING;
  }
}
