"""The shared feed over a real bus: order, no gap, no repetition, one execution, and nothing left behind."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import pytest

from subscriptions.live.group import BATCH_BYTES
from subscriptions.live.operation import Delivery
from subscriptions.live.rendered import Batch
from subscriptions.live.shared import AT_A_STRETCH
from subscriptions.stream.bus import Bus, Position, PositionLost
from subscriptions.stream.memory_bus import MemoryBus
from subscriptions.stream.redis_bus import RedisBus
from subscriptions.stream.redis_limits import BusLimits, BusTiming
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.unit.live_streams import EPOCH, LIMITS, Ledger, Reader, Topic, until, world

FORGETFUL = replace(LIMITS, remembered_bytes=0)
HAPPENED = 50
MISSED_FROM = 20


def memory_bus(history_max: int = 10_000, buffer_max: int = 1000) -> MemoryBus:
    return MemoryBus(history_max=history_max, buffer_max=buffer_max, watch_keys_max=10)


def redis_bus(url: str) -> RedisBus:
    limits = BusLimits(history_max=10_000, remember_max=5, buffer_max=1000, watch_keys_max=10, page_max=7)
    timing = BusTiming(
        read_timeout_s=PATIENCE_S,
        command_timeout_s=PATIENCE_S,
        page_timeout_s=PATIENCE_S,
        first_read_timeout_s=PATIENCE_S,
    )
    return RedisBus(url, uuid4().hex, limits, timing)


@pytest.fixture(params=["memory", "ring", "redis", "outbox"])
def distance(request: pytest.FixtureRequest) -> tuple[str, Bus]:
    """Where a resumed client's missed events come from, and a bus with which they do."""
    if request.param == "redis":
        return "redis", redis_bus(request.getfixturevalue("redis_url"))
    return request.param, memory_bus(history_max=5 if request.param == "outbox" else 10_000)


@pytest.mark.parametrize("delivery", [Delivery.EVERY, Delivery.THINNED])
async def test_a_resume_gets_the_missed_events_once_and_in_order_while_more_arrive(
    distance: tuple[str, Bus], delivery: Delivery
) -> None:
    source, bus = distance
    limits = LIMITS if source == "memory" else FORGETFUL
    async with world(bus, limits=limits) as w:
        topic, steady, back = Topic(delivery=delivery), Reader(), Reader()
        await w.join(topic, steady)
        for number in range(HAPPENED):
            await w.happen(f"fact {number}")
        await until(lambda: len(steady.got) == HAPPENED)
        executed = topic.rendered
        happening = asyncio.create_task(w.happen(*(f"later {number}" for number in range(HAPPENED))))
        await w.join(topic, back, after=MISSED_FROM)
        await happening
        await w.happen("last")
        await until(lambda: back.offsets[-1:] == [2 * HAPPENED + 1] == steady.offsets[-1:])
        assert back.offsets == list(range(MISSED_FROM + 1, 2 * HAPPENED + 2))
        assert back.got == steady.got[MISSED_FROM:]
        missed = 0 if source == "memory" else HAPPENED - MISSED_FROM
        assert topic.rendered - executed >= missed + HAPPENED + 1
        if source == "memory":
            assert topic.rendered == executed + HAPPENED + 1


async def test_events_of_other_subjects_are_passed_over_in_a_resume(distance: tuple[str, Bus]) -> None:
    source, bus = distance
    async with world(bus, limits=LIMITS if source == "memory" else FORGETFUL) as w:
        topic, steady, back = Topic("even"), Reader(), Reader()
        await w.join(topic, steady)
        await w.happen(*("odd" if number % 2 else "even" for number in range(1, HAPPENED + 1)))
        await until(lambda: len(steady.got) == HAPPENED // 2)
        await w.join(topic, back, after=MISSED_FROM)
        assert back.offsets == list(range(MISSED_FROM + 2, HAPPENED + 1, 2))


async def test_fifty_subscribers_cost_one_execution_per_event() -> None:
    async with world(memory_bus()) as w:
        readers = [Reader() for _ in range(50)]
        topics = [Topic() for _ in readers]
        for topic, reader in zip(topics, readers, strict=True):
            await w.join(topic, reader)
        await w.happen("one", "two", "three")
        await until(lambda: all(reader.offsets == [1, 2, 3] for reader in readers))
        assert sum(topic.rendered for topic in topics) == 3
        assert w.metrics.executions["everything"] == 3
        assert w.metrics.deliveries["everything"] == 150


async def test_a_burst_of_broadcasts_leaves_others_their_turn() -> None:
    turns: list[int] = []

    async def other() -> None:
        while True:
            turns.append(topic.looked_at)
            await asyncio.sleep(0)

    async def burst() -> AsyncIterator[str]:
        for number in range(1000):
            yield f"quote {number}"

    async with world(memory_bus()) as w:
        topic = Topic(delivery=Delivery.LATEST)
        await w.join(topic, Reader())
        busy = asyncio.create_task(other())
        await w.feed.follow(burst())
        busy.cancel()
        assert topic.looked_at == 1000
        assert max(after - before for before, after in pairwise(turns)) <= AT_A_STRETCH


async def test_a_shared_execution_does_not_depend_on_its_first_caller() -> None:
    request: ContextVar[str] = ContextVar("request")

    class Asked(Topic):
        async def render(self, root: str, position: Position, *, resumable: bool = True) -> bytes:
            return request.get("nobody").encode()

    async with world(memory_bus()) as w:
        reader = Reader()
        request.set("the first subscriber")
        await w.join(Asked(), reader)
        await w.happen("one")
        await until(lambda: reader.got)
        assert reader.got == [(1, "nobody")]


async def test_an_event_looks_only_at_the_groups_that_may_want_it() -> None:
    async with world(memory_bus()) as w:
        topics = [Topic(f"word{number}", postings=[f"word{number}"]) for number in range(500)]
        readers = [Reader() for _ in topics]
        for topic, reader in zip(topics, readers, strict=True):
            await w.join(topic, reader)
        await w.happen("word7", "word9")
        await until(lambda: readers[7].got and readers[9].got)
        assert sum(topic.looked_at for topic in topics) == 2
        assert sum(len(reader.got) for reader in readers) == 2


async def test_a_rendered_event_does_not_wait_for_a_slow_one_behind_it() -> None:
    async with world(memory_bus()) as w:
        topic, reader = Topic(), Reader()
        topic.waits_on = "second"
        await w.join(topic, reader)
        await w.happen("first", "second", "third")
        await until(lambda: reader.offsets == [1])


async def test_events_at_hand_wait_behind_those_that_are_looked_up() -> None:
    async with world(memory_bus()) as w:
        topic, reader = Topic(), Reader()
        topic.at_hand = {"one", "three"}
        topic.gate.clear()
        await w.join(topic, reader)
        await w.happen("one", "two", "three")
        await until(lambda: reader.got)
        await w.happen("four")
        assert reader.offsets == [1]
        topic.gate.set()
        await until(lambda: len(reader.got) == 4)
        assert reader.offsets == [1, 2, 3, 4]


async def test_events_at_hand_that_come_together_are_handed_out_together() -> None:
    batches: list[int] = []

    class Counting(Reader):
        def deliver(self, batch: Batch) -> bool:
            batches.append(len(batch.rendered))
            return super().deliver(batch)

    async with world(memory_bus()) as w:
        topic, reader = Topic(), Counting()
        topic.at_hand = {f"fact {number}" for number in range(AT_A_STRETCH - 1)}
        await w.join(topic, reader)
        await w.happen(*sorted(topic.at_hand))
        await until(lambda: len(reader.got) == AT_A_STRETCH - 1)
        assert batches == [AT_A_STRETCH - 1]
        assert w.metrics.deliveries["everything"] == AT_A_STRETCH - 1


async def test_no_batch_of_events_at_hand_is_much_larger_than_the_limit() -> None:
    sizes: list[int] = []

    class Measuring(Reader):
        def deliver(self, batch: Batch) -> bool:
            sizes.append(sum(each.size for each in batch.rendered))
            return super().deliver(batch)

    async with world(memory_bus(), limits=replace(LIMITS, remembered_bytes=0)) as w:
        topic, reader = Topic(), Measuring()
        facts = [f"{number} {'long ' * 5_000}" for number in range(10)]
        topic.at_hand = set(facts)
        await w.join(topic, reader)
        await w.happen(*facts)
        await until(lambda: len(reader.got) == len(facts))
        assert reader.offsets == list(range(1, len(facts) + 1))
        assert max(sizes) < BATCH_BYTES + len(facts[-1])


async def test_an_outage_of_the_database_delays_events_and_loses_no_subscriber() -> None:
    async with world(memory_bus()) as w:
        topic, reader = Topic(), Reader()
        await w.join(topic, reader)
        topic.outages = 2
        await w.happen("one", "two")
        await until(lambda: reader.offsets == [1, 2])
        assert reader.lost_because is None


async def test_a_resume_during_an_outage_of_the_database_has_to_be_repeated() -> None:
    async with world(memory_bus(), limits=FORGETFUL) as w:
        topic, steady, back = Topic(), Reader(), Reader()
        await w.join(topic, steady)
        await w.happen("one", "two")
        await until(lambda: steady.offsets == [1, 2])
        topic.outages = 1
        await w.join(topic, back, after=0)
        assert back.lost_because is not None
        assert back.got == []


async def test_a_position_of_another_epoch_is_lost() -> None:
    async with world(memory_bus()) as w:
        await w.happen("one")
        with pytest.raises(PositionLost):
            await w.feed.join(Topic(), Reader(), Position("another", 1))


async def test_a_position_ahead_of_the_stream_is_lost() -> None:
    async with world(memory_bus()) as w:
        await w.happen("one")
        with pytest.raises(PositionLost):
            await w.join(Topic(), Reader(), after=2)


async def test_a_position_that_was_pruned_is_lost_and_one_right_behind_it_is_not() -> None:
    async with world(memory_bus(history_max=5), limits=FORGETFUL) as w:
        await w.happen(*(f"fact {number}" for number in range(HAPPENED)))
        w.ledger.prune(until=MISSED_FROM)
        with pytest.raises(PositionLost):
            await w.join(Topic(), Reader(), after=MISSED_FROM - 1)
        reader = Reader()
        await w.join(Topic(), reader, after=MISSED_FROM)
        assert reader.offsets == list(range(MISSED_FROM + 1, HAPPENED + 1))


async def test_a_cursor_from_a_faster_process_is_waited_for_and_no_event_is_sent_twice() -> None:
    async with world(memory_bus()) as w:
        steady = Reader()
        await w.join(Topic(), steady)
        await w.happen("one", "two")
        elsewhere = [w.ledger.append(fact) for fact in ("three", "four", "five")]
        reader = Reader()
        joining = asyncio.create_task(w.join(Topic(), reader, after=4))
        for row in elsewhere:
            await asyncio.sleep(0)
            await w.publish([row])
        await joining
        await w.happen("six")
        await until(lambda: reader.offsets[-1:] == [6] and steady.offsets[-1:] == [6])
        assert reader.offsets == [5, 6]


async def test_a_cursor_ahead_of_a_group_that_is_behind_with_its_executions_repeats_nothing() -> None:
    async with world(memory_bus()) as w:
        topic, steady, ahead, behind = Topic(), Reader(), Reader(), Reader()
        await w.join(topic, steady)
        topic.gate.clear()
        await w.happen(*(f"fact {number}" for number in range(10)))
        await until(lambda: not w.feed.idle)
        joining = [
            asyncio.create_task(w.join(topic, ahead, after=7)),
            asyncio.create_task(w.join(topic, behind, after=3)),
        ]
        await asyncio.sleep(0)
        topic.gate.set()
        await asyncio.gather(*joining)
        await w.happen("last")
        await until(lambda: ahead.offsets[-1:] == [11] == behind.offsets[-1:])
        assert ahead.offsets == [8, 9, 10, 11]
        assert behind.offsets == list(range(4, 12))


async def test_a_group_with_too_much_waiting_loses_its_members_who_resume_without_a_gap() -> None:
    async with world(memory_bus(), limits=replace(LIMITS, group_backlog=5)) as w:
        topic, reader, other = Topic(), Reader(), Reader()
        await w.join(topic, reader)
        await w.join(Topic("fact 19"), other)
        topic.gate.clear()
        for number in range(20):
            await w.happen(f"fact {number}")
        await until(lambda: reader.lost_because is not None)
        topic.gate.set()
        assert other.lost_because is None
        back = Reader()
        await w.join(topic, back, after=reader.offsets[-1] if reader.got else 0)
        await until(lambda: len(reader.got) + len(back.got) == 20)
        assert reader.offsets + back.offsets == list(range(1, 21))


async def test_an_operation_that_fails_loses_its_members_and_no_others() -> None:
    async with world(memory_bus()) as w:
        topic, reader, other = Topic(), Reader(), Reader()
        topic.fails_on = "poison"
        await w.join(topic, reader)
        await w.join(Topic("poison"), other)
        await w.happen("fine", "poison", "poison twice")
        await until(lambda: len(other.got) == 2)
        await until(lambda: reader.lost_because == "the operation failed")
        with pytest.raises(ZeroDivisionError):
            await w.join(topic, Reader(), after=1)


async def test_a_slow_reader_receives_missed_events_no_faster_than_it_has_room() -> None:
    async with world(memory_bus(), limits=FORGETFUL) as w:
        await w.happen(*(f"fact {number}" for number in range(HAPPENED)))
        slow = Reader(slow=True)
        joining = asyncio.create_task(w.join(Topic(), slow, after=0))
        await until(lambda: slow.got)
        await w.happen("meanwhile")
        steady = Reader()
        await w.join(Topic(), steady, after=0)
        assert (len(steady.got), len(slow.got)) == (HAPPENED + 1, 1)
        slow.make_room()
        await joining
        assert slow.got == steady.got


async def test_more_happening_during_a_replay_than_may_wait_loses_the_reader() -> None:
    async with world(memory_bus(), limits=replace(FORGETFUL, catch_up_frames=10)) as w:
        await w.happen("one", "two")
        slow = Reader(slow=True)
        joining = asyncio.create_task(w.join(Topic(), slow, after=0))
        await until(lambda: slow.got)
        for number in range(20):
            await w.happen(f"fact {number}")
            await asyncio.sleep(0)
        await until(lambda: slow.lost_because is not None)
        joining.cancel()


async def test_a_replay_is_not_cut_off_by_what_the_bus_has_meanwhile() -> None:
    async with world(memory_bus(buffer_max=10), limits=FORGETFUL) as w:
        await w.happen("one", "two")
        steady, slow = Reader(), Reader(slow=True)
        await w.join(Topic("x"), steady)
        await w.happen("x")
        joining = asyncio.create_task(w.join(Topic(), slow, after=0))
        await until(lambda: slow.got)
        for _ in range(30):
            await w.happen("x")
            await until(lambda: len(steady.got) == w.ledger.last_offset - 2)
        slow.make_room()
        await joining
        assert slow.lost_because is None
        assert slow.offsets == list(range(1, w.ledger.last_offset + 1))


async def test_a_resume_that_is_cut_off_leaves_no_group_behind() -> None:
    async with world(memory_bus(), limits=FORGETFUL) as w:
        await w.happen("one", "two")
        topic, slow = Topic(), Reader(slow=True)
        joining = asyncio.create_task(w.join(topic, slow, after=0))
        await until(lambda: slow.got)
        joining.cancel()
        w.feed.leave(topic, slow)
        await asyncio.gather(joining, return_exceptions=True)
        await until(lambda: not list(w.feed.groups))


async def test_a_group_is_kept_a_while_for_returning_subscribers() -> None:
    async with world(memory_bus(), limits=replace(LIMITS, linger_s=FAR_S)) as w:
        topic, reader, back = Topic(), Reader(), Reader()
        await w.join(topic, reader)
        await w.happen("one")
        await until(lambda: reader.got)
        w.feed.leave(topic, reader)
        await w.happen("two")
        await w.join(topic, back, after=1)
        await until(lambda: back.got == [(2, "two")])
        assert topic.rendered == 2


async def test_a_group_without_returning_subscribers_is_forgotten() -> None:
    async with world(memory_bus()) as w:
        topic, reader = Topic(), Reader()
        await w.join(topic, reader)
        await w.happen("one")
        await until(lambda: reader.got)
        w.feed.leave(topic, reader)
        await until(lambda: not list(w.feed.groups))
        tasks = [task for task in asyncio.all_tasks() if "Group.run" in repr(task)]
        await until(lambda: all(task.done() for task in tasks))
        gc.collect()


async def test_a_new_history_loses_every_member_and_later_ones_find_the_new_one() -> None:
    async with world(memory_bus()) as w:
        reader = Reader()
        await w.join(Topic(), reader)
        await w.happen("one")
        await until(lambda: reader.got)
        restored = Ledger(epoch="restored")
        w.ledger.epoch, w.ledger.rows, w.ledger.last_offset = restored.epoch, [], 0
        row = w.ledger.append("anew")
        await w.bus.publish(restored.epoch, [(row.offset, row.payload)], begin=True)
        await until(lambda: reader.lost_because is not None)
        with pytest.raises(PositionLost):
            await w.feed.join(Topic(), Reader(), Position(EPOCH, 1))
        back = Reader()
        await w.join(Topic(), back, after=0)
        await until(lambda: back.got == [(1, "anew")])
        assert not w.running.done(), "a loss of the position is no crash"


async def test_of_latest_values_only_the_newest_of_each_key_is_executed() -> None:
    async with world(memory_bus()) as w:
        topic, reader = Topic(delivery=Delivery.LATEST), Reader()
        await w.join(topic, reader)
        topic.gate.clear()
        await w.happen("AAPL 0")
        await until(lambda: not w.feed.idle)
        await asyncio.sleep(0)
        await w.happen("AAPL 1", "TSLA 1", "AAPL 2", "TSLA 2", "AAPL 3")
        topic.gate.set()
        await until(lambda: w.feed.idle)
        told = [fact for _, fact in reader.got]
        assert sorted(told[-2:]) == ["AAPL 3", "TSLA 2"]
        assert topic.rendered <= 3


async def test_groups_get_events_in_the_order_of_the_stream_whatever_each_costs() -> None:
    async with world(memory_bus()) as w:
        topics = [Topic("a"), Topic("b"), Topic()]
        readers = [Reader() for _ in topics]
        for topic, reader in zip(topics, readers, strict=True):
            await w.join(topic, reader)
        topics[0].gate.clear()
        await w.happen(*("ab"[number % 2] for number in range(100)))
        await until(lambda: len(readers[1].got) == 50 and len(readers[2].got) == 100)
        assert not readers[0].got
        topics[0].gate.set()
        await until(lambda: len(readers[0].got) == 50)
        for reader in readers:
            assert all(before < after for before, after in pairwise(reader.offsets))


async def test_of_many_groups_without_subscribers_only_the_last_few_are_kept() -> None:
    """Who subscribes, unsubscribes and begins again with another filter would leave thousands behind."""
    async with world(memory_bus(), limits=replace(LIMITS, linger_s=FAR_S, lingering_groups=3)) as w:
        steady, reader = Topic("steady"), Reader()
        await w.join(steady, reader)
        topics = [Topic(f"{number}") for number in range(10)]
        for topic in topics:
            await w.join(topic, reader)
            w.feed.leave(topic, reader)
        assert [group.operation for group in w.feed.groups] == [steady, *topics[-3:]]
        await w.join(topics[-3], reader)
        other = Topic("other")
        await w.join(other, reader)
        w.feed.leave(other, reader)
        assert [group.operation for group in w.feed.groups] == [steady, *topics[-3:], other]
        w.feed.leave(topics[-3], reader)
        assert [group.operation for group in w.feed.groups] == [steady, topics[-3], topics[-1], other]
