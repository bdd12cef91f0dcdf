"""Every answer has the headers that tell browsers what they must not do, however early it was made."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.routing import Route

from gateway.app import create_app
from gateway.http.protocols.security_headers import EVERY_ANSWER
from gateway.settings import load_settings
from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_http import RawHttp

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = [route.path for route in create_app(load_settings()).routes if isinstance(route, Route)]
HOST = b" HTTP/1.1\r\nHost: desk\r\n"
HANDSHAKE = (
    b"GET /graphql" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
BEFORE_THE_APPLICATION = {
    "no request": b"nonsense\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a header too many": b"GET /healthz" + HOST + b"X: 1\r\n" * 100 + b"\r\n",
    "a long address": b"GET /" + b"x" * 9000 + HOST + b"\r\n",
    "a handshake of another origin": HANDSHAKE + b"Origin: https://example.com\r\n\r\n",
    "a broken handshake": b"GET /graphql" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveDesk]:
    directory: Path = tmp_path_factory.mktemp("desk")
    async with served_desk(directory) as served:
        yield served


def client(desk: LiveDesk) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=False, base_url=desk.url)


def each_once(headers: httpx.Headers) -> bool:
    return all(headers.get_list(name) == [value] for name, value in EVERY_ANSWER)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", [*PATHS, "/nothing", "/graphql/stream/"])
async def test_every_route_answers_every_method_with_them(desk: LiveDesk, path: str, method: str) -> None:
    async with client(desk) as browser:
        answer = await browser.request(method, path.replace("{name}", "margin"))
    assert each_once(answer.headers), (answer.status_code, answer.headers)


@pytest.mark.parametrize("request_", BEFORE_THE_APPLICATION)
async def test_a_refusal_before_the_application_has_them(desk: LiveDesk, request_: str) -> None:
    async with RawHttp.open(desk.port) as connection:
        await connection.send([BEFORE_THE_APPLICATION[request_]])
        answer = await connection.answer()
    assert answer.status >= 400
    assert {(name, answer.headers.get(name)) for name, _ in EVERY_ANSWER} == set(EVERY_ANSWER)


async def test_an_accepted_handshake_has_them(desk: LiveDesk) -> None:
    async with RawHttp.open(desk.port) as connection:
        await connection.send([HANDSHAKE, b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"])
        answer = await connection.answer()
    assert answer.status == 101
    assert {(name, answer.headers.get(name)) for name, _ in EVERY_ANSWER} == set(EVERY_ANSWER)


async def test_the_explorer_runs_its_own_scripts_alone(desk: LiveDesk) -> None:
    async with client(desk) as browser:
        page = await browser.get("/explorer/")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["worker-src"]) == (
        "'none'",
        "'self'",
        "'self'",
    )
    socket = f"127.0.0.1:{desk.port}"
    assert policy["connect-src"] == f"'self' ws://{socket} wss://{socket}"


@pytest.mark.parametrize("host", ["desk.example.com", "elsewhere.example.com"])
async def test_a_slash_too_many_leads_to_the_same_place_on_whatever_host(desk: LiveDesk, host: str) -> None:
    async with client(desk) as browser:
        moved = await browser.post("/graphql/?a=b", headers={"host": host}, json={})
        assert (moved.status_code, moved.headers["location"]) == (307, "../graphql?a=b")
        behind_a_prefix = httpx.URL("https://example.com/desk/graphql/").join(moved.headers["location"])
        assert behind_a_prefix == "https://example.com/desk/graphql?a=b"
        for path in ("/graphql/stream/", "/healthz/", "//elsewhere.example.com/graphql/"):
            lost = await browser.get(httpx.URL(desk.url).copy_with(raw_path=path.encode()))
            assert (lost.status_code, lost.headers.get("location")) == (404, None)


async def test_a_request_of_http_1_1_without_a_host_is_refused(desk: LiveDesk) -> None:
    for line in (b"POST /graphql HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\n"):
        async with RawHttp.open(desk.port) as connection:
            await connection.send([line + b"Accept: */*\r\n\r\n"])
            answer = await connection.answer()
            assert (answer.status, answer.code) == (400, "HOST_MISSING")
            assert await connection.ended()
    async with RawHttp.open(desk.port) as connection:
        await connection.send([b"GET /healthz HTTP/1.0\r\n\r\n"])
        assert (await connection.answer()).status == 200


@pytest.mark.parametrize(
    "way", [b"POST /graphql", b"POST /graphql/stream", b"POST /nothing", b"PUT /metrics", b"DELETE /graphql"]
)
async def test_an_answer_before_the_body_ends_the_connection(desk: LiveDesk, way: bytes) -> None:
    json = b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    async with RawHttp.open(desk.port) as connection:
        await connection.send([way + HOST + json, b"{"])
        answer = await connection.answer()
        assert 400 <= answer.status < 500
        assert answer.is_last
        assert await connection.ended()


async def test_a_client_that_sends_a_large_body_before_it_reads_gets_the_refusal(desk: LiveDesk) -> None:
    def sends_first() -> bytes:
        size = 15_000_000
        head = (
            b"POST /graphql" + HOST + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size
        )
        with socket.create_connection(("127.0.0.1", desk.port), timeout=PATIENCE_S) as connection:
            connection.sendall(head + b" " * size)
            return connection.recv(100)

    assert (await asyncio.to_thread(sends_first)).startswith(b"HTTP/1.1 4")


async def test_an_answer_behind_the_body_keeps_the_connection(desk: LiveDesk) -> None:
    whole = b"POST /graphql" + HOST + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    async with RawHttp.open(desk.port) as connection:
        for _ in range(3):
            await connection.send([whole])
            answer = await connection.answer()
            assert (answer.status, answer.is_last) == (401, False)
