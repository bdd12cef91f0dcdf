"""A connection that ends while the application is about to answer: no fault, and no line in the log.

On uvloop, as in production: its transports raise when something is written to them after their end.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from gateway.http.protocols.http_protocol import PIPELINED_MAX
from tests.api.test_request_heads import UPGRADE, serves
from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.raw_http import Answer, RawHttp

BODY = b'{"query": "{ cases { nodes { id } } }"}'


def request(desk: LiveDesk, *headers: bytes, body: bytes = b"") -> bytes:
    token = b"Authorization: " + desk.token().encode()
    lines = [b"POST /graphql HTTP/1.1", b"Host: desk", b"Content-Type: application/json", token, *headers]
    return b"\r\n".join([*lines, b"", b""]) + body


def whole(desk: LiveDesk, *headers: bytes) -> bytes:
    return request(desk, b"Content-Length: %d" % len(BODY), *headers, body=BODY)


def chunked(desk: LiveDesk, body: bytes) -> bytes:
    return request(desk, b"Transfer-Encoding: chunked", body=body)


async def answers(desk: LiveDesk, sent: bytes) -> list[Answer]:
    """What comes back until the connection ends, in one piece of bytes that is sent at once."""
    async with RawHttp.open(desk.port) as connection:
        await connection.send([sent])
        found = []
        while (answer := await connection.answer()).status:
            found.append(answer)
        assert await connection.ended()
    return found


async def a_chunk_that_is_none(desk: LiveDesk) -> None:
    (answer,) = await answers(desk, chunked(desk, b'5\r\n{"que\r\nxyz\r\n'))
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


async def too_many_trailers(desk: LiveDesk) -> None:
    (answer,) = await answers(desk, chunked(desk, b"0\r\n" + b"X-Trailer: 1\r\n" * 200))
    assert (answer.status, answer.code) == (431, "HEADERS_TOO_LARGE")


async def a_second_fault(desk: LiveDesk) -> None:
    (answer,) = await answers(desk, request(desk, b"Host: other", b"X-A: 1", b"X-B: 1", b"no header"))
    assert (answer.status, answer.code) == (400, "HEADER_REPEATED")


async def bytes_behind_a_request(desk: LiveDesk) -> None:
    assert not await answers(desk, whole(desk) + b"\x16\x03\x01\x00\xb0\r\n\r\n")


async def too_many_requests(desk: LiveDesk) -> None:
    assert not await answers(desk, whole(desk) * (PIPELINED_MAX + 2))


async def a_handshake_behind_a_request(desk: LiveDesk) -> None:
    assert not await answers(desk, whole(desk) + UPGRADE + b"\r\n")


async def half_a_request_behind_the_last(desk: LiveDesk) -> None:
    (answer,) = await answers(desk, whole(desk, b"Connection: close") + whole(desk)[:-10])
    assert answer.status == 200


@pytest.mark.parametrize(
    "ends",
    [
        a_chunk_that_is_none,
        too_many_trailers,
        a_second_fault,
        bytes_behind_a_request,
        too_many_requests,
        a_handshake_behind_a_request,
        half_a_request_behind_the_last,
    ],
)
def test_an_answer_that_comes_too_late_is_no_fault(
    ends: Callable[[LiveDesk], Awaitable[None]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ended() -> None:
        async with served_desk(tmp_path) as desk:
            await ends(desk)
            assert await serves(desk)

    with capture_logs() as logs:
        uvloop.run(ended())
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert "Traceback" not in caplog.text
