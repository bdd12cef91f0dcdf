"""One reader of five hundred stops reading: the others do not notice, and it comes back to everything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.raw_websocket import CLOSE, RawWebSocket
from tests.kit.transport_ws_harness import CASES, ready, take_all

READERS = 500
EVENTS = 20
LONG = "x" * 8_000
"""So that a few events fill the buffers of the kernel and of the transport."""


async def test_one_stalled_reader_of_500_delays_none_of_the_others_and_loses_nothing(
    place: Callable[[], Path],
) -> None:
    async with (
        served_desk(place(), mailbox_frames=4 * EVENTS) as desk,
        many_readers(desk) as readers,
    ):
        stalled, others = readers[0], readers[1:]
        without = await slowest_of(desk, readers)
        stalled.stop_reading()
        await slowest_of(desk, others)
        assert desk.live.metrics.sockets == READERS, "the stalled one is still there, and still stalled"
        assert sum(session.depth > 0 for session in desk.live.sessions) == 1
        with_it = []
        while desk.live.metrics.closes[1013] == 0:
            with_it.append(await slowest_of(desk, others))
        # The best of those in which it stalled from beginning to end, for the machine may stand still in one.
        assert min(with_it[:-1]) < 5 * without + 1, with_it
        assert await everything(desk, stalled) == desk.published


async def everything(desk: LiveDesk, stalled: RawWebSocket) -> list[str]:
    """What it read at first and reads after all, and what comes behind the last cursor of that."""
    stalled.read_on()
    arrived = desk.published[:EVENTS]
    cursor = await take_all(stalled, arrived)
    async with ready(desk, desk.token("back again")) as socket:
        payload = {"query": CASES, "variables": {"after": cursor}}
        socket.send(id="1", type="subscribe", payload=payload)
        await take_all(socket, arrived, len(desk.published) - len(arrived))
    return arrived


@asynccontextmanager
async def many_readers(desk: LiveDesk) -> AsyncIterator[list[RawWebSocket]]:
    """All subscribed to the same."""
    async with AsyncExitStack() as stack:
        readers = []
        for number in range(READERS):
            options: dict[str, Any] = {"receive_buffer": 4096} if number == 0 else {}
            token = desk.token(f"reader {number}")
            readers.append(await stack.enter_async_context(ready(desk, token, **options)))
            readers[-1].send(id="1", type="subscribe", payload={"query": CASES})
        await desk.until_members(READERS)
        yield readers


async def slowest_of(desk: LiveDesk, readers: Sequence[RawWebSocket]) -> float:
    """Seconds from the commit of some events until the last of these readers has the last of them."""
    began = perf_counter()
    ids = await desk.publish(EVENTS, remark=LONG)
    last = await asyncio.gather(*(last_of(reader) for reader in readers))
    assert set(last) == {ids[-1]}
    return perf_counter() - began


async def last_of(reader: RawWebSocket) -> str:
    """Counts frames, and looks only into the last."""
    for _ in range(EVENTS):
        frame = await reader.frame()
        assert frame.opcode != CLOSE
    return str(orjson.loads(frame.payload)["payload"]["data"]["caseEvents"]["id"])
