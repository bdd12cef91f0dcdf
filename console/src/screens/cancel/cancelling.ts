// One intention to cancel orders: its key, what was sent with it, and an answer for each order.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { Answer } from "../../api/http.ts";
import { once, type Once } from "../../api/once.ts";
import type { CancelInput, CancelMutation } from "../../api/operations.ts";
import type { Problem } from "../../api/problems.ts";
import type { Refusal } from "../../api/refusals.ts";

type Result = CancelMutation["cancel"]["results"][number];

export type Outcome =
  /** The desk has recorded the cancel. `before`: it had done so earlier. */
  | { readonly is: "requested"; readonly before: boolean }
  | ({ readonly is: "refused" } & Refusal)
  /** The answer does not name the order. */
  | { readonly is: "missing" };

export interface Line {
  readonly orderId: string;
  readonly outcome: Outcome;
}

export type CancelState =
  | { readonly is: "deciding" }
  | { readonly is: "sending" }
  /** One line for each order of the request, in its order. */
  | { readonly is: "answered"; readonly lines: readonly Line[] }
  | { readonly is: "failed"; readonly problem: Problem };

/** What a dialog holds from its opening to its end. */
export class Cancelling {
  readonly #send: (input: CancelInput) => Promise<Answer<CancelMutation>>;
  readonly #once: Once;
  readonly #state = signal<CancelState>({ is: "deciding" });
  #input: CancelInput | null = null;

  constructor(send: (input: CancelInput) => Promise<Answer<CancelMutation>>, intention: Once = once()) {
    this.#send = send;
    this.#once = intention;
  }

  get state(): ReadonlySignal<CancelState> {
    return this.#state;
  }

  /** The orders of the request; null until there is one. */
  get sent(): readonly string[] | null {
    return this.#input && this.#input.orderIds;
  }

  /** Ask the desk. After a lost answer the same request goes again, whatever the arguments are then. */
  async cancel(orderIds: readonly string[], reason: string): Promise<void> {
    this.#input ??= { idempotencyKey: this.#once.key, orderIds: [...orderIds], reason: reason.trim() || null };
    const input = this.#input;
    if (this.#state.peek().is === "answered") return;
    this.#state.value = { is: "sending" };
    const answer = await this.#once.send(() => this.#send(input));
    this.#state.value = answer.ok
      ? { is: "answered", lines: linesOf(input.orderIds, answer.data.cancel.results) }
      : { is: "failed", problem: answer };
  }

  /** The same request, with the same key. */
  readonly again = (): void => void this.cancel([], "");
}

function linesOf(ids: readonly string[], results: readonly Result[]): Line[] {
  const outcomes = new Map(results.map(outcomeOf));
  const missing: Outcome = { is: "missing" };
  return ids.map((orderId) => ({ orderId, outcome: outcomes.get(orderId) ?? missing }));
}

function outcomeOf(result: Result): [string, Outcome] {
  if ("code" in result) return [result.orderId, { is: "refused", code: result.code, message: result.message }];
  return [result.order.id, { is: "requested", before: result.alreadyPending }];
}
