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
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from redis.asyncio import Redis

from domain.inputs import DeadReason, Outcome
from feeds.arrivals import USUAL_AHEAD, AheadPolicy, Arrivals, DeadEntry, Sorter, dead_entry, trimmed_entry
from feeds.base import FeedBatch, FeedMessage, FeedObserver, Receipt, SetAside, Unobserved
from feeds.dead_letters import DeadLetters
from feeds.held import HeldMessages
from feeds.known_messages import KnownMessages
from feeds.messages import encode
from feeds.redis_link import RedisLink
from feeds.redis_reader import Entry, GroupReader
from feeds.redis_source import USUAL_LIMITS, USUAL_TIMING, FeedLimits, FeedTiming, RedisSource

FIELD = b"message"

ENTERED_AT_MOST_AGO = timedelta(minutes=10)
"""An older entry counts as of when it is read."""


class RedisFeed:
    """A `Feed` (feeds/base.py). One batch has messages of one stream, at most `batch_size`."""

    def __init__(
        self,
        source: RedisSource,
        clock: Callable[[], datetime],
        *,
        limits: FeedLimits = USUAL_LIMITS,
        timing: FeedTiming = USUAL_TIMING,
        ahead: AheadPolicy = USUAL_AHEAD,
        observer: FeedObserver | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._observer = observer or Unobserved()
        self._held, self._known = HeldMessages(limits.held_max), KnownMessages()
        self._sorter = Sorter(ahead, self._held, self._known, limits.message_bytes_max)
        self._link = RedisLink(source, limits, timing, self._observer)
        self._letters = DeadLetters(self._link)
        self._reader = GroupReader(self._link, self._letters, self._held, clock)
        self._texts: dict[tuple[str, Receipt], bytes] = {}
        """Texts of messages that were delivered and not acknowledged yet."""
        self._rejected: dict[str, list[DeadEntry]] = {}
        """By stream, dead letters of the batch that is not acknowledged yet."""
        self._log = structlog.get_logger()

    async def batches(self) -> AsyncGenerator[FeedBatch]:
        """Pending messages first, then new ones as they arrive, and held ones when their time has come."""
        # A consumer that iterates again has not acknowledged the last batch, which comes before anything new.
        self._link.joined = False
        self._rejected.clear()
        while not self._link.closing:
            for stream, due in self._held.take_due(self._clock(), self._limits.batch_size):
                self._observer.holds(len(self._held))
                yield FeedBatch(stream, tuple(each for _, each in due), tuple(receipt for receipt, _ in due))
            for stream, entries in await self._link.persist(self._reader.read) or ():
                if batch := await self._deliverable(stream, entries):
                    yield batch

    async def acknowledge(self, batch: FeedBatch) -> None:
        """Waits for the end of an outage, before which nothing later is read. Rejected messages become dead
        letters first.
        """
        rejected = self._rejected.pop(batch.source, [])
        await self._link.persist(lambda: self._letters.move(batch.source, rejected))
        await self._link.persist(lambda: self._letters.acknowledge(batch.source, *batch.receipts))
        for receipt in batch.receipts:
            self._texts.pop((batch.source, receipt), None)

    async def reject(self, batch: FeedBatch, index: int, reason: str) -> None:
        """Sets the message aside; it is moved to the dead letters when the batch is acknowledged."""
        receipt = batch.receipts[index]
        raw = self._texts.get((batch.source, receipt)) or encode(batch.messages[index])
        letter = dead_entry(batch.source, receipt.encode(), raw, reason, DeadReason.UNKNOWN_SUBJECT)
        self._rejected.setdefault(batch.source, []).append(letter)
        self._known.rejected((batch.source, receipt))

    async def close(self) -> None:
        """Iteration ends within `block_s`."""
        await self._link.close()

    async def _deliverable(self, stream: str, entries: list[Entry]) -> FeedBatch | None:
        """The deliverable messages as a batch; the others become dead letters or are held."""
        now = self._clock()
        texts = [(entry_id, fields.get(FIELD)) for entry_id, fields in entries if fields]
        arrivals = self._sorter.sort(stream, texts, now, lambda receipt: self._entered_before(receipt, now))
        arrivals.dead += [trimmed_entry(stream, entry_id) for entry_id, fields in entries if not fields]
        await self._report(arrivals, entries, now)
        await self._link.persist(lambda: self._letters.bury(stream, arrivals.dead))
        await self._link.persist(lambda: self._pass_over(stream, arrivals.repeats))
        delivered = set(arrivals.receipts)
        self._texts |= {
            (stream, Receipt(id_.decode())): raw or b"" for id_, raw in texts if id_.decode() in delivered
        }
        return arrivals.batch()

    def _entered_before(self, receipt: Receipt, now: datetime) -> datetime | None:
        """When an entry that is read again first arrived, by a clock that may differ."""
        if not self._reader.reads_again:
            return None
        entered = _entered_at(receipt.encode())
        return entered if now - ENTERED_AT_MOST_AGO <= entered <= now else None

    async def _pass_over(self, stream: str, repeats: Sequence[tuple[Receipt, Outcome]]) -> None:
        if repeats:
            await self._observer.set_aside([SetAside(stream, outcome) for _, outcome in repeats])
            await self._letters.acknowledge(stream, *(receipt for receipt, _ in repeats))

    async def _report(self, arrivals: Arrivals, entries: list[Entry], now: datetime) -> None:
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


def _entered_at(entry_id: bytes) -> datetime:
    """When the entry was published, by the clock of its server; any time for an id chosen by the
    publisher.
    """
    milliseconds = min(int(entry_id.partition(b"-")[0]), 253_402_300_799_000)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


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
