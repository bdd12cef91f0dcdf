"""Messages ahead of the clock: used as of their arrival, held until their time has come, or dead."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from domain.book_changes import CashStated, TradeStatusStated
from domain.ids import Symbol
from domain.inputs import DeadReason, InputKind, InputResult, InputSubject, at_time, stated_at
from domain.market import FxRate, Quote, TradeStatus
from domain.money import Currency
from feeds.arrivals import AheadPolicy
from feeds.base import FeedBatch, FeedMessage, SetAside, Unobserved
from feeds.redis_feed import RedisFeed, publish
from feeds.redis_source import USUAL_LIMITS, FeedLimits, FeedTiming, RedisSource
from tests.integration.test_redis_feed import dead_letters, pending, until
from tests.kit.desk_kit import Clock
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.usefixtures("each_redis")

APPLE = Symbol("AAPL.US")
SECOND = timedelta(seconds=1)
QUICK = FeedTiming(block_s=0.05)


def a_quote(last: int, at: datetime) -> Quote:
    return Quote(APPLE, at, last=Decimal(last))


@dataclass(slots=True)
class Observer(Unobserved):
    """Records the reported figures."""

    told: list[SetAside] = field(default_factory=list)
    held: int = 0

    async def set_aside(self, messages: Sequence[SetAside]) -> None:
        self.told += messages

    def holds(self, messages: int) -> None:
        self.held = messages

    async def holds_none(self) -> bool:
        return self.held == 0


@dataclass(slots=True)
class Heard:
    """A feed that is read and acknowledged as long as the test runs."""

    feed: RedisFeed
    observer: Observer
    batches: list[FeedBatch] = field(default_factory=list)

    async def listen(self) -> None:
        async with aclosing(self.feed.batches()) as batches:
            async for batch in batches:
                self.batches.append(batch)
                await self.feed.acknowledge(batch)

    @property
    def messages(self) -> list[FeedMessage]:
        return [message for batch in self.batches for message in batch.messages]

    async def until(self, messages: int) -> list[FeedMessage]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.messages) < messages:  # noqa: ASYNC110 - the feed tells nobody
                await asyncio.sleep(0.005)
        return self.messages


@dataclass(slots=True)
class Kit:
    """A stream, a clock, and feeds that read the one by the other."""

    redis: Redis
    url: str
    clock: Clock = field(default_factory=Clock)
    stream: str = field(default_factory=lambda: f"test:{uuid4()}")
    running: list[tuple[asyncio.Task[None], RedisFeed]] = field(default_factory=list)

    def listens(self, limits: FeedLimits = USUAL_LIMITS, timing: FeedTiming = QUICK) -> Heard:
        observer = Observer()
        feed = RedisFeed(
            RedisSource(self.url, [self.stream], "desk", "desk"),
            self.clock,
            limits=limits,
            timing=timing,
            ahead=AheadPolicy(timedelta(seconds=60), timedelta(seconds=600)),
            observer=observer,
        )
        heard = Heard(feed, observer)
        self.running.append((asyncio.create_task(heard.listen()), feed))
        return heard

    async def ends(self) -> None:
        """As a process that stops."""
        for task, feed in self.running:
            task.cancel()
            await asyncio.wait({task})
            await feed.close()
        self.running.clear()

    async def says(self, *messages: FeedMessage) -> None:
        await publish(self.redis, self.stream, messages)

    def ahead(self, seconds: float) -> datetime:
        return self.clock() + timedelta(seconds=seconds)

    async def letters(self) -> list[dict[bytes, bytes]]:
        return await dead_letters(self.redis, self.stream)

    async def pending(self) -> int:
        return await pending(self.redis, self.stream)


@pytest.fixture
async def kit(redis_url: str) -> AsyncIterator[Kit]:
    async with Redis.from_url(redis_url) as redis:
        kit = Kit(redis, redis_url)
        yield kit
        await kit.ends()
        await redis.delete(kit.stream, f"{kit.stream}:dead")


def said_at(at: datetime) -> list[FeedMessage]:
    """One of several types."""
    return [
        a_quote(1, at),
        FxRate(Currency("HKD"), Currency("USD"), Decimal("0.128"), at),
        CashStated("M1", Currency("USD"), Decimal(5), at),
        TradeStatusStated(APPLE, TradeStatus.SUSPENDED, at, since=at),
    ]


async def test_a_message_slightly_ahead_is_used_at_once_with_a_time_not_later_than_now(kit: Kit) -> None:
    await kit.says(*said_at(kit.ahead(60)), a_quote(2, kit.clock()))
    heard = kit.listens()
    messages = await heard.until(5)
    (batch,) = heard.batches
    assert batch.ahead == {0, 1, 2, 3}
    times = [getattr(message, "at", None) or message.as_of for message in messages]  # type: ignore[union-attr]
    assert max(times) == kit.clock()
    assert times == sorted(times)
    assert not await kit.letters()


async def test_those_ahead_keep_the_order_of_their_times(kit: Kit) -> None:
    await kit.says(a_quote(1, kit.ahead(30)), a_quote(2, kit.ahead(20)), a_quote(3, kit.ahead(40)))
    messages = await kit.listens().until(3)
    by_time = sorted(messages, key=lambda quote: quote.at)  # type: ignore[union-attr]
    assert [quote.last for quote in by_time if isinstance(quote, Quote)] == [2, 1, 3]


async def test_a_repeat_of_a_message_that_was_ahead_is_skipped_and_acknowledged(kit: Kit) -> None:
    ahead = said_at(kit.ahead(50))
    await kit.says(*ahead)
    heard = kit.listens()
    await heard.until(4)
    kit.clock.pass_(seconds=20)
    await kit.says(*ahead, a_quote(2, kit.clock()))
    kit.clock.pass_(seconds=40)
    await kit.says(*ahead, a_quote(3, kit.clock()))
    assert [each for each in await heard.until(6) if each not in ahead][4:] == [
        a_quote(2, kit.ahead(-40)),
        a_quote(3, kit.clock()),
    ]
    await until(lambda: _all_acknowledged(kit))
    results = [each.outcome.result for each in heard.observer.told]
    assert results == [InputResult.SUPERSEDED] * 8


async def _all_acknowledged(kit: Kit) -> bool:
    return await kit.pending() == 0


async def test_a_message_further_ahead_is_held_until_its_time_comes(kit: Kit) -> None:
    early = CashStated("M1", Currency("USD"), Decimal(-1000), kit.ahead(120))
    await kit.says(early, a_quote(1, kit.clock()))
    heard = kit.listens()
    assert await heard.until(1) == [a_quote(1, kit.clock())]
    (told,) = heard.observer.told
    assert told.outcome.result is InputResult.HELD
    assert told.outcome.subject == InputSubject(InputKind.CASH, "M1", "USD")
    assert (told.outcome.stated_at, heard.observer.held) == (early.as_of, 1)
    assert await kit.pending() == 1
    assert not await kit.letters()
    kit.clock.pass_(seconds=119)
    await kit.says(a_quote(2, kit.clock()))
    assert len(await heard.until(2)) == 2
    kit.clock.pass_(seconds=1)
    assert (await heard.until(3))[2] == early
    await until(lambda: _none_pending(kit))
    assert heard.observer.held == 0


async def _none_pending(kit: Kit) -> bool:
    return await kit.pending() == 0


async def test_held_messages_survive_a_restart_and_the_takeover_of_pending_entries(kit: Kit) -> None:
    early = a_quote(9, kit.ahead(300))
    await kit.says(early, a_quote(1, kit.clock()))
    await kit.listens().until(1)
    await kit.ends()
    await kit.says(a_quote(2, kit.clock()))
    heard = kit.listens(timing=replace(QUICK, claim_idle_s=0.02))
    await heard.until(1)
    for number in range(3, 20):
        # So many reads that its own entry was idle for longer than `claim_idle_s` more than once.
        await kit.says(a_quote(number, kit.clock()))
        await heard.until(number - 1)
    assert [each.outcome.result for each in heard.observer.told] == [InputResult.HELD], "told once"
    kit.clock.pass_(seconds=300)
    assert (await heard.until(19))[18] == early


async def test_a_corrected_clock_releases_the_held_messages(kit: Kit) -> None:
    """The desk was slow by two minutes."""
    right = kit.clock()
    kit.clock.pass_(seconds=-120)
    await kit.says(*(a_quote(number, right + number * SECOND) for number in range(1, 6)))
    heard = kit.listens()
    await until(lambda: _holds(heard, 5))
    kit.clock.now = right + 6 * SECOND
    assert [message.last for message in await heard.until(5) if isinstance(message, Quote)] == [1, 2, 3, 4, 5]


async def _holds(heard: Heard, messages: int) -> bool:
    return heard.observer.held == messages


async def test_how_long_and_how_many_are_held_is_bounded_and_beyond_that_they_are_dead(kit: Kit) -> None:
    never = a_quote(1, datetime(2062, 1, 1, tzinfo=kit.clock().tzinfo))
    waiting = [a_quote(number, kit.ahead(100 + number)) for number in range(1, 5)]
    await kit.says(never, *waiting, a_quote(7, kit.clock()))
    heard = kit.listens(FeedLimits(held_max=3))
    assert await heard.until(1) == [a_quote(7, kit.clock())]
    dead = [each.outcome for each in heard.observer.told if each.outcome.dead]
    assert [each.dead for each in dead] == [DeadReason.AHEAD] * 2
    assert {each.subject.about for each in dead} == {"AAPL.US"}
    reasons = [letter[b"reason"] for letter in await kit.letters()]
    assert any(b"must not be in the future" in reason for reason in reasons)
    assert any(b"no more messages can be held" in reason for reason in reasons)
    assert await kit.pending() == 3


async def test_a_held_message_is_delivered_although_its_entry_was_trimmed_meanwhile(kit: Kit) -> None:
    early = a_quote(9, kit.ahead(100))
    await kit.says(early)
    heard = kit.listens()
    await until(lambda: _holds(heard, 1))
    await kit.redis.xtrim(kit.stream, maxlen=0, approximate=False)
    kit.clock.pass_(seconds=100)
    assert await heard.until(1) == [early]


def test_a_message_as_of_another_time_is_the_same_otherwise() -> None:
    at = Clock().now
    for message in said_at(at):
        moved = at_time(message, at - SECOND)
        assert stated_at(moved) == at - SECOND
        assert at_time(replace(moved), at) == (
            replace(message, since=at - SECOND) if isinstance(message, TradeStatusStated) else message
        )
