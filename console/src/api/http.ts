// Queries and mutations over HTTP. Every answer is a value: what was asked for, or why it was not given.

import { browserClock, type Clock } from "./clock.ts";
import type { Operation } from "./operation.ts";
import { fields, problem, readProblem, type Problem } from "./problems.ts";

export type Answer<Data> =
  /** `problems` are those of single fields, which are null then. */
  { readonly ok: true; readonly data: Data; readonly problems: readonly Problem[] } | Refused;

export interface Refused extends Problem {
  readonly ok: false;
}

export interface HttpOptions {
  readonly url: string;
  readonly token: () => string | null;
  readonly clock?: Clock;
  readonly fetch?: typeof fetch;
  /** The time of the desk in the header `Date`, in milliseconds, with the time of the page at both ends. */
  readonly dated?: (deskAt: number, sentAt: number, receivedAt: number) => void;
  /** Called with each answer that the token was refused. */
  readonly signedOut?: (why: Problem) => void;
}

/** After which a request counts as unanswered. */
export const ANSWER_WITHIN_MS = 30_000;
/** Requests that the desk did not begin (429, 503) are sent again so often, if it says when. */
export const TRIES = 3;
/** A longer Retry-After is left to the person. */
export const MOST_PATIENCE_S = 5;
const POSTPONED: ReadonlySet<number> = new Set([429, 503]);

export class Http {
  readonly #options: HttpOptions;
  readonly #clock: Clock;
  readonly #fetch: typeof fetch;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#clock = options.clock ?? browserClock;
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
  }

  /**
   * Run one operation. A mutation contains its idempotency key, so that a second try does nothing twice.
   * `signal` gives up: the answer is ABORTED.
   */
  async ask<Data, Variables>(
    operation: Operation<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Answer<Data>> {
    const body = JSON.stringify({ query: operation, variables });
    for (let tried = 1; ; tried += 1) {
      const { answer, status } = await this.#send<Data>(body, signal);
      if (answer.ok || tried === TRIES || !POSTPONED.has(status)) return answer;
      if (answer.retryAfterS === null || answer.retryAfterS > MOST_PATIENCE_S) return answer;
      await this.#wait(answer.retryAfterS * 1_000, signal);
    }
  }

  async #send<Data>(body: string, given?: AbortSignal): Promise<{ answer: Answer<Data>; status: number }> {
    const limit = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const signal = given ? AbortSignal.any([given, limit]) : limit;
    const sentAt = this.#clock.now();
    try {
      const response = await this.#fetch(this.#options.url, { method: "POST", headers: this.#headers(), body, signal });
      this.#tellTime(response, sentAt);
      return { answer: this.#read<Data>(response, await response.text()), status: response.status };
    } catch (why) {
      const code = given?.aborted ? "ABORTED" : limit.aborted ? "TIMEOUT" : "NO_ANSWER";
      return { answer: refused(problem(code, String(why))), status: 0 };
    }
  }

  #headers(): Record<string, string> {
    const token = this.#options.token();
    return {
      accept: "application/graphql-response+json, application/json",
      "content-type": "application/json",
      ...(token !== null && { authorization: `Bearer ${token}` }),
    };
  }

  #tellTime(response: Response, sentAt: number): void {
    const deskAt = Date.parse(response.headers.get("date") ?? "");
    if (!Number.isNaN(deskAt)) this.#options.dated?.(deskAt, sentAt, this.#clock.now());
  }

  #read<Data>(response: Response, text: string): Answer<Data> {
    const requestId = response.headers.get("x-request-id");
    const { data, errors } = fields(parsed(text));
    const problems = Array.isArray(errors) ? errors.map((error) => readProblem(error, requestId)) : [];
    if (typeof data === "object" && data !== null) return { ok: true, data: data as Data, problems };
    const why = problems[0] ?? problem("NOT_GRAPHQL", `HTTP ${response.status}`, { requestId });
    const asked = seconds(response.headers.get("retry-after"));
    const answer = refused({ ...why, retryAfterS: asked ?? why.retryAfterS });
    if (response.status === 401 && why.code !== "TOKEN_KEY_UNKNOWN") this.#options.signedOut?.(answer);
    return answer;
  }

  #wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      signal?.addEventListener("abort", () => (cancel(), resolve()), { once: true });
    });
  }
}

/** One request with a token, for a page without a session. */
export function ask<Data, Variables>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  token: string,
): Promise<Answer<Data>> {
  return new Http({ url: "/graphql", token: () => token }).ask(operation, variables);
}

function refused(why: Problem): Refused {
  return { ok: false, ...why };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // such as the page of a proxy
  }
}

function seconds(header: string | null): number | null {
  return header !== null && /^\d+$/.test(header) ? Number(header) : null;
}
