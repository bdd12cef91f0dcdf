"""One WebSocket of a client: the graphql-transport-ws session over an ASGI connection.

`subscriptions.connections.running` runs its operations; this module handles its messages and its life.
Deadlines (the init deadline, pings, the end of the token) are checked by one clock for all sockets, which
calls `tick`, not by a timer per socket.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from subscriptions.connections import protocol
from subscriptions.connections.frames import Sink, text_frame
from subscriptions.connections.mailbox import MailboxLimits
from subscriptions.connections.protocol import CloseCode
from subscriptions.connections.running import Backend, Caller, Operations, Refused

INIT_CHARACTERS_MAX = 16_384
"""Of all messages together before the caller is known: they bring a token and little else, and the time that
reading them takes has no subject to count for.
"""
_FOR_NOW = ("TOO_MANY_SOCKETS", "TOKEN_KEY_UNKNOWN", "RATE_LIMITED")
"""Refusals that a later attempt with the same token may not meet."""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits of one socket; times in seconds."""

    mailbox: MailboxLimits
    operations: int
    init_timeout_s: float
    ping_interval_s: float
    pong_timeout_s: float
    expiry_warning_s: float


class Api(Protocol):
    """The authentication functions that the session needs."""

    def admit(self, session: "Session", params: dict[str, Any]) -> Caller:
        """The caller. Raises Refused. The session counts from now on, until `leave`."""

    def readmit(self, caller: Caller, token: str) -> Caller:
        """The same caller with a refreshed token. Raises Refused."""

    def same_audience(self, before: Caller, after: Caller) -> bool:
        """Whether both have the same scope and rights."""

    def require_room(self, caller: Caller, size: int) -> None:
        """Count a message of so many characters before it is read. Raises Refused."""

    def leave(self, caller: Caller) -> None:
        """The session has ended."""

    def greeting(self, caller: Caller) -> dict[str, Any]:
        """The payload of connection_ack."""


class SocketWire:
    """graphql-transport-ws in text frames."""

    def prefix(self, identifier: str) -> bytes:
        """A `next` up to its payload."""
        return protocol.next_prefix(identifier)

    def event(self, prefix: bytes, payload: bytes, cursor: Callable[[], bytes | None]) -> bytes:
        """next."""
        return text_frame(prefix + payload + b"}")

    def result(self, identifier: str, payload: bytes) -> bytes:
        """next."""
        return text_frame(protocol.next_prefix(identifier) + payload + b"}")

    def error(self, identifier: str, errors: list[Any]) -> bytes:
        """error."""
        return text_frame(protocol.error(identifier, errors))

    def complete(self, identifier: str) -> bytes:
        """complete."""
        return text_frame(protocol.complete(identifier))


class _State(Enum):
    AWAITING_INIT = 1
    READY = 2
    CLOSED = 3


class Session:
    """One socket. Not for concurrent tasks: `run` receives; everything else is called by it, by the feed or
    by the clock, all on one event loop.
    """

    def __init__(
        self, sink: Sink, authorization: str | None, api: Api, backend: Backend, limits: SocketLimits
    ) -> None:
        self.authorization = authorization
        """From the handshake; connection_init may contain a better one."""
        self._sink = sink
        self._api = api
        self._limits = limits
        self._metrics = backend.metrics
        self._operations = Operations(sink, SocketWire(), backend, limits.mailbox, self._lost)
        self._state = _State.AWAITING_INIT
        self._caller: Caller | None = None
        self._characters_before_ack = 0
        now = asyncio.get_running_loop().time()
        self._init_deadline = now + limits.init_timeout_s
        self._ping_at = now + limits.ping_interval_s
        self._pong_deadline: float | None = None
        self._warned = False

    @property
    def caller(self) -> Caller | None:
        """The caller once it is known."""
        return self._caller

    @property
    def depth(self) -> int:
        """The number of waiting frames."""
        return self._operations.mailbox.depth

    async def run(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Until the socket is closed, by either side."""
        self._metrics.sockets += 1
        try:
            while True:
                event = await receive()
                if event["type"] == "websocket.disconnect":
                    break
                if self._state is _State.CLOSED:
                    # What a client sends behind the close is not even read.
                    continue
                self._take(self._message(event.get("text")))
        finally:
            self._metrics.sockets -= 1
            await self._end()

    def _message(self, text: str | None) -> protocol.Message:
        if text is None:
            return protocol.Violation(CloseCode.INVALID_MESSAGE, "only text messages are accepted")
        if self._caller is None:
            self._characters_before_ack += len(text)
            if self._characters_before_ack > INIT_CHARACTERS_MAX:
                return protocol.Violation(
                    CloseCode.INVALID_MESSAGE, "the messages before the ack are too long"
                )
            return protocol.parse(text)
        try:
            self._api.require_room(self._caller, len(text))
        except Refused as refused:
            return protocol.Violation(CloseCode.TRY_AGAIN_LATER, f"{refused.code}: {refused.message}")
        return protocol.parse(text)

    def close(self, code: CloseCode, reason: str) -> None:
        """Close from the desk's side; safe to repeat."""
        if self._state is not _State.CLOSED:
            self._state = _State.CLOSED
            self._metrics.closes[int(code)] += 1
            self._sink.close(int(code), protocol.close_reason(reason))

    def tick(self, now: float, wall: float) -> None:
        """Do what has become due. `now` is the loop's clock, `wall` POSIX seconds."""
        if self._state is _State.AWAITING_INIT and now >= self._init_deadline:
            self.close(CloseCode.INIT_TIMEOUT, "connection_init did not arrive in time")
        if self._state is not _State.READY or self._caller is None:
            return
        left = self._caller.expires_at - wall
        if left <= 0:
            self.close(CloseCode.FORBIDDEN, "the token has expired")
        elif self._pong_deadline is not None and now >= self._pong_deadline:
            self.close(CloseCode.TRY_AGAIN_LATER, "no pong arrived")
        elif left <= self._limits.expiry_warning_s and not self._warned:
            self._warned = True
            self._ping(now, {"tokenExpiresInS": round(left)})
        elif now >= self._ping_at:
            self._ping(now, None)

    def _ping(self, now: float, payload: dict[str, Any] | None) -> None:
        self._send(protocol.ping(payload))
        self._ping_at = now + self._limits.ping_interval_s
        if self._pong_deadline is None:
            self._pong_deadline = now + self._limits.pong_timeout_s

    def _take(self, message: protocol.Message) -> None:
        match message:
            case protocol.Violation(code, reason):
                self.close(code, reason)
            case protocol.Init(payload):
                self._init(payload)
            case protocol.Ping(payload):
                self._send(protocol.pong(payload))
            case protocol.Pong(payload):
                self._pong_deadline = None
                self._refresh(payload)
            case protocol.Subscribe():
                self._subscribe(message)
            case protocol.Complete(identifier):
                self._operations.stop(identifier)

    def _init(self, params: dict[str, Any]) -> None:
        if self._state is not _State.AWAITING_INIT:
            self.close(CloseCode.TOO_MANY_INIT_REQUESTS, "connection_init was sent twice")
            return
        try:
            self._caller = self._api.admit(self, params)
        except Refused as refused:
            self._close_refused(refused)
            return
        self._state = _State.READY
        self._send(protocol.ack(self._api.greeting(self._caller)))

    def _refresh(self, payload: Any) -> None:
        token = payload.get("authorization") if isinstance(payload, dict) else None
        if self._caller is None or not isinstance(token, str):
            return
        try:
            refreshed = self._api.readmit(self._caller, token)
        except Refused as refused:
            self._close_refused(refused)
            return
        before, self._caller, self._warned = self._caller, refreshed, False
        if not self._api.same_audience(before, refreshed):
            # The old audience's events must not be sent to the new one: the client reconnects with its
            # cursors.
            self.close(CloseCode.TRY_AGAIN_LATER, "your permissions changed: reconnect and resume")

    def _close_refused(self, refused: Refused) -> None:
        code = CloseCode.TRY_AGAIN_LATER if refused.code in _FOR_NOW else CloseCode.FORBIDDEN
        self.close(code, f"{refused.code}: {refused.message}")

    def _subscribe(self, message: protocol.Subscribe) -> None:
        if self._state is not _State.READY or self._caller is None:
            self.close(CloseCode.UNAUTHORIZED, "connection_init must come first")
        elif message.id in self._operations:
            self.close(CloseCode.ALREADY_SUBSCRIBED, f"Subscriber for {message.id} already exists")
        elif len(self._operations) >= self._limits.operations:
            self._send(protocol.error(message.id, [_too_many(self._limits.operations)]))
        else:
            self._operations.start(message, self._caller)

    def _send(self, message: bytes) -> None:
        if self._state is not _State.CLOSED:
            self._operations.send(text_frame(message))

    def _lost(self, reason: str) -> None:
        self.close(CloseCode.TRY_AGAIN_LATER, reason)

    async def _end(self) -> None:
        self._state = _State.CLOSED
        ending = self._operations.stop_all()
        if self._caller is not None:
            self._api.leave(self._caller)
        await asyncio.gather(*ending, return_exceptions=True)


def _too_many(most: int) -> dict[str, Any]:
    return {
        "message": f"At most {most} operations may run on one socket.",
        "extensions": {"code": "TOO_MANY_OPERATIONS"},
    }
