import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { End } from "../src/api/ends.ts";
import { ACK_WITHIN_MS, PING_EVERY_MS, PONG_WITHIN_MS, type DeskSocket, type Receiver } from "../src/api/socket.ts";
import { settled, ScriptedDesk } from "./kit/scripted_desk.ts";

const REQUEST = { query: "subscription { quotes }", variables: {} };

class Ends implements Receiver {
  sentTimes = 0;
  readonly frames: unknown[] = [];
  readonly ends: End[] = [];
  sent(): void {
    this.sentTimes += 1;
  }
  next(frame: unknown): void {
    this.frames.push(frame);
  }
  ended(end: End): void {
    this.ends.push(end);
  }
}

async function opened(socket: DeskSocket): Promise<Ends> {
  const ends = new Ends();
  socket.subscribe(REQUEST, ends);
  await settled();
  return ends;
}

function timed(t: TestContext): ScriptedDesk {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  return new ScriptedDesk();
}

test("the token of the moment opens the socket, and all subscriptions share it", async (t) => {
  const desk = timed(t);
  const socket = desk.socket();
  const [first, second] = [await opened(socket), await opened(socket)];
  assert.equal(desk.connections.length, 1);
  assert.deepEqual(desk.connection.sent[0], { type: "connection_init", payload: { authorization: "Bearer first-token" } });
  assert.deepEqual([first.sentTimes, second.sentTimes], [1, 1]);
});

test("a socket that answers pings stays, and each sign of life is heard", async (t) => {
  const desk = timed(t);
  let heard = 0;
  const ends = await opened(desk.socket({ heard: () => (heard += 1) }));
  for (let ping = 1; ping <= 3; ping += 1) {
    t.mock.timers.tick(PING_EVERY_MS);
    assert.equal(desk.connection.sent.filter(({ type }) => type === "ping").length, ping);
    desk.connection.says({ type: "pong" });
  }
  assert.equal(heard, 1 + 3, "connection_ack and the pongs");
  assert.deepEqual(ends.ends, []);
});

test("a socket without a pong is terminated", async (t) => {
  const desk = timed(t);
  const ends = await opened(desk.socket());
  t.mock.timers.tick(PING_EVERY_MS);
  t.mock.timers.tick(PONG_WITHIN_MS - 1);
  assert.deepEqual(ends.ends, []);
  t.mock.timers.tick(1);
  await settled();
  assert.deepEqual(ends.ends, [{ is: "closed", code: 4499, reason: "Terminated" }]);
});

test("a pong that waits behind events does not end the socket", async (t) => {
  const desk = timed(t);
  const ends = await opened(desk.socket());
  t.mock.timers.tick(PING_EVERY_MS);
  t.mock.timers.tick(PONG_WITHIN_MS - 1);
  desk.says("next", { data: {} });
  t.mock.timers.tick(PONG_WITHIN_MS);
  assert.deepEqual(ends.ends, []);
  t.mock.timers.tick(PONG_WITHIN_MS);
  await settled();
  assert.equal(ends.ends.length, 1);
});

test("a desk that never acknowledges is left", async (t) => {
  const desk = timed(t);
  const socket = desk.socket();
  const ends = new Ends();
  socket.subscribe(REQUEST, ends);
  desk.accepts = false;
  desk.connection.open();
  await Promise.resolve();
  t.mock.timers.tick(ACK_WITHIN_MS);
  await settled();
  assert.deepEqual(ends.ends.map((end) => end.is), ["closed"]);
});

test("the close code reaches each subscription once, also after the browser's error event", async () => {
  for (const code of [1006, 1012, 1000]) {
    const desk = new ScriptedDesk();
    const socket = desk.socket();
    const [first, second] = [await opened(socket), await opened(socket)];
    desk.connection.cut(code, "why");
    await settled();
    for (const { ends } of [first, second]) assert.deepEqual(ends, [{ is: "closed", code, reason: "why" }]);
    assert.equal(desk.connections.length, 1, "nothing is tried again by the library");
  }
});

test("a refused handshake is an end", async (t) => {
  const desk = timed(t);
  desk.accepts = false;
  const ends = await opened(desk.socket());
  assert.deepEqual(ends.ends, [{ is: "closed", code: 1006, reason: "" }]);
});

test("after an end the next subscription opens another socket", async (t) => {
  const desk = timed(t);
  const socket = desk.socket();
  await opened(socket);
  desk.connection.cut(1006);
  await settled();
  const ends = await opened(socket);
  desk.says("next", { data: { n: 1 } });
  assert.deepEqual(ends.frames, [{ data: { n: 1 } }]);
  assert.equal(desk.connections.length, 2);
});

test("the ping that announces the expiry is answered with the new token", async (t) => {
  const desk = timed(t);
  let token = "first-token";
  const expiring: number[] = [];
  const socket = desk.socket({ token: () => token, expiring: (seconds) => expiring.push(seconds) });
  await opened(socket);
  desk.connection.says({ type: "ping", payload: { tokenExpiresInS: 60 } });
  assert.deepEqual(desk.connection.sent.slice(-1), [{ type: "pong" }]);
  assert.deepEqual(expiring, [60]);
  token = "second-token";
  socket.renew(token);
  const renewal = { type: "pong", payload: { authorization: "Bearer second-token" } };
  assert.deepEqual(desk.connection.sent.slice(-1), [renewal]);
  socket.renew(token);
  assert.equal(desk.connection.sent.filter(({ payload }) => payload === undefined || payload.authorization).length, 3);
  token = "third-token";
  desk.connection.says({ type: "ping", payload: { tokenExpiresInS: 60 } });
  assert.deepEqual(expiring, [60], "the page has a newer one");
  assert.equal(desk.connection.sent.at(-1)!.payload.authorization, "Bearer third-token");
});

test("every ping of the desk is answered", async (t) => {
  const desk = timed(t);
  await opened(desk.socket());
  desk.connection.says({ type: "ping" });
  assert.deepEqual(desk.connection.sent.slice(-1), [{ type: "pong" }]);
});

test("a closed socket ends its subscriptions, and a cancelled one is not told", async (t) => {
  const desk = timed(t);
  const socket = desk.socket();
  const ends = await opened(socket);
  const cancelled = new Ends();
  socket.subscribe(REQUEST, cancelled)();
  socket.close();
  await settled();
  assert.deepEqual(ends.ends, [{ is: "closed", code: 1000, reason: "" }]);
  assert.deepEqual(cancelled.ends, []);
});

test("the socket closes a while after its last subscription", async (t) => {
  const desk = timed(t);
  const socket = desk.socket();
  const cancel = socket.subscribe(REQUEST, new Ends());
  await settled();
  cancel();
  await settled();
  assert.equal(desk.connection.readyState, 1, "another screen may follow");
  t.mock.timers.tick(3_000);
  await settled();
  assert.equal(desk.connection.readyState, 3);
});
