"""One execution and one encoding per event, however many subscribe.

Subscriptions that are the same operation (normalised document, variables without the cursor, audience) form a
group. A group has its events executed once, in stream order, by a task of its own, and hands the ready bytes
to its members without awaiting any of them. Which groups an event concerns is looked up by what they asked
for, so a thousand filters cost an event a few look-ups.

A group remembers what it rendered lately: a client that comes back is served from there. What it does not
remember is replayed from the stream for that member alone, while live frames wait in order behind it.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from subscriptions.bus import Entry, Position, PositionLost, SlowConsumer
from subscriptions.metrics import LiveMetrics
from subscriptions.operation import Delivery, Fact, Operation

BATCH_BYTES = 65_536
"""Of payloads that are written to a socket at once: what asyncio's transports buffer before they say stop."""

log = structlog.get_logger()


class Stream(Protocol):
    """`subscriptions.stream.EventStream`."""

    async def position_now(self) -> Position:
        """The newest position given out."""

    def entries(self, after: Position | None) -> AbstractAsyncContextManager[AsyncIterator[Entry]]:
        """Entries behind a position."""


class Member(Protocol):
    """One subscriber of a group."""

    def deliver(self, batch: "Batch") -> bool:
        """Take renderings; never waits. Whether all are on the wire; else it counts those that are."""

    def lost(self, reason: str) -> None:
        """The stream cannot be continued for it: its client has to resume."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A payload ready to be framed."""

    position: Position
    event_id: str
    at: float
    """When the event was committed, as a POSIX timestamp."""
    payload: bytes
    key: str | None = None
    frames: dict[bytes, bytes] = field(default_factory=dict)
    """Ready frames by their prefix: subscribers that call their operation alike share one."""


class Batch:
    """Renderings that go out together, in stream order."""

    __slots__ = ("joined", "rendered")

    def __init__(self, *rendered: Rendered) -> None:
        self.rendered = rendered
        self.joined: dict[bytes, bytes] = {}
        """All their frames behind one another, by prefix as in `Rendered.frames`."""


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Bounds of the shared feed."""

    group_backlog: int
    """Events that may wait for one group's execution."""
    remembered_bytes: int
    """Of rendered payloads per group."""
    catch_up_frames: int
    """Live frames that may wait behind one member's replay."""
    linger_s: float
    """How long a group without members is kept for those who come back."""


class Group:
    """The members of one operation, in stream order."""

    def __init__(
        self,
        operation: Operation,
        since: Position,
        limits: LiveLimits,
        describe: Callable[[Fact], tuple[str, float]],
        metrics: LiveMetrics,
    ) -> None:
        self.operation = operation
        self.members: dict[Member, None] = {}
        self.empty_since: float | None = None
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

    def offer(self, position: Position, fact: Fact) -> None:
        """An event that may concern the group."""
        root = self.operation.concerns(fact)
        if root is None:
            return
        if self.operation.delivery is Delivery.LATEST:
            self._forget_older(root)
        elif len(self._queue) >= self._limits.group_backlog:
            self.lose_members("the operation is too expensive for the rate of events")
            return
        self._queue.append((position, fact, root))
        self._news.set()

    @property
    def busy(self) -> bool:
        """Something waits for its execution, or is being executed."""
        return bool(self._queue) or self._rendering

    def settled(self, feed_position: Position) -> Position:
        """Up to where everything has been handed to the members."""
        return self._settled if self.busy else feed_position

    def remembered_after(self, after: Position) -> list[Rendered] | None:
        """What was rendered behind a position; None when that goes back too far."""
        if after.epoch != self._since.epoch or after.offset < self._since.offset:
            return None
        return [each for each in self._remembered if each.position.offset > after.offset]

    async def run(self) -> None:
        """Render in order, until cancelled. Other tasks have their turn after every batch."""
        while True:
            while self._queue:
                await self._render_some()
                await asyncio.sleep(self.operation.interval_s)
            self._news.clear()
            await self._news.wait()

    async def _render_some(self) -> None:
        """What waits, up to a bound: in a burst a socket is written once for many events."""
        self._rendering = True
        batch: list[Rendered] = []
        size = 0
        while self._queue and size < BATCH_BYTES:
            rendered = await self._render(*self._queue.popleft())
            batch.append(rendered)
            size += len(rendered.payload)
        self._rendering = False
        self._hand_out(Batch(*batch))

    async def _render(self, position: Position, fact: Fact, root: Any) -> Rendered:
        payload = await self.operation.render(root, position)
        self._metrics.executed(self.operation.field)
        return Rendered(position, *self._describe(fact), payload, self.operation.merge_key(root))

    def _hand_out(self, batch: Batch) -> None:
        field = self.operation.field
        if self.operation.delivery is Delivery.EVERY:
            self._remember(batch.rendered)
        self._settled = batch.rendered[-1].position
        written = sum([member.deliver(batch) for member in list(self.members)])
        for rendered in batch.rendered:
            self._metrics.delivered(field, rendered.at, written)

    def _forget_older(self, root: Any) -> None:
        """What has not been rendered yet and is out of date now."""
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
        """Every member has to resume; the group starts anew."""
        members, self.members = list(self.members), {}
        self._queue.clear()
        for member in members:
            member.lost(reason)


class LiveFeed:
    """Reads the stream once for the process and gives each event to the groups that it concerns.

    `decode` makes a fact of an entry, `postings_of` names the keys under which groups may want it, and
    `describe` gives its id and its commit time. Needs the active database when it replays.
    """

    def __init__(
        self,
        stream: Stream,
        limits: LiveLimits,
        *,
        decode: Callable[[bytes], Fact],
        postings_of: Callable[[Fact], Iterable[Hashable]],
        describe: Callable[[Fact], tuple[str, float]],
        metrics: LiveMetrics,
    ) -> None:
        self._stream = stream
        self._metrics = metrics
        self._limits = limits
        self._decode = decode
        self._postings_of = postings_of
        self._describe = describe
        self._groups: dict[Hashable, Group] = {}
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._index: defaultdict[Hashable, dict[Group, None]] = defaultdict(dict)
        self._position: Position | None = None
        self._ready = asyncio.Event()

    @property
    def groups(self) -> Iterable[Group]:
        """Now existing."""
        return self._groups.values()

    @property
    def idle(self) -> bool:
        """Nothing waits for its execution."""
        return not any(group.busy for group in self._groups.values())

    async def run(self) -> None:
        """Until cancelled; run again it goes on where it stood."""
        self._position = self._position or await self._stream.position_now()
        try:
            async with self._stream.entries(self._position) as entries:
                self._ready.set()
                async for entry in entries:
                    self._give(entry)
        except (PositionLost, SlowConsumer) as lost:
            log.warning("the live feed lost its place: subscribers resume", error=repr(lost))
            self._position = None
            for group in self._groups.values():
                group.lose_members("the live feed lost its place")
            self._forget_all()
            raise

    async def close(self) -> None:
        """End every group's task."""
        tasks = list(self._tasks.values())
        self._forget_all()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def join(self, operation: Operation, member: Member, after: Position | None) -> None:
        """Make it a member behind `after` (None: from now on). Raises PositionLost.

        Everything behind `after` that is already known is delivered before this returns.
        """
        await self._ready.wait()
        group = self._group(operation)
        if after is None:
            group.members[member] = None
            return
        remembered = group.remembered_after(after)
        if remembered is not None:
            group.members[member] = None
            _deliver(remembered, member)
            return
        await self._catch_up(group, member, after)

    def leave(self, operation: Operation, member: Member) -> None:
        """Harmless when it is no member any more."""
        group = self._groups.get(operation.key)
        if group is None:
            return
        group.members.pop(member, None)
        if not group.members and group.empty_since is None:
            loop = asyncio.get_running_loop()
            group.empty_since = loop.time()
            loop.call_later(self._limits.linger_s, self._forget_if_empty, operation.key)

    async def _catch_up(self, group: Group, member: Member, after: Position) -> None:
        waiting = _CatchingUp(member, self._limits.catch_up_frames)
        group.members[waiting] = None
        try:
            assert self._position is not None
            until = group.settled(self._position)
            last = await self._replay(group.operation, member, after, until)
        except BaseException:
            group.members.pop(waiting, None)
            raise
        if waiting not in group.members:
            member.lost("more happened during the replay than may wait")
            return
        del group.members[waiting]
        group.members[member] = None
        _deliver([each for each in waiting.frames if each.position.offset > last], member)

    async def _replay(self, operation: Operation, member: Member, after: Position, until: Position) -> int:
        """Deliver (after, until]; the last offset looked at."""
        if after.epoch != until.epoch:
            raise PositionLost(f"{after} is of another epoch than {until}")
        if after.offset >= until.offset:
            return until.offset
        async with self._stream.entries(after) as entries:
            async for entry in entries:
                fact = self._decode(entry.payload)
                root = operation.concerns(fact)
                if root is not None:
                    payload = await operation.render(root, entry.position)
                    _deliver([Rendered(entry.position, *self._describe(fact), payload)], member)
                if entry.position.offset >= until.offset:
                    break
        return until.offset

    def broadcast(self, fact: Fact) -> None:
        """Something that is not in the stream and matters only while it is the latest."""
        if self._position is not None:
            self._offer(self._position, fact)

    def _give(self, entry: Entry) -> None:
        self._offer(entry.position, self._decode(entry.payload))
        self._position = entry.position

    def _offer(self, position: Position, fact: Fact) -> None:
        concerned: dict[Group, None] = {}
        for posting in self._postings_of(fact):
            if posting in self._index:
                concerned.update(self._index[posting])
        for group in concerned:
            group.offer(position, fact)

    def _group(self, operation: Operation) -> Group:
        group = self._groups.get(operation.key)
        if group is None:
            assert self._position is not None
            group = Group(operation, self._position, self._limits, self._describe, self._metrics)
            self._groups[operation.key] = group
            self._tasks[operation.key] = asyncio.create_task(self._run(group))
            for posting in operation.postings:
                self._index[posting][group] = None
        group.empty_since = None
        return group

    async def _run(self, group: Group) -> None:
        """A group whose execution fails loses its members loudly, and nobody else's."""
        try:
            await group.run()
        except asyncio.CancelledError:
            raise
        except BaseException:
            log.exception("a shared subscription failed", field=group.operation.field)
            self._forget(group.operation.key, cancel=False)
            group.lose_members("the operation failed")

    def _forget_if_empty(self, key: Hashable) -> None:
        group = self._groups.get(key)
        if group is None or group.members or group.empty_since is None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() - group.empty_since >= self._limits.linger_s * 0.99:
            self._forget(key, cancel=True)

    def _forget(self, key: Hashable, *, cancel: bool) -> None:
        group = self._groups.pop(key)
        for posting in group.operation.postings:
            self._index[posting].pop(group, None)
            if not self._index[posting]:
                del self._index[posting]
        task = self._tasks.pop(key)
        if cancel:
            task.cancel()

    def _forget_all(self) -> None:
        for key in list(self._groups):
            self._forget(key, cancel=True)


class _CatchingUp:
    """Stands in for a member during its replay; keeps what happens meanwhile, up to a bound."""

    def __init__(self, member: Member, most: int) -> None:
        self._member = member
        self._most = most
        self.frames: list[Rendered] = []

    def deliver(self, batch: Batch) -> bool:
        if len(self.frames) >= self._most:
            self._member.lost("more happened during the replay than may wait")
        else:
            self.frames.extend(batch.rendered)
        return False

    def lost(self, reason: str) -> None:
        self._member.lost(reason)


def _deliver(rendered: Sequence[Rendered], member: Member) -> None:
    """One at a time: for a single member joining costs more than it saves."""
    for each in rendered:
        member.deliver(Batch(each))
