"""Read feed messages from Redis Streams through a consumer group.

Guarantees, beyond those of feeds/base.py:

- Entries that were read and not acknowledged are read again before anything new: after every (re)connect the
  feed first reads this consumer's pending entries, oldest first.
- Entries that another consumer of the group read and left for `claim_idle_s` move to this consumer. If a
  lease lets only one process read, give every process the same consumer name: a successor then continues in
  order, at once.
- A message whose time is ahead of the clock is delivered as of its arrival, or held until its time
  (`AheadPolicy`). Held messages stay pending, so they survive a restart.
- Entries trimmed or deleted before they were read are reported (`feeds.unread`), before and after each read.
- A stream whose key has another type, or that may not be read, is set aside, reported, and tried again after
  a growing wait; the others continue.
- A message that cannot be used is moved to `<stream>:dead` (about `dead_letters_max` entries) with the
  reason, its id and its text, at least once, and blocks nothing. The same holds for entries trimmed or
  deleted while they were pending, whether the server keeps them in the pending list (Redis 6) or drops them
  from it (Redis 7). They are acknowledged only once they are written there; if the key is not a stream, so
  that they cannot be written, that is logged.
- A lost connection, a server that restarts or refuses (`outages.redis_refusals`: it is full, cannot save,
  requires another password), and a lost group are retried with back-off from `backoff_first_s` to
  `backoff_max_s`.

A group starts at the first entry of its stream, so entries published before the first start are read too.

Time limits are `asyncio.timeout` around each command, and the client has no socket timeout of its own: with
one, redis-py sends through `asyncio.wait_for`, which on Python 3.11 can swallow a cancellation, and a process
that has lost its lease would continue to read.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TypeVar, cast

import structlog
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from domain.inputs import DeadReason, Outcome
from feeds.arrivals import AheadPolicy, Arrivals, DeadEntry, dead_entry, sort_arrivals, trimmed_entry
from feeds.aside import StreamsAside
from feeds.base import FeedBatch, FeedMessage, FeedObserver, Receipt, SetAside, Unobserved
from feeds.heard import HeardMessages
from feeds.held import HeldMessages
from feeds.messages import MAX_MESSAGE_BYTES, encode
from feeds.unread import (
    START,
    EntryId,
    Loss,
    Place,
    StreamState,
    beginning,
    compared,
    entry_id,
    read_on,
    written,
)
from outages.log import OutageLog, OutageLogs
from outages.redis_refusals import explained, refusal_in

FIELD = b"message"
DEAD_SUFFIX = ":dead"
MAX_REASON_LENGTH = 500

ENTERED_AT_MOST_AGO = timedelta(minutes=10)
"""An older entry counts as of when it is read."""

_AWAY = (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError)
_GROUP_LOST = "NOGROUP"
_WRONG_TYPE = "WRONGTYPE"
_NO_KEY = "no such key"

Entry = tuple[bytes, dict[bytes, bytes]]
Chunk = tuple[str, list[Entry]]
T = TypeVar("T")


class RedisFeed:
    """A `Feed` (feeds/base.py). One batch has messages of one stream, at most `batch_size`.

    `max_ahead_s`: how far in the future a message's time may be to be delivered at once (clocks differ);
    messages further ahead are held, at most `held_max` messages for `held_for_max_s`. `block_s`: how long the
    server blocks a read without news; after `reply_timeout_s` more the connection counts as lost.
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
        held_max: int = 10_000,
        held_for_max_s: float = 3600,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        dead_letters_max: int = 10_000,
        observer: FeedObserver | None = None,
    ) -> None:
        assert streams, "a feed without a stream"
        assert batch_size > 0, "a batch holds something"
        self._redis = _client(url, reply_timeout_s)
        self._answer_within_s = block_s + reply_timeout_s
        self._streams, self._group, self._consumer, self._clock = tuple(streams), group, consumer, clock
        self._batch_size, self._block_s, self._claim_idle_s = batch_size, block_s, claim_idle_s
        self._backoff_first_s, self._backoff_max_s = backoff_first_s, backoff_max_s
        self._policy = AheadPolicy(timedelta(seconds=max_ahead_s), timedelta(seconds=held_for_max_s))
        self._held, self._heard = HeldMessages(held_max), HeardMessages()
        self._max_message_bytes, self._dead_letters_max = max_message_bytes, dead_letters_max
        self._observer = observer or Unobserved()
        self._closing = asyncio.Event()
        self._joined = False
        self._outage = OutageLog("feed interrupted", "feed resumed", streams=self._streams)
        self._unkept = OutageLogs("stream", "dead letters cannot be stored", "dead letters are stored again")
        self._pending_after: dict[str, bytes] = {}
        """Stream -> last pending entry that was read again; a stream without pending entries is not in it."""
        self._claim_due = 0.0
        self._aside = StreamsAside()
        self._places: dict[str, Place] = {}
        """How far each stream was read."""
        self._texts: dict[tuple[str, Receipt], bytes] = {}
        """Texts of messages that were delivered and not acknowledged yet."""
        self._rejected: dict[str, list[DeadEntry]] = {}
        """By stream, dead letters of the batch that is not acknowledged yet."""
        self._log = structlog.get_logger()

    async def batches(self) -> AsyncGenerator[FeedBatch]:
        """Pending messages first, then new ones as they arrive, and held ones when their time has come."""
        # A consumer that iterates again has not acknowledged the last batch, which comes before anything new.
        self._joined = False
        self._rejected.clear()
        while not self._closing.is_set():
            for stream, due in self._held.take_due(self._clock(), self._batch_size):
                self._observer.holds(len(self._held))
                yield FeedBatch(stream, tuple(each for _, each in due), tuple(receipt for receipt, _ in due))
            for stream, entries in await self._persist(self._read) or ():
                if batch := await self._deliverable(stream, entries):
                    yield batch

    async def acknowledge(self, batch: FeedBatch) -> None:
        """Waits for the end of an outage, before which nothing later is read. Rejected messages become dead
        letters first.
        """
        rejected = self._rejected.pop(batch.source, [])
        await self._persist(lambda: self._move(batch.source, rejected))
        await self._persist(lambda: self._confirm(batch.source, *batch.receipts))
        for receipt in batch.receipts:
            self._texts.pop((batch.source, receipt), None)

    async def reject(self, batch: FeedBatch, index: int, reason: str) -> None:
        """Sets the message aside; it is moved to the dead letters when the batch is acknowledged."""
        receipt = batch.receipts[index]
        raw = self._texts.get((batch.source, receipt)) or encode(batch.messages[index])
        letter = dead_entry(batch.source, receipt.encode(), raw, reason, DeadReason.UNKNOWN_SUBJECT)
        self._rejected.setdefault(batch.source, []).append(letter)
        self._heard.rejected((batch.source, receipt))

    async def close(self) -> None:
        """Iteration ends within `block_s`."""
        self._closing.set()
        await self._redis.aclose()

    async def _ask(self, command: Awaitable[T]) -> T:
        async with asyncio.timeout(self._answer_within_s):
            return await command

    async def _persist(self, action: Callable[[], Awaitable[T]]) -> T | None:
        """The action's result, however long the server is unavailable; None once closed."""
        delay_s = self._backoff_first_s
        while not self._closing.is_set():
            try:
                result = await action()
            except (*_AWAY, exceptions.ResponseError) as error:
                outage = _outage_in(error)
                if outage is None:
                    raise
                self._interrupted(*outage)
            else:
                self._works()
                return result
            self._joined = False
            await self._pause(delay_s)
            delay_s = min(2 * delay_s, self._backoff_max_s)
        return None

    def _works(self) -> None:
        if self._outage.lasts:
            self._observer.interrupted(None)
        self._outage.over()

    def _interrupted(self, kind: str, reason: str) -> None:
        if not self._closing.is_set():
            self._observer.interrupted(reason)
            self._outage.tell(reason, kind)

    async def _pause(self, delay_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._closing.wait()

    async def _read(self) -> list[Chunk]:
        try:
            return await self._read_on()
        except exceptions.ResponseError as error:
            if not _is_wrong_type(error):
                raise
            # Joining each stream shows which of them it is.
            self._joined = False
            return []

    async def _read_on(self) -> list[Chunk]:
        await self._join_what_is_due()
        if not self._readable:
            await self._pause(self._block_s)
            return []
        if self._pending_after:
            return await self._read_pending()
        if monotonic() >= self._claim_due and await self._take_over():
            self._pending_after = dict.fromkeys(self._readable, b"0")
            return []
        for stream in self._readable:
            await self._look_for_losses(stream)
        chunks = await self._read_group(dict.fromkeys(self._readable, b">"), self._block_ms())
        for stream, entries in chunks:
            await self._move_on(stream, [entry_id(id_) for id_, _ in entries])
        return chunks

    async def _join_what_is_due(self) -> None:
        for stream in self._aside.due():
            if await self._join_stream(stream):
                self._joined = False
        if not self._joined:
            await self._join()

    @property
    def _readable(self) -> list[str]:
        return [stream for stream in self._streams if stream not in self._aside]

    async def _move_on(self, stream: str, ids: Sequence[EntryId]) -> None:
        """These entries were read."""
        place = self._places[stream]
        if not ids or (state := await self._state(stream)) is None:
            self._places[stream] = place.read(ids)
            return
        self._places[stream], loss = read_on(place, ids, state)
        if loss is not None:
            await self._tell_of_loss(stream, loss)

    async def _state(self, stream: str) -> StreamState | None:
        """None: the stream and its group were deleted, which the next read reports."""
        try:
            return StreamState.of(await self._ask(self._redis.xinfo_stream(stream)))
        except exceptions.ResponseError as error:
            if _NO_KEY not in str(error):
                raise
            return None

    async def _look_for_losses(self, stream: str) -> None:
        if (state := await self._state(stream)) is None:
            return
        goes_on, loss = compared(self._places[stream], state)
        if loss is not None:
            await self._tell_of_loss(stream, loss)
        if goes_on.last != self._places[stream].last:
            # So that another process, starting before more is read, does not report it again.
            rank = goes_on.rank if state.added is not None else None
            await self._ask(
                self._redis.xgroup_setid(stream, self._group, written(goes_on.last), entries_read=rank)
            )
        self._places[stream] = goes_on

    async def _tell_of_loss(self, stream: str, loss: Loss) -> None:
        self._log.error(
            "messages were deleted before they were read",
            stream=stream,
            messages=loss.messages,
            after=loss.after,
            before=loss.before,
        )
        await self._observer.lost(stream, loss)

    def _block_ms(self) -> int:
        """Until a held message is due, and no longer than usual; 0 would block for ever."""
        due = self._held.next_due
        wait_s = self._block_s if due is None else (due - self._clock()).total_seconds()
        return max(1, round(1000 * min(wait_s, self._block_s)))

    async def _join(self) -> None:
        for stream in self._readable:
            await self._join_stream(stream)
        await self._bury_trimmed()
        await self._take_over()
        self._pending_after = dict.fromkeys(self._readable, b"0")
        self._joined = True

    async def _join_stream(self, stream: str) -> bool:
        """Whether the stream could be joined; otherwise it is set aside."""
        try:
            await self._join_group(stream)
        except exceptions.ResponseError as error:
            if not _is_of_one_stream(error):
                raise
            meaning = _meaning(error)
            self._aside.put(stream, meaning)
            self._observer.unreadable(stream, meaning)
            return False
        if self._aside.take_back(stream):
            self._observer.unreadable(stream, None)
        return True

    async def _join_group(self, stream: str) -> None:
        is_new = await self._create_group(stream)
        state = StreamState.of(await self._ask(self._redis.xinfo_stream(stream)))
        if is_new:
            if stream in self._places:
                await self._tell_of_loss(
                    stream, Loss(written(self._places[stream].last), written(state.oldest), None)
                )
            self._places[stream] = beginning(state)
            return
        groups = await self._ask(self._redis.xinfo_groups(stream))
        (group,) = [each for each in groups if each["name"] == self._group.encode()]
        last = entry_id(group["last-delivered-id"])
        known = self._places.get(stream)
        if known is None or known.last != last:
            is_unread = last == START and state.added is None
            self._places[stream] = Place(last, group.get("entries-read"), was_empty=is_unread)

    async def _create_group(self, stream: str) -> bool:
        """Whether the group was created, because there was none."""
        try:
            await self._ask(self._redis.xgroup_create(stream, self._group, id="0", mkstream=True))
        except exceptions.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
            return False
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
                await self._bury(
                    stream, [trimmed_entry(stream, id_) for id_, fields in entries if not fields]
                )
            after = {stream: entries[-1][0] for stream, entries in chunks if entries}

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
        """Claim entries that were pending for too long, which are then read as this consumer's own. True if
        there were any.
        """
        self._claim_due = monotonic() + self._claim_idle_s / 2
        await self._compare_clocks()
        idle_ms, claimed = int(self._claim_idle_s * 1000), 0
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
        following, entries, *gone = await self._ask(
            self._redis.xautoclaim(
                stream, self._group, self._consumer, idle_ms, start_id=start, count=self._batch_size
            )
        )
        await self._bury(stream, [trimmed_entry(stream, id_) for id_ in (gone[0] if gone else ())])
        claimed = [id_ for id_, _ in entries if id_ and (stream, Receipt(id_.decode())) not in self._held]
        return (None if following == b"0-0" else following), len(claimed)

    async def _compare_clocks(self) -> None:
        asked = self._clock()
        seconds, microseconds = await self._ask(self._redis.time())
        other = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)
        self._observer.compared("redis", asked, other, self._clock())

    async def _deliverable(self, stream: str, entries: list[Entry]) -> FeedBatch | None:
        """The deliverable messages as a batch; the others become dead letters or are held."""
        now = self._clock()
        texts = [(entry_id, fields.get(FIELD)) for entry_id, fields in entries if fields]
        arrivals = sort_arrivals(
            stream,
            texts,
            now,
            self._policy,
            self._held,
            self._max_message_bytes,
            heard=self._heard,
            entered=lambda receipt: self._entered_before(receipt, now),
        )
        arrivals.dead += [trimmed_entry(stream, entry_id) for entry_id, fields in entries if not fields]
        await self._tell_of(arrivals, entries, now)
        await self._persist(lambda: self._bury(stream, arrivals.dead))
        await self._persist(lambda: self._pass_over(stream, arrivals.repeats))
        delivered = set(arrivals.receipts)
        self._texts |= {
            (stream, Receipt(id_.decode())): raw or b"" for id_, raw in texts if id_.decode() in delivered
        }
        return arrivals.batch()

    def _entered_before(self, receipt: Receipt, now: datetime) -> datetime | None:
        """When an entry that is read again first arrived, by a clock that may differ."""
        if not self._pending_after:
            return None
        entered = _entered_at(receipt.encode())
        return entered if now - ENTERED_AT_MOST_AGO <= entered <= now else None

    async def _pass_over(self, stream: str, repeats: Sequence[tuple[Receipt, Outcome]]) -> None:
        if repeats:
            await self._observer.set_aside([SetAside(stream, outcome) for _, outcome in repeats])
            await self._confirm(stream, *(receipt for receipt, _ in repeats))

    async def _tell_of(self, arrivals: Arrivals, entries: list[Entry], now: datetime) -> None:
        if arrivals.held:
            first = arrivals.held[0]
            self._log.warning(
                "feed messages dated in the future are held",
                stream=arrivals.stream,
                messages=len(arrivals.held),
                first=str(first.subject),
                until=first.stated_at,
            )
            await self._observer.set_aside([SetAside(arrivals.stream, each) for each in arrivals.held])
            self._observer.holds(len(self._held))
        if entries:
            waited_s = max(0.0, (now - _entered_at(entries[-1][0])).total_seconds())
            self._observer.read(arrivals.stream, waited_s, arrivals.ahead_s(now))

    async def _bury(self, stream: str, letters: Sequence[DeadEntry]) -> None:
        """Report the dead letters, move them and acknowledge them."""
        if letters:
            await self._observer.set_aside([SetAside(stream, each.outcome) for each in letters])
            await self._move(stream, letters)

    async def _move(self, stream: str, letters: Sequence[DeadEntry]) -> None:
        """Acknowledged only after they are written: a server out of memory accepts the second and not the
        first. After a fault they may be written twice.
        """
        if not letters:
            return
        first = letters[0]
        self._log.warning(
            "feed message set aside",
            stream=stream,
            id=first.entry_id.decode(),
            reason=first.outcome.reason,
            messages=len(letters),
        )
        try:
            await self._keep(stream, letters)
        except exceptions.ResponseError as error:
            if _outage_in(error) is not None:
                raise
            # Such as a key of another type. The entries stay in their own stream, and their outcomes are
            # stored: all other messages continue.
            self._unkept.tell(stream, error, messages=len(letters))
        else:
            self._unkept.over(stream)
        await self._confirm(stream, *(each.entry_id for each in letters))

    async def _confirm(self, stream: str, *ids: bytes | str) -> None:
        try:
            await self._ask(self._redis.xack(stream, self._group, *ids))
        except exceptions.ResponseError as error:
            if not _is_wrong_type(error):
                raise
            # The stream was replaced, and its pending entries are gone with it.
            self._joined = False

    async def _keep(self, stream: str, letters: Sequence[DeadEntry]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for each in letters:
                pipeline.xadd(
                    stream + DEAD_SUFFIX,
                    {
                        "reason": each.outcome.reason[:MAX_REASON_LENGTH],
                        "id": each.entry_id,
                        "message": each.raw[: self._max_message_bytes],
                    },
                    maxlen=self._dead_letters_max,
                )
            await self._ask(pipeline.execute())


def _is_wrong_type(error: exceptions.ResponseError) -> bool:
    return _WRONG_TYPE in f"{error.status_code} {error}"


def _is_of_one_stream(error: exceptions.ResponseError) -> bool:
    """Whether the error is of one stream only: another type of value, or a key that the user may not read."""
    text = str(error)
    return _is_wrong_type(error) or ("permissions" in text and " key" in text)


def _meaning(error: exceptions.ResponseError) -> str:
    return explained(error.status_code, str(error))


def _outage_in(error: Exception) -> tuple[str, str] | None:
    """The kind and meaning of an error that is retried; None: waiting would not help."""
    text = str(error)[:MAX_REASON_LENGTH]
    refusal = refusal_in(getattr(error, "status_code", None), str(error))
    if refusal is not None and refusal.code != _WRONG_TYPE:
        return refusal.code, f"{refusal.meaning} ({text})"
    if isinstance(error, _AWAY) or _GROUP_LOST in text:
        return type(error).__name__, text or "Redis does not answer"
    return None


def _entered_at(entry_id: bytes) -> datetime:
    """When the entry was published, by the clock of its server; any time for an id chosen by the
    publisher.
    """
    milliseconds = min(int(entry_id.partition(b"-")[0]), 253_402_300_799_000)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _client(url: str, reply_timeout_s: float) -> Redis:
    """RESP2 for one known reply shape; no retries inside the client, since a silently repeated read leaves
    its first answer pending.
    """
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

    For upstream adapters. Call it again after a fault: repeats are harmless.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for message in messages:
            pipeline.xadd(stream, {FIELD: encode(message)}, maxlen=max_entries)
        await pipeline.execute()
