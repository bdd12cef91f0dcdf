"""What every bus promises (`subscriptions.stream.bus`), held against the memory bus and a real Redis."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uvloop
from redis.asyncio import Redis
from structlog.testing import capture_logs

from models.outbox import OutboxRow, StreamHead
from models.sql.faults import Busy
from subscriptions.stream.bus import (
    Bus,
    BusBehind,
    BusUnavailable,
    Entry,
    Message,
    Position,
    PositionLost,
    SlowConsumer,
)
from subscriptions.stream.history import History
from subscriptions.stream.memory_bus import MemoryBus
from subscriptions.stream.redis_bus import RedisBus
from subscriptions.stream.redis_limits import BusLimits, BusTiming
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import RedisServer, free_port
from tests.kit.tcp_proxy import TcpProxy

pytestmark = pytest.mark.usefixtures("each_redis")

EPOCH = "epoch-1"
OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"

MakeBus = Callable[..., Awaitable[MemoryBus | RedisBus]]


@asynccontextmanager
async def reading(bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run())
    try:
        async with bus.listen(None):
            pass
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[None]:
    try:
        async with reading(bus):
            yield
    finally:
        await bus.close()


def redis_bus(
    url: str,
    name: str,
    *,
    history_max: int = 1000,
    buffer_max: int = 100,
    fallback: History | None = None,
    answers_within_s: float = PATIENCE_S,
) -> RedisBus:
    """Memory so short and pages so small that resuming takes several reads of the stream."""
    limits = BusLimits(history_max, remember_max=4, buffer_max=buffer_max, watch_keys_max=3, page_max=3)
    timing = BusTiming(
        block_s=0.2,
        reconnect_delay_s=0.01,
        poll_interval_s=0.01,
        outbox_check_s=0.05,
        read_timeout_s=answers_within_s,
        command_timeout_s=answers_within_s,
        page_timeout_s=PATIENCE_S,
        first_read_timeout_s=PATIENCE_S,
    )
    return RedisBus(url, name, limits, timing, fallback)


@pytest.fixture(params=["memory", "redis"])
async def make_bus(request: pytest.FixtureRequest) -> AsyncIterator[MakeBus]:
    async with AsyncExitStack() as stack:

        async def make(*, history_max: int = 1000, buffer_max: int = 100) -> MemoryBus | RedisBus:
            bus: MemoryBus | RedisBus
            if request.param == "memory":
                bus = MemoryBus(history_max=history_max, buffer_max=buffer_max, watch_keys_max=3)
            else:
                url = request.getfixturevalue("redis_url")
                bus = redis_bus(url, uuid4().hex, history_max=history_max, buffer_max=buffer_max)
            await stack.enter_async_context(running(bus))
            return bus

        yield make


async def publish(bus: Bus, first: int, last: int, *, epoch: str = EPOCH, begin: bool = False) -> None:
    """Each payload is the text of its offset."""
    entries = [(offset, str(offset).encode()) for offset in range(first, last + 1)]
    await bus.publish(epoch, entries, begin=begin)


async def take(entries: AsyncIterator[Entry], count: int) -> list[int]:
    """The offsets of the next entries, having checked that each carries its own payload."""
    taken = []
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(count):
            entry = await anext(entries)
            assert entry.payload == str(entry.position.offset).encode()
            taken.append(entry.position.offset)
    return taken


def at(offset: int, epoch: str = EPOCH) -> Position:
    return Position(epoch, offset)


async def test_entries_arrive_in_order_whenever_they_were_published_after_joining(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with bus.listen(None) as entries:
        await publish(bus, 1, 3)
        await publish(bus, 4, 4)
        assert await take(entries, 4) == [1, 2, 3, 4]
    assert await bus.last_position() == at(4)
    assert bus.position == at(4)


async def test_a_listener_without_a_position_sees_nothing_older_than_itself(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with bus.listen(None) as witness:
        await publish(bus, 1, 5)
        await take(witness, 5)
        async with bus.listen(None) as entries:
            await publish(bus, 6, 6)
            assert await take(entries, 1) == [6]


async def test_resume_in_the_middle_replays_history_and_continues_live(make_bus: MakeBus) -> None:
    bus = await make_bus()
    await publish(bus, 1, 20)
    await arrived(bus, 20)
    async with bus.listen(at(2)) as entries:
        await publish(bus, 21, 22)
        assert await take(entries, 20) == list(range(3, 23))


async def test_resume_from_zero_replays_everything(make_bus: MakeBus) -> None:
    bus = await make_bus()
    await publish(bus, 1, 3)
    await arrived(bus, 3)
    async with bus.listen(at(0)) as entries:
        assert await take(entries, 3) == [1, 2, 3]


async def test_resume_at_the_head_sees_only_what_follows(make_bus: MakeBus) -> None:
    bus = await make_bus()
    await publish(bus, 1, 5)
    await arrived(bus, 5)
    async with bus.listen(at(5)) as entries:
        await publish(bus, 6, 6)
        assert await take(entries, 1) == [6]


async def test_entries_published_while_history_is_replayed_are_neither_lost_nor_doubled(
    make_bus: MakeBus,
) -> None:
    bus = await make_bus()
    await publish(bus, 1, 20)
    await arrived(bus, 20)
    async with bus.listen(at(0)) as entries:
        for offset in range(1, 21):
            assert await take(entries, 1) == [offset]
            await publish(bus, 20 + offset, 20 + offset)
        assert await take(entries, 20) == list(range(21, 41))


async def test_a_trimmed_position_is_lost(make_bus: MakeBus) -> None:
    bus = await make_bus(history_max=10, buffer_max=1000)
    await publish(bus, 1, 500)
    await arrived(bus, 500)
    with pytest.raises(PositionLost):
        async with bus.listen(at(1)):
            pass
    async with bus.listen(at(490)) as entries:
        assert await take(entries, 10) == list(range(491, 501))


@pytest.mark.parametrize("lost", [at(2, "another epoch"), at(4)], ids=["other epoch", "ahead"])
async def test_a_position_of_another_history_is_lost(make_bus: MakeBus, lost: Position) -> None:
    bus = await make_bus()
    await publish(bus, 1, 3)
    await arrived(bus, 3)
    with pytest.raises(PositionLost):
        async with bus.listen(lost):
            pass
    assert bus.listener_count == 0


async def test_publishing_again_changes_nothing(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with bus.listen(None) as entries:
        await publish(bus, 1, 3)
        await publish(bus, 1, 3)
        await publish(bus, 2, 2)
        await publish(bus, 2, 5)
        assert await take(entries, 5) == [1, 2, 3, 4, 5]
        await publish(bus, 6, 6)
        assert await take(entries, 1) == [6]


async def test_two_publishers_of_the_same_rows_neither_double_nor_reorder(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with bus.listen(None) as entries:
        for first in range(1, 50, 5):
            await asyncio.gather(publish(bus, first, first + 4), publish(bus, first, first + 4))
        assert await take(entries, 50) == list(range(1, 51))


async def test_a_hole_is_refused_and_changes_nothing(make_bus: MakeBus) -> None:
    bus = await make_bus()
    await publish(bus, 1, 3)
    with pytest.raises(BusBehind) as behind:
        await publish(bus, 5, 6)
    assert behind.value.last == at(3)
    assert await bus.last_position() == at(3)


async def test_an_empty_bus_accepts_a_later_start_only_with_begin(make_bus: MakeBus) -> None:
    bus = await make_bus()
    with pytest.raises(BusBehind) as behind:
        await publish(bus, 7, 8)
    assert behind.value.last is None
    async with bus.listen(None) as entries:
        await publish(bus, 7, 8, begin=True)
        assert await take(entries, 2) == [7, 8]


async def test_a_new_epoch_has_to_be_begun_and_ends_the_listeners_of_the_old_one(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with bus.listen(None) as entries:
        await publish(bus, 1, 3)
        assert await take(entries, 2) == [1, 2]
        with pytest.raises(BusBehind):
            await publish(bus, 1, 2, epoch="epoch-2")
        await publish(bus, 1, 2, epoch="epoch-2", begin=True)
        assert await take(entries, 1) == [3]
        with pytest.raises(PositionLost):
            await take(entries, 1)
    assert await bus.last_position() == at(2, "epoch-2")
    async with bus.listen(at(1, "epoch-2")) as entries:
        assert await take(entries, 1) == [2]


async def test_a_slow_consumer_is_ended_after_its_buffer_and_harms_no_other(make_bus: MakeBus) -> None:
    bus = await make_bus(buffer_max=3)
    async with bus.listen(None) as slow, bus.listen(None) as quick:
        for offset in range(1, 7):
            await publish(bus, offset, offset)
            assert await take(quick, 1) == [offset]
        assert bus.listener_count == 1
        assert await take(slow, 3) == [1, 2, 3]
        with pytest.raises(SlowConsumer):
            await take(slow, 1)
        await publish(bus, 7, 7)
        assert await take(quick, 1) == [7]


async def test_a_burst_does_not_cost_a_listener_its_place_that_reads_slower_than_redis_answers(
    redis_url: str,
) -> None:
    bus = redis_bus(redis_url, uuid4().hex, buffer_max=8)
    async with running(bus), bus.listen(None) as entries:
        await publish(bus, 1, 150)
        for offset in range(1, 151):
            assert await take(entries, 1) == [offset]
            for _ in range(3):
                await bus.last_position()


async def test_many_listeners_see_the_same(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(bus.listen(None)) for _ in range(200)]
        await publish(bus, 1, 30)
        taken = await asyncio.gather(*(take(entries, 30) for entries in listeners))
    assert taken == [list(range(1, 31))] * 200
    assert bus.listener_count == 0


async def test_a_cancelled_consumer_leaves_nothing_registered(make_bus: MakeBus) -> None:
    bus = await make_bus()
    await publish(bus, 1, 20)
    await arrived(bus, 20)
    started = asyncio.Event()

    async def consume() -> None:
        async with bus.listen(at(0)) as entries, bus.watch("quotes"):
            async for entry in entries:
                if entry.position.offset == 20:
                    started.set()

    task = asyncio.create_task(consume())
    async with asyncio.timeout(PATIENCE_S):
        await started.wait()
    assert bus.listener_count == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bus.listener_count == 0


async def test_closing_the_bus_ends_every_listener_and_watcher(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with bus.listen(None) as entries, bus.watch("quotes") as messages:
        await bus.close()
        assert [entry async for entry in entries] == []
        assert [message async for message in messages] == []


async def test_a_slow_watcher_keeps_the_newest_message_of_each_key(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with bus.watch("quotes") as slow, bus.watch("quotes") as witness, bus.watch("other") as other:
        await bus.broadcast("other", [Message("a", b"not for quotes")])
        await bus.broadcast("quotes", [Message("a", b"1"), Message("b", b"1")])
        await bus.broadcast("quotes", [Message("a", b"2")])
        await until(witness, Message("a", b"2"))
        async with asyncio.timeout(PATIENCE_S):
            assert [await anext(slow), await anext(slow)] == [Message("a", b"2"), Message("b", b"1")]
            assert await anext(other) == Message("a", b"not for quotes")


async def test_a_watcher_with_too_many_keys_forgets_the_oldest(make_bus: MakeBus) -> None:
    bus = await make_bus()
    async with bus.watch("quotes") as slow, bus.watch("quotes") as witness:
        await bus.broadcast("quotes", [Message(key, b"1") for key in "abcd"])
        await until(witness, Message("d", b"1"))
        async with asyncio.timeout(PATIENCE_S):
            assert [(await anext(slow)).key for _ in range(3)] == ["b", "c", "d"]


async def test_two_buses_on_one_redis_see_the_same_order(redis_url: str) -> None:
    name = uuid4().hex
    here, there = redis_bus(redis_url, name), redis_bus(redis_url, name)
    async with running(here), running(there), here.listen(None) as mine, there.listen(None) as theirs:
        await publish(here, 1, 2)
        await publish(there, 3, 4)
        assert await take(mine, 4) == await take(theirs, 4) == [1, 2, 3, 4]
        assert await there.last_position() == await here.last_position() == at(4)


async def test_a_process_that_starts_late_resumes_positions_of_the_others(redis_url: str) -> None:
    name = uuid4().hex
    async with running(redis_bus(redis_url, name)) as _, AsyncExitStack() as stack:
        early = redis_bus(redis_url, name)
        await publish(early, 1, 20)
        late = redis_bus(redis_url, name)
        await stack.enter_async_context(running(late))
        async with late.listen(at(3)) as entries:
            assert await take(entries, 17) == list(range(4, 21))
        await early.close()


async def test_the_reader_survives_its_connection_being_killed(redis_url: str) -> None:
    """Each time more entries are published meanwhile than this process remembers."""
    bus = redis_bus(redis_url, name := uuid4().hex)
    async with running(bus), Redis.from_url(redis_url) as admin, bus.listen(None) as entries:
        for first in range(1, 30, 6):
            (reader,) = [client for client in await admin.client_list() if client["name"] == name]
            await admin.client_kill_filter(_id=reader["id"])
            await publish(bus, first, first + 5)
            assert await take(entries, 6) == list(range(first, first + 6))


async def test_listeners_outlive_a_restarted_reader_and_learn_of_trimmed_entries(
    redis_url: str,
) -> None:
    bus = redis_bus(redis_url, uuid4().hex, history_max=10, buffer_max=1000)
    async with AsyncExitStack() as stack:
        async with reading(bus):
            kept = await stack.enter_async_context(bus.listen(None))
            await publish(bus, 1, 1)
        await publish(bus, 2, 3)
        async with reading(bus):
            assert await take(kept, 3) == [1, 2, 3]
        await publish(bus, 4, 504)
        async with reading(bus):
            with pytest.raises(PositionLost):
                await take(kept, 1)
    await bus.close()


async def test_a_redis_that_restarts_empty_is_filled_again_without_a_gap() -> None:
    with RedisServer() as server:
        bus = redis_bus(server.url, uuid4().hex)
        async with running(bus), bus.listen(None) as entries:
            await publish(bus, 1, 5)
            assert await take(entries, 5) == [1, 2, 3, 4, 5]
            server.restart_empty()
            with pytest.raises(BusBehind) as behind:
                await publish(bus, 6, 6)
            assert behind.value.last is None
            await publish(bus, 2, 6, begin=True)
            assert await take(entries, 1) == [6]
            async with bus.listen(at(1)) as replayed:
                assert await take(replayed, 5) == [2, 3, 4, 5, 6]


async def test_the_bus_is_unhealthy_while_redis_is_gone_and_recovers() -> None:
    with RedisServer() as server:
        bus = redis_bus(server.url, uuid4().hex)
        async with running(bus), bus.listen(None) as entries:
            assert bus.healthy
            server.kill()
            await becomes(lambda: not bus.healthy)
            server.start()
            await becomes(lambda: bus.healthy)
            await publish(bus, 1, 1)
            assert await take(entries, 1) == [1]


async def test_a_redis_that_does_not_answer_keeps_no_caller_waiting() -> None:
    with RedisServer() as server:
        bus = redis_bus(server.url, uuid4().hex, answers_within_s=1)
        async with running(bus):
            server.freeze()
            try:
                # Were each waited for, it would be six minutes.
                async with asyncio.timeout(PATIENCE_S):
                    for _ in range(180):
                        with pytest.raises(BusUnavailable):
                            await publish(bus, 1, 1)
                        with pytest.raises(BusUnavailable):
                            await bus.broadcast("quotes", [Message("a", b"1")])
            finally:
                server.thaw()
            await becomes(lambda: bus.healthy)
            await publish(bus, 1, 1)


class Outbox:
    """Holds `last` rows, unless it is `away`, and raises that."""

    last = 0
    away: Exception | None = None

    async def stream_head(self) -> StreamHead:
        if self.away:
            raise self.away
        return StreamHead(EPOCH, 1, self.last)

    async def published_after(self, offset: int, limit: int) -> Sequence[OutboxRow]:
        if self.away:
            raise self.away
        return [
            OutboxRow(each, str(each).encode(), datetime.now(UTC))
            for each in range(offset + 1, self.last + 1)
        ]


@pytest.mark.parametrize("away", [ConnectionError("away"), Busy("locked")], ids=repr)
async def test_the_first_event_reaches_earlier_listeners_even_if_redis_never_held_it(
    away: Exception,
) -> None:
    """A bus that holds nothing stands where the outbox does, and not just anywhere."""
    outbox = Outbox()
    with RedisServer() as server:
        bus = redis_bus(server.url, uuid4().hex, fallback=outbox)
        async with running(bus), bus.listen(None) as entries, bus.listen(at(0)) as resumed:
            # Whoever asked it only now would find the event there already, and stand behind it.
            outbox.away = away
            server.kill()
            await becomes(lambda: not bus.healthy)
            outbox.last, outbox.away = 1, None
            assert await take(entries, 1) == [1]
            assert await take(resumed, 1) == [1]


async def test_two_who_find_out_where_the_stream_stands_take_no_listeners_place() -> None:
    """The reader and the one who reads the outbox: both ask at the start, and are answered in turn."""
    asked, answers = asyncio.Semaphore(0), asyncio.Semaphore(0)

    class SlowOutbox(Outbox):
        async def stream_head(self) -> StreamHead:
            asked.release()
            await answers.acquire()
            return await super().stream_head()

    with RedisServer() as server:
        bus = redis_bus(server.url, uuid4().hex, fallback=SlowOutbox())
        task = asyncio.create_task(bus.run())
        async with asyncio.timeout(PATIENCE_S):
            await asked.acquire()
            await asked.acquire()
            answers.release()
            async with bus.listen(None) as entries:
                for _ in range(100):
                    answers.release()
                await publish(bus, 1, 1, begin=True)
                assert await take(entries, 1) == [1]
        task.cancel()
        await asyncio.wait([task])
        await bus.close()


async def test_redis_is_reached_at_the_start_however_long_a_lock_on_the_outbox_lasts(redis_url: str) -> None:
    class LockedOutbox(Outbox):
        async def stream_head(self) -> StreamHead:
            await asyncio.Event().wait()
            return await super().stream_head()

    bus = redis_bus(redis_url, uuid4().hex, fallback=LockedOutbox())
    task = asyncio.create_task(bus.run())
    await becomes(lambda: bus.healthy)
    task.cancel()
    await asyncio.wait([task])
    await bus.close()


async def test_a_listener_without_a_position_loses_it_at_a_gap() -> None:
    outbox = Outbox()
    outbox.away = ConnectionError("away")
    with RedisServer() as server:
        bus = redis_bus(server.url, uuid4().hex, fallback=outbox)
        async with running(bus), bus.listen(None) as entries:
            server.kill()
            await becomes(lambda: not bus.healthy)
            outbox.last, outbox.away = 1, None
            await arrived(bus, 1)
            outbox.last = 2
            with pytest.raises(PositionLost):
                await take(entries, 1)


FOREIGN_ENTRIES: list[Any] = [{"a": "b"}, {"e": EPOCH}, {"": "quotes"}]


@pytest.mark.parametrize("fields", FOREIGN_ENTRIES, ids=str)
async def test_a_foreign_entry_of_the_stream_is_left_out_and_replaced(redis_url: str, fields: Any) -> None:
    outbox, name = Outbox(), uuid4().hex
    bus = redis_bus(redis_url, name, fallback=outbox)
    with capture_logs() as logs:
        async with running(bus), Redis.from_url(redis_url) as admin, bus.listen(None) as entries:
            await publish(bus, 1, 3)
            assert await take(entries, 3) == [1, 2, 3]
            await admin.xadd(f"{{{name}}}:events", fields)
            outbox.last = 4
            assert await take(entries, 1) == [4]
            with pytest.raises(BusBehind):
                await publish(bus, 5, 5)
            assert await bus.last_position() != at(4)
            await publish(bus, 1, 5, begin=True)
            assert await take(entries, 1) == [5]
            assert await bus.last_position() == at(5)
            await becomes(lambda: any("no foreign entry" in each["event"] for each in logs))
    assert [each["event"] for each in logs if "has a foreign" in each["event"]] == [
        "a stream of the bus has a foreign entry"
    ]


async def test_a_foreign_broadcast_is_left_out(redis_url: str) -> None:
    bus = redis_bus(redis_url, name := uuid4().hex)
    async with running(bus), Redis.from_url(redis_url) as admin, bus.watch("quotes") as watched:
        foreign: Any
        for foreign in ({"a": "b"}, {"": b"\xff", "a": "b"}, {"": "quotes", b"\xff": "1"}):
            await admin.xadd(f"{{{name}}}:broadcasts", foreign)
        await bus.broadcast("quotes", [Message("a", b"1")])
        async with asyncio.timeout(PATIENCE_S):
            assert await anext(watched) == Message("a", b"1")


@pytest.mark.parametrize("deleted", [["3-0"], ["1-0", "2-0", "3-0"]], ids=["the last", "all"])
async def test_events_deleted_from_the_end_of_the_stream_are_published_again(
    redis_url: str, deleted: list[str]
) -> None:
    bus = redis_bus(redis_url, name := uuid4().hex)
    async with running(bus), Redis.from_url(redis_url) as admin, bus.listen(None) as entries:
        await publish(bus, 1, 3)
        assert await take(entries, 3) == [1, 2, 3]
        await admin.xdel(f"{{{name}}}:events", *deleted)
        with pytest.raises(BusBehind):
            await publish(bus, 4, 4)
        await publish(bus, 4 - len(deleted), 4)
        assert await take(entries, 1) == [4]


async def test_the_rights_that_the_documentation_names_are_enough_for_a_new_history() -> None:
    documented = re.search(r"\(the bus.*?\) and `(.*?)`", OPERATIONS.read_text())
    assert documented is not None
    with RedisServer() as server:
        admin: Any = Redis.from_url(server.url)
        async with admin:
            user = ("ACL", "SETUSER", "desk", "on", ">secret", "~{desk}:*", *documented[1].split())
            await admin.execute_command(*user)
        bus = redis_bus(server.url.replace("://", "://desk:secret@"), "desk")
        async with running(bus):
            await publish(bus, 1, 3)
            await publish(bus, 5, 6, epoch="another", begin=True)
            assert await bus.last_position() == at(6, "another")


async def test_a_redis_that_takes_nothing_in_is_unavailable_and_the_outbox_is_read_meanwhile() -> None:
    """It answers every question, so nothing but the outbox tells that events are missing."""
    outbox = Outbox()
    with RedisServer() as server:
        async with Redis.from_url(server.url) as admin:
            bus = redis_bus(server.url, uuid4().hex, fallback=outbox)
            async with running(bus), bus.listen(None) as entries:
                await publish(bus, 1, 2, begin=True)
                assert await take(entries, 2) == [1, 2]
                outbox.last = 2
                await admin.config_set("maxmemory", 1)
                with pytest.raises(BusUnavailable):
                    await publish(bus, 3, 4)
                with pytest.raises(BusUnavailable):
                    await bus.broadcast("quotes", [Message("a", b"1")])
                assert "refuses writes" in trouble_of(bus)
                outbox.last = 4
                assert await take(entries, 2) == [3, 4]
                await admin.config_set("maxmemory", 0)
                outbox.last = 5
                await publish(bus, 3, 5)
                assert await take(entries, 1) == [5]
                assert trouble_of(bus) == ""


async def wants_a_password(admin: Redis) -> None:
    await admin.config_set("requirepass", "another")
    await admin.client_kill_filter(_type="normal", skipme=True)


async def allows_less(admin: Redis) -> None:
    await admin.acl_setuser("default", enabled=True, commands=["-xread", "-xadd"])


async def allows_no_script(admin: Redis) -> None:
    await admin.acl_setuser("default", enabled=True, categories=["-@scripting"])


@pytest.mark.parametrize("refuses", [wants_a_password, allows_less, allows_no_script])
async def test_a_redis_that_refuses_is_an_outage_that_ends_when_it_refuses_no_longer(
    refuses: Callable[[Redis], Awaitable[None]],
) -> None:
    outbox = Outbox()
    with RedisServer() as server, capture_logs() as logs:
        async with Redis.from_url(server.url) as admin:
            bus = redis_bus(server.url, uuid4().hex, fallback=outbox)
            async with running(bus), bus.listen(None) as entries:
                await publish(bus, 1, 1, begin=True)
                assert await take(entries, 1) == [1]
                await refuses(admin)
                with pytest.raises(BusUnavailable):
                    await publish(bus, 2, 2)
                await becomes(lambda: ":" in trouble_of(bus))
                outbox.last = 3
                assert await take(entries, 1) in ([2], [3])
                await admin.config_set("requirepass", "")
                await admin.acl_setuser("default", enabled=True, categories=["+@all"])
                await becomes(lambda: bus.reachable)
                await publish_in_the_end(bus, 2, 4)
                await becomes(lambda: bus.healthy)
    events = [each["event"] for each in logs]
    assert events.count("the bus cannot reach Redis") == events.count("the bus reaches Redis again") <= 1


async def publish_in_the_end(bus: Bus, first: int, last: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await publish(bus, first, last)
            except BusUnavailable:
                await asyncio.sleep(0.005)


def trouble_of(bus: RedisBus) -> str:
    """As an operator reads it; empty while the bus is healthy."""
    assert bus.healthy is (bus.trouble is None)
    return bus.trouble or ""


def test_an_idle_connection_that_was_reset_is_replaced() -> None:
    """On the server's own event loop, which answers a write to it with RuntimeError."""

    async def outlive(server: RedisServer) -> None:
        async with TcpProxy(server.port).running() as proxy:
            bus = redis_bus(f"redis://127.0.0.1:{proxy.port}", uuid4().hex)
            await publish(bus, 1, 1)
            proxy.cut()
            await becomes(lambda: not proxy.connections)
            await publish(bus, 2, 2)
            assert await bus.last_position() == at(2)
            await bus.close()

    with RedisServer() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(outlive(server))


async def test_a_failing_outbox_ends_the_reading_loudly_and_not_only_the_polling() -> None:
    class Broken:
        async def stream_head(self) -> StreamHead:
            raise ZeroDivisionError

        async def published_after(self, offset: int, limit: int) -> Sequence[OutboxRow]:
            raise ZeroDivisionError

    bus = redis_bus(f"redis://127.0.0.1:{free_port()}", uuid4().hex, fallback=Broken())
    with pytest.raises(ExceptionGroup) as failure:
        async with asyncio.timeout(PATIENCE_S):
            await bus.run()
    assert failure.value.subgroup(ZeroDivisionError)
    await bus.close()


async def arrived(bus: Bus, offset: int) -> None:
    """Wait until this process has seen the entry."""
    await becomes(lambda: bus.position is not None and bus.position.offset >= offset)


async def becomes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - some conditions are another server's
            await asyncio.sleep(0.005)


async def until(messages: AsyncIterator[Message], wanted: Message) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await anext(messages) != wanted:
            pass
