"""One WebSocket of a client: the graphql-transport-ws session over an ASGI connection.

Queries and mutations run as tasks, each with a context of its own; subscriptions join the shared feed and
cost no task. Everything that leaves goes through one mailbox, in order. Time (the init deadline, pings, the
end of the token) is looked at by one clock for all sockets, which calls `tick`, not by a timer per socket.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import structlog

from subscriptions import protocol
from subscriptions.bus import Position, PositionLost
from subscriptions.frames import Sink, text_frame
from subscriptions.mailbox import Mailbox, MailboxLimits, Slot
from subscriptions.metrics import LiveMetrics
from subscriptions.operation import Delivery, Operation, Snapshot
from subscriptions.protocol import CloseCode
from subscriptions.shared import LiveFeed, Rendered

log = structlog.get_logger()

RESUME_HINT = "You did not keep up: come back and resume from your last cursor."


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Bounds of one socket; times in seconds."""

    mailbox: MailboxLimits
    operations: int
    init_timeout_s: float
    ping_interval_s: float
    pong_timeout_s: float
    expiry_warning_s: float


class Refused(Exception):
    """The caller is not let in, or not any more; `code` and `message` are for the client."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a socket, as far as the socket cares."""

    subject: str
    expires_at: float
    """POSIX seconds."""
    principal: Any


class Start(Protocol):
    """A prepared subscription, and where the client wants to begin."""

    @property
    def operation(self) -> Operation:
        """What to join."""

    @property
    def after(self) -> Position | None:
        """Behind this position; None: from now on."""

    @property
    def snapshot(self) -> bool:
        """First the current state."""


class Api(Protocol):
    """What the session needs of authentication and GraphQL."""

    def admit(self, session: "Session", params: dict[str, Any]) -> Caller:
        """Who is it? Raises Refused. The session is known from now on, until `leave`."""

    def readmit(self, caller: Caller, token: str) -> Caller:
        """The same caller with a refreshed token. Raises Refused."""

    def same_audience(self, before: Caller, after: Caller) -> bool:
        """Whether both may see the same."""

    def leave(self, session: "Session", caller: Caller) -> None:
        """The session has ended."""

    def greeting(self, caller: Caller) -> dict[str, Any]:
        """The payload of connection_ack."""

    def prepare(self, message: protocol.Subscribe, caller: Caller) -> Start | list[Any] | None:
        """A subscription, errors, or None for a query or a mutation."""

    async def execute(self, message: protocol.Subscribe, caller: Caller) -> bytes:
        """The result of a query or a mutation, encoded."""

    def errors_of(self, failure: BaseException) -> list[Any]:
        """What a client may know of it."""


class _State(Enum):
    AWAITING_INIT = 1
    READY = 2
    CLOSED = 3


class Session:
    """One socket. Not for two tasks at once: `run` is the receiving one, everything else is called by it,
    by the feed or by the clock, all on one event loop."""

    def __init__(
        self,
        sink: Sink,
        authorization: str | None,
        api: Api,
        feed: LiveFeed,
        limits: SocketLimits,
        metrics: LiveMetrics,
    ) -> None:
        self.authorization = authorization
        """Of the handshake; connection_init may bring a better one."""
        self._sink = sink
        self._api = api
        self._feed = feed
        self._limits = limits
        self._metrics = metrics
        self._mailbox = Mailbox(sink, limits.mailbox, self._overflowed, self._waited)
        self._control = Slot(Delivery.EVERY)
        self._state = _State.AWAITING_INIT
        self._caller: Caller | None = None
        self._operations: dict[str, _Running] = {}
        now = asyncio.get_running_loop().time()
        self._init_deadline = now + limits.init_timeout_s
        self._ping_at = now + limits.ping_interval_s
        self._pong_deadline: float | None = None
        self._warned = False

    @property
    def caller(self) -> Caller | None:
        """Once it is known."""
        return self._caller

    @property
    def depth(self) -> int:
        """Frames waiting."""
        return self._mailbox.depth

    async def run(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Until the socket is closed, by whomever."""
        self._metrics.sockets += 1
        try:
            while True:
                event = await receive()
                if event["type"] == "websocket.disconnect":
                    break
                text = event.get("text")
                self._take(
                    protocol.parse(text)
                    if text is not None
                    else protocol.Violation(CloseCode.INVALID_MESSAGE, "only text messages are understood")
                )
        finally:
            self._metrics.sockets -= 1
            await self._end()

    def close(self, code: CloseCode, reason: str) -> None:
        """Close from our side; harmless when it is closed already."""
        if self._state is not _State.CLOSED:
            self._state = _State.CLOSED
            self._metrics.closes[int(code)] += 1
            self._sink.close(int(code), reason)

    def tick(self, now: float, wall: float) -> None:
        """What time makes due. `now` is the loop's clock, `wall` POSIX seconds."""
        if self._state is _State.AWAITING_INIT and now >= self._init_deadline:
            self.close(CloseCode.INIT_TIMEOUT, "connection_init did not come in time")
        if self._state is not _State.READY or self._caller is None:
            return
        left = self._caller.expires_at - wall
        if left <= 0:
            self.close(CloseCode.FORBIDDEN, "the token has expired")
        elif self._pong_deadline is not None and now >= self._pong_deadline:
            self.close(CloseCode.TRY_AGAIN_LATER, "no pong came")
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
                self._stop(identifier)

    def _init(self, params: dict[str, Any]) -> None:
        if self._state is not _State.AWAITING_INIT:
            self.close(CloseCode.TOO_MANY_INIT_REQUESTS, "connection_init came twice")
            return
        try:
            self._caller = self._api.admit(self, params)
        except Refused as refused:
            code = CloseCode.TRY_AGAIN_LATER if refused.code == "TOO_MANY_SOCKETS" else CloseCode.FORBIDDEN
            self.close(code, f"{refused.code}: {refused.message}"[:120])
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
            self.close(CloseCode.FORBIDDEN, f"{refused.code}: {refused.message}"[:120])
            return
        before, self._caller, self._warned = self._caller, refreshed, False
        if not self._api.same_audience(before, refreshed):
            # What the old audience could see must not flow on: the client comes back with its cursors.
            self.close(CloseCode.TRY_AGAIN_LATER, "your permissions changed: come back and resume")

    def _subscribe(self, message: protocol.Subscribe) -> None:
        if self._state is not _State.READY or self._caller is None:
            self.close(CloseCode.UNAUTHORIZED, "connection_init comes first")
        elif message.id in self._operations:
            self.close(CloseCode.ALREADY_SUBSCRIBED, f"Subscriber for {message.id} already exists")
        elif len(self._operations) >= self._limits.operations:
            self._send(protocol.error(message.id, [_too_many(self._limits.operations)]))
        else:
            running = _Running(self, message.id)
            self._operations[message.id] = running
            running.task = asyncio.create_task(self._start(running, message, self._caller))
            running.task.add_done_callback(lambda task: self._started(running, task))

    async def _start(self, running: "_Running", message: protocol.Subscribe, caller: Caller) -> None:
        start = self._api.prepare(message, caller)
        if isinstance(start, list):
            self._finish(running, protocol.error(message.id, start))
        elif start is None:
            payload = await self._api.execute(message, caller)
            self._send(protocol.next_prefix(message.id) + payload + b"}")
            self._finish(running, protocol.complete(message.id))
        else:
            await running.begin(start)

    def _started(self, running: "_Running", task: "asyncio.Task[None]") -> None:
        """A subscription that could not begin, or a bug: its client hears of it, the others do not."""
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._finish(running, protocol.error(running.id, self._api.errors_of(failure)))

    def _finish(self, running: "_Running", last: bytes) -> None:
        if self._operations.get(running.id) is running:
            del self._operations[running.id]
            running.leave()
            self._send(last)

    def _stop(self, identifier: str) -> None:
        running = self._operations.pop(identifier, None)
        if running is not None:
            running.stop(self._mailbox)

    def _send(self, message: bytes) -> None:
        if self._state is not _State.CLOSED:
            self._mailbox.put(self._control, text_frame(message))

    def _waited(self, slot: Slot, committed_at: float) -> None:
        """A frame that had to wait went out."""
        name = next((each.field for each in self._operations.values() if each.slot is slot), "")
        if name and committed_at:
            self._metrics.delivered(name, committed_at, 1)

    def _overflowed(self, slot: Slot) -> None:
        name = next((each.field for each in self._operations.values() if each.slot is slot), "control")
        self._metrics.overflows[name] += 1
        self.close(CloseCode.TRY_AGAIN_LATER, RESUME_HINT)

    async def _end(self) -> None:
        self._state = _State.CLOSED
        operations, self._operations = list(self._operations.values()), {}
        tasks = [each.task for each in operations if each.task is not None]
        for each in operations:
            each.stop(self._mailbox)
        if self._caller is not None:
            self._api.leave(self, self._caller)
        await asyncio.gather(*tasks, return_exceptions=True)


class _Running:
    """One operation of a socket; as a member of its group it frames and forwards ready payloads."""

    __slots__ = ("_api_operation", "_prefix", "_session", "_skip", "field", "id", "slot", "task")

    def __init__(self, session: Session, identifier: str) -> None:
        self._session = session
        self.id = identifier
        self.field = ""
        self.slot = Slot(Delivery.EVERY)
        self.task: asyncio.Task[None] | None = None
        self._prefix = protocol.next_prefix(identifier)
        self._api_operation: Operation | None = None
        self._skip: frozenset[str] = frozenset()

    async def begin(self, start: "Start") -> None:
        """Join the feed, behind a snapshot or a cursor if wanted."""
        operation, after = start.operation, start.after
        self._api_operation, self.field = operation, operation.field
        self.slot.delivery = operation.delivery
        metrics = self._session._metrics
        metrics.operations[operation.field] += 1
        if operation.delivery is Delivery.LATEST:
            await self._session._feed.join(operation, self, None)
            await self._send_state(operation, await operation.snapshot())
            return
        if start.snapshot:
            snapshot = await operation.snapshot()
            await self._send_state(operation, snapshot)
            after, self._skip = snapshot.position, snapshot.contained
        try:
            await self._session._feed.join(operation, self, after)
        except PositionLost:
            metrics.resumes["expired"] += 1
            raise
        if start.after is not None:
            metrics.resumes["recovered"] += 1

    async def _send_state(self, operation: Operation, snapshot: Snapshot) -> None:
        for root in snapshot.roots:
            payload = await operation.render(root, snapshot.position)
            self.deliver(Rendered(snapshot.position, "", 0.0, payload, operation.merge_key(root)))

    def deliver(self, rendered: Rendered) -> bool:
        """To the mailbox, framed."""
        if self._skip and rendered.event_id in self._skip:
            self._skip -= {rendered.event_id}
            return False
        return self._session._mailbox.put(self.slot, rendered.frame(self._prefix), rendered.key, rendered.at)

    def lost(self, reason: str) -> None:
        """The client has to come back."""
        self._session.close(CloseCode.TRY_AGAIN_LATER, reason[:120])

    def leave(self) -> None:
        """No member any more."""
        if self._api_operation is not None:
            self._session._feed.leave(self._api_operation, self)
            self._session._metrics.operations[self.field] -= 1
            self._api_operation = None

    def stop(self, mailbox: Mailbox) -> None:
        """Ended by the client, or with the socket."""
        if self.task is not None:
            self.task.cancel()
        self.leave()
        mailbox.drop(self.slot)


def _too_many(most: int) -> dict[str, Any]:
    return {
        "message": f"At most {most} operations may run on one socket.",
        "extensions": {"code": "TOO_MANY_OPERATIONS"},
    }
