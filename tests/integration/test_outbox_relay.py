"""From a committed transaction to a listener: outbox, relay, bus and stream together, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from domain.events import BookChanged
from domain.ids import AccountId, EventId
from gateway.loops.policy import supervised
from gateway.loops.supervisor import Worker
from models import outbox
from models.sql.codec import event_from_text
from models.sql.database import Database, execute, transaction
from subscriptions.stream.bus import Bus, BusUnavailable, Entry, Position, PositionLost
from subscriptions.stream.event_stream import EventStream
from subscriptions.stream.history import History
from subscriptions.stream.memory_bus import MemoryBus
from subscriptions.stream.outbox_relay import OutboxRelay, StreamDiverged
from subscriptions.stream.redis_bus import RedisBus
from subscriptions.stream.redis_limits import BusLimits, BusTiming
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import RedisServer

NOW = datetime(2020, 3, 9, 14, 30, tzinfo=UTC)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url, pool_size=5)
    await database.open()
    yield database
    await database.close()


def memory_bus(history_max: int = 1000) -> MemoryBus:
    return MemoryBus(history_max=history_max, buffer_max=1000, watch_keys_max=10)


def redis_bus(
    server: RedisServer,
    kind: type[RedisBus] = RedisBus,
    *,
    remember_max: int = 100,
    fallback: History | None = None,
) -> RedisBus:
    """Of a name of its own; one that comes back soon."""
    limits = BusLimits(history_max=1000, remember_max=remember_max, buffer_max=100, watch_keys_max=10)
    timing = BusTiming(reconnect_delay_s=0.01, poll_interval_s=0.05)
    return kind(server.url, uuid4().hex, limits, timing, fallback)


def relay_to(bus: Bus, wake: asyncio.Event | None = None, *, refill_max: int = 1000) -> OutboxRelay:
    return OutboxRelay(
        bus, outbox, batch=3, poll_interval_s=0.02, refill_max=refill_max, wake=wake or asyncio.Event()
    )


def stream_of(bus: Bus) -> EventStream:
    return EventStream(bus, outbox, page_max=2)


@asynccontextmanager
async def running(*relays: OutboxRelay | Bus) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


async def commit(*names: str) -> None:
    """One transaction with one event per name."""
    events = [BookChanged(EventId(uuid4().hex), NOW, AccountId(name)) for name in names]
    async with transaction():
        await outbox.append(events)


def name_of(entry: Entry) -> str:
    event = event_from_text(entry.payload.decode())
    assert isinstance(event, BookChanged)
    return event.account_id


async def take(entries: AsyncIterator[Entry], count: int) -> list[str]:
    async with asyncio.timeout(PATIENCE_S):
        return [name_of(await anext(entries)) for _ in range(count)]


async def published(bus: Bus, last: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while bus.position is None or bus.position.offset < last:  # noqa: ASYNC110 - a bus has no event
            await asyncio.sleep(0.005)


async def test_committed_events_reach_a_listener_in_order_and_rolled_back_ones_never(
    database: Database,
) -> None:
    bus = memory_bus()
    with database.active():
        async with running(relay_to(bus)), stream_of(bus).entries(None) as entries:
            await commit("a", "b")
            with pytest.raises(RuntimeError, match="changed our mind"):
                await commit_and_fail("never")
            await commit("c", "d", "e", "f", "g")
            assert await take(entries, 7) == list("abcdefg")
    assert bus.position is not None
    assert bus.position.offset == 7


async def commit_and_fail(name: str) -> None:
    async with transaction():
        await outbox.append([BookChanged(EventId(uuid4().hex), NOW, AccountId(name))])
        raise RuntimeError("changed our mind")


async def test_a_wake_up_publishes_without_waiting_for_the_poll_interval(database: Database) -> None:
    bus, wake = memory_bus(), asyncio.Event()
    relay = OutboxRelay(bus, outbox, batch=3, poll_interval_s=3600, refill_max=10, wake=wake)
    with database.active():
        async with running(relay), stream_of(bus).entries(None) as entries:
            for name in "abc":
                await commit(name)
                wake.set()
                assert await take(entries, 1) == [name]


async def test_while_nothing_happens_a_relay_only_looks_and_finds_the_next_event(database: Database) -> None:
    class Counted:
        """Takes a transaction for each row that gets a position, and none to find that there is no row."""

        published_after = staticmethod(outbox.published_after)
        stream_head = staticmethod(outbox.stream_head)
        looks = transactions = 0

        async def any_unpublished(self) -> bool:
            self.looks += 1
            return await outbox.any_unpublished()

        async def assign_positions(self, limit: int) -> Sequence[outbox.OutboxRow]:
            self.transactions += 1
            return await outbox.assign_positions(limit)

    bus, counted = memory_bus(), Counted()
    relay = OutboxRelay(bus, counted, batch=3, poll_interval_s=0.001, refill_max=9, wake=asyncio.Event())
    with database.active():
        async with running(relay):
            async with asyncio.timeout(PATIENCE_S):
                while counted.looks < 10:  # noqa: ASYNC110 - what is waited for has no event
                    await asyncio.sleep(0.001)
            assert counted.transactions == 1
            await commit("a")
            await published(bus, 1)


async def test_rows_positioned_by_a_relay_that_died_before_publishing_are_published_by_the_next(
    database: Database,
) -> None:
    bus = memory_bus()
    with database.active():
        await commit("a", "b", "c", "d")
        await outbox.assign_positions(3)
        async with stream_of(bus).entries(Position((await outbox.stream_head()).epoch, 0)) as entries:
            async with running(relay_to(bus)):
                assert await take(entries, 4) == list("abcd")


async def test_rows_positioned_as_the_connection_broke_do_not_wait_for_a_further_event(
    database: Database,
) -> None:
    class CutOff:
        """The database commits, and no notification arrives."""

        published_after = staticmethod(outbox.published_after)
        stream_head = staticmethod(outbox.stream_head)
        any_unpublished = staticmethod(outbox.any_unpublished)
        cut = asyncio.Event()

        async def assign_positions(self, limit: int) -> Sequence[outbox.OutboxRow]:
            rows = await outbox.assign_positions(limit)
            if rows and self.cut.is_set():
                self.cut.clear()
                raise ConnectionError("cut off behind the COMMIT")
            return rows

    bus, cut_off = memory_bus(), CutOff()
    relay = OutboxRelay(bus, cut_off, batch=3, poll_interval_s=0.02, refill_max=9, wake=asyncio.Event())
    with database.active():
        await commit("a")
        async with running(relay):
            await published(bus, 1)
        cut_off.cut.set()
        await commit("b")
        with pytest.raises(ConnectionError):
            await relay.run()
        async with running(relay):
            await published(bus, 2)


async def test_two_relays_at_once_publish_everything_once_and_in_order(database: Database) -> None:
    bus, names = memory_bus(), [str(number) for number in range(60)]
    with database.active():
        async with running(relay_to(bus), relay_to(bus)), stream_of(bus).entries(None) as entries:
            for name in names:
                await commit(name)
            assert await take(entries, 60) == names
    assert bus.position is not None
    assert bus.position.offset == 60


async def test_a_restarted_process_resumes_positions_from_before(database: Database) -> None:
    """The memory bus is new and its history shorter than the outbox: what it lacks comes from the outbox."""
    before = memory_bus()
    with database.active():
        async with running(relay_to(before)), stream_of(before).entries(None) as entries:
            await commit(*"abcdefgh")
            assert await take(entries, 8) == list("abcdefgh")
        epoch = (await outbox.stream_head()).epoch
        after = memory_bus(history_max=2)
        async with running(relay_to(after, refill_max=2)):
            async with stream_of(after).entries(Position(epoch, 1)) as entries:
                await commit("i", "j")
                assert await take(entries, 9) == list("bcdefghij")


async def test_a_listener_that_joins_while_the_bus_is_refilled_sees_no_old_events(database: Database) -> None:
    with database.active():
        await commit(*"abcdefgh")
        await outbox.assign_positions(100)
        bus = memory_bus()
        async with stream_of(bus).entries(None) as entries, running(relay_to(bus)):
            await commit("new")
            assert await take(entries, 1) == ["new"]


async def test_a_position_that_was_pruned_or_of_another_epoch_or_ahead_is_lost(database: Database) -> None:
    bus = memory_bus()
    with database.active():
        async with running(relay_to(bus)), stream_of(bus).entries(None) as entries:
            await commit("a", "b", "c")
            await take(entries, 3)
        await outbox.prune(NOW + timedelta(days=1), 2)
        epoch = (await outbox.stream_head()).epoch
        fresh = memory_bus()
        async with running(relay_to(fresh)):
            for lost in (Position(epoch, 1), Position("other", 2), Position(epoch, 4)):
                with pytest.raises(PositionLost):
                    async with stream_of(fresh).entries(lost):
                        pass
            async with stream_of(fresh).entries(Position(epoch, 2)) as entries:
                assert await take(entries, 1) == ["c"]
        assert fresh.listener_count == 0


async def test_events_missing_in_a_snapshot_follow_its_position(database: Database) -> None:
    bus = memory_bus()
    with database.active():
        await commit("a", "b")
        async with running(relay_to(bus)), stream_of(bus).entries(None):
            position = await stream_of(bus).position_now()
            await commit("c")
            async with stream_of(bus).entries(position) as entries:
                seen = await take(entries, 3 - position.offset)
    assert seen == list("abc")[position.offset :]


async def test_a_database_older_than_the_bus_stops_the_relay(database: Database) -> None:
    bus = memory_bus()
    with database.active():
        await restored_behind(bus)
        with pytest.raises(StreamDiverged):
            await relay_to(bus).run()


async def test_a_relay_that_waits_for_a_new_epoch_is_no_crash(database: Database) -> None:
    bus = memory_bus()
    with database.active(), capture_logs() as logs:
        await restored_behind(bus)
        relaying = supervised(Worker("relay", relay_to(bus).run))
        relaying.start()
        async with asyncio.timeout(PATIENCE_S):
            while not logs:  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.01)
        await relaying.stop(PATIENCE_S)
    assert logs[0]["event"] == "worker waits for a server"
    assert logs[0]["error"].startswith("StreamDiverged")
    assert "worker crashed" not in {line["event"] for line in logs}


async def restored_behind(bus: Bus) -> None:
    """The database is as it was before the last event that the bus has."""
    async with running(relay_to(bus)), stream_of(bus).entries(None) as entries:
        await commit("a", "b")
        await take(entries, 2)
    await execute("UPDATE stream SET last_offset = 1")
    await execute("DELETE FROM outbox WHERE stream_offset > 1")


async def until_healthy(bus: Bus) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not bus.healthy:  # noqa: ASYNC110 - a bus has no event
            await asyncio.sleep(0.01)


async def test_a_redis_that_dies_or_loses_its_memory_costs_listeners_nothing(
    database: Database,
) -> None:
    with RedisServer() as server, database.active():
        bus = redis_bus(server, remember_max=3, fallback=outbox)
        stream = stream_of(bus)
        async with running(bus, relay_to(bus)):
            async with stream.entries(None) as entries:
                await commit(*"abcde")
                assert await take(entries, 5) == list("abcde")
                server.kill()
                await commit("f")
                assert await take(entries, 1) == ["f"]
                assert not bus.healthy
                server.start()
                await commit("g")
                assert await take(entries, 1) == ["g"]
                server.restart_empty()
                await commit("h")
                assert await take(entries, 1) == ["h"]
                await until_healthy(bus)
                await commit("i")
                assert await take(entries, 1) == ["i"]
            epoch = (await outbox.stream_head()).epoch
            async with stream.entries(Position(epoch, 0)) as entries:
                assert await take(entries, 9) == list("abcdefghi")
        await bus.close()


async def test_a_redis_that_loses_its_memory_while_it_is_filled_is_filled_again(database: Database) -> None:
    with RedisServer() as server, database.active():

        class Forgetful(RedisBus):
            """Its server comes back empty behind the first batch."""

            forgets = True

            async def publish(
                self, epoch: str, entries: Sequence[tuple[int, bytes]], *, begin: bool = False
            ) -> None:
                await super().publish(epoch, entries, begin=begin)
                if self.forgets:
                    self.forgets = False
                    server.restart_empty()

        bus = redis_bus(server, Forgetful)
        await commit(*"abcdefg")
        await outbox.assign_positions(7)
        async with running(bus, relay_to(bus)):
            async with asyncio.timeout(PATIENCE_S):
                while await last_of(bus) != 7:  # noqa: ASYNC110 - a bus has no event
                    await asyncio.sleep(0.01)
            async with stream_of(bus).entries(None) as entries:
                await commit("h")
                assert await take(entries, 1) == ["h"]
        await bus.close()


async def last_of(bus: Bus) -> int | None:
    """The newest offset that the bus holds; None while it cannot be asked."""
    with suppress(BusUnavailable):
        position = await bus.last_position()
        return position.offset if position else None
    return None


async def test_events_without_a_position_are_read_in_batches(database: Database) -> None:
    with database.active():
        await commit("published")
        await outbox.assign_positions(1)
        await commit(*"abcdefg")
        for batch, sizes in ((3, [3, 3, 1]), (7, [7]), (100, [7])):
            batches = [payloads async for payloads in outbox.unpublished(batch)]
            assert [len(payloads) for payloads in batches] == sizes
            events = [event_from_text(payload) for payloads in batches for payload in payloads]
            assert (
                "".join(event.account_id for event in events if isinstance(event, BookChanged)) == "abcdefg"
            )
