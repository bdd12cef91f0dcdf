"""What an idle socket keeps: nothing of its HTTP request, and no operation beside that of its group."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from gateway.http.protocols.http_protocol import DeskHttpProtocol
from gateway.http.protocols.websocket_protocol import DeskWebSocketProtocol
from resolvers.live_feed.fields import CaseEvents
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.transport_ws_harness import ready, subscribe

SOCKETS = 20


@pytest_asyncio.fixture
async def desk(place: Callable[[], Path]) -> AsyncIterator[LiveDesk]:
    async with served_desk(place()) as served:
        yield served


def alive(kind: type) -> int:
    return sum(isinstance(each, kind) for each in gc.get_objects())


async def test_an_idle_subscriber_keeps_neither_its_request_nor_an_operation_of_its_own(
    desk: LiveDesk,
) -> None:
    gc.collect()
    gc.disable()
    try:
        async with AsyncExitStack() as stack:
            for number in range(SOCKETS):
                socket = await stack.enter_async_context(ready(desk, desk.token(f"subject {number}")))
                await subscribe(desk, socket)
            assert alive(DeskWebSocketProtocol) == SOCKETS
            assert alive(DeskHttpProtocol) == 0
            # The one of the group, and the one that the last connection brought.
            await until(lambda: alive(CaseEvents) <= 2)
    finally:
        gc.enable()
