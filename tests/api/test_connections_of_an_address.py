"""One address cannot take all connections, sockets and streams of a process, and cannot pass for another."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_http import Answer, RawHttp
from tests.kit.raw_sse import event_stream
from tests.kit.raw_websocket import RawWebSocket
from tests.kit.transport_ws_harness import ready, works

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE, THERE = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
FORGED = {"X-Forwarded-For": "203.0.113.2, 203.0.113.1"}
"""From `HERE`: what the client itself wrote stands before what the proxy added."""
EVENTS = {"query": "subscription { caseEvents { id } }"}
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: desk\r\n\r\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def direct(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveDesk]:
    """Without a proxy: the peer is the client, and may have two connections."""
    directory = Path(tmp_path_factory.mktemp("direct"))
    async with served_desk(directory, trusted_proxies=(), connections_per_address=2) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def proxied(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveDesk]:
    """Behind a proxy on this machine; each client may have two sockets or streams."""
    async with served_desk(Path(tmp_path_factory.mktemp("proxied")), connections_per_address=2) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveDesk]:
    """Behind a proxy, so that no limit by address holds for connections; the process takes two."""
    async with served_desk(Path(tmp_path_factory.mktemp("small")), connections_max=2) as desk:
        yield desk


async def health(connection: RawHttp) -> Answer:
    await connection.send([HEALTH])
    return await connection.answer()


async def test_a_third_connection_of_an_address_is_answered_with_429_and_a_place_is_free_again(
    direct: LiveDesk,
) -> None:
    async with RawHttp.open(direct.port) as first:
        assert (await health(first)).status == 200
        async with ready(direct) as second:
            async with RawHttp.open(direct.port) as third:
                refused = await third.answer()
                assert (refused.status, refused.code) == (429, "TOO_MANY_CONNECTIONS")
                assert (refused.headers["retry-after"], refused.is_last) == ("1", True)
                assert await third.ended()
            assert await works(second)
            assert (await health(first)).status == 200
        # The socket has gone: its place is free, and so is that of each that follows.
        for _ in range(5):
            await until(lambda: not list(direct.live.sessions))
            async with ready(direct) as again:
                assert await works(again)


async def test_a_connection_more_than_the_process_takes_is_answered_with_503(small: LiveDesk) -> None:
    async with RawHttp.open(small.port) as first:
        assert (await health(first)).status == 200
        async with ready(small) as second:
            async with RawHttp.open(small.port) as third:
                refused = await third.answer()
                assert (refused.status, refused.code) == (503, "NO_ROOM")
                assert (refused.headers["retry-after"], refused.is_last) == ("1", True)
                assert await third.ended()
            assert await works(second)
            assert (await health(first)).status == 200
        await until(lambda: not list(small.live.sessions))
        async with ready(small) as again:
            assert await works(again)


@pytest.mark.parametrize("headers", [HERE, FORGED], ids=["honest", "forged"])
async def test_behind_a_proxy_the_sockets_and_streams_of_each_client_are_limited(
    proxied: LiveDesk, headers: dict[str, str]
) -> None:
    await until(lambda: not list(proxied.live.sessions))
    authorized = {"authorization": proxied.token()}
    async with httpx.AsyncClient(verify=False, base_url=proxied.url, timeout=PATIENCE_S) as client:
        ask: dict[str, Any] = {"json": EVENTS, "headers": authorized | HERE}
        async with ready(proxied, headers=HERE), event_stream(client, "POST", "/graphql", **ask) as stream:
            assert stream.status == 200
            async with RawWebSocket.open(proxied.port, headers=headers) as refused:
                assert (refused.status, refused.headers["retry-after"]) == (429, "1")
            for method, path in (("POST", "/graphql"), ("PUT", "/graphql/stream")):
                answer = await client.request(
                    method,
                    path,
                    json=EVENTS,
                    headers=authorized | headers | {"accept": "text/event-stream"},
                )
                assert answer.status_code == 429
                assert answer.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_CONNECTIONS"
            async with ready(proxied, headers=THERE) as other:
                assert await works(other)
    assert proxied.live.metrics.refusals["connections"] > 0


@pytest.mark.parametrize("listens_at", ["127.0.0.1", "::"])
async def test_one_address_takes_only_its_part_of_the_sockets_without_a_caller(
    tmp_path: Path, listens_at: str
) -> None:
    limits = {"ws_max_awaiting_init": 5, "ws_max_awaiting_init_per_address": 2}
    async with served_desk(tmp_path, listens_at, **limits) as desk, AsyncExitStack() as stack:
        first, _ = [
            await stack.enter_async_context(RawWebSocket.open(desk.port, headers=HERE)) for _ in range(2)
        ]
        async with RawWebSocket.open(desk.port, headers=FORGED) as refused:
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        async with ready(desk, headers=THERE) as other:
            assert await works(other)
        first.send(type="connection_init", payload={"authorization": desk.token()})
        assert (await first.receive())["type"] == "connection_ack"
        async with ready(desk, headers=HERE) as again:
            assert await works(again)


async def test_a_proxy_that_names_no_client_is_not_limited(proxied: LiveDesk) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(ready(proxied)) for _ in range(5)]
        assert [await works(each) for each in sockets] == [True] * 5
