// Why something was not answered, in one shape for HTTP, sockets and the browser's own failures.

/** `code` is the desk's (docs/api.md, "Errors") or one of `OWN_CODES`; decide by it, and show `message`. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  /** To be copied to the operator, who finds the request by it in the log. */
  readonly requestId: string | null;
  /** In seconds, if the desk said when to ask again. */
  readonly retryAfterS: number | null;
  /** Whether the same request, with the same idempotency key, may succeed later. */
  readonly retryable: boolean;
}

/** What the desk never says, because it did not answer. */
export const OWN_CODES = ["NO_ANSWER", "TIMEOUT", "ABORTED", "NOT_GRAPHQL", "PAGE_FAULT"] as const;

const PASSING: ReadonlySet<string> = new Set([
  ...["RATE_LIMITED", "TOO_MANY_OPERATIONS", "TOO_MANY_SOCKETS", "TOO_MANY_CONNECTIONS", "NO_ROOM", "RESTARTING"],
  ...["DATABASE_UNAVAILABLE", "DATABASE_BUSY", "DATABASE_TIMEOUT", "BOOK_BUSY", "INTERNAL", "UNREADABLE_DATA"],
  ...["TOKEN_KEY_UNKNOWN", "NO_ANSWER", "TIMEOUT"],
]);

/** A problem of the page itself, or one that the desk put into other words. */
export function problem(code: string, message: string, more: Partial<Problem> = {}): Problem {
  return { code, message, requestId: null, retryAfterS: null, retryable: PASSING.has(code), ...more };
}

/** From a member of `errors` of an answer or of an `error` message; what is none becomes NOT_GRAPHQL. */
export function readProblem(error: unknown, requestId: string | null = null): Problem {
  const { message, extensions } = fields(error);
  if (typeof message !== "string") return problem("NOT_GRAPHQL", "the answer is not one of GraphQL", { requestId });
  const { code, retryAfterS, retryable, reference } = fields(extensions);
  const known = typeof code === "string" ? code : "INTERNAL";
  return {
    code: known,
    message,
    requestId: typeof reference === "string" ? reference : requestId,
    retryAfterS: typeof retryAfterS === "number" && retryAfterS >= 0 ? retryAfterS : null,
    retryable: retryable === true || PASSING.has(known),
  };
}

/** Whether the person has to sign in again. */
export function isSignedOut({ code }: Problem): boolean {
  return code.startsWith("TOKEN_") && code !== "TOKEN_KEY_UNKNOWN";
}

/** The members of an object from outside; none of what is no object. */
export function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
