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
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import structlog

from subscriptions.bus import BusUnavailable, Entry, Position, PositionLost, SlowConsumer
from subscriptions.metrics import LiveMetrics
from subscriptions.operation import Delivery, Fact, Operation
from subscriptions.undisturbed import undisturbed

AT_A_STRETCH = 20
"""Events that are looked at before other tasks have their turn."""
BATCH_BYTES = 65_536
"""Of payloads that are written to a socket at once: what asyncio's transports buffer before they say stop."""

RENDER_AGAIN_S = 0.2

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

    async def room(self) -> None:
        """Until it can take more of what was missed."""

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
    resumable: bool = True
    """False in the midst of a snapshot: behind it one cannot go on."""
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
        self._stopped = False
        self._ready: list[Rendered] = []

    def offer(self, position: Position, fact: Fact) -> bool:
        """An event that may concern the group; False when it has too many waiting to take it."""
        root = self.operation.concerns(fact)
        if root is None:
            return True
        if self.operation.delivery is Delivery.LATEST:
            self._forget_older(root)
        elif len(self._queue) >= self._limits.group_backlog:
            return False
        self._queue.append((position, fact, root))
        self._news.set()
        return True

    @property
    def busy(self) -> bool:
        """Something waits for its execution, or is being executed."""
        return bool(self._queue or self._ready) or self._rendering

    def settled(self, feed_position: Position) -> Position:
        """Up to where everything has been handed to the members."""
        return self._settled if self.busy else feed_position

    def remembered_after(self, after: Position) -> list[Rendered] | None:
        """What was rendered behind a position; None when that goes back too far."""
        if after.epoch != self._since.epoch or after.offset < self._since.offset:
            return None
        return [each for each in self._remembered if each.position.offset > after.offset]

    def stop(self, task: "asyncio.Task[None]") -> None:
        """End the task that runs it, but no execution in its midst."""
        self._stopped = True
        self._queue.clear()
        if not self._rendering:
            task.cancel()

    async def run(self) -> None:
        """Render in order, until stopped. Other tasks have their turn after every batch."""
        while not self._stopped:
            while self._queue:
                await self._render_some()
                await asyncio.sleep(0 if self._stopped else self.operation.interval_s)
            if not self._stopped:
                self._news.clear()
                await self._news.wait()

    async def _render_some(self) -> None:
        """What waits, up to a bound: in a burst a socket is written once for many events."""
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
        """Goes out with what is rendered in the same turn of the event loop, and waits for nothing slower."""
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._hand_out)
        self._ready.append(rendered)

    async def _render(self, position: Position, fact: Fact, root: Any) -> Rendered:
        payload = await self._payload(root, position)
        self._metrics.executed(self.operation.field)
        return Rendered(position, *self._describe(fact), payload, self.operation.merge_key(root))

    async def _payload(self, root: Any, position: Position) -> bytes:
        """As soon as what it takes can be looked up; what happens meanwhile waits, up to the backlog."""
        while True:
            try:
                return await self.operation.render(root, position)
            except OSError as away:
                if self._stopped:
                    return b""
                log.warning("an event waits for the database", field=self.operation.field, error=str(away))
                await asyncio.sleep(RENDER_AGAIN_S)

    def _hand_out(self) -> None:
        field, batch = self.operation.field, Batch(*self._ready)
        self._ready = []
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
        """Every member has to resume; the group is of no use any more."""
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
        self._moved: asyncio.Future[None] | None = None
        """Somebody waits for the feed to move on."""

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
                    if entry.position.offset % AT_A_STRETCH == 0:
                        await asyncio.sleep(0)
        except (PositionLost, SlowConsumer) as lost:
            log.warning("the live feed lost its place: subscribers resume", error=repr(lost))
            self._ready.clear()
            self._position = None
            self._tell_of_movement()
            for key in list(self._groups):
                self._lose(key, "the live feed lost its place")
            raise

    async def close(self) -> None:
        """End every group's task."""
        tasks = list(self._tasks.values())
        self._forget_all()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def join(self, operation: Operation, member: Member, after: Position | None) -> None:
        """Make it a member behind `after` (None: from now on). Raises PositionLost.

        Everything behind `after` that is already known is delivered before this returns, no faster than the
        member has room for it; whatever happens meanwhile waits in order behind it, up to a bound.
        """
        await self._reach(after)
        group = self._group(operation)
        if after is None:
            group.members[member] = None
            return
        waiting = _CatchingUp(member, self._limits.catch_up_frames)
        group.members[waiting] = None
        try:
            await self._catch_up(group, waiting, after)
        except (SlowConsumer, BusUnavailable, OSError) as broken_off:
            member.lost(f"the replay broke off: {broken_off}")
        finally:
            group.members.pop(waiting, None)
            self._linger_if_empty(group)

    def leave(self, operation: Operation, member: Member) -> None:
        """Harmless when it is no member any more."""
        group = self._groups.get(operation.key)
        if group is None:
            return
        group.members.pop(member, None)
        self._linger_if_empty(group)

    def _linger_if_empty(self, group: Group) -> None:
        if not group.members and group.empty_since is None:
            loop = asyncio.get_running_loop()
            group.empty_since = loop.time()
            loop.call_later(self._limits.linger_s, self._forget_if_empty, group.operation.key)

    async def _reach(self, after: Position | None) -> None:
        """Wait until this process stands where another one, which was ahead, gave the position out."""
        await self._ready.wait()
        while after is not None and not self._has_reached(after):
            newest = await self._stream.position_now()
            if after.epoch != newest.epoch or after.offset > newest.offset:
                raise PositionLost(f"{after} is ahead of the stream, which is at {newest}")
            if self._ready.is_set() and not self._has_reached(after):
                await self._wait_for_movement()
            await self._ready.wait()

    def _has_reached(self, after: Position) -> bool:
        here = self._position
        assert here is not None
        return after.epoch == here.epoch and after.offset <= here.offset

    async def _wait_for_movement(self) -> None:
        if self._moved is None:
            self._moved = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._moved)

    def _tell_of_movement(self) -> None:
        if self._moved is not None:
            moved, self._moved = self._moved, None
            moved.set_result(None)

    async def _catch_up(self, group: Group, waiting: "_CatchingUp", after: Position) -> None:
        """Until nothing lies between `after` and what the group will hand out next."""
        last = await self._tell_missed(group, waiting, after)
        while waiting in group.members:
            if waiting.rendered:
                rendered = waiting.rendered.popleft()
                if rendered.position.offset > last:
                    last = rendered.position.offset
                    await self._tell(group, rendered, waiting.member)
            elif self._settled(group).offset >= last:
                group.members[waiting.member] = None
                return
            else:
                await waiting.wait_for_more()

    async def _tell_missed(self, group: Group, waiting: "_CatchingUp", after: Position) -> int:
        """From the group's memory, else from the stream; the last offset looked at."""
        until = max(self._settled(group).offset, after.offset)
        remembered = group.remembered_after(after)
        if remembered is None:
            await self._replay(group, waiting, after, until)
        for rendered in remembered or ():
            if waiting not in group.members:
                break
            await self._tell(group, rendered, waiting.member)
        return until

    async def _replay(self, group: Group, waiting: "_CatchingUp", after: Position, until: int) -> None:
        """Deliver (after, until]."""
        if after.offset >= until:
            return
        operation = group.operation
        async with self._stream.entries(after) as entries:
            async for entry in entries:
                if waiting not in group.members:
                    return
                fact = self._decode(entry.payload)
                root = operation.concerns(fact)
                if root is not None:
                    payload = await undisturbed(operation.render(root, entry.position))
                    await self._tell(
                        group, Rendered(entry.position, *self._describe(fact), payload), waiting.member
                    )
                elif entry.position.offset % AT_A_STRETCH == 0:
                    await asyncio.sleep(0)
                if entry.position.offset >= until:
                    return

    async def _tell(self, group: Group, rendered: Rendered, member: Member) -> None:
        """One at a time: for a single member joining costs more than it saves. Others have their turn.

        Without the time of its commit: how late it is says nothing about the feed.
        """
        self._metrics.replays[group.operation.field] += 1
        member.deliver(Batch(replace(rendered, at=0.0)))
        await member.room()
        await asyncio.sleep(0)

    def _settled(self, group: Group) -> Position:
        assert self._position is not None
        return group.settled(self._position)

    def broadcast(self, fact: Fact) -> None:
        """Something that is not in the stream and matters only while it is the latest."""
        if self._position is not None:
            self._offer(self._position, fact)

    def _give(self, entry: Entry) -> None:
        self._offer(entry.position, self._decode(entry.payload))
        self._position = entry.position
        self._tell_of_movement()

    def _offer(self, position: Position, fact: Fact) -> None:
        concerned: dict[Group, None] = {}
        for posting in self._postings_of(fact):
            if posting in self._index:
                concerned.update(self._index[posting])
        for group in concerned:
            if not group.offer(position, fact):
                self._lose(group.operation.key, "the operation is too expensive for the rate of events")

    def _group(self, operation: Operation) -> Group:
        group = self._groups.get(operation.key)
        if group is None:
            assert self._position is not None
            group = Group(operation, self._position, self._limits, self._describe, self._metrics)
            self._groups[operation.key] = group
            task = self._tasks[operation.key] = asyncio.create_task(group.run())
            task.add_done_callback(partial(self._failed, group))
            for posting in operation.postings:
                self._index[posting][group] = None
        group.empty_since = None
        return group

    def _failed(self, group: Group, task: "asyncio.Task[None]") -> None:
        """A group whose execution fails loses its members loudly, and nobody else's."""
        if task.cancelled() or (failure := task.exception()) is None:
            return
        log.error("a shared subscription failed", field=group.operation.field, exc_info=failure)
        if self._groups.get(group.operation.key) is group:
            self._forget(group.operation.key, cancel=False)
        group.lose_members("the operation failed")

    def _lose(self, key: Hashable, reason: str) -> None:
        """Its clients resume, in a new group: what this one remembers ends where it was lost."""
        group = self._groups[key]
        self._forget(key, cancel=True)
        group.lose_members(reason)

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
            group.stop(task)

    def _forget_all(self) -> None:
        for key in list(self._groups):
            self._forget(key, cancel=True)


class _CatchingUp:
    """Stands in for a member that is told what it missed; keeps what happens meanwhile, up to a bound."""

    def __init__(self, member: Member, most: int) -> None:
        self.member = member
        self._most = most
        self.rendered: deque[Rendered] = deque()
        self._more = asyncio.Event()

    def deliver(self, batch: Batch) -> bool:
        if len(self.rendered) >= self._most:
            self.member.lost("more happened during the replay than may wait")
        else:
            self.rendered.extend(batch.rendered)
        self._more.set()
        return False

    async def wait_for_more(self) -> None:
        self._more.clear()
        await self._more.wait()

    async def room(self) -> None:
        raise NotImplementedError

    def lost(self, reason: str) -> None:
        self._more.set()
        self.member.lost(reason)
