"""The members of one shared subscription, and the ready payloads that they receive in stream order.

A group executes each event once, and hands the bytes to its members without awaiting any: at once if nothing
waits and nothing has to be looked up, since to wake a task for each of a thousand groups costs more than the
event itself; otherwise by its own task. It remembers recent renderings for members that resume.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from models.outbox import READ_LATER
from subscriptions.live.metrics import LiveMetrics
from subscriptions.live.operation import Delivery, Fact, Operation
from subscriptions.stream.bus import Position

BATCH_BYTES = 65_536
"""Payload bytes written to a socket at once: what asyncio's transports buffer before they pause."""

RENDER_AGAIN_S = 0.2

log = structlog.get_logger()


class Member(Protocol):
    """A receiver of a group's renderings."""

    def deliver(self, batch: "Batch") -> bool:
        """Accept renderings without waiting. Whether all were written; otherwise it counts those that
        were.
        """

    def lost(self, reason: str) -> None:
        """The stream cannot be continued for the member: its client has to resume."""


class Subscriber(Member, Protocol):
    """A member to which past events can be sent at its own pace."""

    async def room(self) -> None:
        """Wait until it can accept more past events."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A payload ready to be framed."""

    position: Position
    event_id: str
    at: float
    """The commit time of the event, as a POSIX timestamp."""
    payload: bytes
    key: str | None = None
    resumable: bool = True
    """False within a snapshot, after a part of which a client cannot resume."""
    frames: dict[bytes, bytes] = field(default_factory=dict)
    """Ready frames by prefix, shared by subscribers with the same prefix."""


class Batch:
    """Renderings that are sent together, in stream order."""

    __slots__ = ("joined", "rendered")

    def __init__(self, *rendered: Rendered) -> None:
        self.rendered = rendered
        self.joined: dict[bytes, bytes] = {}
        """All their frames concatenated, by prefix as in `Rendered.frames`."""


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Limits of the shared feed."""

    group_backlog: int
    """Events that may wait for one group's execution."""
    remembered_bytes: int
    """Rendered payloads per group."""
    catch_up_frames: int
    """Live frames that may wait behind one member's replay."""
    linger_s: float
    """How long a group without members is kept for clients that resume."""
    lingering_groups: int
    """The number of such groups that are kept."""


class Group:
    """The members of one operation, in stream order."""

    def __init__(
        self,
        operation: Operation,
        since: Position,
        limits: LiveLimits,
        describe: Callable[[Fact], tuple[str, float]],
        metrics: LiveMetrics,
        ready: Callable[["Group"], None],
    ) -> None:
        """`ready` is called when it has something to hand out: `hand_out` is expected soon."""
        self.operation = operation
        self.members: dict[Member, None] = {}
        self._limits = limits
        self._describe = describe
        self._metrics = metrics
        self._queue: deque[tuple[Position, Fact, Any]] = deque()
        self._news = asyncio.Event()
        self._remembered: deque[Rendered] = deque()
        self._remembered_bytes = 0
        self._since = since
        self._settled = since
        self._rendering = False
        self._stopped = False
        self._tell_ready = ready
        self._ready: list[Rendered] = []

    def offer(self, position: Position, fact: Fact) -> bool:
        """Offer an event that may concern the group; False if too many are waiting."""
        root = self.operation.concerns(fact)
        if root is None:
            return True
        if self.operation.delivery is Delivery.LATEST:
            self._forget_older(root)
        elif len(self._queue) >= self._limits.group_backlog:
            return False
        elif not self.busy and (payload := self.operation.render_at_once(root, position)) is not None:
            self._put_ready(self._rendered(position, fact, root, payload))
            return True
        self._queue.append((position, fact, root))
        self._news.set()
        return True

    @property
    def busy(self) -> bool:
        """Whether an event waits for its execution, or is being executed."""
        return bool(self._queue or self._ready) or self._rendering

    def settled(self, feed_position: Position) -> Position:
        """The position up to which everything has been handed to the members.

        A group may be ahead of the feed, which is still offering the same event to others.
        """
        mine = self._settled
        ahead = mine.epoch == feed_position.epoch and mine.offset > feed_position.offset
        return mine if self.busy or ahead else feed_position

    def remembered_after(self, after: Position) -> list[Rendered] | None:
        """Renderings after a position; None if the memory does not go back that far."""
        if after.epoch != self._since.epoch or after.offset < self._since.offset:
            return None
        return [each for each in self._remembered if each.position.offset > after.offset]

    def stop(self, task: "asyncio.Task[None]") -> None:
        """End the task that runs it, but not during an execution."""
        self._stopped = True
        self._queue.clear()
        if not self._rendering:
            task.cancel()

    async def run(self) -> None:
        """Render in order, until stopped. Other tasks get their turn after every batch."""
        while not self._stopped:
            while self._queue:
                await self._render_some()
                await asyncio.sleep(0 if self._stopped else self.operation.interval_s)
            if not self._stopped:
                self._news.clear()
                await self._news.wait()

    async def _render_some(self) -> None:
        """Render waiting events, up to a limit: in a burst a socket is written once for many events."""
        self._rendering = True
        size = 0
        while self._queue and size < BATCH_BYTES:
            rendered = await self._render(*self._queue.popleft())
            if self._stopped:
                break
            self._put_ready(rendered)
            size += len(rendered.payload)
        self._rendering = False

    def _put_ready(self, rendered: Rendered) -> None:
        """Sent with the renderings of the same turn of the event loop, without waiting for anything
        slower.
        """
        self._ready.append(rendered)
        if len(self._ready) == 1:
            self._tell_ready(self)

    async def _render(self, position: Position, fact: Fact, root: Any) -> Rendered:
        return self._rendered(position, fact, root, await self._payload(root, position))

    def _rendered(self, position: Position, fact: Fact, root: Any, payload: bytes) -> Rendered:
        self._metrics.executed(self.operation.field)
        return Rendered(position, *self._describe(fact), payload, self.operation.merge_key(root))

    async def _payload(self, root: Any, position: Position) -> bytes:
        """The payload, once its data can be looked up; events meanwhile wait, up to the backlog."""
        while True:
            try:
                rendered = await self.operation.render(root, position)
            except READ_LATER as away:
                if self._stopped:
                    return b""
                self._metrics.database_outage.report(away)
                await asyncio.sleep(RENDER_AGAIN_S)
            else:
                self._metrics.database_outage.over()
                return rendered

    def hand_out(self) -> None:
        """Hand what is ready to the members."""
        field, batch = self.operation.field, Batch(*self._ready)
        self._ready = []
        if self.operation.delivery is Delivery.EVERY:
            self._remember(batch.rendered)
        self._settled = batch.rendered[-1].position
        written = sum([member.deliver(batch) for member in list(self.members)])
        for rendered in batch.rendered:
            self._metrics.delivered(field, rendered.at, written)

    def _forget_older(self, root: Any) -> None:
        """Drop waiting events that are now outdated."""
        key = self.operation.merge_key(root)
        self._queue = deque(each for each in self._queue if self.operation.merge_key(each[2]) != key)

    def _remember(self, rendered: Sequence[Rendered]) -> None:
        self._remembered.extend(rendered)
        self._remembered_bytes += sum([len(each.payload) for each in rendered])
        while self._remembered_bytes > self._limits.remembered_bytes:
            forgotten = self._remembered.popleft()
            self._remembered_bytes -= len(forgotten.payload)
            self._since = forgotten.position

    def lose_members(self, reason: str) -> None:
        """Every member has to resume; the group is no longer usable."""
        members, self.members = list(self.members), {}
        self._queue.clear()
        for member in members:
            member.lost(reason)


class CatchingUp:
    """Stands in for a subscriber that receives missed events; keeps new events meanwhile, up to a limit."""

    def __init__(self, member: Subscriber, most: int) -> None:
        self.member = member
        self._most = most
        self.rendered: deque[Rendered] = deque()
        self._more = asyncio.Event()

    def deliver(self, batch: Batch) -> bool:
        if len(self.rendered) >= self._most:
            self.member.lost("more events arrived during the replay than the mailbox may hold")
        else:
            self.rendered.extend(batch.rendered)
        self._more.set()
        return False

    async def wait_for_more(self) -> None:
        self._more.clear()
        await self._more.wait()

    def lost(self, reason: str) -> None:
        self._more.set()
        self.member.lost(reason)
