"""One event stream of a client: GraphQL over Server-Sent Events, without HTTP.

Specification: the protocol document of the graphql-sse project. In distinct connections mode a stream is one
operation; its events have their cursor as `id:`, so `Last-Event-ID` resumes. In single connection mode a
stream is reserved first and then carries all operations of its client. That mode has no `id:`: one id cannot
name the positions of several operations, so each is resumed by its own `after`.

SSE has no close codes. A stream that ends without `complete` must be opened again and resumed; a comment,
which clients skip, says why it ended.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from subscriptions.connections.frames import Sink, chunk
from subscriptions.connections.mailbox import MailboxLimits
from subscriptions.connections.protocol import CloseCode, Subscribe
from subscriptions.connections.running import Backend, Caller, Operations, Wire

DISTINCT_ID = ""
"""The id of the operation of a stream that has only one."""
_COMPLETE = b"event: complete\ndata:\n\n"


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of one stream; times in seconds."""

    mailbox: MailboxLimits
    operations: int
    heartbeat_s: float
    reserved_s: float
    """How long a reservation waits for its connection."""


class DistinctWire:
    """The stream is the operation."""

    def prefix(self, identifier: str) -> bytes:
        """The same for all operations."""
        return b"event: next\n"

    def event(self, prefix: bytes, payload: bytes, cursor: Callable[[], bytes | None]) -> bytes:
        """next, with the cursor if the operation can be resumed there."""
        position = cursor()
        line = b"" if position is None else b"id: %b\n" % position
        return chunk(b"%b%bdata: %b\n\n" % (prefix, line, payload))

    def result(self, identifier: str, payload: bytes) -> bytes:
        """next."""
        return chunk(b"event: next\ndata: %b\n\n" % payload)

    def error(self, identifier: str, errors: list[Any]) -> bytes:
        """next and complete: the protocol has no event for errors."""
        payload = orjson.dumps({"errors": errors})
        return chunk(b"event: next\ndata: %b\n\n%b" % (payload, _COMPLETE))

    def complete(self, identifier: str) -> bytes:
        """complete; without a data line browsers would not see it."""
        return chunk(_COMPLETE)


class SingleWire:
    """Every event names its operation."""

    def prefix(self, identifier: str) -> bytes:
        """A `next` up to its payload."""
        return b'event: next\ndata: {"id":%b,"payload":' % orjson.dumps(identifier)

    def event(self, prefix: bytes, payload: bytes, cursor: Callable[[], bytes | None]) -> bytes:
        """next."""
        return chunk(b"%b%b}\n\n" % (prefix, payload))

    def result(self, identifier: str, payload: bytes) -> bytes:
        """next."""
        return chunk(b"%b%b}\n\n" % (self.prefix(identifier), payload))

    def error(self, identifier: str, errors: list[Any]) -> bytes:
        """next and complete."""
        return self.result(identifier, orjson.dumps({"errors": errors})) + self.complete(identifier)

    def complete(self, identifier: str) -> bytes:
        """complete."""
        return chunk(b'event: complete\ndata: {"id":%b}\n\n' % orjson.dumps(identifier))


def comment(text: str) -> bytes:
    """A line that clients skip."""
    return f": {' '.join(text.split())}\n\n".encode()


class LateSink:
    """A `Sink` whose connection arrives later: until then there is no room."""

    __slots__ = ("_callbacks", "_closed", "_sink")

    def __init__(self) -> None:
        self._sink: Sink | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._closed = False

    @property
    def attached(self) -> bool:
        """Whether there is, or was, a connection."""
        return self._sink is not None

    def attach(self, sink: Sink) -> None:
        """The connection has arrived."""
        self._sink = sink
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            sink.when_writable(callback)

    @property
    def gone(self) -> bool:
        """Whether it has ended or is ending."""
        return self._closed or (self._sink is not None and self._sink.gone)

    def try_write(self, frame: bytes) -> bool:
        """Write if there is a connection with room."""
        return self._sink is not None and self._sink.try_write(frame)

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call back once there is a connection with room."""
        if self._sink is None:
            self._callbacks.append(callback)
        else:
            self._sink.when_writable(callback)

    def close(self, code: int, reason: str) -> None:
        """End the connection, or refuse a later one."""
        self._closed = True
        if self._sink is not None:
            self._sink.close(code, reason)


class SseStream:
    """Reserved, then open, then ended; `released` is called at its end, whatever the cause."""

    def __init__(
        self,
        caller: Caller,
        wire: Wire,
        backend: Backend,
        limits: StreamLimits,
        released: Callable[["SseStream"], None],
    ) -> None:
        self._caller = caller
        self._sink = LateSink()
        self._metrics = backend.metrics
        self._limits = limits
        self._released = released
        settled = self._completed if isinstance(wire, DistinctWire) else None
        self._operations = Operations(self._sink, wire, backend, limits.mailbox, self._lost, settled)
        self._closed = False
        now = asyncio.get_running_loop().time()
        self._open_until = now + limits.reserved_s
        self._beat_at = now + limits.heartbeat_s
        self._metrics.streams += 1

    @property
    def caller(self) -> Caller:
        """The caller with the longest valid token presented so far."""
        return self._caller

    @property
    def depth(self) -> int:
        """The number of waiting frames."""
        return self._operations.mailbox.depth

    @property
    def open(self) -> bool:
        """Whether its connection has arrived."""
        return self._sink.attached

    @property
    def full(self) -> bool:
        """Whether the limit of operations is reached."""
        return len(self._operations) >= self._limits.operations

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._operations

    def attach(self, sink: Sink, greeting: dict[str, Any]) -> None:
        """The connection, whose response has been started. It ends at once if the stream has ended."""
        if self._closed:
            sink.close(int(CloseCode.TRY_AGAIN_LATER), "the stream has ended: reserve or open another one")
            return
        sink.try_write(chunk(comment(orjson.dumps(greeting).decode())))
        self._sink.attach(sink)

    def start(self, message: Subscribe, caller: Caller) -> None:
        """Start an operation under a free id; ignored if the stream has ended."""
        if self._closed:
            return
        self._operations.start(message, caller)

    def stop(self, identifier: str) -> None:
        """The client ends an operation, which completes; safe for an unknown id."""
        if identifier in self._operations:
            self._operations.stop(identifier)
            self._operations.send(self._operations.wire.complete(identifier))

    def refresh(self, caller: Caller) -> None:
        """The same caller with another token: the stream lasts as long as the one that expires later."""
        if caller.expires_at > self._caller.expires_at:
            self._caller = caller

    def close(self, code: CloseCode, reason: str) -> None:
        """End it from the desk's side; safe to repeat."""
        if not self._closed:
            self._metrics.closes[int(code)] += 1
            self._sink.close(int(code), reason)
            self._end()

    def tick(self, now: float, wall: float) -> None:
        """Do what has become due. `now` is the loop's clock, `wall` POSIX seconds."""
        if self._closed:
            return
        if self._caller.expires_at <= wall:
            self.close(CloseCode.FORBIDDEN, "the token has expired")
        elif not self.open and now >= self._open_until:
            self.close(CloseCode.INIT_TIMEOUT, "the reserved stream was not opened in time")
        elif self.open and now >= self._beat_at:
            self._beat_at = now + self._limits.heartbeat_s
            self._operations.mailbox.write(chunk(comment("")))

    async def ended(self) -> None:
        """The connection has ended; returns when none of its operations runs any more."""
        await asyncio.gather(*self._end(), return_exceptions=True)

    def _end(self) -> list["asyncio.Task[None]"]:
        ending = self._operations.stop_all()
        if not self._closed:
            self._closed = True
            self._metrics.streams -= 1
            self._released(self)
        return ending

    def _completed(self) -> None:
        self._sink.close(int(CloseCode.NORMAL), "")

    def _lost(self, reason: str) -> None:
        self.close(CloseCode.TRY_AGAIN_LATER, reason)
