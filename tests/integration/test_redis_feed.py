"""The Redis feed against a real server: order, at least once, dead letters, takeover and outages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from os import rmdir
from tempfile import mkdtemp
from typing import cast
from uuid import uuid4

import orjson
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from domain.book_changes import CashStated
from domain.ids import Symbol
from domain.market import Quote
from domain.money import Currency
from feeds.base import Feed, FeedBatch, FeedMessage, FeedObserver, Unobserved
from feeds.messages import encode
from feeds.redis_feed import RedisFeed, publish
from feeds.redis_source import USUAL_LIMITS, FeedLimits, FeedTiming, RedisSource
from feeds.unread import Loss
from outages.redis_refusals import REFUSALS
from tests.kit.cut_off import cut_off
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import RedisServer

pytestmark = pytest.mark.usefixtures("each_redis")

NOW = datetime(2020, 3, 9, 14, 30, tzinfo=UTC)
CLAIM_IDLE_MS = 10


def a_quote(last: int) -> Quote:
    return Quote(Symbol("AAPL.US"), NOW, last=Decimal(last))


def some_cash(balance: int) -> CashStated:
    return CashStated("M100001", Currency("USD"), Decimal(balance), NOW)


FEEDS: list[RedisFeed] = []
"""The feeds of the running test."""


@pytest.fixture(autouse=True)
async def close_feeds() -> AsyncIterator[None]:
    """A test that fails leaves no connection open that a later test would be blamed for."""
    yield
    while FEEDS:
        await FEEDS.pop().close()


QUICK = FeedTiming(block_s=0.1, backoff_first_s=0.01, backoff_max_s=0.05)


def a_feed(
    url: str,
    *streams: str,
    consumer: str = "monitor",
    limits: FeedLimits = USUAL_LIMITS,
    timing: FeedTiming = QUICK,
    observer: FeedObserver | None = None,
) -> RedisFeed:
    source = RedisSource(url, streams, "desk", consumer)
    FEEDS.append(RedisFeed(source, lambda: NOW, limits=limits, timing=timing, observer=observer))
    return FEEDS[-1]


async def hear(feed: Feed, count: int, acknowledge: bool = True) -> list[FeedMessage]:
    """The next `count` messages."""
    return [message for batch in await hear_batches(feed, count, acknowledge) for message in batch.messages]


async def hear_batches(feed: Feed, count: int, acknowledge: bool = True) -> list[FeedBatch]:
    received: list[FeedBatch] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(feed.batches()) as batches:
        async for batch in batches:
            received.append(batch)
            if acknowledge:
                await feed.acknowledge(batch)
            if sum(len(each.messages) for each in received) >= count:
                break
    return received


async def hear_each(feed: Feed, count: int) -> list[FeedMessage]:
    """So many different messages, each where it first came: what could not be confirmed comes again."""
    received: dict[FeedMessage, None] = {}
    async with asyncio.timeout(PATIENCE_S), aclosing(feed.batches()) as batches:
        async for batch in batches:
            received.update(dict.fromkeys(batch.messages))
            await feed.acknowledge(batch)
            if len(received) == count:
                break
    return list(received)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 - the state of another process has no event
            await asyncio.sleep(0.005)


async def dead_letters(redis: Redis, stream: str) -> list[dict[bytes, bytes]]:
    entries = cast(list[tuple[bytes, dict[bytes, bytes]]], await redis.xrange(f"{stream}:dead"))
    return [fields for _, fields in entries]


async def pending(redis: Redis, stream: str) -> int:
    return int((await redis.xpending(stream, "desk"))["pending"])


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def stream(redis: Redis) -> AsyncIterator[str]:
    name = f"test:{uuid4()}"
    yield name
    await redis.delete(name, f"{name}:dead")


async def test_messages_published_before_and_after_the_start_arrive_in_order(
    redis: Redis, redis_url: str, stream: str
) -> None:
    feed = a_feed(redis_url, stream)
    await publish(redis, stream, [a_quote(1), some_cash(-5)])
    assert await hear(feed, 2) == [a_quote(1), some_cash(-5)]
    await publish(redis, stream, [a_quote(2)])
    assert await hear(feed, 1) == [a_quote(2)]
    assert await pending(redis, stream) == 0
    await feed.close()


async def test_a_batch_is_bounded_and_of_one_stream(redis: Redis, redis_url: str, stream: str) -> None:
    other = f"{stream}:book"
    await publish(redis, stream, [a_quote(price) for price in range(1, 6)])
    await publish(redis, other, [some_cash(-5)])
    feed = a_feed(redis_url, stream, other, limits=FeedLimits(batch_size=2))
    received = await hear_batches(feed, 6)
    assert max(len(batch.messages) for batch in received) == 2
    assert [message for batch in received if batch.source == other for message in batch.messages] == [
        some_cash(-5)
    ]
    quotes = [message for batch in received if batch.source == stream for message in batch.messages]
    assert quotes == [a_quote(price) for price in range(1, 6)]
    await feed.close()
    await redis.delete(other)


async def test_unacknowledged_messages_come_again_before_new_ones(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await publish(redis, stream, [a_quote(1), a_quote(2), a_quote(3)])
    crashed = a_feed(redis_url, stream, limits=FeedLimits(batch_size=2))
    assert await hear(crashed, 3, acknowledge=False) == [a_quote(1), a_quote(2), a_quote(3)]
    await crashed.close()
    await publish(redis, stream, [a_quote(4)])
    restarted = a_feed(redis_url, stream, limits=FeedLimits(batch_size=2))
    assert await hear(restarted, 4) == [a_quote(1), a_quote(2), a_quote(3), a_quote(4)]
    assert await pending(redis, stream) == 0
    await restarted.close()


async def test_messages_of_a_dead_consumer_are_taken_over_once_they_are_idle(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await publish(redis, stream, [a_quote(price) for price in range(1, 8)])
    dead = a_feed(redis_url, stream, consumer="dead")
    await hear(dead, 7, acknowledge=False)
    await dead.close()
    heir = a_feed(
        redis_url,
        stream,
        consumer="heir",
        timing=replace(QUICK, claim_idle_s=0.2),
        limits=FeedLimits(batch_size=2),
    )
    assert await hear(heir, 7) == [a_quote(price) for price in range(1, 8)]
    assert await pending(redis, stream) == 0
    await heir.close()


async def test_messages_of_a_living_consumer_are_not_taken_over(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await publish(redis, stream, [a_quote(1)])
    living = a_feed(redis_url, stream, consumer="living")
    await hear(living, 1, acknowledge=False)
    await publish(redis, stream, [a_quote(2)])
    other = a_feed(redis_url, stream, consumer="other")
    assert await hear(other, 1) == [a_quote(2)]
    assert await pending(redis, stream) == 1
    await living.close()
    await other.close()


async def test_a_bad_message_goes_to_the_dead_letters_and_stops_nothing(
    redis: Redis, redis_url: str, stream: str
) -> None:
    bad = [
        b"{not json",
        b'{"v":2,"type":"quote"}',
        b'{"v":1,"type":"rumour"}',
        orjson.dumps(orjson.loads(encode(a_quote(1))) | {"last": "NaN"}),
        orjson.dumps(orjson.loads(encode(a_quote(1))) | {"last": "-"}),
        orjson.dumps(orjson.loads(encode(a_quote(1))) | {"at": "2020-03-09T15:32:00Z"}),
        b"\xff\xfe",
        b"x" * 20_000,
    ]
    ids = [await redis.xadd(stream, {"message": raw}) for raw in bad]
    ids.append(await redis.xadd(stream, {"text": "not a message"}))
    await publish(redis, stream, [a_quote(1)])
    feed = a_feed(redis_url, stream, limits=FeedLimits(batch_size=3))
    assert await hear(feed, 1) == [a_quote(1)]
    letters = await dead_letters(redis, stream)
    assert [letter[b"id"] for letter in letters] == ids
    assert [letter[b"message"] for letter in letters] == [*(raw[:16_384] for raw in bad), b""]
    assert all(letter[b"reason"] for letter in letters)
    assert letters[5][b"reason"].startswith(b"$.at: must not be in the future beyond 2020-03-09T15:30:00Z")
    assert letters[8][b"reason"] == b"the entry has no field `message`"
    assert await pending(redis, stream) == 0
    await feed.close()


async def test_dead_letters_are_bounded(redis: Redis, redis_url: str, stream: str) -> None:
    for _ in range(500):
        await redis.xadd(stream, {"message": b"bad"})
    await publish(redis, stream, [a_quote(1)])
    feed = a_feed(redis_url, stream, limits=FeedLimits(dead_letters_max=100))
    await hear(feed, 1)
    assert 100 <= await redis.xlen(f"{stream}:dead") < 300, "trimmed by whole nodes"
    await feed.close()


async def test_a_rejected_message_goes_to_the_dead_letters_with_the_consumers_reason(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await publish(redis, stream, [a_quote(1), some_cash(-5)])
    feed = a_feed(redis_url, stream)
    (batch,) = await hear_batches(feed, 2, acknowledge=False)
    await feed.reject(batch, 1, "unknown account M100001")
    await feed.acknowledge(batch)
    (letter,) = await dead_letters(redis, stream)
    assert letter[b"reason"] == b"unknown account M100001"
    assert letter[b"id"] == batch.receipts[1].encode()
    assert letter[b"message"] == encode(some_cash(-5))
    assert await pending(redis, stream) == 0
    await feed.close()


async def test_a_message_trimmed_before_it_was_acknowledged_is_reported_not_forgotten(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await publish(redis, stream, [a_quote(1)])
    crashed = a_feed(redis_url, stream)
    await hear(crashed, 1, acknowledge=False)
    await crashed.close()
    await redis.xtrim(stream, maxlen=0, approximate=False)
    await publish(redis, stream, [a_quote(2)])
    feed = a_feed(redis_url, stream)
    assert await hear(feed, 1) == [a_quote(2)]
    (letter,) = await dead_letters(redis, stream)
    assert letter[b"reason"].startswith(b"the stream was trimmed")
    assert await pending(redis, stream) == 0
    await feed.close()


@pytest.mark.parametrize("deleted", [[0], [1], [0, 2], [0, 1, 2]], ids=str)
@pytest.mark.parametrize("consumer", ["monitor", "somebody else"])
async def test_each_message_deleted_while_it_was_pending_is_reported_by_its_id(
    redis: Redis, redis_url: str, stream: str, consumer: str, deleted: list[int]
) -> None:
    """Redis 6 keeps such an entry in the pending list; Redis 7 drops it when it is claimed."""
    await publish(redis, stream, [a_quote(1), a_quote(2), a_quote(3)])
    crashed = a_feed(redis_url, stream, consumer=consumer)
    (batch,) = await hear_batches(crashed, 3, acknowledge=False)
    await crashed.close()
    gone = [batch.receipts[index] for index in deleted]
    await redis.xdel(stream, *gone)
    await publish(redis, stream, [a_quote(4)])

    async def all_are_idle() -> bool:
        idle = await redis.xpending_range(stream, "desk", "-", "+", 10, idle=CLAIM_IDLE_MS)
        return len(idle) == 3

    # What is not idle for so long yet is claimed behind the new message.
    await until(all_are_idle)
    feed = a_feed(redis_url, stream, timing=replace(QUICK, claim_idle_s=CLAIM_IDLE_MS / 1000))
    left = [a_quote(price) for price in (1, 2, 3) if price - 1 not in deleted]
    assert set(await hear_each(feed, len(left) + 1)) == {*left, a_quote(4)}
    letters = await dead_letters(redis, stream)
    assert {letter[b"id"].decode() for letter in letters} == set(gone)
    assert all(letter[b"reason"].startswith(b"the stream was trimmed") for letter in letters)
    await feed.close()


async def test_a_batch_that_its_consumer_failed_at_comes_again_before_anything_new(
    redis: Redis, redis_url: str, stream: str
) -> None:
    """By the same feed, as the desk's loop is restarted with it."""
    feed = a_feed(redis_url, stream)
    await publish(redis, stream, [a_quote(1)])
    assert await hear(feed, 1, acknowledge=False) == [a_quote(1)]
    await publish(redis, stream, [a_quote(2)])
    assert await hear(feed, 2) == [a_quote(1), a_quote(2)]
    await feed.close()


async def cannot_save(admin: Redis) -> None:
    """Redis refuses every write while it cannot save: MISCONF."""
    directory = await asyncio.to_thread(mkdtemp)
    await admin.config_set("dir", directory)
    await asyncio.to_thread(rmdir, directory)
    await admin.config_set("save", "3600 1")
    await admin.set("something", "to save")
    await admin.bgsave()
    await until(lambda: _says(admin, "rdb_last_bgsave_status", "err"))


async def _says(admin: Redis, name: str, value: str) -> bool:
    return bool((await admin.info("persistence"))[name] == value)


async def is_a_replica(admin: Redis) -> None:
    await admin.slaveof("127.0.0.1", 1)


async def _accepts_writes_again(admin: Redis) -> None:
    await admin.slaveof()
    await admin.config_set("stop-writes-on-bgsave-error", "no")
    # It would not end as long as it has to save and cannot.
    await admin.config_set("save", "")
    await admin.config_set("requirepass", "")
    await admin.acl_setuser("default", enabled=True, categories=["+@all"])


async def wants_a_password(admin: Redis) -> None:
    await admin.config_set("requirepass", "another")
    await admin.client_kill_filter(_type="normal", skipme=True)


async def allows_less(admin: Redis) -> None:
    await admin.acl_setuser("default", enabled=True, commands=["-xreadgroup"])


@pytest.mark.parametrize("ails", [cannot_save, is_a_replica, wants_a_password, allows_less])
async def test_a_server_that_takes_nothing_in_is_waited_for(ails: Callable[[Redis], Awaitable[None]]) -> None:
    observer = Interruptions()
    with RedisServer(obeys=True) as server, capture_logs() as logs:
        feed = a_feed(server.url, "quotes", observer=observer)
        listening = asyncio.create_task(hear(feed, 2))
        async with Redis.from_url(server.url) as admin:
            await publish(admin, "quotes", [a_quote(1)])
            await until(lambda: _acknowledged(admin, "quotes"))
            await ails(admin)
            await until(observer.names_the_remedy)
            await _accepts_writes_again(admin)
            await publish(admin, "quotes", [a_quote(2)])
            assert await listening == [a_quote(1), a_quote(2)]
        assert observer.reasons[-1] is None
        await feed.close()
    told = [each for each in logs if each["event"] in ("feed interrupted", "feed resumed")]
    assert [each["event"] for each in told] == ["feed interrupted", "feed resumed"]


class Interruptions(Unobserved):
    """Records the reported interruptions."""

    def __init__(self) -> None:
        self.reasons: list[str | None] = []

    def interrupted(self, reason: str | None) -> None:
        self.reasons.append(reason)

    async def names_the_remedy(self) -> bool:
        return any(refusal.meaning in str(self.reasons[-1:]) for refusal in REFUSALS)

    async def is_interrupted(self) -> bool:
        return bool(self.reasons) and self.reasons[-1] is not None


async def test_a_bad_message_stays_pending_until_it_lies_among_the_dead_letters() -> None:
    """A full server takes an acknowledgement and no dead letter."""
    observer = Interruptions()
    with RedisServer() as server:
        feed = a_feed(server.url, "quotes", observer=observer)
        listening = asyncio.create_task(hear(feed, 2))
        async with Redis.from_url(server.url) as admin:
            await publish(admin, "quotes", [a_quote(1)])
            await until(lambda: _acknowledged(admin, "quotes"))
            async with admin.pipeline(transaction=True) as at_once:
                at_once.xadd("quotes", {"message": b"bad"})
                at_once.config_set("maxmemory", "1")
                await at_once.execute()
            await until(observer.is_interrupted)
            assert await pending(admin, "quotes") == 1
            await feed.close()
            await listening
            await admin.config_set("maxmemory", "0")
            successor = a_feed(server.url, "quotes")
            await publish(admin, "quotes", [a_quote(2)])
            assert await hear(successor, 1) == [a_quote(2)]
            assert [letter[b"message"] for letter in await dead_letters(admin, "quotes")] == [b"bad"]
            await successor.close()


async def test_dead_letters_that_cannot_be_stored_hold_up_nothing_and_are_logged(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await redis.set(f"{stream}:dead", "no stream")
    await redis.xadd(stream, {"message": b"bad"})
    await publish(redis, stream, [a_quote(1), some_cash(-5)])
    feed = a_feed(redis_url, stream)
    with capture_logs() as logs:
        (batch,) = await hear_batches(feed, 2, acknowledge=False)
        await feed.reject(batch, 1, "unknown account M100001")
        await feed.acknowledge(batch)
    assert [each["messages"] for each in logs if each["event"] == "dead letters cannot be stored"] == [1]
    assert await pending(redis, stream) == 0
    await feed.close()


class Losses(Interruptions):
    """Also of what was lost, and of streams that cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[Loss] = []
        self.streams: dict[str, str | None] = {}

    async def lost(self, source: str, loss: Loss) -> None:
        self.losses.append(loss)

    def unreadable(self, source: str, reason: str | None) -> None:
        self.streams[source] = reason


def counted(version: int, messages: int) -> int | None:
    """Redis 6 does not count."""
    return messages if version >= 7 else None


async def test_entries_trimmed_while_the_desk_was_away_are_reported_once(
    redis: Redis, redis_url: str, stream: str, redis_version: int
) -> None:
    before = a_feed(redis_url, stream)
    await publish(redis, stream, [a_quote(1), a_quote(2)])
    assert len(await hear(before, 2)) == 2
    await before.close()
    await publish(redis, stream, [a_quote(price) for price in range(3, 10)])
    await redis.xtrim(stream, maxlen=3, approximate=False)
    for expected in ([counted(redis_version, 4)], []):
        observer = Losses()
        after = a_feed(redis_url, stream, observer=observer)
        # The first one dies before it acknowledges anything, and the next one does not tell it again.
        rest = await hear(after, 3, acknowledge=not expected)
        assert rest == [a_quote(7), a_quote(8), a_quote(9)]
        assert [loss.messages for loss in observer.losses] == expected
        await after.close()


async def test_the_first_message_is_no_loss_for_a_process_that_joins_after_another(
    redis: Redis, redis_url: str, stream: str
) -> None:
    before = a_feed(redis_url, stream)
    listening = asyncio.create_task(hear(before, 1))

    async def joined() -> bool:
        return bool(await redis.exists(stream) and await redis.xinfo_groups(stream))

    await until(joined)
    listening.cancel()
    await before.close()
    await publish(redis, stream, [a_quote(1)])
    observer = Losses()
    after = a_feed(redis_url, stream, observer=observer)
    assert await hear(after, 1) == [a_quote(1)]
    assert observer.losses == []
    await after.close()


async def test_entries_trimmed_while_the_desk_reads_are_reported_and_the_rest_is_read(
    redis: Redis, redis_url: str, stream: str, redis_version: int
) -> None:
    observer = Losses()
    feed = a_feed(redis_url, stream, limits=FeedLimits(batch_size=2), observer=observer)
    await publish(redis, stream, [a_quote(price) for price in range(1, 9)])
    received: list[FeedMessage] = []
    with capture_logs() as logs:
        async with asyncio.timeout(PATIENCE_S), aclosing(feed.batches()) as batches:
            async for batch in batches:
                received += batch.messages
                await feed.acknowledge(batch)
                if len(received) == 2:
                    await redis.xtrim(stream, maxlen=1, approximate=False)
                if a_quote(8) in received:
                    break
    assert received == [a_quote(1), a_quote(2), a_quote(8)]
    assert [loss.messages for loss in observer.losses] == [counted(redis_version, 5)]
    (told,) = [each for each in logs if each["event"] == "messages were deleted before they were read"]
    assert told["messages"] == counted(redis_version, 5)
    await feed.close()


async def test_entries_added_and_trimmed_while_a_read_waited_are_reported(
    redis: Redis, redis_url: str, stream: str, redis_version: int
) -> None:
    observer = Losses()
    feed = a_feed(redis_url, stream, observer=observer)
    await publish(redis, stream, [a_quote(1)])
    assert await hear(feed, 1) == [a_quote(1)]
    next_ones = asyncio.create_task(hear(feed, 2))
    await until(lambda: _a_reader_waits(redis))
    async with redis.pipeline(transaction=True) as at_once:
        for price in range(2, 7):
            at_once.xadd(stream, {"message": encode(a_quote(price))})
        at_once.xtrim(stream, maxlen=1, approximate=False)
        await at_once.execute()
    await until(lambda: _acknowledged(redis, stream))
    # Redis 6 answers a read that waits, with nothing.
    async with redis.pipeline(transaction=True) as at_once:
        at_once.xadd(stream, {"message": encode(a_quote(7))}, id="99999999999999-1")
        at_once.xdel(stream, "99999999999999-1")
        await at_once.execute()
    await publish(redis, stream, [a_quote(8)])
    assert await next_ones == [a_quote(6), a_quote(8)]
    assert observer.losses[0].messages == counted(redis_version, 4)
    assert len(observer.losses) == (2 if redis_version >= 7 else 1)
    await feed.close()


async def test_an_entry_trimmed_or_deleted_after_it_was_read_is_no_loss(
    redis: Redis, redis_url: str, stream: str
) -> None:
    observer = Losses()
    feed = a_feed(redis_url, stream, observer=observer)
    first = await redis.xadd(stream, {"message": encode(a_quote(1))})
    await publish(redis, stream, [a_quote(2), a_quote(3)])
    assert len(await hear(feed, 3)) == 3
    await redis.xdel(stream, first)
    await redis.xtrim(stream, maxlen=1, approximate=False)
    await publish(redis, stream, [a_quote(4)])
    assert await hear(feed, 1) == [a_quote(4)]
    assert observer.losses == []
    await feed.close()


async def test_a_stream_whose_key_is_no_stream_is_set_aside_until_it_is_one(
    redis: Redis, redis_url: str, stream: str
) -> None:
    other, observer = f"{stream}:other", Losses()
    await redis.set(stream, "no stream")
    feed = a_feed(redis_url, stream, other, observer=observer)
    with capture_logs() as logs:
        await publish(redis, other, [a_quote(1)])
        assert await hear(feed, 1) == [a_quote(1)]
        assert "another type" in str(observer.streams[stream])
        assert observer.reasons == [], "the others are read"
        await redis.delete(stream)
        await publish(redis, stream, [a_quote(2)])
        assert await hear(feed, 1) == [a_quote(2)]
        # And while it is read.
        listening = asyncio.create_task(hear(feed, 1))
        await redis.set(stream, "no stream")
        await publish(redis, other, [a_quote(3)])
        assert await listening == [a_quote(3)]
    await redis.delete(other)
    events = [each["event"] for each in logs]
    assert events.count("a stream of the feed is read again") == 1
    await feed.close()


async def test_a_deleted_stream_is_joined_again_from_its_start(
    redis: Redis, redis_url: str, stream: str
) -> None:
    feed = a_feed(redis_url, stream)
    await publish(redis, stream, [a_quote(1)])
    assert await hear(feed, 1) == [a_quote(1)]
    await redis.delete(stream)
    await publish(redis, stream, [a_quote(2)])
    assert await hear(feed, 1) == [a_quote(2)]
    await feed.close()


async def test_a_cut_connection_loses_nothing(redis: Redis, redis_url: str, stream: str) -> None:
    feed = a_feed(redis_url, stream)
    listening = asyncio.create_task(hear_each(feed, 20))
    for price in range(1, 21):
        await publish(redis, stream, [a_quote(price)])
        connections = await redis.client_list()
        for connection in [each["id"] for each in connections if each["cmd"] == "xreadgroup"]:
            await redis.client_kill_filter(_id=connection)
    assert await listening == [a_quote(price) for price in range(1, 21)]
    await feed.close()


async def test_the_feed_waits_out_a_server_that_crashes_and_comes_back_empty() -> None:
    with RedisServer() as server:
        feed = a_feed(server.url, "quotes")
        listening = asyncio.create_task(hear(feed, 2))
        async with Redis.from_url(server.url) as before:
            await publish(before, "quotes", [a_quote(1)])
            await until(lambda: _acknowledged(before, "quotes"))
        server.restart_empty()
        async with Redis.from_url(server.url) as after:
            await publish(after, "quotes", [a_quote(2)])
        assert await listening == [a_quote(1), a_quote(2)]
        await feed.close()


async def _acknowledged(redis: Redis, stream: str) -> bool:
    """Whether the newest entry was acknowledged.

    Without pending entries it need not be: a feed moves the group to the oldest entry before it reads that.
    """
    if not await redis.exists(stream):
        return False
    newest = (await redis.xinfo_stream(stream))["last-generated-id"]
    groups = await redis.xinfo_groups(stream)
    return any(group["pending"] == 0 and group["last-delivered-id"] == newest for group in groups)


async def test_closing_ends_an_iteration_that_waits(redis_url: str, stream: str) -> None:
    feed = a_feed(redis_url, stream, timing=replace(QUICK, block_s=0.5))
    listening = asyncio.create_task(hear(feed, 1))
    async with Redis.from_url(redis_url) as redis:
        await until(lambda: _a_reader_waits(redis))
    await feed.close()
    await feed.close()
    assert await listening == []


async def _a_reader_waits(redis: Redis) -> bool:
    return bool((await redis.info("clients"))["blocked_clients"])


async def test_closing_ends_an_iteration_that_cannot_connect() -> None:
    with RedisServer() as server:
        url = server.url
    feed = a_feed(url, "quotes", timing=replace(QUICK, backoff_max_s=60, backoff_first_s=60))
    listening = asyncio.create_task(hear(feed, 1))
    await asyncio.sleep(0)
    await feed.close()
    assert await listening == []


async def test_a_password_that_is_wrong_at_the_start_is_waited_for_until_it_is_right() -> None:
    observer = Interruptions()
    with RedisServer() as server:
        async with Redis.from_url(server.url) as admin:
            await admin.config_set("requirepass", "another")
            feed = a_feed(server.url.replace("redis://", "redis://:this@"), "quotes", observer=observer)
            listening = asyncio.create_task(hear(feed, 1))
            await until(observer.is_interrupted)
            assert "GATEWAY_REDIS_URL" in str(observer.reasons[-1])
            await admin.config_set("requirepass", "this")
            await publish(admin, "quotes", [a_quote(1)])
            assert await listening == [a_quote(1)]
        await feed.close()


@pytest.mark.parametrize("late", [False, True], ids=["waiting", "answered"])
async def test_a_reader_that_is_cancelled_stops_wherever_it_is(
    redis_url: str, redis: Redis, stream: str, late: bool
) -> None:
    async def take_everything(feed: Feed) -> None:
        async with aclosing(feed.batches()) as batches:
            async for batch in batches:
                await feed.reject(batch, 0, "as a test")
                await feed.acknowledge(batch)

    for at in range(1, 30):
        feed = a_feed(redis_url, stream, limits=FeedLimits(batch_size=1))
        await publish(redis, stream, [a_quote(last) for last in range(1, 20)])
        async with asyncio.timeout(PATIENCE_S):
            assert await cut_off(take_everything(feed), at, late)
        await feed.close()
