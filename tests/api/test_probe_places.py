"""However many connections clients hold, the probes and the metrics are answered."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.http.protocols.connection_room import PROBE_PLACES
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.raw_http import Answer, RawHttp

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEALTH, QUERY = "GET /healthz", "GET /graphql"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveDesk]:
    """The process takes two connections of clients."""
    async with served_desk(Path(tmp_path_factory.mktemp("small")), connections_max=2) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def full(small: LiveDesk) -> AsyncIterator[LiveDesk]:
    """Both are held by clients that send nothing."""
    async with AsyncExitStack() as held:
        await until(lambda: not small.server.server_state.connections)
        for _ in range(2):
            await held.enter_async_context(RawHttp.open(small.port))
        await until(lambda: len(small.server.server_state.connections) == 2)
        yield small


async def asked(connection: RawHttp, what: str) -> Answer:
    await connection.send([f"{what} HTTP/1.1\r\nHost: desk\r\n\r\n".encode()])
    return await connection.answer()


@pytest.mark.parametrize("what", [HEALTH, "GET /readyz", "GET /metrics", "GET /healthz?from=somewhere"])
async def test_a_probe_is_answered_by_a_process_without_room_and_its_connection_ends(
    full: LiveDesk, what: str
) -> None:
    async with RawHttp.open(full.port) as connection:
        answer = await asked(connection, what)
        assert (answer.status, answer.is_last) == (200, True)
        assert await connection.ended()


async def test_nothing_else_is_answered_there_but_with_503(full: LiveDesk) -> None:
    upgrade = (
        "GET /graphql HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    )
    for what in (QUERY, "GET /", f"{HEALTH}/x", upgrade):
        async with RawHttp.open(full.port) as connection:
            answer = await asked(connection, what)
            assert (answer.status, answer.code, answer.is_last) == (503, "NO_ROOM", True)
            assert answer.headers["retry-after"] == "1"
            assert await connection.ended()


async def test_a_request_behind_a_probe_is_not_served(full: LiveDesk) -> None:
    async with RawHttp.open(full.port) as connection:
        requests = [f"{what} HTTP/1.1\r\nHost: desk\r\n\r\n".encode() for what in (HEALTH, QUERY)]
        await connection.send([b"".join(requests)])
        # Cut off: an answer to the second request would be taken for that to the first.
        assert await connection.ended()


async def test_those_who_send_nothing_there_do_not_keep_a_probe_out(full: LiveDesk) -> None:
    async with AsyncExitStack() as silent:
        first = await silent.enter_async_context(RawHttp.open(full.port))
        for _ in range(PROBE_PLACES + 5):
            await silent.enter_async_context(RawHttp.open(full.port))
        answer = await first.answer()
        assert (answer.status, answer.code) == (503, "NO_ROOM")
        async with RawHttp.open(full.port) as probe:
            assert (await asked(probe, HEALTH)).status == 200
        assert len(full.server.server_state.connections) <= 2 + PROBE_PLACES


async def test_who_sends_nothing_there_leaves_soon(full: LiveDesk) -> None:
    async with RawHttp.open(full.port) as connection:
        await connection.send([b"GET /hea"])
        answer = await connection.answer()
        assert (answer.status, answer.code, answer.is_last) == (503, "NO_ROOM", True)


async def test_a_place_of_a_client_is_free_again_whoever_has_those_of_probes(small: LiveDesk) -> None:
    async with AsyncExitStack() as others:
        await until(lambda: not small.server.server_state.connections)
        async with RawHttp.open(small.port) as first:
            assert (await asked(first, HEALTH)).status == 200
            async with RawHttp.open(small.port) as second:
                assert (await asked(second, HEALTH)).status == 200
                for _ in range(3):
                    await others.enter_async_context(RawHttp.open(small.port))
                await until(lambda: len(small.server.server_state.connections) == 5)
            await until(lambda: len(small.server.server_state.connections) == 4)
            async with RawHttp.open(small.port) as third:
                answer = await asked(third, HEALTH)
                assert (answer.status, answer.is_last) == (200, False)
