// Refusals of business rules: answers, each with the next step for the person. Codes are those of docs/api.md.

/** As every refusal in the API. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export type NextStep =
  | "look again" // the case or plan changed: read it anew, then decide
  | "take over" // another operator works on it, until a time in the message
  | "open request" // another person decides it
  | "wait" // for a market, a price, an order
  | "change entry" // a field of the form
  | "ask for rights"
  | "leave"; // nothing is to be done any more

const CODES_BY_STEP: Readonly<Record<NextStep, readonly string[]>> = {
  "look again": [
    ...["VERSION_CONFLICT", "CASE_IN_EXCEPTION", "CASE_HAS_OPEN_ORDERS", "EXPECTATION_EXCEEDED", "NOT_IN_EXCEPTION"],
    ...["NOT_CURED", "NOT_INCOMPLETE", "SAME_SHORTFALL", "IDEMPOTENCY_KEY_REUSED", "CURSOR_REFUSED"],
  ],
  "take over": ["CASE_CLAIMED"],
  "open request": ["APPROVAL_REQUIRED", "APPROVAL_PENDING"],
  wait: [
    ...["ORDERS_RESTING", "MARKET_CLOSED", "NO_QUOTE", "STALE_QUOTE", "FIGURES_TOO_OLD", "FROZEN", "ACCOUNT_IN_DOUBT"],
    ...["INSTRUMENT_SUSPENDED", "DESK_FAULT", "UNREADABLE"],
  ],
  "change entry": [
    ...["QUANTITY_EXCEEDS_SELLABLE", "OFF_LOT", "CAPPED", "PRICE_OUTSIDE_BAND", "PRICE_COLLAR", "OFF_TICK"],
    ...["INCREASES_EXPOSURE", "COVERS_WRITTEN_CALLS", "CANNOT_CURE", "NO_ADDRESS", "CHANNEL_OFF", "TEMPLATE_UNFIT"],
    ...["URL_REFUSED", "TOO_MANY", "TOO_LARGE", "UNKNOWN_MARKET"],
  ],
  "ask for rights": ["FORBIDDEN", "SAME_PERSON"],
  leave: [
    ...["NOT_FOUND", "CASE_CLOSED", "NOTHING_TO_COLLECT", "NOTHING_SELLABLE", "INSTRUMENT_EXPIRED", "TOO_LATE"],
    ...["SWITCH_OFF", "APPROVAL_DECIDED"],
  ],
};

export const NEXT_STEPS: ReadonlyMap<string, NextStep> = new Map(
  Object.entries(CODES_BY_STEP).flatMap(([step, codes]) => codes.map((code) => [code, step as NextStep] as const)),
);

/** A code that is newer than the page: its sentence says how to proceed, and looking again is never wrong. */
export function nextStep(code: string): NextStep {
  return NEXT_STEPS.get(code) ?? "look again";
}

/** Whether a result of a mutation is a refusal. */
export function isRefusal<Result extends object>(result: Result): result is Result & Refusal {
  return "code" in result && "message" in result;
}
