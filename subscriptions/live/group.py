"""The members of one shared subscription, and the ready payloads that they receive in stream order.

A group executes each event once, and hands the bytes to its members without awaiting any: at once if nothing
waits and nothing has to be looked up, since to wake a task for each of a thousand groups costs more than the
event itself; otherwise by its own task. It remembers recent renderings for members that resume.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import structlog

from models.outbox import READ_LATER
from subscriptions.live.metrics import LiveMetrics, Tally
from subscriptions.live.operation import Delivery, Fact, Operation
from subscriptions.live.rendered import Batch, Happened, Rendered
from subscriptions.live.turns import SUBJECTS_LOOKED_AT, on_behalf_of
from subscriptions.stream.bus import Position

BATCH_BYTES = 65_536
"""Payload bytes handed to a member at once: what asyncio's transports buffer before they pause."""

RENDER_AGAIN_S = 0.2

log = structlog.get_logger()


class Member(Protocol):
    """A receiver of a group's renderings."""

    @property
    def subject(self) -> str:
        """Whose it is."""

    def deliver(self, batch: Batch) -> bool:
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
        metrics: LiveMetrics,
        ready: Callable[["Group"], None],
    ) -> None:
        """`ready` is called when it has something to hand out: `hand_out` is expected soon."""
        self.operation = operation
        self.members: dict[Member, None] = {}
        self._last_subjects: Sequence[str] = ("",)
        self._field = operation.field
        self._keeps_every = operation.delivery is not Delivery.LATEST
        self._limits = limits
        self._metrics = metrics
        self._queue: deque[tuple[Happened, Any]] = deque()
        self._news = asyncio.Event()
        self._remembered: deque[Rendered] = deque()
        self._remembered_bytes = 0
        self._since = since
        self._settled = since
        self._rendering = False
        self._stopped = False
        self._tell_ready = ready
        self._ready: list[Rendered] = []
        self._ready_bytes = 0

    def offer(self, event: Happened, fact: Fact) -> bool:
        """Offer an event that may concern the group; False if too many are waiting."""
        root = self.operation.concerns(fact)
        if root is None:
            return True
        if not self._keeps_every:
            self._forget_older(root)
        elif len(self._queue) >= self._limits.group_backlog:
            return False
        elif self._may_render_at_once:
            at_hand = self.operation.render_at_once(root, event.position)
            if at_hand is not None:
                self._metrics.executed(self._field)
                self._put_ready(Rendered(event, at_hand, self.operation.merge_key(root)))
                return True
        self._queue.append((event, root))
        self._news.set()
        return True

    @property
    def _may_render_at_once(self) -> bool:
        """Whether it would come behind everything offered before, and still fits into the batch."""
        return not (self._queue or self._rendering) and self._ready_bytes < BATCH_BYTES

    @property
    def busy(self) -> bool:
        """Whether an event waits for its execution or to be handed out, or is being executed."""
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
        return [each for each in self._remembered if each.event.position.offset > after.offset]

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
            size += rendered.size
        self._rendering = False

    def _put_ready(self, rendered: Rendered) -> None:
        """Sent with the renderings of the same turn of the event loop, without waiting for anything
        slower.
        """
        self._ready.append(rendered)
        self._ready_bytes += rendered.size
        if len(self._ready) == 1:
            self._tell_ready(self)

    async def _render(self, event: Happened, root: Any) -> Rendered:
        payload = await self._payload(root, event.position)
        self._metrics.executed(self._field)
        return Rendered(event, payload, self.operation.merge_key(root))

    async def _payload(self, root: Any, position: Position) -> bytes:
        """The payload, once its data can be looked up; events meanwhile wait, up to the backlog."""
        while True:
            try:
                on_behalf_of.set(self._subjects())
                rendered = await self.operation.render(root, position)
            except READ_LATER as away:
                if self._stopped:
                    return b""
                self._metrics.database_outage.report(away)
                await asyncio.sleep(RENDER_AGAIN_S)
            else:
                self._metrics.database_outage.over()
                return rendered

    def _subjects(self) -> Sequence[str]:
        """Of its members, as far as they matter for turns. Without members it still is of those who left."""
        subjects = {member.subject for member in islice(self.members, SUBJECTS_LOOKED_AT)}
        self._last_subjects = tuple(subjects) or self._last_subjects
        return self._last_subjects

    def hand_out(self, tally: Tally) -> None:
        """Hand what is ready to the members; count in the tally what was written."""
        batch = Batch(self._ready)
        self._ready, size, self._ready_bytes = [], self._ready_bytes, 0
        if self._keeps_every:
            self._remember(batch.rendered, size)
        self._settled = batch.rendered[-1].event.position
        written = sum([member.deliver(batch) for member in list(self.members)])
        for rendered in batch.rendered:
            tally[self._field, rendered.event.at] += written

    def _forget_older(self, root: Any) -> None:
        """Drop waiting events that are now outdated."""
        key = self.operation.merge_key(root)
        self._queue = deque(each for each in self._queue if self.operation.merge_key(each[1]) != key)

    def _remember(self, rendered: Sequence[Rendered], size: int) -> None:
        self._remembered.extend(rendered)
        self._remembered_bytes += size
        while self._remembered_bytes > self._limits.remembered_bytes:
            forgotten = self._remembered.popleft()
            self._remembered_bytes -= forgotten.size
            self._since = forgotten.event.position

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
        self.subject = member.subject
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
