// The one socket of the page. It opens with the first subscription and closes a while after the last one. It tries
// nothing again by itself: graphql-ws would subscribe with the first variables, and what came in between would be lost.

import { createClient } from "graphql-ws";
import { browserClock, type Clock } from "./clock.ts";
import type { End } from "./ends.ts";
import { fields, readProblem } from "./problems.ts";

export interface Request {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** What a message of a subscription contains, unchecked. */
export interface Frame {
  readonly data?: unknown;
  readonly errors?: readonly unknown[] | undefined;
  readonly extensions?: unknown;
}

export interface Receiver {
  /** The desk has the request: what it does not say from now on, it has nothing to say about. */
  sent(): void;
  next(frame: Frame): void;
  /** Once, and nothing after it. */
  ended(end: End): void;
}

/** Where subscriptions come from. */
export interface Source {
  /** The result ends the subscription; `ended` is not called then. */
  subscribe(request: Request, receiver: Receiver): () => void;
}

export interface SocketOptions {
  readonly url: string;
  /** The token of now, or null while none is signed in. */
  readonly token: () => string | null;
  /** A sign of life came, of any kind. */
  readonly heard?: () => void;
  /** The token expires in so many seconds: get another, and call `renew`. */
  readonly expiring?: (seconds: number) => void;
  readonly clock?: Clock;
  readonly webSocket?: typeof WebSocket;
}

export const PING_EVERY_MS = 5_000;
export const PONG_WITHIN_MS = 5_000;
/** For `connection_ack`, before the socket counts as failed. */
export const ACK_WITHIN_MS = 5_000;
/** For another screen that subscribes. */
const CLOSE_AFTER_MS = 3_000;
/** For the close event that browsers send after an error event. */
const CLOSE_FOLLOWS_MS = 1_000;
const BROKEN: End = { is: "closed", code: 1006, reason: "" };

interface Operation {
  sent(): void;
  end(end: End): void;
}

export class DeskSocket implements Source {
  readonly #options: SocketOptions;
  readonly #clock: Clock;
  readonly #client;
  readonly #operations = new Set<Operation>();
  #socket: WebSocket | null = null;
  #given: string | null = null;
  #cancelPong: (() => void) | null = null;
  #heardAt = 0;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#clock = options.clock ?? browserClock;
    this.#client = createClient({
      url: options.url,
      ...(options.webSocket && { webSocketImpl: options.webSocket }),
      connectionParams: () => {
        this.#given = options.token();
        return this.#given === null ? {} : authorization(this.#given);
      },
      lazyCloseTimeout: CLOSE_AFTER_MS,
      connectionAckWaitTimeout: ACK_WITHIN_MS,
      retryAttempts: 0,
      keepAlive: PING_EVERY_MS,
      disablePong: true, // the page answers itself, with the new token if there is one
      on: {
        connected: (socket) => {
          this.#socket = socket as WebSocket;
          for (const operation of [...this.#operations]) operation.sent();
        },
        message: () => {
          this.#heardAt = this.#clock.now();
          options.heard?.();
        },
        ping: (received, payload) => (received ? this.#answer(payload) : this.#awaitPong()),
        pong: (received) => received && this.#stopAwaiting(),
        // Before graphql-ws tells its operations: after 1000 it would subscribe again by itself.
        closed: (event) => this.#closed(event),
      },
    });
  }

  subscribe(request: Request, receiver: Receiver): () => void {
    let running = true;
    const finish = () => {
      running = false;
      this.#operations.delete(operation);
      cancel();
    };
    const operation: Operation = {
      sent: () => receiver.sent(),
      end: (end) => {
        if (!running) return;
        finish();
        receiver.ended(end);
      },
    };
    const cancel = this.#client.subscribe(
      { query: request.query, variables: { ...request.variables } },
      {
        next: (frame) => running && receiver.next(frame),
        error: (why) => {
          if (Array.isArray(why)) operation.end({ is: "problem", problem: readProblem(why[0]) });
          // The close event follows, and knows the code.
          else this.#clock.after(CLOSE_FOLLOWS_MS, () => operation.end(BROKEN));
        },
        complete: () => operation.end({ is: "completed" }),
      },
    );
    this.#operations.add(operation);
    if (this.#socket) queueMicrotask(() => running && this.#socket && receiver.sent());
    return () => {
      if (running) finish();
    };
  }

  /** Give the running socket a new token; a socket that opens later asks for the token of then. */
  renew(token: string): void {
    if (token === this.#given || !this.#socket) return;
    this.#given = token;
    this.#send({ type: "pong", payload: authorization(token) });
  }

  /** Close the socket, for instance when the person signs out. All subscriptions end with 1000. */
  close(): void {
    const ended = [...this.#operations];
    this.#stopAwaiting();
    for (const operation of ended) operation.end({ is: "closed", code: 1000, reason: "" });
    void this.#client.dispose();
  }

  #answer(payload: unknown): void {
    this.#send({ type: "pong" });
    const { tokenExpiresInS } = fields(payload);
    if (typeof tokenExpiresInS !== "number") return;
    const token = this.#options.token();
    if (token !== null && token !== this.#given) this.renew(token);
    else this.#options.expiring?.(tokenExpiresInS);
  }

  #send(message: object): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  /** Whatever arrives is a sign of life, as a pong may wait behind a thousand events. */
  #awaitPong(): void {
    this.#stopAwaiting();
    const since = this.#clock.now();
    this.#cancelPong = this.#clock.after(PONG_WITHIN_MS, () => {
      this.#cancelPong = null;
      if (this.#heardAt > since) this.#awaitPong();
      else this.#client.terminate();
    });
  }

  #stopAwaiting(): void {
    this.#cancelPong?.();
    this.#cancelPong = null;
  }

  #closed(event: unknown): void {
    this.#stopAwaiting();
    this.#socket = null;
    const { code, reason } = event as { code?: number; reason?: string };
    const end: End = { is: "closed", code: code ?? 1006, reason: reason ?? "" };
    for (const operation of [...this.#operations]) operation.end(end);
  }
}

function authorization(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
