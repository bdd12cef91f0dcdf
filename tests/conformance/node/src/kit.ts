// What the programs share: where the desk is, the way that each client goes, and how it is reported to the runner.
import { randomUUID } from "node:crypto";
import type { CaseEventsSubscription, UpdateRemarkInput } from "./gql/graphql.js";

export type CaseEvent = CaseEventsSubscription["caseEvents"];
type Case = { id: string; version: number };

interface Page {
  edges: readonly { node: Case }[];
  pageInfo: { endCursor?: string | null };
}

export interface RemarkResult {
  __typename: string;
  case?: Case & { remark: string };
  code?: string;
  details?: { case?: Case | null };
}

/** What is compared of an event. */
export interface LiveCase {
  id: string;
  case: { id: string; remark: string };
}

/** What a program has to do with its client. */
export interface Tried {
  page(variables: { first: number; after?: string | null }): Promise<Page>;
  setRemark(input: UpdateRemarkInput): Promise<RemarkResult>;
  /** Every case event from now on. The returned function ends it. */
  caseEvents(take: (event: LiveCase) => void, fail: (reason: unknown) => void): () => void;
  tokenWithEachRequest?: boolean;
}

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: see python -m tests.conformance`);
  return value;
}

/** Of the desk, and of a proxy of the runner in front of it, which cuts connections. */
export const url = given("DESK_URL");
export const cutUrl = given("CUT_URL");
export const webSocket = (of: string): string => of.replace("http", "ws");
export const authorization = `Bearer ${given("TOKEN")}`;
export const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 80));
const FIRST = 3;
const LAST_REMARK = given("LAST_REMARK");
const PAGE_ORIGIN = given("PAGE_ORIGIN");

interface Sent {
  url: string;
  method: string;
  headers: string[];
  /** Whether the text of the document was sent, or only its hash. */
  text: boolean;
}

/** The requests of a client that uses `fetch`. */
const sent: Sent[] = [];
export const requests = (): string => sent.map(({ method, text }) => `${method} ${text ? "text" : "hash"}`).join(", ");
let tokenOverride: string | undefined;
const fetched = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const [address, headers] = [String(input), new Headers(init?.headers)];
  const text = /[?&]query=/.test(address) || String(init?.body).includes('"query":');
  sent.push({ url: address, method: init?.method ?? "GET", headers: [...headers.keys()].sort(), text });
  if (tokenOverride) headers.set("authorization", tokenOverride);
  return fetched(input, { ...init, headers });
};

function report(line: object): void {
  process.stdout.write(JSON.stringify(line) + "\n");
}

/** Does a step and reports it. A step that fails ends the program. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const result = await work();
  report({ step: name });
  return result;
}

export function check(condition: unknown, otherwise: unknown): asserts condition {
  if (!condition) throw new Error(typeof otherwise === "string" ? otherwise : JSON.stringify(otherwise));
}

/** The whole way of a client. */
export async function go(name: string, tried: Tried): Promise<void> {
  const page = await step("page", () => tried.page({ first: FIRST }));
  const ids = page.edges.map((edge) => edge.node.id);
  await step("next page", async () => {
    const next = await tried.page({ first: FIRST, after: page.pageInfo.endCursor });
    const all = new Set([...ids, ...next.edges.map((edge) => edge.node.id)]);
    check(ids.length === FIRST && all.size === 2 * FIRST, { pages: [...all] });
  });
  await step("mutate", () => changeRemark(name, tried, page.edges[0]!.node));
  await step("errors", () => readCodes(tried));
  await step("resume", () => followCases(tried));
  if (sent.length) await step("other origin", () => Promise.all(sent.map(preflight)));
}

/** The code of an error of a resolver and, where a token goes with each request, of a refused token. */
async function readCodes(tried: Tried): Promise<void> {
  const codeOfPage = (after: string): Promise<unknown> =>
    tried.page({ first: FIRST, after }).then(
      () => "no error",
      (reason: unknown) => codeOf(reason) ?? reason,
    );
  const cursor = await codeOfPage("nonsense");
  check(cursor === "CURSOR_INVALID", { cursor });
  if (!tried.tokenWithEachRequest) return;
  tokenOverride = "Bearer nonsense";
  const token = await codeOfPage("another");
  tokenOverride = undefined;
  check(token === "TOKEN_MALFORMED", { token });
}

/** Where each library keeps the errors of a result. */
function codeOf(reason: unknown): unknown {
  const { errors, graphQLErrors, source } = reason as {
    errors?: unknown;
    graphQLErrors?: unknown;
    source?: { errors?: unknown };
  };
  const all = [reason, errors, graphQLErrors, source?.errors].find(Array.isArray);
  return (all as { extensions?: { code?: string } }[] | undefined)?.[0]?.extensions?.code;
}

/** What a browser asks before a page of another origin may send the request. */
async function preflight({ url: address, method, headers }: Sent): Promise<void> {
  const named = headers.filter((name) => !["accept", "accept-language", "content-language"].includes(name));
  // Not through the proxy, which may still cut a connection that is open.
  const answer = await fetched(address.replace(cutUrl, url), {
    method: "OPTIONS",
    headers: {
      origin: PAGE_ORIGIN,
      "access-control-request-method": method,
      "access-control-request-headers": named.join(","),
    },
  });
  const allowed = answer.headers.get("access-control-allow-headers")?.toLowerCase().split(", ") ?? [];
  const fits = answer.ok && answer.headers.get("access-control-allow-origin") === PAGE_ORIGIN;
  check(fits && named.every((name) => allowed.includes(name)), { method, named, status: answer.status, allowed });
}

/** It is replaced, and replacing it on the version before is refused. */
async function changeRemark(name: string, tried: Tried, on: Case): Promise<void> {
  const remark = `by ${name}`;
  const input = { caseId: on.id, expectedVersion: on.version, remark };
  const changed = await tried.setRemark({ ...input, idempotencyKey: randomUUID() });
  check(changed.__typename === "CaseChanged" && changed.case?.remark === remark, changed);
  const refused = await tried.setRemark({ ...input, idempotencyKey: randomUUID() });
  check(refused.__typename === "CaseCommandRefused" && refused.code === "VERSION_CONFLICT", refused);
  check(refused.details?.case?.version === changed.case?.version, refused);
}

/** Until the runner's last event. It compares what is reported with what an uncut subscriber received. */
function followCases(tried: Tried): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = tried.caseEvents((event) => {
      report({ event: event.id });
      if (event.case.remark !== LAST_REMARK) return;
      end();
      resolve();
    }, reject);
    report({ subscribed: true });
  });
}
