"""Reads feed messages from Redis Streams through a consumer group.

Guarantees, beyond those of feeds/base.py:

- What was read and not acknowledged is read again before anything new: after every (re)connect the feed first
  reads what the server holds as pending for this consumer, oldest first.
- What another consumer of the group took and left for `claim_idle_s` is taken over. So give every process the
  same consumer name if a lease lets only one of them read: a successor then continues in order, at once.
- A message that cannot be read is moved to `<stream>:dead` (about `dead_letters_max` entries) with the
  reason, its id and its text; at least once, and it stops nothing.
- A lost connection, a restarting or full server and a lost group are retried with back-off from
  `backoff_first_s` to `backoff_max_s`; a wrong password or a key that is no stream is raised.

A group starts at the first entry of its stream, so what was published before the first start is read too.

Time limits are `asyncio.timeout` around each command, and the client has no socket timeout of its own: with
one, redis-py sends through `asyncio.wait_for`, which on Python 3.11 can swallow a cancellation, and a process
that has lost its lease would go on reading.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic
from typing import TypeVar, cast

import structlog
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from feeds.base import FeedBatch, FeedMessage, Receipt
from feeds.messages import MAX_MESSAGE_BYTES, BadMessage, decode, encode

FIELD = b"message"
DEAD_SUFFIX = ":dead"
MAX_REASON_LENGTH = 500

_WRONG_CREDENTIALS = (exceptions.AuthenticationError, exceptions.AuthorizationError)
_PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.MasterDownError,
)
_GROUP_LOST = ("NOGROUP", "UNBLOCKED")

Entry = tuple[bytes, dict[bytes, bytes]]
Chunk = tuple[str, list[Entry]]
T = TypeVar("T")


class RedisFeed:
    """A `Feed` (feeds/base.py). One batch holds messages of one stream, at most `batch_size`.

    `max_ahead_s`: how far in the future a message's time may lie (clocks differ). `block_s`: how long the
    server holds a read without news; `reply_timeout_s` longer than that and the connection counts as lost.
    """

    def __init__(
        self,
        url: str,
        *,
        streams: Sequence[str],
        group: str,
        consumer: str,
        clock: Callable[[], datetime],
        batch_size: int = 500,
        block_s: float = 1,
        reply_timeout_s: float = 5,
        claim_idle_s: float = 30,
        backoff_first_s: float = 0.1,
        backoff_max_s: float = 5,
        max_ahead_s: float = 60,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        dead_letters_max: int = 10_000,
    ) -> None:
        assert streams, "a feed without a stream"
        assert batch_size > 0, "a batch holds something"
        self._redis = _client(url, reply_timeout_s)
        self._answer_within_s = block_s + reply_timeout_s
        self._streams, self._group, self._consumer, self._clock = tuple(streams), group, consumer, clock
        self._batch_size, self._block_s, self._claim_idle_s = batch_size, block_s, claim_idle_s
        self._backoff_first_s, self._backoff_max_s = backoff_first_s, backoff_max_s
        self._max_ahead = timedelta(seconds=max_ahead_s)
        self._max_message_bytes, self._dead_letters_max = max_message_bytes, dead_letters_max
        self._closing = asyncio.Event()
        self._joined = False
        self._pending_after: dict[str, bytes] = {}
        """Stream -> last pending entry that was read again; a stream without any left is not in it."""
        self._claim_due = 0.0
        self._log = structlog.get_logger()

    async def batches(self) -> AsyncGenerator[FeedBatch]:
        """Pending messages first, then new ones as they come."""
        while not self._closing.is_set():
            for stream, entries in await self._persist(self._read) or ():
                if batch := await self._readable(stream, entries):
                    yield batch

    async def acknowledge(self, batch: FeedBatch) -> None:
        """Waits out an outage: nothing later is read before."""
        await self._persist(lambda: self._ask(self._redis.xack(batch.source, self._group, *batch.receipts)))

    async def reject(self, batch: FeedBatch, index: int, reason: str) -> None:
        """Moves the message to the dead letters; acknowledging stays with the batch."""
        entry_id = batch.receipts[index]
        found = await self._persist(lambda: self._ask(self._redis.xrange(batch.source, entry_id, entry_id)))
        fields = cast(list[Entry], found)[0][1] if found else {FIELD: encode(batch.messages[index])}
        await self._persist(lambda: self._bury(batch.source, entry_id.encode(), fields[FIELD], reason))

    async def close(self) -> None:
        """Iteration ends within `block_s`."""
        self._closing.set()
        await self._redis.aclose()

    async def _ask(self, command: Awaitable[T]) -> T:
        async with asyncio.timeout(self._answer_within_s):
            return await command

    async def _persist(self, action: Callable[[], Awaitable[T]]) -> T | None:
        """The action's result, however long the server is away; None once closed."""
        delay_s = self._backoff_first_s
        while not self._closing.is_set():
            try:
                return await action()
            except _WRONG_CREDENTIALS:
                raise
            except _PASSING as error:
                reason = str(error) or "no answer"
            except exceptions.ResponseError as error:
                if not str(error).startswith(_GROUP_LOST):
                    raise
                reason = str(error)
            self._joined = False
            await self._back_off(delay_s, reason)
            delay_s = min(2 * delay_s, self._backoff_max_s)
        return None

    async def _back_off(self, delay_s: float, reason: str) -> None:
        if self._closing.is_set():
            return
        self._log.warning("feed interrupted", streams=self._streams, reason=reason, retry_in_s=delay_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._closing.wait()

    async def _read(self) -> list[Chunk]:
        if not self._joined:
            await self._join()
        if self._pending_after:
            return await self._read_pending()
        if monotonic() >= self._claim_due and await self._take_over():
            self._pending_after = dict.fromkeys(self._streams, b"0")
            return []
        return await self._read_group(dict.fromkeys(self._streams, b">"), int(self._block_s * 1000))

    async def _join(self) -> None:
        for stream in self._streams:
            try:
                await self._ask(self._redis.xgroup_create(stream, self._group, id="0", mkstream=True))
            except exceptions.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
        await self._take_over()
        self._pending_after = dict.fromkeys(self._streams, b"0")
        self._joined = True

    async def _read_pending(self) -> list[Chunk]:
        chunks = await self._read_group(self._pending_after, block_ms=None)
        self._pending_after = {stream: entries[-1][0] for stream, entries in chunks if entries}
        return chunks

    async def _read_group(self, after: dict[str, bytes], block_ms: int | None) -> list[Chunk]:
        reply = await self._ask(
            self._redis.xreadgroup(
                self._group,
                self._consumer,
                {stream: last for stream, last in after.items()},
                count=self._batch_size,
                block=block_ms,
            )
        )
        return [
            (stream.decode(), entries) for stream, entries in cast(list[tuple[bytes, list[Entry]]], reply)
        ]

    async def _take_over(self) -> bool:
        """Claim what was pending for too long; it is then read as our own. True if there was any."""
        self._claim_due = monotonic() + self._claim_idle_s / 2
        idle_ms, claimed = int(self._claim_idle_s * 1000), 0
        for stream in self._streams:
            start: bytes | None = b"0-0"
            while start is not None:
                start, entries = await self._claim(stream, start, idle_ms)
                claimed += entries
        if claimed:
            self._log.warning("feed took over unacknowledged messages", messages=claimed)
        return claimed > 0

    async def _claim(self, stream: str, start: bytes, idle_ms: int) -> tuple[bytes | None, int]:
        """Where to go on, None at the end, and how many entries were claimed."""
        reply = await self._ask(
            self._redis.xautoclaim(
                stream, self._group, self._consumer, idle_ms, start_id=start, count=self._batch_size
            )
        )
        return (None if reply[0] == b"0-0" else reply[0]), len(reply[1])

    async def _readable(self, stream: str, entries: list[Entry]) -> FeedBatch | None:
        """The entries that can be read, as a batch; the others are buried."""
        latest = self._clock() + self._max_ahead
        messages: list[FeedMessage] = []
        receipts: list[Receipt] = []
        for entry_id, fields in entries:
            try:
                messages.append(self._decode(fields, latest))
                receipts.append(Receipt(entry_id.decode()))
            except BadMessage as bad:
                await self._bury_and_acknowledge(stream, entry_id, fields.get(FIELD, b""), str(bad))
        return FeedBatch(stream, tuple(messages), tuple(receipts)) if messages else None

    def _decode(self, fields: dict[bytes, bytes], latest: datetime) -> FeedMessage:
        if not fields:
            raise BadMessage("trimmed from the stream before it was acknowledged")
        if FIELD not in fields:
            raise BadMessage("no field `message`")
        return decode(fields[FIELD], latest, self._max_message_bytes)

    async def _bury_and_acknowledge(self, stream: str, entry_id: bytes, raw: bytes, reason: str) -> None:
        await self._persist(lambda: self._bury(stream, entry_id, raw, reason))
        await self._persist(lambda: self._ask(self._redis.xack(stream, self._group, entry_id)))

    async def _bury(self, stream: str, entry_id: bytes, raw: bytes, reason: str) -> None:
        self._log.warning("feed message set aside", stream=stream, id=entry_id.decode(), reason=reason)
        kept = raw[: self._max_message_bytes]
        await self._ask(
            self._redis.xadd(
                stream + DEAD_SUFFIX,
                {"reason": reason[:MAX_REASON_LENGTH], "id": entry_id, "message": kept},
                maxlen=self._dead_letters_max,
            )
        )


def _client(url: str, reply_timeout_s: float) -> Redis:
    """RESP2 for one known reply shape; no retries inside the client, for a read that is silently repeated
    leaves its first answer pending."""
    return Redis.from_url(
        url,
        protocol=2,
        socket_timeout=None,
        socket_connect_timeout=reply_timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


async def publish(
    redis: Redis, stream: str, messages: Iterable[FeedMessage], *, max_entries: int = 100_000
) -> None:
    """Append the messages in order, in one round trip; the stream keeps about `max_entries`.

    What an upstream adapter calls. Call it again after a fault: repeats are harmless.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for message in messages:
            pipeline.xadd(stream, {FIELD: encode(message)}, maxlen=max_entries)
        await pipeline.execute()
