"""The subscribers: many sockets, read by one loop that looks at frame headers only.

It must not be what is measured, so it does not decode: a text frame of some length counts as a delivery. A
few sampled subscribers, spread over the fleet, decode theirs and note how old each event was. How much CPU
reading took is stated with every figure, and `flood.py` measures how many frames it can read.
"""

import base64
import os
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bench.fanout.events import committed_at

BUFFER_BYTES = 1 << 18
CONTROL_BYTES_MAX = 125
"""Deliveries are longer, whatever else a server says while it runs (pings, pongs) is not."""
PING, TEXT = 0x89, 0x81
SAMPLED_MAX = 20
PROTOCOL = "graphql-transport-ws"
HANDSHAKE_TIMEOUT_S = 60.0


@dataclass(slots=True, eq=False)
class Subscriber:
    """One socket with one subscription."""

    socket: socket.socket
    sampled: bool
    received: int = 0
    skip: int = 0
    """Bytes of a frame that are still to come."""
    begun: bytes = b""
    """The beginning of a frame that could not be looked at yet."""


@dataclass(slots=True)
class Fleet:
    """Context manager; `connect`, then `pump`."""

    ages_s: list[float] = field(default_factory=list)
    """How old the events were that the sampled subscribers received."""
    total: int = 0
    subscribers: list[Subscriber] = field(default_factory=list)
    _epoll: select.epoll = field(default_factory=select.epoll)
    _by_fd: dict[int, Subscriber] = field(default_factory=dict)
    _buffer: bytearray = field(default_factory=lambda: bytearray(BUFFER_BYTES))

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        for subscriber in self.subscribers:
            subscriber.socket.close()
        self._epoll.close()

    def connect(self, port: int, payloads: Sequence[Mapping[str, Any]], tokens: Sequence[str]) -> None:
        """One subscriber for each payload."""
        every = max(1, (len(payloads) - 1) // (SAMPLED_MAX - 1))
        for number, (payload, token) in enumerate(zip(payloads, tokens, strict=True)):
            opened = _subscribed(port, payload, token)
            self.add(opened, sampled=number % every == 0)
            # On a busy machine the handshakes take longer than a server waits for the answer to a ping.
            self._read_ready(0.0)

    def add(self, connected: socket.socket, *, sampled: bool) -> None:
        """A socket whose frames count from now on."""
        connected.setblocking(False)
        subscriber = Subscriber(connected, sampled)
        self.subscribers.append(subscriber)
        self._by_fd[connected.fileno()] = subscriber
        self._epoll.register(connected.fileno(), select.EPOLLIN)

    def reset(self) -> None:
        """Begin to count from 0."""
        self.ages_s, self.total = [], 0
        for subscriber in self.subscribers:
            subscriber.received = 0

    def pump(self, until: Callable[[], float | None]) -> None:
        """Read until `until` says None; else it says after how many seconds to ask again at the latest."""
        while (patience_s := until()) is not None:
            self._read_ready(patience_s)

    def _read_ready(self, patience_s: float) -> None:
        for fd, _ in self._epoll.poll(patience_s):
            self._read(self._by_fd[fd])

    def _read(self, subscriber: Subscriber) -> None:
        buffer, begun = self._buffer, len(subscriber.begun)
        if begun:
            buffer[:begun] = subscriber.begun
        got = subscriber.socket.recv_into(memoryview(buffer)[begun:])
        if not got:
            raise ConnectionError("the server closed a subscriber's socket")
        end = begun + got
        position = self._count(subscriber, end)
        if position > end:
            subscriber.skip, subscriber.begun = position - end, b""
        else:
            subscriber.skip, subscriber.begun = 0, bytes(buffer[position:end])

    def _count(self, subscriber: Subscriber, end: int) -> int:
        """Count the frames up to `end`; where the next one begins, or the first that is incomplete."""
        buffer, position, counted = self._buffer, subscriber.skip, 0
        careful = subscriber.sampled
        while end - position >= 4:
            length = buffer[position + 1]
            if length == 126:
                payload = position + 4
                after = payload + (buffer[position + 2] << 8) + buffer[position + 3]
            else:
                assert length <= CONTROL_BYTES_MAX, "no frame here is that long"
                payload, after = position + 2, position + 2 + length
            if after > end and (careful or length <= CONTROL_BYTES_MAX):
                break
            if length <= CONTROL_BYTES_MAX:
                self._answer(subscriber, buffer[position], bytes(buffer[payload:after]))
            else:
                counted += 1
                if careful:
                    self._note(bytes(buffer[payload:after]))
            position = after
        subscriber.received += counted
        self.total += counted
        return position

    def _note(self, message: bytes) -> None:
        now = time.time()
        decoded = orjson.loads(message)
        assert decoded["type"] == "next", decoded
        assert not decoded["payload"].get("errors"), decoded
        self.ages_s.append(now - committed_at(decoded["payload"]))

    def _answer(self, subscriber: Subscriber, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            subscriber.socket.sendall(_frame(0x8A, payload))
        elif opcode == TEXT and b'"ping"' in payload:
            subscriber.socket.sendall(_frame(TEXT, b'{"type":"pong"}'))
        elif opcode != 0x8A:
            raise ConnectionError(f"unexpected: {opcode:#x} {payload!r}")


def _subscribed(port: int, payload: Mapping[str, Any], token: str) -> socket.socket:
    connected = socket.create_connection(("127.0.0.1", port), timeout=HANDSHAKE_TIMEOUT_S)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    connected.sendall(
        f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connected.recv(1)
    assert b" 101 " in answer, answer
    init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
    connected.sendall(_frame(TEXT, orjson.dumps(init)))
    acknowledged = connected.recv(4096)
    assert b"connection_ack" in acknowledged, acknowledged
    subscribe = {"id": "1", "type": "subscribe", "payload": payload}
    connected.sendall(_frame(TEXT, orjson.dumps(subscribe)))
    return connected


def _frame(opcode: int, payload: bytes) -> bytes:
    """From a client: masked, with a mask that changes nothing."""
    length = len(payload)
    header = (
        bytes((opcode, 0x80 | length))
        if length <= CONTROL_BYTES_MAX
        else (bytes((opcode, 0x80 | 126)) + length.to_bytes(2))
    )
    return header + b"\0\0\0\0" + payload


def percentile(values: Sequence[float], share: float) -> float:
    """Of the sorted values, the one at that share."""
    ordered: list[Any] = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * share))]) if ordered else float("nan")
