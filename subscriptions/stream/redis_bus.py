"""The bus of several processes: one Redis stream of events, one short stream of broadcasts.

An entry's id is `<offset>-0` and it names its epoch, so the stream alone defines its position. Publishing is
one script (`publish.lua`): it appends after the newest entry or not at all, which makes a repeated or doubled
publish harmless. The outbox is the authority, not Redis: a Redis that comes back empty or shortened refuses
the next publish with BusBehind, the relay fills it again with the same offsets, and readers that already have
them see no gap.

Each process reads with one loop and one connection, which asks for the entries after an explicit id. Losing
the connection therefore loses nothing; the loop reconnects and asks again. Most resumes are answered from
memory; older ones page through the stream. While Redis does not answer, or refuses writes (its memory is
full, it became a replica), the process reads the outbox itself, a little later, and returns to the stream at
its position then.

Foreign entries in a stream of the bus are skipped, and logged once. No entry of the desk fits after one: the
relay starts the stream again, and until then the process reads the outbox.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from pathlib import Path

from models.outbox import READ_LATER
from outages.log import OutageLog, OutageLogs
from subscriptions.stream.bus import BusBehind, BusUnavailable, Entry, Message, Position, PositionLost
from subscriptions.stream.fan_out import FanOut, Listener
from subscriptions.stream.history import History
from subscriptions.stream.redis_connections import RedisConnections
from subscriptions.stream.redis_limits import USUAL_TIMING, BusLimits, BusTiming
from subscriptions.stream.watchers import Watcher, Watchers

LISTENERS_PATIENCE_S, LISTENERS_POLL_S = 0.25, 0.005

FOREIGN = ""
"""Replaces the epoch of a stream that ends with a foreign entry."""

_PUBLISH = (Path(__file__).parent / "publish.lua").read_text()


class RedisBus:
    """See `Bus`. `name` is the prefix of its keys; buses with the same name on one Redis are the same bus."""

    def __init__(
        self,
        url: str,
        name: str,
        limits: BusLimits,
        timing: BusTiming = USUAL_TIMING,
        fallback: History | None = None,
    ) -> None:
        self._redis = RedisConnections(url, name, timing)
        self._publish = self._redis.client.register_script(_PUBLISH)
        self._events, self._broadcasts = f"{{{name}}}:events", f"{{{name}}}:broadcasts"
        self._fan_out = FanOut(remember_max=limits.remember_max, buffer_max=limits.buffer_max)
        self._watchers = Watchers(keys_max=limits.watch_keys_max)
        self._limits, self._timing, self._fallback = limits, timing, fallback
        self._broadcast_id: bytes | None = None
        self._read_once = asyncio.Event()
        self._connected = False
        self._lacks = False
        """Redis ends before this process's position: it lacks entries of the outbox."""
        self._overtaken_at: Position | None = None
        """This process's position when the outbox was last seen to be ahead."""
        self._check_at = 0.0
        self._outage = OutageLog("the bus cannot reach Redis", "the bus reaches Redis again")
        self._foreign = OutageLogs(
            "stream",
            "a stream of the bus has a foreign entry",
            "a stream of the bus has no foreign entry any more",
        )
        self._both_away = OutageLog(
            "neither Redis nor the database answers", "Redis or the database answers again"
        )

    @property
    def healthy(self) -> bool:
        return self._connected and self._redis.refused is None

    @property
    def reachable(self) -> bool:
        return self._connected

    @property
    def trouble(self) -> str | None:
        if self._redis.refused is not None:
            return self._redis.refused.meaning
        return None if self._connected else "Redis does not answer"

    @property
    def position(self) -> Position | None:
        return self._fan_out.position

    @property
    def listener_count(self) -> int:
        """The number of registered listeners and watchers in this process."""
        return self._fan_out.listener_count + self._watchers.count

    async def publish(self, epoch: str, entries: Sequence[tuple[int, bytes]], *, begin: bool = False) -> None:
        if not entries:
            return
        first = entries[0][0]
        assert entries[-1][0] == first + len(entries) - 1, "offsets are consecutive"
        payloads = [payload for _, payload in entries]
        async with self._redis.answered():
            answer = await self._publish(
                keys=[self._events], args=[epoch, int(begin), self._limits.history_max, first, *payloads]
            )
        self._redis.wrote()
        if answer[0] == 0:
            raise BusBehind(Position(answer[1].decode(), answer[2]) if answer[1] else None)

    async def last_position(self) -> Position | None:
        """For a stream that ends with a foreign entry, a position of another history without a named
        epoch.
        """
        async with self._redis.answered():
            newest = await self._redis.client.xrevrange(self._events, count=1)
        ours = self._ours(newest)
        if newest and not ours:
            return Position(FOREIGN, 0)
        return ours[0].position if ours else None

    @asynccontextmanager
    async def listen(self, after: Position | None) -> AsyncIterator[AsyncIterator[Entry]]:
        await self._wait_for_first_read()
        await self._require_published(after)
        listener = self._fan_out.join(after)
        try:
            if after is None or listener.starts_after <= after.offset:
                yield listener
                return
            page = await self._page(after, listener.starts_after)
            async with aclosing(self._older_then(page, listener)) as entries:
                yield entries
        finally:
            self._fan_out.leave(listener)

    async def broadcast(self, topic: str, messages: Sequence[Message]) -> None:
        if not messages:
            return
        fields = {"": topic} | {message.key: message.payload for message in messages}
        async with self._redis.answered():
            await self._redis.client.xadd(self._broadcasts, fields, maxlen=self._limits.broadcasts_max)
        self._redis.wrote()

    def watch(self, topic: str) -> AbstractAsyncContextManager[Watcher]:
        return self._watchers.watch(topic)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_outbox())
            group.create_task(self._read_for_ever())

    async def _read_for_ever(self) -> None:
        delay_s = self._timing.reconnect_delay_s
        while True:
            try:
                await self._catch_up()
                while True:
                    await self._read()
                    self._outage.over()
                    delay_s = self._timing.reconnect_delay_s
            except BusUnavailable as away:
                # A single lost connection may have a harmless cause; a failure to reconnect does not.
                self._redis.away, self._connected = not self._connected, False
                refused = self._redis.reader_refused
                if self._redis.away or refused is not None:
                    self._outage.report(away, kind=refused)
                await asyncio.sleep(delay_s)
                if refused is not None:
                    delay_s = min(2 * delay_s, self._timing.refused_delay_max_s)
            finally:
                self._connected = False

    async def close(self) -> None:
        self._fan_out.end_all(StopAsyncIteration, "the bus is closed")
        self._watchers.end_all()
        await self._redis.close()

    async def _catch_up(self) -> None:
        """Determine the positions of both streams: at the start, after a lost connection, and when nothing
        arrives.
        """
        async with self._redis.command(self._timing.command_timeout_s, reads=True):
            entries = await self._redis.reader.xrevrange(self._events, count=1)
            if self._broadcast_id is None:
                broadcasts = await self._redis.reader.xrevrange(self._broadcasts, count=1)
                self._broadcast_id = broadcasts[0][0] if broadcasts else b"0-0"
        newest = self._ours(entries)
        self._lacks = self._ends_before_here(newest) or len(newest) < len(entries)
        if not self._lacks:
            self._foreign.over(self._events)
        if newest and not self._continues(newest[0].position):
            async with self._redis.command(self._timing.page_timeout_s, reads=True):
                remembered = await self._redis.reader.xrevrange(self._events, count=self._limits.remember_max)
            self._deliver(self._ours(remembered)[::-1])
        # Before the outbox is read: Redis has answered, however long a lock in the database lasts.
        self._connected, self._redis.away = True, False
        if not newest and not self._read_once.is_set():
            await self._begin_where_the_outbox_ends()
        self._read_once.set()

    async def _begin_where_the_outbox_ends(self) -> None:
        """Redis is empty: the next entries follow those of the outbox, wherever they are read."""
        with suppress(*READ_LATER):
            if self._fallback is not None and self._fan_out.position is None:
                await self._begin_behind(self._fallback)

    async def _follow_outbox(self) -> None:
        """Read the outbox, which Redis repeats, while Redis is unavailable or refuses writes."""
        while self._fallback is not None:
            await asyncio.sleep(self._timing.poll_interval_s)
            try:
                if not self._connected or self._lacks or await self._stands_still(self._fallback):
                    await self._read_outbox(self._fallback)
                self._both_away.over()
            except READ_LATER as away:
                if self._connected:
                    # Redis delivers published entries; code that needs the database reports its outage.
                    self._both_away.over()
                else:
                    self._both_away.report(away)

    async def _stands_still(self, outbox: History) -> bool:
        """Whether the outbox was already ahead of this process at the last check; checked at intervals."""
        now = asyncio.get_running_loop().time()
        if now < self._check_at:
            return False
        self._check_at = now + self._timing.outbox_check_s
        head, here = await outbox.stream_head(), self._fan_out.position
        ahead = here is not None and head.epoch == here.epoch and head.last_offset > here.offset
        before, self._overtaken_at = self._overtaken_at, here if ahead else None
        return ahead and before == here

    async def _read_outbox(self, outbox: History) -> None:
        here = self._fan_out.position
        if here is None:
            await self._begin_behind(outbox)
            self._read_once.set()
            return
        while rows := await outbox.published_after(here.offset, self._limits.page_max):
            self._deliver([Entry(Position(here.epoch, row.offset), row.payload) for row in rows])
            here = Position(here.epoch, rows[-1].offset)
            await self._let_listeners_read(len(rows))

    async def _begin_behind(self, outbox: History) -> None:
        """Unless another task has begun in the meantime: then listeners have a position, and keep it."""
        head = await outbox.stream_head()
        if self._fan_out.position is None:
            # Listeners from before anything was known may lack entries published in between.
            self._fan_out.end_all(PositionLost, "the position of the stream was unknown")
            self._fan_out.begin(Position(head.epoch, head.last_offset))

    async def _let_listeners_read(self, delivered: int) -> None:
        """Between full pages, which arrive faster than they are read: a burst must not make listeners lose
        their position.

        A listener that does not read at all is not waited for, and does not affect others while little
        happens.
        """
        if delivered < self._limits.page_max:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTENERS_PATIENCE_S):
                while self._fan_out.crowded:  # noqa: ASYNC110 - a listener that reads tells nobody
                    await asyncio.sleep(LISTENERS_POLL_S)

    def _deliver(self, entries: Sequence[Entry]) -> None:
        """Without entries that already came from the other source."""
        here = self._fan_out.position
        self._fan_out.deliver(
            [
                entry
                for entry in entries
                if here is None or entry.position.epoch != here.epoch or entry.position.offset > here.offset
            ]
        )

    def _ends_before_here(self, newest: Sequence[Entry]) -> bool:
        here = self._fan_out.position
        if here is None or not newest:
            return False
        return newest[0].position.epoch == here.epoch and newest[0].position.offset < here.offset

    def _continues(self, newest: Position) -> bool:
        """Whether reading may continue from this process's position: not at first, nor in another epoch."""
        here = self._fan_out.position
        if here is None:
            return self._read_once.is_set()
        return here.epoch == newest.epoch

    async def _read(self) -> None:
        here = self._fan_out.position
        after = {self._events: f"{here.offset if here else 0}-0", self._broadcasts: self._broadcast_id}
        async with self._redis.command(self._timing.block_s + self._timing.read_timeout_s, reads=True):
            answer = await self._redis.reader.xread(
                after, count=self._limits.page_max, block=int(self._timing.block_s * 1000)
            )
        self._redis.read(entries=bool(answer))
        for key, entries in answer:
            if key.decode() == self._events:
                ours = self._ours(entries)
                self._deliver(ours)
                await self._let_listeners_read(len(ours))
                if len(ours) < len(entries):
                    # It would be read again at once, for as long as it is there.
                    await asyncio.sleep(self._timing.block_s)
                    await self._catch_up()
            else:
                self._deliver_broadcasts(entries)
        if not answer:
            await self._catch_up()

    def _deliver_broadcasts(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for identity, fields in entries:
            self._broadcast_id = identity
            try:
                topic = fields[b""].decode()
                messages = [Message(key.decode(), payload) for key, payload in fields.items() if key]
            except (KeyError, UnicodeDecodeError):
                self._foreign.report(self._broadcasts, f"entry {identity.decode()} has none of its fields")
                continue
            self._foreign.over(self._broadcasts)
            self._watchers.deliver(topic, messages)

    def _ours(self, raw: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[Entry]:
        """Without foreign entries."""
        entries = []
        for identity, fields in raw:
            entry = _entry(identity, fields)
            if entry is None:
                self._foreign.report(self._events, f"entry {identity.decode()} has none of its fields")
            else:
                entries.append(entry)
        return entries

    async def _wait_for_first_read(self) -> None:
        try:
            async with asyncio.timeout(self._timing.first_read_timeout_s):
                await self._read_once.wait()
        except TimeoutError as late:
            raise BusUnavailable("the stream has not been read yet") from late

    async def _require_published(self, after: Position | None) -> None:
        """A position ahead of this process may come from a faster process; ahead of the stream it is lost."""
        here = self._fan_out.position
        if after is None or here is None or after.epoch != here.epoch or after.offset <= here.offset:
            return
        newest = await self.last_position()
        if newest is None or newest.epoch != after.epoch or newest.offset < after.offset:
            raise PositionLost(f"{after} is ahead of the stream, which ends at {newest}")

    async def _page(self, after: Position, until: int) -> list[Entry]:
        async with self._redis.answered(self._timing.page_timeout_s):
            page = self._ours(
                await self._redis.client.xrange(
                    self._events, f"{after.offset + 1}-0", f"{until}-0", count=self._limits.page_max
                )
            )
        if not page or page[0].position != Position(after.epoch, after.offset + 1):
            raise PositionLost(f"the events after {after} are no longer in the stream")
        return page

    async def _older_then(self, page: list[Entry], listener: Listener) -> AsyncGenerator[Entry, None]:
        while True:
            for entry in page:
                yield entry
            if page[-1].position.offset >= listener.starts_after:
                break
            page = await self._page(page[-1].position, listener.starts_after)
        async for entry in listener:
            yield entry


def _entry(identity: bytes, fields: dict[bytes, bytes]) -> Entry | None:
    """None: a foreign entry."""
    offset, _, number = identity.partition(b"-")
    try:
        return Entry(Position(fields[b"e"].decode(), int(offset)), fields[b"p"]) if number == b"0" else None
    except (KeyError, UnicodeDecodeError):
        return None
