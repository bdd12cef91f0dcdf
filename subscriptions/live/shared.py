"""One execution and one encoding per event, however many clients subscribe.

Subscriptions that are the same operation (normalised document, variables without the cursor, audience) form a
group. A group executes its events once, in stream order, and hands the ready bytes to its members without
awaiting any of them. The groups that an event concerns are looked up by their filters, so a
thousand filters cost an event a few look-ups.

A group remembers recent renderings: a client that resumes is served from there. Older events are replayed
from the stream for that member alone, while live frames wait in order behind it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import AbstractAsyncContextManager
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from models.sql.pace import Pace
from subscriptions.live.group import CatchingUp, Group, LiveLimits, Subscriber
from subscriptions.live.index import GroupIndex
from subscriptions.live.metrics import LiveMetrics, Tally
from subscriptions.live.operation import Fact, Operation
from subscriptions.live.rendered import Batch, Happened, Rendered
from subscriptions.live.undisturbed import undisturbed
from subscriptions.stream.bus import BusUnavailable, Entry, Position, PositionLost, SlowConsumer

LOSS_INTERVAL_S = 0.5
"""The shortest time between two losses of the position."""
AT_A_STRETCH = 20
"""Events processed before other tasks get their turn."""

log = structlog.get_logger()


class Stream(Protocol):
    """Implemented by `subscriptions.stream.event_stream.EventStream`."""

    async def position_now(self) -> Position:
        """The newest assigned position."""

    def entries(self, after: Position | None) -> AbstractAsyncContextManager[AsyncIterator[Entry]]:
        """Entries after a position."""


@dataclass(frozen=True, slots=True)
class FactReader:
    """`decode` converts an entry to a fact or raises ValueError, after which `unreadable` is called with the
    entry's offset; `postings_of` names the keys under which groups may need it, and `describe` gives its id
    and its commit time.
    """

    decode: Callable[[bytes], Fact]
    postings_of: Callable[[Fact], Iterable[Hashable]]
    describe: Callable[[Fact], tuple[str, float]]
    unreadable: Callable[[int, ValueError], None] = lambda offset, damaged: None
    arrived: Callable[[bytes, Fact], None] = lambda payload, fact: None
    """Called once for each event of the stream, and not for replays."""


class LiveFeed:
    """Reads the stream once for the process and gives each event to the groups that it concerns.

    Needs the active database for replays.
    """

    def __init__(
        self,
        stream: Stream,
        limits: LiveLimits,
        facts: FactReader,
        metrics: LiveMetrics,
    ) -> None:
        self._stream = stream
        self._metrics = metrics
        self._limits = limits
        self._facts = facts
        self._groups: dict[Hashable, Group] = {}
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._empty: dict[Hashable, asyncio.TimerHandle] = {}
        """Groups without members, the oldest first, and when they are removed."""
        self._index = GroupIndex(facts.postings_of, self._too_slow)
        self._position: Position | None = None
        self._ready = asyncio.Event()
        self._context = Context()
        self._ready_groups: deque[Group] = deque()
        """Those with something to hand out."""
        self._moved: asyncio.Future[None] | None = None
        """Resolved when the feed advances, if a task waits for it."""

    @property
    def groups(self) -> Iterable[Group]:
        """The existing groups."""
        return self._groups.values()

    @property
    def ready(self) -> bool:
        """Whether it follows the stream: members that join from now on miss nothing."""
        return self._ready.is_set()

    @property
    def position(self) -> Position | None:
        """Of the last event that was offered to the groups; None while it does not follow the stream."""
        return self._position

    @property
    def idle(self) -> bool:
        """Whether no event waits for its execution."""
        return not any(group.busy for group in self._groups.values())

    async def run(self) -> None:
        """Until cancelled; run again, it continues from its position. If the stream cannot be continued from
        there, as after a restore of the database, subscribers resume, and it goes on with the newest event.
        """
        self._context = copy_context()
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._follow()
                return
            except (PositionLost, SlowConsumer) as lost:
                self._lose_position(lost)
                await asyncio.sleep(max(0.0, began + LOSS_INTERVAL_S - clock()))

    async def _follow(self) -> None:
        self._position = self._position or await self._stream.position_now()
        async with self._stream.entries(self._position) as entries:
            self._ready.set()
            async for entry in entries:
                await self._give(entry)
                if entry.position.offset % AT_A_STRETCH == 0:
                    await asyncio.sleep(0)

    def _lose_position(self, lost: PositionLost | SlowConsumer) -> None:
        log.warning("the live feed lost its position: subscribers resume", error=repr(lost))
        self._ready.clear()
        self._position = None
        self._notify_of_movement()
        for key in list(self._groups):
            self._lose(key, "the live feed lost its position")

    async def close(self) -> None:
        """End every group's task."""
        tasks = list(self._tasks.values())
        self._forget_all()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def join(self, operation: Operation, member: Subscriber, after: Position | None) -> Operation:
        """Add a member after `after` (None: from now on). Raises PositionLost.

        All known events after `after` are delivered before this returns, no faster than the member has room;
        new events meanwhile wait in order behind them, up to a limit. Returns the equal operation of the
        group, which members that stay may share.
        """
        await self._reach(after)
        group = self._group(operation)
        if after is None:
            group.members[member] = None
            return group.operation
        waiting = CatchingUp(member, self._limits.catch_up_frames)
        group.members[waiting] = None
        try:
            await self._catch_up(group, waiting, after)
        except (SlowConsumer, BusUnavailable, OSError) as broken_off:
            member.lost(f"the replay was interrupted: {broken_off}")
        finally:
            group.members.pop(waiting, None)
            self._linger_if_empty(group)
        return group.operation

    def leave(self, operation: Operation, member: Subscriber) -> None:
        """Safe if it is no longer a member."""
        group = self._groups.get(operation.key)
        if group is None:
            return
        group.members.pop(member, None)
        self._linger_if_empty(group)

    def _linger_if_empty(self, group: Group) -> None:
        """Kept for a while for clients that resume; with too many such groups the oldest is removed."""
        key = group.operation.key
        if group.members or key in self._empty or self._groups.get(key) is not group:
            return
        forget = partial(self._forget, key, cancel=True)
        self._empty[key] = asyncio.get_running_loop().call_later(self._limits.linger_s, forget)
        if len(self._empty) > self._limits.lingering_groups:
            self._forget(next(iter(self._empty)), cancel=True)

    def _waits_no_more(self, key: Hashable) -> None:
        timer = self._empty.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def _reach(self, after: Position | None) -> None:
        """Wait until this process reaches a position that a faster process issued."""
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

    def _notify_of_movement(self) -> None:
        if self._moved is not None:
            moved, self._moved = self._moved, None
            moved.set_result(None)

    async def _catch_up(self, group: Group, waiting: CatchingUp, after: Position) -> None:
        """Until nothing lies between `after` and the group's next output."""
        last = await self._send_missed(group, waiting, after)
        while waiting in group.members:
            if waiting.rendered:
                rendered = waiting.rendered.popleft()
                if rendered.event.position.offset > last:
                    last = rendered.event.position.offset
                    await self._send(group, rendered, waiting.member)
            elif self._settled(group).offset >= last:
                group.members[waiting.member] = None
                return
            else:
                await waiting.wait_for_more()

    async def _send_missed(self, group: Group, waiting: CatchingUp, after: Position) -> int:
        """From the group's memory, otherwise from the stream; returns the last offset read."""
        until = max(self._settled(group).offset, after.offset)
        remembered = group.remembered_after(after)
        if remembered is None:
            await self._replay(group, waiting, after, until)
        for rendered in remembered or ():
            if waiting not in group.members:
                break
            await self._send(group, rendered, waiting.member)
        return until

    async def _replay(self, group: Group, waiting: CatchingUp, after: Position, until: int) -> None:
        """Deliver (after, until]."""
        if after.offset >= until:
            return
        operation = group.operation
        async with self._stream.entries(after) as entries:
            async for entry in entries:
                if waiting not in group.members:
                    return
                fact = self._read(entry)
                if fact is None:
                    raise PositionLost(f"the event at {entry.position} cannot be read")
                root = operation.concerns(fact)
                if root is not None:
                    payload = await undisturbed(operation.render(root, entry.position))
                    happened = Happened(entry.position, *self._facts.describe(fact))
                    await self._send(group, Rendered(happened, payload), waiting.member)
                elif entry.position.offset % AT_A_STRETCH == 0:
                    await asyncio.sleep(0)
                if entry.position.offset >= until:
                    return

    async def _send(self, group: Group, rendered: Rendered, member: Subscriber) -> None:
        """One at a time: for a single member joining frames costs more than it saves. Other tasks get their
        turn.
        """
        self._metrics.replays[group.operation.field] += 1
        member.deliver(Batch([rendered.replayed()]))
        await member.room()
        await asyncio.sleep(0)

    def _settled(self, group: Group) -> Position:
        assert self._position is not None
        return group.settled(self._position)

    async def follow(self, facts: AsyncIterator[Fact]) -> None:
        """Broadcast each of them. There may be many at once: a whole market's quotes in one batch."""
        number = 0
        async for fact in facts:
            await self.broadcast(fact)
            number += 1
            if number % AT_A_STRETCH == 0:
                await asyncio.sleep(0)

    async def broadcast(self, fact: Fact) -> None:
        """An event outside the stream, which matters only while it is the latest."""
        if self._position is not None:
            await self._index.offer(Happened(self._position, *self._facts.describe(fact)), fact)

    async def _give(self, entry: Entry) -> None:
        fact = self._read(entry)
        try:
            if fact is not None:
                self._facts.arrived(entry.payload, fact)
                await self._index.offer(Happened(entry.position, *self._facts.describe(fact)), fact)
        except asyncio.CancelledError:
            # Every group has the event: the feed continues behind it.
            self._position = entry.position
            raise
        self._position = entry.position
        self._notify_of_movement()
        if fact is None:
            # Its subject is unknown. Members that resume after an earlier event are told that one is missing.
            for key in list(self._groups):
                self._lose(key, "an event cannot be read")

    def _read(self, entry: Entry) -> Fact | None:
        """None: it is damaged, and set aside."""
        try:
            return self._facts.decode(entry.payload)
        except ValueError as damaged:
            self._facts.unreadable(entry.position.offset, damaged)
            return None

    def _too_slow(self, group: Group) -> None:
        self._lose(group.operation.key, "the operation is too expensive for the rate of events")

    def _group(self, operation: Operation) -> Group:
        group = self._groups.get(operation.key)
        if group is None:
            assert self._position is not None
            group = Group(operation, self._position, self._limits, self._metrics, self._is_ready)
            self._groups[operation.key] = group
            # In the feed's context: in that of the first subscriber it would log under that request's id.
            running = asyncio.create_task(group.run(), context=self._context.copy())
            task = self._tasks[operation.key] = running
            task.add_done_callback(partial(self._failed, group))
            self._index.add(group)
        self._waits_no_more(operation.key)
        return group

    def _is_ready(self, group: Group) -> None:
        """All groups that an event concerns hand out in one step of the event loop."""
        if not self._ready_groups:
            asyncio.get_running_loop().call_soon(self._hand_out)
        self._ready_groups.append(group)

    def _hand_out(self) -> None:
        """The failure of one group, which the event loop logs, does not affect the others. After a while
        other tasks get their turn.
        """
        pace, tally = Pace(), Tally()
        try:
            while self._ready_groups and not pace.is_over:
                self._ready_groups.popleft().hand_out(tally)
        finally:
            self._metrics.handed_out(tally)
            if self._ready_groups:
                asyncio.get_running_loop().call_soon(self._hand_out)

    def _failed(self, group: Group, task: "asyncio.Task[None]") -> None:
        """A group whose execution fails loses its members with an error; other groups are not affected."""
        if task.cancelled() or (failure := task.exception()) is None:
            return
        log.error("a shared subscription failed", field=group.operation.field, exc_info=failure)
        if self._groups.get(group.operation.key) is group:
            self._forget(group.operation.key, cancel=False)
        group.lose_members("the operation failed")

    def _lose(self, key: Hashable, reason: str) -> None:
        """Its clients resume, in a new group: this one's memory ends where it was lost."""
        group = self._groups[key]
        self._forget(key, cancel=True)
        group.lose_members(reason)

    def _forget(self, key: Hashable, *, cancel: bool) -> None:
        self._waits_no_more(key)
        group = self._groups.pop(key)
        self._index.remove(group)
        task = self._tasks.pop(key)
        if cancel:
            group.stop(task)

    def _forget_all(self) -> None:
        for key in list(self._groups):
            self._forget(key, cancel=True)
