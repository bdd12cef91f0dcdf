"""Operations of a connection: those that cannot begin, that end early, and that are not cut off."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models.sql.faults import DatabaseUnavailable
from subscriptions.connections.mailbox import MailboxLimits
from subscriptions.connections.protocol import CloseCode, Subscribe
from subscriptions.connections.running import AWAY_HINT, Backend, Caller, Operations, Single, Start
from subscriptions.connections.sse import SingleWire, SseStream, StreamLimits
from subscriptions.connections.websocket import SocketWire
from subscriptions.live.operation import Delivery, Operation, Snapshot
from subscriptions.stream.bus import Position
from subscriptions.stream.memory_bus import MemoryBus
from tests.unit.live_streams import EPOCH, Reader, Topic, World, until, world
from tests.unit.test_mailbox import Pipe

CALLER = Caller("trader", 0.0, None)
ROOMY = MailboxLimits(frames=100, bytes=10_000)


@dataclass(frozen=True)
class FromNow:
    """A subscription to what comes."""

    operation: Operation
    after: Position | None = None
    snapshot: bool = False


@dataclass
class Requests:
    """Whatever is asked for, it is this; None: a query that ends when it may."""

    start: Callable[[], Start | None]
    executing: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    done: int = 0

    def prepare(self, message: Subscribe, caller: Caller) -> Start | Single | list[Any]:
        return self.start() or Single(self._execute)

    async def on_subscribe(self, message: Subscribe, caller: Caller) -> None:
        pass

    async def _execute(self) -> bytes:
        self.executing.set()
        await self.may_end.wait()
        self.done += 1
        return b"{}"

    def errors_of(self, failure: BaseException) -> list[Any]:
        raise failure


def no_database() -> Start | None:
    raise DatabaseUnavailable("it has ended the connection")


def memory_bus() -> MemoryBus:
    return MemoryBus(history_max=100, buffer_max=100, watch_keys_max=1)


def operations(w: World, requests: Requests, pipe: Pipe, lost: Callable[[str], None]) -> Operations:
    return Operations(pipe, SocketWire(), Backend(requests, w.feed, w.metrics), ROOMY, lost)


def asked(identifier: str) -> Subscribe:
    return Subscribe(identifier, "subscription { caseEvents { id } }", None, None)


async def test_an_operation_that_begins_during_an_outage_sends_its_client_to_come_back() -> None:
    lost: list[str] = []
    async with world(memory_bus()) as w:
        operations(w, Requests(no_database), Pipe(), lost.append).start(asked("1"), CALLER)
        await until(lambda: lost)
    assert lost == [AWAY_HINT]


async def test_of_many_operations_that_come_at_once_others_have_their_turn_after_each() -> None:
    turn = 0
    prepared: list[int] = []

    async def count() -> None:
        nonlocal turn
        while len(prepared) < 50:
            turn += 1
            await asyncio.sleep(0)

    def prepare() -> Start | None:
        prepared.append(turn)
        return FromNow(Topic())

    async with world(memory_bus()) as w:
        counting = asyncio.create_task(count())
        backend = Backend(Requests(prepare), w.feed, w.metrics)
        for _ in range(5):
            of_one = Operations(Pipe(), SocketWire(), backend, ROOMY, lambda _: None)
            for number in range(10):
                of_one.start(asked(str(number)), CALLER)
        await counting
    assert len(set(prepared)) == 50


async def test_an_operation_does_not_wait_behind_those_of_another_subject() -> None:
    prepared: list[str] = []

    class Noting(Requests):
        def prepare(self, message: Subscribe, caller: Caller) -> Start | Single | list[Any]:
            prepared.append(caller.subject)
            return super().prepare(message, caller)

    async with world(memory_bus()) as w:
        backend = Backend(Noting(lambda: FromNow(Topic())), w.feed, w.metrics)
        for subject, many in (("many", 50), ("other", 1)):
            of_one = Operations(Pipe(), SocketWire(), backend, ROOMY, lambda _: None)
            for number in range(many):
                of_one.start(asked(str(number)), Caller(subject, 0.0, None))
        await until(lambda: len(prepared) == 51)
    assert prepared.index("other") <= 2


async def test_a_stream_that_ends_in_the_midst_of_a_delivery_costs_the_others_nothing() -> None:
    """Two operations of one stream in one group: the first overflows, which ends the second as well."""
    async with world(memory_bus()) as w:
        backend = Backend(Requests(lambda: FromNow(Topic())), w.feed, w.metrics)
        limits = StreamLimits(MailboxLimits(1, 1000), operations=2, heartbeat_s=60, reserved_s=60)
        ended: list[SseStream] = []
        stream = SseStream(CALLER, SingleWire(), backend, limits, ended.append)
        stream.start(asked("first"), CALLER)
        stream.start(asked("second"), CALLER)
        await until(lambda: [len(group.members) for group in w.feed.groups] == [2])
        other = Reader()
        await w.join(Topic(), other)
        await w.happen("one")
        await until(lambda: other.offsets == [1])
        await w.happen("two", "three")
        await until(lambda: ended and other.offsets[-1] == 3)
        assert other.offsets == [1, 2, 3]
        assert [list(group.members) for group in w.feed.groups] == [[other]]


async def test_a_stream_that_ended_before_its_connection_came_shows_it_nothing() -> None:
    async with world(memory_bus()) as w:
        backend, pipe = Backend(Requests(lambda: FromNow(Topic())), w.feed, w.metrics), Pipe(room=10)
        limits = StreamLimits(ROOMY, operations=2, heartbeat_s=60, reserved_s=60)
        stream = SseStream(CALLER, SingleWire(), backend, limits, lambda _: None)
        stream.close(CloseCode.FORBIDDEN, "TOKEN_REVOKED: your access was revoked")
        stream.attach(pipe, {})
        stream.start(asked("1"), CALLER)
        await asyncio.sleep(0)
        assert (pipe.gone, pipe.written, list(w.feed.groups)) == (True, [], [])


async def test_an_execution_whose_connection_ends_runs_to_its_end_and_is_waited_for() -> None:
    async with world(memory_bus()) as w:
        requests = Requests(lambda: None)
        running = operations(w, requests, Pipe(room=10), lambda _: None)
        running.start(asked("1"), CALLER)
        await requests.executing.wait()
        ending = asyncio.gather(*running.stop_all())
        await asyncio.sleep(0)
        assert not ending.done()
        requests.may_end.set()
        await ending
        assert requests.done == 1


async def test_completing_an_operation_during_its_execution_makes_no_room_for_more() -> None:
    async with world(memory_bus()) as w:
        requests, pipe = Requests(lambda: None), Pipe(room=10)
        running = operations(w, requests, pipe, lambda _: None)
        running.start(asked("1"), CALLER)
        await requests.executing.wait()
        running.stop("1")
        assert "1" not in running
        assert len(running) == 1
        requests.may_end.set()
        await until(lambda: not len(running))
        assert (requests.done, pipe.written) == (1, [])


class Newest(Topic):
    """A topic of which only the latest matters, whose current state takes a while to look up."""

    def __init__(self) -> None:
        super().__init__(delivery=Delivery.LATEST)
        self.looked_up = asyncio.Event()

    async def snapshot(self) -> Snapshot:
        await self.looked_up.wait()
        return Snapshot(Position(EPOCH, 0), ("AAPL 1", "TSLA 1"), frozenset())


async def test_the_latest_state_is_not_replaced_by_an_older_one_that_took_longer() -> None:
    async with world(memory_bus()) as w:
        topic, pipe = Newest(), Pipe(room=10)
        operations(w, Requests(lambda: FromNow(topic)), pipe, lambda _: None).start(asked("1"), CALLER)
        await until(lambda: [len(group.members) for group in w.feed.groups] == [1])
        await w.feed.broadcast("AAPL 2")
        await until(lambda: pipe.written)
        topic.looked_up.set()
        await until(lambda: b"TSLA 1" in pipe.written[-1])
        await w.feed.broadcast("AAPL 3")
        await until(lambda: b"AAPL 3" in pipe.written[-1])
        assert not any(b"AAPL 1" in frame for frame in pipe.written)
        assert len(pipe.written) == 3
