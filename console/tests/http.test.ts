import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import type { Clock } from "../src/api/clock.ts";
import { Http, TRIES, type HttpOptions } from "../src/api/http.ts";
import { once } from "../src/api/once.ts";
import type { Operation } from "../src/api/operation.ts";
import { NEXT_STEPS, isRefusal, nextStep } from "../src/api/refusals.ts";
import { readFileSync } from "node:fs";

const VIEWER = "{ viewer { subject } }" as Operation<{ viewer: { subject: string } }, object>;

interface Given {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A server that gives these answers in turn, and the client of it; waits pass at once and are written down. */
async function server(t: TestContext, answers: readonly Given[], more: Partial<HttpOptions> = {}) {
  const bodies: string[] = [];
  const tokens: (string | undefined)[] = [];
  const waits: number[] = [];
  const listener: RequestListener = (request, response) => {
    tokens.push(request.headers.authorization);
    request.setEncoding("utf8").on("data", (text) => bodies.push(text));
    request.on("end", () => {
      const { status = 200, body = {}, headers = {} } = answers[Math.min(bodies.length, answers.length) - 1]!;
      response.writeHead(status, { "content-type": "application/json", "x-request-id": "r-7", ...headers });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    });
  };
  const http = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((ready) => http.once("listening", ready));
  t.after(() => (http.closeAllConnections(), http.close()));
  const clock: Clock = {
    now: () => 1_000,
    after: (ms, work) => (waits.push(ms), queueMicrotask(work), () => {}),
    random: () => 0,
  };
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/graphql`;
  return { desk: new Http({ url, token: () => "a-token", clock, ...more }), bodies, tokens, waits, http };
}

const DATA = { data: { viewer: { subject: "ann" } } };
const limited = (seconds: string): Given => ({
  status: 429,
  headers: { "retry-after": seconds },
  body: { errors: [{ message: "too often", extensions: { code: "RATE_LIMITED", limit: "operations" } }] },
});

test("an answer has its data, and the request had the token", async (t) => {
  const { desk, bodies, tokens } = await server(t, [{ body: DATA }]);
  assert.deepEqual(await desk.ask(VIEWER, {}), { ok: true, data: DATA.data, problems: [] });
  assert.deepEqual(JSON.parse(bodies[0]!), { query: VIEWER, variables: {} });
  assert.deepEqual(tokens, ["Bearer a-token"]);
});

test("a field that failed leaves the rest of the answer", async (t) => {
  const errors = [{ message: "busy", path: ["bookWhatIf"], extensions: { code: "BOOK_BUSY" } }];
  const { desk } = await server(t, [{ body: { ...DATA, errors } }]);
  const answer = await desk.ask(VIEWER, {});
  assert.ok(answer.ok);
  assert.deepEqual(answer.problems.map(({ code, retryable }) => [code, retryable]), [["BOOK_BUSY", true]]);
});

test("an error is a value with code and request id", async (t) => {
  const errors = [{ message: "a value is not allowed", extensions: { code: "BAD_USER_INPUT" } }];
  const { desk } = await server(t, [{ status: 400, body: { errors } }]);
  assert.deepEqual(await desk.ask(VIEWER, {}), {
    ok: false,
    code: "BAD_USER_INPUT",
    message: "a value is not allowed",
    requestId: "r-7",
    retryAfterS: null,
    retryable: false,
  });
});

test("a fault of the desk has the reference of its log", async (t) => {
  const errors = [{ message: "a fault", extensions: { code: "INTERNAL", reference: "ref-9" } }];
  const { desk } = await server(t, [{ body: { data: null, errors } }]);
  const answer = await desk.ask(VIEWER, {});
  assert.equal(!answer.ok && answer.requestId, "ref-9");
});

test("429 and 503 are sent again after the seconds of Retry-After, with the same body", async (t) => {
  const noRoom = { ...limited("1"), status: 503 };
  const { desk, bodies, waits } = await server(t, [limited("2"), noRoom, { body: DATA }]);
  assert.ok((await desk.ask(VIEWER, {})).ok);
  assert.deepEqual(waits, [2_000, 1_000]);
  assert.equal(new Set(bodies).size, 1);
});

test("patience ends after some tries, and a long wait is left to the person", async (t) => {
  const { desk, bodies } = await server(t, [limited("1")]);
  const answer = await desk.ask(VIEWER, {});
  assert.equal(!answer.ok && answer.code, "RATE_LIMITED");
  assert.equal(bodies.length, TRIES);
  const later = await server(t, [limited("60")]);
  const refused = await later.desk.ask(VIEWER, {});
  assert.deepEqual([!refused.ok && refused.retryAfterS, later.bodies.length], [60, 1]);
});

test("a refused token signs out, an unknown key does not", async (t) => {
  const seen: string[] = [];
  const signedOut = ({ code }: { code: string }) => seen.push(code);
  for (const code of ["TOKEN_EXPIRED", "TOKEN_KEY_UNKNOWN"]) {
    const { desk } = await server(t, [{ status: 401, body: { errors: [{ message: "no", extensions: { code } }] } }], {
      signedOut,
    });
    assert.equal((await desk.ask(VIEWER, {})).ok, false);
  }
  assert.deepEqual(seen, ["TOKEN_EXPIRED"]);
});

test("what is not of GraphQL, and what is no answer, are values too", async (t) => {
  const { desk, http } = await server(t, [{ status: 502, body: "<html>" }, { body: "[1]" }]);
  const page = await desk.ask(VIEWER, {});
  assert.deepEqual(!page.ok && [page.code, page.message], ["NOT_GRAPHQL", "HTTP 502"]);
  assert.equal((await desk.ask(VIEWER, {})).ok, false);
  http.closeAllConnections();
  http.close();
  const gone = await desk.ask(VIEWER, {});
  assert.deepEqual(!gone.ok && [gone.code, gone.retryable], ["NO_ANSWER", true]);
});

test("a person who goes on gives up", async (t) => {
  const { desk } = await server(t, [{ body: DATA }]);
  const answer = await desk.ask(VIEWER, {}, AbortSignal.abort());
  assert.equal(!answer.ok && answer.code, "ABORTED");
});

test("the time of the desk is handed on", async (t) => {
  const seen: number[][] = [];
  const headers = { date: "Fri, 31 Jan 2020 14:00:00 GMT" };
  const { desk } = await server(t, [{ body: DATA, headers }], { dated: (...times) => seen.push(times) });
  await desk.ask(VIEWER, {});
  assert.deepEqual(seen, [[Date.UTC(2020, 0, 31, 14), 1_000, 1_000]]);
});

test("an intention keeps its key, and is sent once while it is on its way", async () => {
  const intention = once();
  const keys: string[] = [];
  const answers: (() => void)[] = [];
  const work = (key: string) => (keys.push(key), new Promise<string>((done) => answers.push(() => done("placed"))));
  const presses = [intention.send(work), intention.send(work), intention.send(work)];
  answers[0]!();
  assert.deepEqual(await Promise.all(presses), ["placed", "placed", "placed"]);
  assert.deepEqual(keys, [intention.key]);
  const lost = intention.send(() => Promise.reject(new Error("no answer")));
  await assert.rejects(lost);
  const again = intention.send(work);
  answers[1]!();
  assert.equal(await again, "placed");
  assert.deepEqual(new Set(keys).size, 1);
  assert.notEqual(once().key, intention.key);
});

test("every refusal of the schema has a next step", () => {
  const schema = readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8");
  const codes = [.../enum RefusalCode \{(.*?)\n\}/s.exec(schema)![1]!.matchAll(/^  ([A-Z_]+)$/gm)].map(([, code]) => code!);
  assert.ok(codes.length > 40);
  assert.deepEqual([...NEXT_STEPS.keys()].toSorted(), codes.toSorted());
  assert.equal(nextStep("OF_TOMORROW"), "look again");
});

test("a refusal is told from an outcome", () => {
  assert.ok(isRefusal({ code: "FROZEN", message: "a kill switch is on" }));
  assert.ok(!isRefusal({ orders: [] }));
});
