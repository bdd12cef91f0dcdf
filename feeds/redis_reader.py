"""Read the entries of streams through a consumer group: pending ones first, then those of others, then new
ones.

A stream whose key has another type, or that may not be read, is set aside, reported, and tried again after a
growing wait; the others continue.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import cast

import structlog
from redis import exceptions

from feeds.arrivals import trimmed_entry
from feeds.aside import StreamsAside
from feeds.base import Receipt
from feeds.dead_letters import DeadLetters
from feeds.held import HeldMessages
from feeds.redis_link import RedisLink, is_of_one_stream, is_wrong_type, meaning_of
from feeds.redis_places import StreamPlaces
from feeds.unread import entry_id

Entry = tuple[bytes, dict[bytes, bytes]]
Chunk = tuple[str, list[Entry]]


class GroupReader:
    """Reads as one consumer. `held` messages stay pending, and are not claimed from others."""

    def __init__(
        self, link: RedisLink, letters: DeadLetters, held: HeldMessages, clock: Callable[[], datetime]
    ) -> None:
        self._link = link
        self._letters = letters
        self._held = held
        self._clock = clock
        self._places = StreamPlaces(link)
        self._aside = StreamsAside()
        self._pending_after: dict[str, bytes] = {}
        """Stream -> last pending entry that was read again; a stream without pending entries is not in it."""
        self._claim_due = 0.0
        self._log = structlog.get_logger()

    @property
    def reads_again(self) -> bool:
        """Whether the next entries are pending ones, which were read before."""
        return bool(self._pending_after)

    async def read(self) -> list[Chunk]:
        """Wait for entries; each chunk is of one stream, in order."""
        try:
            return await self._read_on()
        except exceptions.ResponseError as error:
            if not is_wrong_type(error):
                raise
            # Joining each stream shows which of them it is.
            self._link.joined = False
            return []

    async def _read_on(self) -> list[Chunk]:
        await self._join_what_is_due()
        if not self._readable:
            await self._link.pause(self._link.timing.block_s)
            return []
        if self._pending_after:
            return await self._read_pending()
        if monotonic() >= self._claim_due and await self._take_over():
            self._pending_after = dict.fromkeys(self._readable, b"0")
            return []
        for stream in self._readable:
            await self._places.look_for_losses(stream)
        chunks = await self._read_group(dict.fromkeys(self._readable, b">"), self._block_ms())
        for stream, entries in chunks:
            await self._places.move_on(stream, [entry_id(id_) for id_, _ in entries])
        return chunks

    async def _join_what_is_due(self) -> None:
        for stream in self._aside.due():
            if await self._join_stream(stream):
                self._link.joined = False
        if not self._link.joined:
            await self._join()

    @property
    def _readable(self) -> list[str]:
        return [stream for stream in self._link.source.streams if stream not in self._aside]

    def _block_ms(self) -> int:
        """Until a held message is due, and no longer than usual; 0 would block for ever."""
        due = self._held.next_due
        wait_s = self._link.timing.block_s if due is None else (due - self._clock()).total_seconds()
        return max(1, round(1000 * min(wait_s, self._link.timing.block_s)))

    async def _join(self) -> None:
        for stream in self._readable:
            await self._join_stream(stream)
        await self._bury_trimmed()
        await self._take_over()
        self._pending_after = dict.fromkeys(self._readable, b"0")
        self._link.joined = True

    async def _join_stream(self, stream: str) -> bool:
        """Whether the stream could be joined; otherwise it is set aside."""
        try:
            await self._places.join(stream)
        except exceptions.ResponseError as error:
            if not is_of_one_stream(error):
                raise
            meaning = meaning_of(error)
            self._aside.put(stream, meaning)
            self._link.observer.unreadable(stream, meaning)
            return False
        if self._aside.take_back(stream):
            self._link.observer.unreadable(stream, None)
        return True

    async def _bury_trimmed(self) -> None:
        """Entries pending for this consumer that are no longer in their stream.

        Before anything is claimed: since Redis 7 claiming drops such an entry from the pending list, and only
        the answer still names it.
        """
        after = dict.fromkeys(self._readable, b"0")
        while after:
            chunks = await self._read_group(after, block_ms=None)
            for stream, entries in chunks:
                await self._letters.bury(
                    stream, [trimmed_entry(stream, id_) for id_, fields in entries if not fields]
                )
            after = {stream: entries[-1][0] for stream, entries in chunks if entries}

    async def _read_pending(self) -> list[Chunk]:
        chunks = await self._read_group(self._pending_after, block_ms=None)
        self._pending_after = {stream: entries[-1][0] for stream, entries in chunks if entries}
        return chunks

    async def _read_group(self, after: dict[str, bytes], block_ms: int | None) -> list[Chunk]:
        reply = await self._link.ask(
            self._link.redis.xreadgroup(
                self._link.source.group,
                self._link.source.consumer,
                {stream: last for stream, last in after.items()},
                count=self._link.limits.batch_size,
                block=block_ms,
            )
        )
        return [
            (stream.decode(), entries) for stream, entries in cast(list[tuple[bytes, list[Entry]]], reply)
        ]

    async def _take_over(self) -> bool:
        """Claim entries that were pending for too long, which are then read as this consumer's own. True if
        there were any.
        """
        self._claim_due = monotonic() + self._link.timing.claim_idle_s / 2
        await self._compare_clocks()
        idle_ms, claimed = int(self._link.timing.claim_idle_s * 1000), 0
        for stream in self._readable:
            start: bytes | None = b"0-0"
            while start is not None:
                start, entries = await self._claim(stream, start, idle_ms)
                claimed += entries
        if claimed:
            self._log.warning("feed took over unacknowledged messages", messages=claimed)
        return claimed > 0

    async def _claim(self, stream: str, start: bytes, idle_ms: int) -> tuple[bytes | None, int]:
        """Where to continue (None at the end), and how many entries were claimed that are not held anyway.

        Since Redis 7 the answer ends with the entries that are no longer in the stream.
        """
        following, entries, *gone = await self._link.ask(
            self._link.redis.xautoclaim(
                stream,
                self._link.source.group,
                self._link.source.consumer,
                idle_ms,
                start_id=start,
                count=self._link.limits.batch_size,
            )
        )
        await self._letters.bury(stream, [trimmed_entry(stream, id_) for id_ in (gone[0] if gone else ())])
        claimed = [id_ for id_, _ in entries if id_ and (stream, Receipt(id_.decode())) not in self._held]
        return (None if following == b"0-0" else following), len(claimed)

    async def _compare_clocks(self) -> None:
        asked = self._clock()
        seconds, microseconds = await self._link.ask(self._link.redis.time())
        other = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)
        self._link.observer.compared("redis", asked, other, self._clock())
