"""An event is offered to thousands of groups: others get their turn, and each group gets it exactly once."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from time import perf_counter

import pytest

from models.sql.pace import TURN_S
from subscriptions.stream.memory_bus import MemoryBus
from tests.unit.live_streams import LIMITS, Reader, Topic, World, until, world

GROUPS = 20
FACT = "fact"


class Costly(Topic):
    """Looks at each event for half of the time after which others get their turn."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.key = number
        self.at_hand = {FACT}

    def concerns(self, fact: str) -> str | None:
        until_s = perf_counter() + TURN_S / 2
        while perf_counter() < until_s:
            pass
        return super().concerns(fact)


def memory_bus() -> MemoryBus:
    return MemoryBus(history_max=1000, buffer_max=1000, watch_keys_max=10)


async def crowd(w: World) -> tuple[list[Costly], list[Reader]]:
    """As many groups, each with a reader."""
    topics, readers = [Costly(number) for number in range(GROUPS)], [Reader() for _ in range(GROUPS)]
    for topic, reader in zip(topics, readers, strict=True):
        await w.join(topic, reader)
    return topics, readers


async def half_offered(topics: list[Costly]) -> None:
    """Until some groups, and not all, were offered the event."""
    while not 0 < sum(topic.looked_at for topic in topics) < GROUPS:  # noqa: ASYNC110 - each turn counts
        await asyncio.sleep(0)


async def test_an_event_that_concerns_many_groups_leaves_others_their_turn() -> None:
    async with world(memory_bus()) as w:
        topics, readers = await crowd(w)
        await w.happen(FACT)
        async with asyncio.timeout(GROUPS):
            await half_offered(topics)
        await until(lambda: all(reader.got == [(1, FACT)] for reader in readers))


async def test_events_that_come_together_leave_others_their_turn_between_them() -> None:
    async with world(memory_bus()) as w:
        topic, reader = Costly(0), Reader()
        await w.join(topic, reader)
        await w.happen(*[FACT] * GROUPS)
        turns = [0]
        while len(reader.got) < GROUPS:
            await asyncio.sleep(0)
            turns.append(topic.looked_at)
        assert max(after - before for before, after in pairwise(turns)) <= 3


async def test_a_broadcast_that_concerns_many_groups_leaves_others_their_turn() -> None:
    async with world(memory_bus()) as w:
        topics, _ = await crowd(w)
        broadcast = asyncio.create_task(w.feed.broadcast(FACT))
        async with asyncio.timeout(GROUPS):
            await half_offered(topics)
        await broadcast
        assert [topic.looked_at for topic in topics] == [1] * GROUPS


@pytest.mark.parametrize("remembered", [LIMITS.remembered_bytes, 0])
async def test_who_joins_while_an_event_is_offered_gets_it_once(remembered: int) -> None:
    """A group that begins then, one that has it already, and one that will have it."""
    async with world(memory_bus(), limits=replace(LIMITS, remembered_bytes=remembered)) as w:
        topics, readers = await crowd(w)
        await w.happen("before")
        await until(lambda: all(reader.offsets == [1] for reader in readers))
        for topic in topics:
            topic.looked_at = 0
        await w.happen(FACT)
        await half_offered(topics)
        back = {topic: Reader() for topic in (topics[0], topics[-1], Costly(GROUPS))}
        for topic, reader in back.items():
            await w.join(topic, reader, after=1)
        await until(lambda: all(reader.offsets == [2] for reader in back.values()))
        await w.happen("last")
        await until(lambda: all(reader.offsets == [2, 3] for reader in back.values()))
        assert all(reader.offsets == [1, 2, 3] for reader in readers)


async def test_a_group_that_ends_while_an_event_is_offered_is_offered_nothing_more() -> None:
    async with world(memory_bus(), limits=replace(LIMITS, lingering_groups=0)) as w:
        topics, readers = await crowd(w)
        await w.happen(FACT)
        await half_offered(topics)
        w.feed.leave(topics[-1], readers[-1])
        await until(lambda: all(reader.got for reader in readers[:-1]))
        assert (topics[-1].looked_at, readers[-1].got) == (0, [])


async def test_a_feed_that_ends_while_an_event_is_offered_offers_it_to_all_and_not_again() -> None:
    async with world(memory_bus()) as w:
        topics, readers = await crowd(w)
        await w.happen(FACT)
        await half_offered(topics)
        w.running.cancel()
        await asyncio.gather(w.running, return_exceptions=True)
        assert [topic.looked_at for topic in topics] == [1] * GROUPS
        w.running = asyncio.create_task(w.feed.run())
        await w.happen("next")
        await until(lambda: all(reader.offsets == [1, 2] for reader in readers))
        w.running.cancel()
