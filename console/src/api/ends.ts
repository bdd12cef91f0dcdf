// How a subscription ended, and what follows from it: docs/realtime.md, "Close codes" and "Resume after a cursor".

import { isSignedOut, type Problem } from "./problems.ts";

export type End =
  | { readonly is: "closed"; readonly code: number; readonly reason: string }
  | { readonly is: "problem"; readonly problem: Problem }
  | { readonly is: "completed" };

export type Verdict =
  | { readonly then: "again"; readonly ms: number }
  /** The cursor is void, and with it all that was held. */
  | { readonly then: "snapshot" }
  /** The person has to sign in. */
  | { readonly then: "sign in" }
  /** A mistake of the page, or of what it asked for: shown with its code, and not tried again. */
  | { readonly then: "stop" };

export const LEAST_WAIT_MS = 300;
export const MOST_WAIT_MS = 3_000;
/** The longest wait that a reason or a Retry-After may ask for. */
export const MOST_ASKED_MS = 60_000;
const MISTAKES: ReadonlySet<number> = new Set([
  ...[1002, 1007, 1009, 4400, 4401, 4406, 4409, 4429], // the desk's
  ...[4004, 4005], // of graphql-ws: a message that it cannot read, a failure within the page
]);
const VOID: ReadonlySet<string> = new Set(["CURSOR_EXPIRED", "CURSOR_INVALID"]);
const SECONDS = /\bin (\d+(?:\.\d+)?) s\b/;

/** The wait before a try: longer after each one that failed, and different for each page. */
export function backoffMs(failures: number, chance: number): number {
  const most = Math.min(MOST_WAIT_MS, LEAST_WAIT_MS * 2 ** (Math.min(failures, 10) + 1));
  return LEAST_WAIT_MS + chance * (most - LEAST_WAIT_MS);
}

/** `failures` counts the ends since the last frame; `chance` is from 0 to 1. */
export function judge(end: End, failures: number, chance: number): Verdict {
  switch (end.is) {
    case "completed":
      return { then: "again", ms: backoffMs(failures, chance) };
    case "closed":
      return judgeClose(end.code, end.reason, failures, chance);
    case "problem":
      if (VOID.has(end.problem.code)) return { then: "snapshot" };
      if (isSignedOut(end.problem)) return { then: "sign in" };
      if (!end.problem.retryable) return { then: "stop" };
      return { then: "again", ms: asked(end.problem.retryAfterS, failures, chance) };
  }
}

function judgeClose(code: number, reason: string, failures: number, chance: number): Verdict {
  if (code === 4403) return { then: "sign in" };
  if (MISTAKES.has(code)) return { then: "stop" };
  const seconds = code === 1012 ? SECONDS.exec(reason)?.[1] : undefined;
  return { then: "again", ms: asked(seconds === undefined ? null : Number(seconds), failures, chance) };
}

function asked(seconds: number | null, failures: number, chance: number): number {
  if (seconds === null) return backoffMs(failures, chance);
  return Math.min(seconds * 1_000, MOST_ASKED_MS) + chance * LEAST_WAIT_MS;
}
