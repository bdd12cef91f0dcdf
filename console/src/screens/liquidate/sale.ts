// One intention to sell: sent with one key, as often as an answer is lost, and its results, one line for each case.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { Answer } from "../../api/http.ts";
import { once, type Once } from "../../api/once.ts";
import type { LiquidateInput, LiquidateMutation } from "../../api/operations.ts";
import { problem, type Problem } from "../../api/problems.ts";
import { nextStep, type NextStep } from "../../api/refusals.ts";
import type { AskedCase } from "./planned.ts";

type Result = LiquidateMutation["liquidate"]["results"][number];
type Cases = LiquidateInput["cases"];

type Outcome =
  | { readonly is: "placed"; readonly orders: number; readonly amountAfter: string }
  /** A second person decides; `request` is the id of what they decide, null if this person may not see it. */
  | { readonly is: "asked"; readonly before: boolean; readonly message: string; readonly request: string | null }
  | {
      readonly is: "refused";
      readonly code: string;
      readonly message: string;
      readonly step: NextStep;
      /** The plan of now, where it exceeds what was shown. */
      readonly now: { readonly notional: string; readonly amountAfter: string } | null;
    }
  /** The desk answered for fewer cases than it was sent. */
  | { readonly is: "missing" };

/** What became of one case. */
export type Line = { readonly case: AskedCase } & Outcome;

export type Phase =
  | { readonly is: "deciding"; readonly problem: Problem | null }
  | { readonly is: "sending" }
  /** No answer came, so that orders may have been placed: the same again does nothing twice. */
  | { readonly is: "unanswered"; readonly problem: Problem }
  | { readonly is: "answered"; readonly lines: readonly Line[] };

export type Send = (input: LiquidateInput) => Promise<Answer<LiquidateMutation>>;

export class Sale {
  readonly #send: Send;
  readonly #once: Once;
  readonly #phase = signal<Phase>({ is: "deciding", problem: null });
  /** An answer was lost, so that no other one says that nothing was done. */
  #lost = false;
  #sent: { readonly cases: Cases; readonly of: readonly AskedCase[] } | null = null;

  /** Made when the dialog opens; one that is answered is over, and looking again needs another. */
  constructor(send: Send, newKey?: () => string) {
    this.#send = send;
    this.#once = once(newKey);
  }

  get phase(): ReadonlySignal<Phase> {
    return this.#phase;
  }

  /** Cases as they are shown, with whom they are of, in the same order; nothing unless the person decides. */
  async begin(cases: Cases, of: readonly AskedCase[]): Promise<void> {
    if (this.#phase.peek().is !== "deciding" || cases.length === 0) return;
    this.#sent = { cases, of };
    await this.#try();
  }

  /** The same once more, after a lost answer. */
  async again(): Promise<void> {
    if (this.#phase.peek().is === "unanswered") await this.#try();
  }

  async #try(): Promise<void> {
    const { cases, of } = this.#sent!;
    this.#phase.value = { is: "sending" };
    const failed = (why: unknown): Answer<LiquidateMutation> => ({ ok: false, ...problem("PAGE_FAULT", String(why)) });
    const answer = await this.#once.send((idempotencyKey) => this.#send({ idempotencyKey, cases }).catch(failed));
    if (answer.ok) this.#phase.value = { is: "answered", lines: linesOf(answer.data.liquidate.results, of) };
    else {
      this.#lost ||= isOpen(answer);
      this.#phase.value = { is: this.#lost ? "unanswered" : "deciding", problem: answer };
    }
  }
}

/** The desk says so before it begins. */
const NOT_BEGUN: ReadonlySet<string> = new Set(["RATE_LIMITED", "TOO_MANY_OPERATIONS", "TOKEN_KEY_UNKNOWN"]);

/** Whether the desk may have done it in spite of this. */
function isOpen({ code, retryable }: Problem): boolean {
  if (NOT_BEGUN.has(code)) return false;
  return retryable || code === "NOT_GRAPHQL" || code === "ABORTED" || code === "PAGE_FAULT";
}

/** Results come in the order of the cases. */
export function linesOf(results: readonly Result[], cases: readonly AskedCase[]): Line[] {
  return cases.map((each, at) => ({ case: each, ...outcome(results[at]) }));
}

function outcome(result: Result | undefined): Outcome {
  if (result === undefined) return { is: "missing" };
  if (!("code" in result)) return { is: "placed", orders: result.orders.length, amountAfter: result.amountAfter };
  const { code, message, details, plan } = result;
  const step = nextStep(code);
  if (step === "open request") {
    return { is: "asked", before: code === "APPROVAL_PENDING", message, request: details.approval?.id ?? null };
  }
  return { is: "refused", code, message, step, now: plan };
}

/** Cases at which the person may look again with other figures. */
export function toLookAgain(lines: readonly Line[]): AskedCase[] {
  return lines.filter((line) => line.is === "refused" && line.step === "look again").map((line) => line.case);
}
