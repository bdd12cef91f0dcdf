"""Requests that say too much beside their body: refused before any token is looked at, on every way in."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.http.protocols.http_protocol import PIPELINED_MAX
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.raw_http import RawHttp
from tests.kit.raw_websocket import RawWebSocket

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD_BYTES, HEADERS, URL_BYTES = 32_768, 100, 8_192
MEGABYTE = 2**20
WAYS = {
    "GraphQL": b"POST /graphql",
    "the explorer": b"GET /graphql",
    "an event stream": b"GET /graphql/stream",
    "a report": b"GET /reports/margin.csv",
    "the health": b"GET /healthz",
    "the readiness": b"GET /readyz",
    "the metrics": b"GET /metrics",
    "nothing": b"GET /nothing",
}
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: desk\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveDesk]:
    directory: Path = tmp_path_factory.mktemp("desk")
    async with served_desk(directory) as served:
        yield served


def begun(way: bytes) -> bytes:
    return way + b" HTTP/1.1\r\nHost: desk\r\n"


def header(number: int, size: int = 10) -> bytes:
    return b"X-%d: %b\r\n" % (number, b"x" * size)


async def refused(desk: LiveDesk, pieces: Iterator[bytes]) -> tuple[int, str | None]:
    """The answer to it, behind which the connection ends."""
    async with RawHttp.open(desk.port) as connection:
        await connection.send(pieces)
        answer = await connection.answer()
        assert await connection.ended()
    return answer.status, answer.code


async def serves(desk: LiveDesk) -> bool:
    async with RawHttp.open(desk.port) as connection:
        await connection.send([begun(b"GET /healthz") + b"\r\n"])
        return (await connection.answer()).status == 200


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "headers",
    [
        [header(1, HEAD_BYTES)],
        [header(number, 1000) for number in range(40)],
        [header(number, 0) for number in range(HEADERS)],
        [b"Authorization: Bearer " + b"x" * HEAD_BYTES + b"\r\n"],
        [b"X" * HEAD_BYTES + b": 1\r\n"],
    ],
    ids=["a long value", "many values", "many names", "a token", "a long name"],
)
async def test_more_headers_than_allowed_are_answered_with_431(
    desk: LiveDesk, way: str, headers: list[bytes]
) -> None:
    assert await refused(desk, iter([begun(WAYS[way]), *headers, b"\r\n"])) == (431, "HEADERS_TOO_LARGE")


async def test_more_headers_than_allowed_are_no_handshake(desk: LiveDesk) -> None:
    for headers in ([header(1, HEAD_BYTES)], [header(number, 0) for number in range(HEADERS)]):
        answer = await refused(desk, iter([UPGRADE, *headers, b"\r\n"]))
        assert answer == (431, "HEADERS_TOO_LARGE")
    async with RawWebSocket.open(desk.port) as socket:
        assert socket.status == 101


@pytest.mark.parametrize("way", [*WAYS.values(), UPGRADE])
@pytest.mark.parametrize(
    "name", [b"Authorization", b"authorization", b"Host", b"Content-Type", b"Origin", b"Last-Event-ID"]
)
async def test_a_header_that_identifies_the_caller_or_the_body_may_occur_once(
    desk: LiveDesk, way: bytes, name: bytes
) -> None:
    head = way if way is UPGRADE else begun(way)
    twice = name + b": a\r\n" + name.title() + b": a\r\n\r\n"
    assert await refused(desk, iter([head, twice])) == (400, "HEADER_REPEATED")


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (b"Content-Length: 5\r\n\r\nabcde", "BAD_HANDSHAKE"),
        (b"Content-Length: 5\r\n\r\n", "BAD_HANDSHAKE"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", "BAD_HANDSHAKE"),
        (header(1, 10_000) + b"\r\n", "HEADERS_TOO_LARGE"),
        (b"Authorization: Bearer " + b"x" * 10_000 + b"\r\n\r\n", "HEADERS_TOO_LARGE"),
    ],
    ids=["a body", "a body that does not come", "a body in chunks", "a long header", "a long token"],
)
async def test_a_handshake_that_cannot_be_read_is_answered(desk: LiveDesk, lines: bytes, code: str) -> None:
    status = 431 if code == "HEADERS_TOO_LARGE" else 400
    assert await refused(desk, iter([UPGRADE + lines])) == (status, code)


async def test_a_trailer_with_an_authorization_is_not_accepted(desk: LiveDesk) -> None:
    trailer = b"2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n"
    async with RawHttp.open(desk.port) as connection:
        await connection.send([chunked(desk) + trailer])
        assert await connection.ended()
        assert b'"data"' not in (await connection.answer()).body


async def test_headers_at_the_limit_are_served(desk: LiveDesk) -> None:
    almost = [header(number, 300) for number in range(HEADERS - 1)]
    async with RawHttp.open(desk.port) as connection:
        await connection.send([begun(b"GET /healthz") + b"".join(almost) + b"\r\n"])
        assert (await connection.answer()).status == 200
        await connection.send([begun(b"GET /healthz") + b"".join(almost) + b"\r\n"])
        assert (await connection.answer()).status == 200, "each request is counted by itself"


@pytest.mark.parametrize("piece", [b"x" * 100, b"X: 1\r\n" * 16], ids=["one header", "many headers"])
async def test_headers_that_trickle_in_are_refused_as_soon_as_they_are_too_many(
    desk: LiveDesk, piece: bytes
) -> None:
    endless = (piece for _ in range(8 * MEGABYTE // len(piece)))
    answer = await refused(desk, iter([begun(b"POST /graphql") + b"X-Endless: ", *endless]))
    assert answer == (431, "HEADERS_TOO_LARGE")


async def test_eight_megabytes_of_headers_are_not_kept(desk: LiveDesk) -> None:
    tracemalloc.start()
    try:
        async with RawHttp.open(desk.port) as connection:
            block = b"x" * 65_536
            await connection.send([begun(b"POST /graphql") + b"X-Endless: ", *[block] * 128])
            assert await connection.ended()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2 * MEGABYTE
    assert await serves(desk)


async def test_a_url_that_is_too_long_is_answered_with_414(desk: LiveDesk) -> None:
    for url in (b"/graphql?x=" + b"x" * URL_BYTES, b"/healthz?" + b"a&" * URL_BYTES, b"/" + b"x" * MEGABYTE):
        answer = await refused(desk, iter([b"GET " + url + b" HTTP/1.1\r\nHost: desk\r\n\r\n"]))
        assert answer == (414, "URL_TOO_LONG")
    endless = (b"x" * 1000 for _ in range(8000))
    assert await refused(desk, iter([b"GET /", *endless])) == (414, "URL_TOO_LONG")


async def test_thousands_of_parameters_are_served_as_none(desk: LiveDesk) -> None:
    async with RawHttp.open(desk.port) as connection:
        await connection.send([begun(b"GET /healthz?" + b"a&" * 4000) + b"\r\n"])
        assert (await connection.answer()).status == 200


def chunked(desk: LiveDesk) -> bytes:
    """The head of a request whose body is waited for."""
    lines = (f"Authorization: {desk.token()}", "Content-Type: application/json", "Transfer-Encoding: chunked")
    return begun(b"POST /graphql") + "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    "piece",
    [b"X: " + b"x" * 900 + b"\r\n", b"X:\r\n" * 200],
    ids=["long", "many"],
)
async def test_endless_trailers_end_the_connection(desk: LiveDesk, piece: bytes) -> None:
    async with RawHttp.open(desk.port) as connection:
        whole = await connection.send([chunked(desk) + b"2\r\n{}\r\n0\r\n", *[piece] * 20_000])
        assert await connection.ended()
        assert not whole
    assert await serves(desk)


async def test_endless_chunk_extensions_end_the_connection(desk: LiveDesk) -> None:
    async with RawHttp.open(desk.port) as connection:
        whole = await connection.send([chunked(desk) + b"2;", *[b"x" * 1000] * 20_000])
        assert await connection.ended()
        assert not whole


async def test_an_endless_body_of_small_chunks_is_answered_with_413(desk: LiveDesk) -> None:
    async with RawHttp.open(desk.port) as connection:
        await connection.send([chunked(desk), *[b"1\r\n \r\n" * 1000] * 101])
        answer = await connection.answer()
        assert (answer.status, answer.code) == (413, "BODY_TOO_LARGE")


async def test_a_body_of_small_chunks_is_served(desk: LiveDesk) -> None:
    async with RawHttp.open(desk.port) as connection:
        body = b'{"query": "{ viewer { subject } }"}'.ljust(50_000)
        await connection.send([chunked(desk), b"".join(b"1\r\n%c\r\n" % each for each in body), b"0\r\n\r\n"])
        answer = await connection.answer()
        assert (answer.status, answer.body) == (200, b'{"data":{"viewer":{"subject":"trader"}}}')


async def test_requests_that_wait_behind_an_answer_are_bounded(desk: LiveDesk) -> None:
    async with RawHttp.open(desk.port) as connection:
        await connection.send([(begun(b"GET /readyz") + b"\r\n") * (PIPELINED_MAX + 2)])
        assert await connection.ended()
    async with RawHttp.open(desk.port) as connection:
        await connection.send([(begun(b"GET /readyz") + b"\r\n") * PIPELINED_MAX])
        answers = [await connection.answer() for _ in range(PIPELINED_MAX)]
        assert {answer.status for answer in answers} == {200}


async def test_nothing_is_left_of_a_refused_connection(desk: LiveDesk) -> None:
    connections = desk.server.server_state.connections
    await asyncio.gather(
        *(refused(desk, iter([begun(b"POST /graphql"), header(1, HEAD_BYTES), b"\r\n"])) for _ in range(20))
    )
    await until(lambda: not connections)
