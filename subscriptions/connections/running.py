"""The operations of one connection, on any transport: queries, mutations and subscriptions, by their ids.

Queries and mutations run as tasks, each with a context of its own; subscriptions join the shared feed and
need no task. All output goes through one mailbox, in order; the `Wire` encodes it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from subscriptions.connections.frames import Sink
from subscriptions.connections.mailbox import Mailbox, MailboxLimits, Slot
from subscriptions.connections.protocol import Subscribe
from subscriptions.live.metrics import LiveMetrics
from subscriptions.live.operation import Delivery, Opening, Operation, Snapshot
from subscriptions.live.rendered import Batch, Happened, Rendered
from subscriptions.live.shared import LiveFeed
from subscriptions.live.turns import FairTurns, on_behalf_of
from subscriptions.live.undisturbed import undisturbed
from subscriptions.stream.bus import BusUnavailable, Position, PositionLost

AWAY_HINT = "The desk cannot load the data of an event now: reconnect and resume from your last cursor."
RESUME_HINT = "You read slower than events arrive: reconnect and resume from your last cursor."


class Refused(Exception):
    """The caller is not admitted, or no longer; `code` and `message` are for the client.

    `retry_after_s`: the same caller may be admitted then.
    """

    def __init__(self, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a connection, as far as the connection needs it."""

    subject: str
    expires_at: float
    """POSIX seconds."""
    principal: Any


class Start(Protocol):
    """A prepared subscription, and the position from which the client wants to begin."""

    @property
    def operation(self) -> Operation:
        """The operation to join."""

    @property
    def after(self) -> Position | None:
        """After this position; None: from now on."""

    @property
    def snapshot(self) -> bool:
        """Whether to begin with the current state."""


@dataclass(frozen=True, slots=True)
class Single:
    """A prepared query or mutation."""

    execute: Callable[[], Awaitable[bytes]]
    """Executes it; returns its result, encoded."""


class RequestHandler(Protocol):
    """The GraphQL functions that operations need."""

    def prepare(self, message: Subscribe, caller: Caller) -> Start | Single | list[Any]:
        """A subscription, a query or a mutation; or errors."""

    async def on_subscribe(self, message: Subscribe, caller: Caller) -> None:
        """A prepared subscription begins: record what is required."""

    def errors_of(self, failure: BaseException) -> list[Any]:
        """The errors that a client may see."""


class Wire(Protocol):
    """How a transport encodes the results of an operation: bytes that are ready for its sink."""

    def prefix(self, identifier: str) -> bytes:
        """The beginning of an operation's events; with equal prefixes, equal events have equal bytes."""

    def event(self, prefix: bytes, payload: bytes, cursor: Callable[[], bytes | None]) -> bytes:
        """An event; encoded once for all operations with the prefix. `cursor` gives the event's own one, None
        if a client cannot resume after it.
        """

    def result(self, identifier: str, payload: bytes) -> bytes:
        """The single result of a query or a mutation."""

    def error(self, identifier: str, errors: list[Any]) -> bytes:
        """The operation did not begin, or cannot continue; nothing follows."""

    def complete(self, identifier: str) -> bytes:
        """Nothing follows."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Shared by all connections of a process."""

    requests: RequestHandler
    feed: LiveFeed
    metrics: LiveMetrics
    preparing: FairTurns = field(default_factory=partial(FairTurns, 1))
    """Reading a document takes milliseconds: of hundreds that come at once, other tasks have their turn after
    each, and each subject has its own."""


class Operations:
    """The operations of one connection and its single output.

    `lost(reason)` is called when the client has to reconnect and resume, `settled()` whenever nothing runs
    and nothing waits any more.
    """

    def __init__(
        self,
        sink: Sink,
        wire: Wire,
        backend: Backend,
        limits: MailboxLimits,
        lost: Callable[[str], None],
        settled: Callable[[], None] | None = None,
    ) -> None:
        self.wire = wire
        self.backend = backend
        self.lost = lost
        self.mailbox = Mailbox(sink, limits, self._overflowed, self._waited)
        self._settled = settled
        self._control = Slot(Delivery.EVERY)
        self._running: dict[str, _Running] = {}
        self._finishing: set[asyncio.Task[None]] = set()
        """Queries and mutations whose client has gone: they run to their end and count until then."""

    def __len__(self) -> int:
        return len(self._running) + len(self._finishing)

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._running

    def send(self, frame: bytes) -> None:
        """Send a frame that belongs to no operation."""
        self.mailbox.put(self._control, frame)

    def start(self, message: Subscribe, caller: Caller) -> None:
        """Start an operation under a free id; everything else is reported to the client."""
        running = _Running(self, message.id, caller.subject)
        self._running[message.id] = running
        running.task = asyncio.create_task(self._start(running, message, caller))
        running.task.add_done_callback(lambda task: self._started(running, task))

    def stop(self, identifier: str) -> None:
        """Safe for an unknown id."""
        running = self._running.pop(identifier, None)
        if running is not None:
            self._stop(running)

    def stop_all(self) -> list["asyncio.Task[None]"]:
        """The connection has ended; returns the tasks that are ending now."""
        operations, self._running = list(self._running.values()), {}
        for each in operations:
            self._stop(each)
        return [each.task for each in operations if each.task is not None] + list(self._finishing)

    def _stop(self, running: "_Running") -> None:
        running.stop()
        if running.task is not None and running.executing:
            self._finishing.add(running.task)
            running.task.add_done_callback(self._finishing.discard)

    async def _start(self, running: "_Running", message: Subscribe, caller: Caller) -> None:
        on_behalf_of.set((caller.subject,))
        async with self.backend.preparing:
            await asyncio.sleep(0)
            start = self.backend.requests.prepare(message, caller)
        if isinstance(start, list):
            self._finish(running, self.wire.error(message.id, start))
        elif isinstance(start, Single):
            running.executing = True
            payload = await start.execute()
            if not running.slot.ended:
                self.mailbox.put(running.slot, self.wire.result(message.id, payload))
            self._finish(running, self.wire.complete(message.id))
        else:
            await self.backend.requests.on_subscribe(message, caller)
            await running.begin(start)

    def _started(self, running: "_Running", task: "asyncio.Task[None]") -> None:
        """A subscription could not begin, or failed: its client is notified, others are not affected."""
        running.task = None
        if task.cancelled() or (failure := task.exception()) is None:
            return
        if isinstance(failure, OSError | BusUnavailable):
            self.lost(AWAY_HINT)
        else:
            self._finish(running, self.wire.error(running.id, self.backend.requests.errors_of(failure)))

    def _finish(self, running: "_Running", last: bytes) -> None:
        if self._running.get(running.id) is running:
            del self._running[running.id]
            running.leave()
            self.send(last)
            self._perhaps_settled()

    def _perhaps_settled(self) -> None:
        if self._settled is not None and not self._running and not self.mailbox.depth:
            self._settled()

    def _waited(self, slot: Slot, committed_at: float) -> None:
        """A frame was sent after waiting."""
        name = self._field_of(slot)
        if name and committed_at:
            self.backend.metrics.delivered(name, committed_at, 1)
        self._perhaps_settled()

    def _overflowed(self, slot: Slot) -> None:
        self.backend.metrics.overflows[self._field_of(slot) or "control"] += 1
        self.lost(RESUME_HINT)

    def _field_of(self, slot: Slot) -> str:
        return next((each.field for each in self._running.values() if each.slot is slot), "")


class _Running:
    """One operation of a connection; as a member of its group it frames and forwards ready payloads."""

    __slots__ = (
        "_mailbox",
        "_opening",
        "_operation",
        "_operations",
        "_prefix",
        "_sent_meanwhile",
        "_skip",
        "executing",
        "field",
        "id",
        "slot",
        "subject",
        "task",
    )

    def __init__(self, operations: Operations, identifier: str, subject: str) -> None:
        self._operations = operations
        self._mailbox = operations.mailbox
        self.id = identifier
        self.subject = subject
        self.field = ""
        self.slot = Slot(Delivery.EVERY)
        self.task: asyncio.Task[None] | None = None
        self.executing = False
        """A query or a mutation is running, which is not cancelled."""
        self._prefix = operations.wire.prefix(identifier)
        self._operation: Operation | None = None
        self._skip: frozenset[str] = frozenset()
        self._opening: Opening | None = None
        """Sent with the first frame."""
        self._sent_meanwhile: set[str | None] | None = None
        """LATEST, while the current state is looked up: keys of live events sent meanwhile."""

    async def begin(self, start: Start) -> None:
        """Join the feed, after a snapshot or a cursor if requested."""
        operation, after = start.operation, start.after
        self._operation, self.field = operation, operation.field
        self.slot.delivery = operation.delivery
        feed, metrics = self._operations.backend.feed, self._operations.backend.metrics
        metrics.operations[operation.field] += 1
        if operation.delivery is Delivery.LATEST:
            await self._begin_latest(operation)
            return
        self._opening = Opening(resumed=after is not None)
        if start.snapshot:
            snapshot = await operation.snapshot()
            self._opening = Opening(resumed=False, snapshot_events=len(snapshot.roots))
            await self._send_state(operation, snapshot)
            after, self._skip = snapshot.position, snapshot.contained
        try:
            joined = await feed.join(operation, self, after)
        except PositionLost:
            metrics.resumes["expired"] += 1
            raise
        self._share(joined)
        if start.after is not None:
            metrics.resumes["recovered"] += 1

    async def _begin_latest(self, operation: Operation) -> None:
        """Live events sent meanwhile are newer than a state whose look-up takes a while."""
        self._sent_meanwhile = set()
        self._share(await self._operations.backend.feed.join(operation, self, None))
        await self._send_state(operation, await operation.snapshot())
        self._sent_meanwhile = None

    async def _send_state(self, operation: Operation, snapshot: Snapshot) -> None:
        """A client cannot resume after a part of it, or if it contains events without a position."""
        for number, root in enumerate(snapshot.roots, start=1):
            whole = number == len(snapshot.roots) and not snapshot.contained
            payload = await undisturbed(operation.render(root, snapshot.position, resumable=whole))
            key = operation.merge_key(root)
            if self._sent_meanwhile is not None and key in self._sent_meanwhile:
                continue
            happened = Happened(snapshot.position, "", 0.0)
            self._deliver_one(Rendered(happened, payload, key, resumable=whole))
            await self.room()
            await asyncio.sleep(0)

    def _share(self, joined: Operation) -> None:
        """Keep the equal operation of the group: a thousand members keep one."""
        if self._operation is not None:
            self._operation = joined

    def deliver(self, batch: Batch) -> bool:
        """At once if nothing waits, otherwise frame by frame into the mailbox."""
        operation = self._operation
        if (
            operation is not None
            and self._opening is None
            and self._sent_meanwhile is None
            and not self._skip
            and self._mailbox.write(batch.frames(self._prefix, self._operations.wire, operation))
        ):
            return True
        for rendered in batch.rendered:
            self._deliver_one(rendered)
        return False

    def _deliver_one(self, rendered: Rendered) -> None:
        operation = self._operation
        if operation is None:
            # It ended during a delivery: another operation overflowed, which ended the connection.
            return
        event = rendered.event
        if self._sent_meanwhile is not None:
            self._sent_meanwhile.add(rendered.key)
        if event.event_id in self._skip:
            self._skip -= {event.event_id}
            return
        if self._opening is not None:
            opened = operation.opened(rendered.payload, self._opening)
            rendered, self._opening = rendered.opening(opened), None
        frame = rendered.kept_frame(self._prefix, self._operations.wire, operation)
        if self._mailbox.put(self.slot, frame, rendered.key, event.at) and event.at:
            self._operations.backend.metrics.delivered(self.field, event.at, 1)

    async def room(self) -> None:
        """Wait until no frame of it waits."""
        await self._mailbox.room(self.slot)

    def lost(self, reason: str) -> None:
        """The client has to reconnect."""
        self._operations.lost(reason)

    def leave(self) -> None:
        """Leave the group."""
        if self._operation is not None:
            backend = self._operations.backend
            backend.feed.leave(self._operation, self)
            backend.metrics.operations[self.field] -= 1
            self._operation = None

    def stop(self) -> None:
        """Ended by the client, or with the connection."""
        if self.task is not None and not self.executing:
            self.task.cancel()
        self.leave()
        self._operations.mailbox.drop(self.slot)
