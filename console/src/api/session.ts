// What a signed-in page talks to the desk with: one socket, and HTTP beside it, with the token of now.

import { effect, type ReadonlySignal } from "@preact/signals";
import { browserClock, type Clock } from "./clock.ts";
import { Http } from "./http.ts";
import type { Problem } from "./problems.ts";
import { DeskSocket } from "./socket.ts";

export interface SessionOptions {
  /** Null while none is signed in. A new token for the same person renews the socket in place. */
  readonly token: ReadonlySignal<string | null>;
  /** Where the desk is: `location.origin` of the page. */
  readonly origin: string;
  readonly clock?: Clock;
  readonly webSocket?: typeof WebSocket;
  readonly heard: () => void;
  readonly dated: (deskAt: number, sentAt: number, receivedAt: number) => void;
  /** The token was refused: all that is live on the page ends. */
  readonly signedOut: (why: Problem) => void;
  /** In so many seconds the token expires. */
  readonly expiring: (seconds: number) => void;
}

export interface Session {
  readonly http: Http;
  readonly socket: DeskSocket;
  readonly clock: Clock;
  /** Ends all subscriptions; the session cannot be used again. */
  close(): void;
}

const PATH = "/graphql";

export function openSession(options: SessionOptions): Session {
  const clock = options.clock ?? browserClock;
  const token = () => options.token.peek();
  const http = new Http({ url: options.origin + PATH, token, clock, dated: options.dated, signedOut: options.signedOut });
  const url = options.origin.replace(/^http/, "ws") + PATH;
  const { heard, expiring, webSocket } = options;
  const socket = new DeskSocket({ url, token, clock, heard, expiring, ...(webSocket && { webSocket }) });
  const stop = effect(() => {
    if (options.token.value !== null) socket.renew(options.token.value);
  });
  return {
    http,
    socket,
    clock,
    close() {
      stop();
      socket.close();
    },
  };
}
