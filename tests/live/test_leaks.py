"""Two thousand connections that are cut off at every point of their life leave nothing behind."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.auth import KNOWN_TOKENS_MAX
from gateway.http.protocols.websocket_protocol import DeskWebSocketProtocol, TransportSink
from subscriptions.connections.mailbox import Mailbox, Slot
from subscriptions.connections.running import Operations
from subscriptions.connections.websocket import Session
from subscriptions.live.group import Group
from subscriptions.stream.fan_out import Listener
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.raw_websocket import RawWebSocket
from tests.kit.transport_ws_harness import CASES, QUOTES

CUTS, AT_ONCE = 2000, 25
OURS = (Session, Operations, Mailbox, Slot, TransportSink, DeskWebSocketProtocol, Group, Listener)
SNAPSHOT = "subscription { caseEvents(snapshot: true) { id case { caseNo } } }"
SUMMARY = "subscription { caseSummary { openCases } }"
FILTERED = "subscription ($accountNo: String) { caseEvents(filter: {accountNo: $accountNo}) { id } }"
QUERY = "{ cases { nodes { id client { name } } } clients { nodes { name accounts { accountNo } } } }"


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at a quiet moment."""

    tasks: int
    descriptors: int
    objects: Counter[str]
    everything: int

    @classmethod
    def now(cls) -> "Held":
        gc.collect()
        tracked = gc.get_objects()
        ours = Counter(type(each).__name__ for each in tracked if isinstance(each, OURS))
        descriptors = len(os.listdir("/proc/self/fd"))
        return cls(len(asyncio.all_tasks()), descriptors, ours, len(tracked))


async def cut_off(desk: LiveDesk, number: int, cursor: str) -> None:
    """Connect, get so far, and cut the connection without a close frame."""
    async with RawWebSocket.open(desk.port) as socket:
        point = number % 10
        if point == 0:
            return
        socket.send(type="connection_init", payload={"authorization": desk.token(f"subject {number}")})
        if point == 1:
            return
        await socket.receive()
        queries = {
            2: [CASES],
            3: [CASES, QUOTES, SUMMARY],
            4: [QUERY],
            5: [SNAPSHOT],
            6: [CASES, QUERY, QUERY],
            7: [SUMMARY],
            8: [CASES.replace("kind", "")],
            9: [FILTERED],
        }[point]
        for id_, query in enumerate(queries):
            variables = {"after": cursor} if point in {6, 8} and query is not QUERY else {}
            if query is FILTERED:
                variables = {"accountNo": f"A{number}"}
            payload = {"query": query, "variables": variables}
            socket.send(id=str(id_), type="subscribe", payload=payload)
        if number % 3 == 0:
            # Gives the server a moment: what it does then is cut off in its midst.
            await asyncio.sleep(0.001 * (number % 7))


async def test_two_thousand_cut_connections_leave_nothing_behind(place: Callable[[], Path]) -> None:
    # Of a subject's use a bounded number is remembered; each of these connections is another subject's.
    uncounted = {"rate_operations": 0, "rate_cost": 0, "rate_new_documents": 0}
    async with served_desk(place(), live_linger_s=0.1, live_remembered_bytes=1, **uncounted) as desk:
        cursor = await a_cursor(desk)
        await desk.publish(20)
        await cut_many(desk, 200, cursor)
        for number in range(KNOWN_TOKENS_MAX):
            # As many as are remembered, so that further ones push out others.
            token = desk.token(f"known {number}").removeprefix("Bearer ")
            desk.resources.tokens.verify(token, desk.clock())
        before = await at_rest(desk)
        await cut_many(desk, CUTS, cursor)
        await until(lambda: len(asyncio.all_tasks()) <= before.tasks)
        after = await at_rest(desk)
        grown = after.objects - before.objects
        # Whatever served the last connection is kept until the next one comes.
        assert all(count <= 1 for count in grown.values()), grown
        assert after.descriptors <= before.descriptors
        # The history of the bus and the documents grow to a size of their own; a leak goes on growing.
        assert after.everything - before.everything < CUTS / 2, "not one object for two connections"


async def cut_many(desk: LiveDesk, count: int, cursor: str) -> None:
    """So many at a time, while events keep coming."""
    for start in range(0, count, AT_ONCE):
        async with asyncio.TaskGroup() as group:
            for number in range(start, start + AT_ONCE):
                group.create_task(cut_off(desk, number, cursor))
            if start % (4 * AT_ONCE) == 0:
                group.create_task(publish(desk))


async def publish(desk: LiveDesk) -> None:
    await desk.publish(3)
    await desk.quote("AAPL.US", 100)


async def a_cursor(desk: LiveDesk) -> str:
    async with RawWebSocket.open(desk.port) as socket:
        socket.send(type="connection_init", payload={"authorization": desk.token()})
        await socket.receive()
        socket.send(id="1", type="subscribe", payload={"query": CASES})
        await desk.until_members(1)
        await desk.publish()
        return str((await socket.receive())["payload"]["extensions"]["cursor"])


def forgotten() -> bool:
    """A group that the feed has forgotten has a task, which ends and tells of it a moment later."""
    gc.collect()
    return not any(isinstance(each, Group) for each in gc.get_objects())


async def at_rest(desk: LiveDesk) -> Held:
    """Once every trace that may be waited for is gone."""
    live, metrics = desk.live, desk.live.metrics
    await until(lambda: not list(live.sessions) and not live.admission.seats)
    await until(lambda: not list(live.feed.groups))
    await until(forgotten)
    await until(lambda: not metrics.sockets and not any(metrics.operations.values()))
    await until(lambda: not desk.server.server_state.connections)
    return Held.now()
