// A desk that says exactly what a test lets it say, behind the interface of the browser's WebSocket.

import { DeskSocket, type SocketOptions } from "../../src/api/socket.ts";
import { browserClock, type Clock } from "../../src/api/clock.ts";

export interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: any;
}

/** Everything that was promised before has happened; timers stand still meanwhile. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The clock of the test's timers, and the same chance each time. */
export function steadyClock(chance = 0): Clock {
  return { ...browserClock, random: () => chance };
}

export class ScriptedDesk {
  /** Of the page, all that were opened, oldest first. */
  readonly connections: Connection[] = [];
  /** Whether a connection is accepted and acknowledged at once. */
  accepts = true;
  readonly webSocket: typeof WebSocket;

  constructor() {
    const desk = this;
    this.webSocket = class extends Connection {
      constructor() {
        super(desk);
        desk.connections.push(this);
        queueMicrotask(() => (desk.accepts ? this.open() : this.cut(1006)));
      }
    } as unknown as typeof WebSocket;
  }

  socket(more: Partial<SocketOptions> = {}): DeskSocket {
    return new DeskSocket({
      url: "ws://desk.example/graphql",
      token: () => "first-token",
      clock: steadyClock(),
      webSocket: this.webSocket,
      ...more,
    });
  }

  get connection(): Connection {
    return this.connections.at(-1)!;
  }

  /** Subscriptions in the order in which they came, over all connections. */
  get subscriptions(): readonly Message[] {
    return this.connections.flatMap(({ sent }) => sent.filter(({ type }) => type === "subscribe"));
  }

  /** The variables of the newest one. */
  get variables(): Record<string, unknown> {
    return this.subscriptions.at(-1)!.payload.variables;
  }

  /** A message about the newest subscription. */
  says(type: "next" | "error" | "complete", payload?: unknown): void {
    const id = this.subscriptions.at(-1)!.id!;
    this.connection.says(payload === undefined ? { id, type } : { id, type, payload });
  }

  event(field: string, event: { id: string; kind: string }, stream?: object): void {
    const cursor = `after ${event.id}`;
    this.says("next", { data: { [field]: event }, extensions: { cursor, ...(stream && { stream }) } });
  }

  /** A snapshot of these rows, whole or only its first `sent`. */
  snapshot(field: string, ids: readonly string[], sent = ids.length): void {
    for (const [at, id] of ids.slice(0, sent).entries()) {
      const first = at === 0 ? { resumed: false, snapshotEvents: ids.length } : undefined;
      this.event(field, { id, kind: "SNAPSHOT" }, first);
    }
  }
}

export class Connection {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readyState = 0;
  readonly sent: Message[] = [];
  onopen: (() => void) | null = null;
  onclose: ((event: object) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  onmessage: ((event: object) => void) | null = null;
  readonly #desk: ScriptedDesk;

  constructor(desk: ScriptedDesk) {
    this.#desk = desk;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  send(text: string): void {
    const message: Message = JSON.parse(text);
    this.sent.push(message);
    if (message.type === "connection_init" && this.#desk.accepts) {
      queueMicrotask(() => this.says({ type: "connection_ack", payload: { tokenExpiresInS: 3600 } }));
    }
  }

  says(message: Message): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** As the desk or the network ends it; browsers report a broken one by an error first. */
  cut(code: number, reason = ""): void {
    this.readyState = 3;
    if (code === 1006) this.onerror?.({ type: "error" });
    this.onclose?.({ code, reason, wasClean: code !== 1006 });
  }

  close(code = 1000, reason = ""): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    queueMicrotask(() => this.onclose?.({ code, reason, wasClean: true }));
  }
}
