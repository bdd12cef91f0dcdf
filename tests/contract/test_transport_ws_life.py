"""graphql-transport-ws in the course of time: pings, expiring tokens, slow readers, the end of a server."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from domain.principal import Permission
from subscriptions.connections.running import RESUME_HINT
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.raw_websocket import CLOSE, PING, PONG, TEXT, Closed, RawWebSocket
from tests.kit.transport_ws_harness import (
    CASES,
    COUNT,
    PERSON,
    forged,
    ready,
    subscribe,
    take_all,
    works,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(directory: Path) -> AsyncIterator[LiveDesk]:
    async with served_desk(directory) as served:
        yield served


# Pings


async def test_a_client_that_answers_pings_stays_however_late_it_is_looked_at(directory: Path) -> None:
    limits = {"ws_ping_interval_s": 2 * FAR_S, "ws_pong_timeout_s": FAR_S}
    async with served_desk(directory / "pings", **limits) as desk, ready(desk) as socket:
        (session,) = desk.live.sessions
        now = asyncio.get_running_loop().time()
        for _ in range(3):
            now += 2 * FAR_S + 1
            session.tick(now, desk.clock().timestamp())
            assert await socket.receive() == {"type": "ping"}
            socket.send(type="pong")
            assert await works(socket)
        session.tick(now + FAR_S + 1, desk.clock().timestamp())
        assert await works(socket)


async def test_a_client_that_does_not_answer_pings_is_closed_with_1013(directory: Path) -> None:
    limits = {"ws_ping_interval_s": 0.1, "ws_pong_timeout_s": 0.2}
    async with served_desk(directory / "no pong", **limits) as desk, ready(desk) as socket:
        assert await socket.receive() == {"type": "ping"}
        assert await socket.closed() == Closed(1013, "no pong arrived")


async def test_a_client_that_never_initialises_is_closed_with_4408(directory: Path) -> None:
    async with (
        served_desk(directory / "init", ws_init_timeout_s=0.1) as desk,
        RawWebSocket.open(desk.port) as socket,
    ):
        assert (await socket.closed()).code == 4408


@pytest.mark.parametrize("said", [b"", b"GET /graphql HTTP/1.1\r\nHost: desk\r\n"], ids=["nothing", "half"])
async def test_a_connection_without_a_request_is_cut_off(directory: Path, said: bytes) -> None:
    async with served_desk(directory / f"silent {len(said)}", http_headers_timeout_s=2) as desk:
        async with ready(desk) as socket, asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
            writer.write(said)
            assert not await reader.read()
            assert await works(socket)
        writer.close()


async def test_a_request_without_its_body_is_cut_off_and_no_error_is_logged(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served_desk(directory / "no body", http_body_timeout_s=0.2) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: desk\r\nAccept: text/event-stream\r\n"
            b"Content-Type: application/json\r\n"
        )
        writer.write(b"Authorization: %b\r\nContent-Length: 100\r\n\r\n{" % desk.token().encode())
        async with ready(desk) as socket, asyncio.timeout(PATIENCE_S):
            assert not await reader.read()
            assert await works(socket)
        writer.close()
    assert "Exception in ASGI application" not in caplog.text


async def test_a_process_that_ends_still_answers_a_client_that_connected_a_moment_ago(
    directory: Path,
) -> None:
    """A balancer, or a sibling on the same listening socket, may have just handed it the connection."""
    async with AsyncExitStack() as serving:
        desk = await serving.enter_async_context(served_desk(directory / "ends", shutdown_timeout_s=FAR_S))
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        async with ready(desk) as socket:
            assert await works(socket)
        ending = asyncio.create_task(serving.aclose())
        await refused(desk.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: desk\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
        writer.close()
        await ending
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()


async def refused(port: int) -> None:
    """Waits until the port has no listener any more."""
    async with asyncio.timeout(PATIENCE_S):
        # Reset, if it came while the listener was being closed.
        with suppress(ConnectionRefusedError, ConnectionResetError):
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await asyncio.sleep(0.01)


async def test_sockets_without_a_caller_are_bounded_and_an_accepted_one_makes_room(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served_desk(directory / "crowd", ws_max_awaiting_init=2) as desk,
        RawWebSocket.open(desk.port) as first,
        RawWebSocket.open(desk.port) as second,
    ):
        async with RawWebSocket.open(desk.port) as third:
            assert (third.status, third.headers["retry-after"]) == (503, "1")
            assert await third.ended()
        assert desk.live.metrics.refusals == {"crowded": 1}
        first.send(type="connection_init", payload={"authorization": desk.token()})
        assert (await first.receive())["type"] == "connection_ack"
        async with ready(desk) as fourth:
            assert await works(fourth)
        second.send(type="connection_init", payload={"authorization": "Bearer nonsense"})
        assert (await second.closed()).code == 4403
        second.send_frame(CLOSE, b"")
        await until(lambda: len(list(desk.live.sessions)) == 1)
        async with ready(desk) as fifth, ready(desk) as sixth:
            assert await works(fifth)
            assert await works(sixth)
    assert "without completing handshake" not in caplog.text


@pytest.mark.parametrize(
    ("opcode", "payload", "code"),
    [(0x3, b"", 1002), (TEXT, b"\xff", 1007), (TEXT, b"x" * 1001, 1009)],
    ids=["no opcode", "not UTF-8", "too large"],
)
async def test_a_close_beneath_the_protocol_is_counted_like_any_other(
    directory: Path, opcode: int, payload: bytes, code: int
) -> None:
    async with (
        served_desk(directory / f"frames {code}", ws_max_frame_bytes=1000) as desk,
        ready(desk) as socket,
    ):
        socket.send_frame(opcode, payload)
        assert (await socket.closed()).code == code
        await until(lambda: desk.live.metrics.closes == {code: 1})


async def test_a_close_for_another_subprotocol_is_counted(directory: Path) -> None:
    async with served_desk(directory / "4406") as desk, RawWebSocket.open(desk.port, protocols="chat") as it:
        assert (await it.closed()).code == 4406
        assert desk.live.metrics.closes == {4406: 1}


# The token in the course of a session


async def test_a_token_is_warned_about_and_its_socket_closed_with_4403_when_it_expires(
    desk: LiveDesk,
) -> None:
    async with ready(desk, desk.token(minutes=1)) as socket:
        warning = await socket.receive()
        assert warning["type"] == "ping"
        assert 0 < warning["payload"]["tokenExpiresInS"] <= 60
        socket.send(type="pong")
        desk.clock.pass_(minutes=1)
        assert await socket.closed() == Closed(4403, "the token has expired")


async def test_a_refreshed_token_in_a_pong_keeps_the_socket_open(desk: LiveDesk) -> None:
    async with ready(desk, desk.token(minutes=1)) as socket, ready(desk, desk.token(minutes=1)) as other:
        await subscribe(desk, socket)
        assert (await socket.receive())["type"] == "ping"
        socket.send(type="pong", payload={"authorization": desk.token(minutes=60)})
        assert await works(socket)
        desk.clock.pass_(minutes=2)
        assert (await other.closed()).code == 4403
        await desk.publish()
        assert (await socket.receive())["type"] == "next"


@pytest.mark.parametrize(
    ("refreshed", "code"),
    [
        (lambda desk: desk.token("somebody else"), "TOKEN_CLAIMS"),
        (lambda desk: desk.token(minutes=-1), "TOKEN_EXPIRED"),
        (forged, "TOKEN_FORGED"),
        (lambda _: PERSON * 50, "TOKEN_MALFORMED"),
    ],
    ids=["another subject", "expired", "forged", "no token"],
)
async def test_a_bad_refreshed_token_is_closed_with_4403(desk: LiveDesk, refreshed: Any, code: str) -> None:
    async with ready(desk) as socket:
        socket.send(type="pong", payload={"authorization": refreshed(desk)})
        closed = await socket.closed()
        assert closed.code == 4403
        assert closed.reason.startswith(f"{code}: ")


@pytest.mark.parametrize(
    "other",
    [{"accounts": ["A1"]}, {"permissions": [Permission.RISK_WARNING_FULL]}, {"permissions": []}],
    ids=str,
)
async def test_a_refreshed_token_with_other_permissions_closes_with_1013_to_resume_under_them(
    desk: LiveDesk, other: dict[str, Any]
) -> None:
    async with ready(desk) as socket:
        await subscribe(desk, socket)
        socket.send(type="pong", payload={"authorization": desk.token(**other)})
        assert await socket.closed() == Closed(1013, "your permissions changed: reconnect and resume")


async def test_a_token_before_connection_init_is_not_a_refreshed_one(desk: LiveDesk) -> None:
    async with RawWebSocket.open(desk.port) as socket:
        socket.send(type="pong", payload={"authorization": desk.token()})
        socket.send(id="1", type="subscribe", payload={"query": COUNT})
        assert (await socket.closed()).code == 4401


async def test_a_revoked_subject_is_closed_with_4403(desk: LiveDesk) -> None:
    async with ready(desk, desk.token("leaver")) as socket, ready(desk) as other:
        assert desk.live.close_subject("leaver") == 1
        assert await socket.closed() == Closed(4403, "TOKEN_REVOKED: your access was revoked")
        assert await works(other)


# Clients that do not keep up, and a server that stops


async def test_a_stalled_reader_is_closed_with_1013_and_delays_no_other(directory: Path) -> None:
    async with (
        served_desk(directory / "stall", mailbox_frames=20) as desk,
        ready(desk) as reader,
        ready(desk, receive_buffer=4096) as stalled,
    ):
        await subscribe(desk, reader)
        await subscribe(desk, stalled)
        stalled.stop_reading()
        while desk.live.metrics.closes[1013] == 0:
            published = await desk.publish(5, remark="x" * 10_000)
            arrived = [(await reader.receive())["payload"]["data"]["caseEvents"]["id"] for _ in range(5)]
            assert arrived == published
        assert desk.live.metrics.overflows["caseEvents"] == 1
        await desk.until_members(1)
        stalled.read_on()
        assert await stalled.closed() == Closed(1013, RESUME_HINT)


async def test_a_reader_that_never_reads_again_is_cut_off(directory: Path) -> None:
    async with (
        served_desk(directory / "dead", mailbox_frames=20) as desk,
        ready(desk, desk.token("dead"), receive_buffer=4096) as stalled,
    ):
        await subscribe(desk, stalled)
        stalled.stop_reading()
        while desk.live.metrics.closes[1013] == 0:
            await desk.publish(5, remark="x" * 10_000)
            await asyncio.sleep(0.01)
        await until(lambda: not desk.live.admission.seats)
        await until(lambda: not desk.server.server_state.connections)


async def test_pings_of_a_client_that_reads_nothing_do_not_pile_up_and_the_last_is_answered(
    desk: LiveDesk,
) -> None:
    await until(lambda: not desk.server.server_state.connections)
    async with ready(desk, receive_buffer=4096) as socket:
        (protocol,) = desk.server.server_state.connections
        socket.stop_reading()
        for number in range(20_000):
            socket.send_frame(PING, b"%120d" % number)
        socket.send(type="ping", payload={"behind": "all"})
        (session,) = desk.live.sessions
        await until(lambda: session.depth)
        assert protocol.transport.get_write_buffer_size() < 500_000
        socket.read_on()
        answered = []
        while (frame := await socket.frame()).opcode == PONG:
            answered.append(int(frame.payload))
        assert answered == sorted(answered)
        assert answered[-1] == 19_999
        assert orjson.loads(frame.payload) == {"type": "pong", "payload": {"behind": "all"}}
        assert await works(socket)


async def test_a_client_that_closes_and_never_reads_is_cut_off(directory: Path) -> None:
    async with (
        served_desk(directory / "closes") as desk,
        ready(desk, receive_buffer=4096) as stalled,
    ):
        await subscribe(desk, stalled)
        stalled.stop_reading()
        (session,) = desk.live.sessions
        while not session.depth:
            await desk.publish(5, remark="x" * 10_000)
        stalled.send_frame(CLOSE, (1000).to_bytes(2))
        await until(lambda: not desk.live.admission.seats)
        await until(lambda: not desk.server.server_state.connections)


async def test_a_client_that_was_cut_off_resumes_and_has_everything_once(directory: Path) -> None:
    async with served_desk(directory / "resume", mailbox_frames=20) as desk:
        arrived: list[str] = []
        async with ready(desk, receive_buffer=4096) as socket:
            await subscribe(desk, socket)
            socket.stop_reading()
            while desk.live.metrics.closes[1013] == 0:
                await desk.publish(5, remark="x" * 10_000)
                await asyncio.sleep(0.01)
            socket.read_on()
            cursor = await take_all(socket, arrived)
        while len(arrived) < len(desk.published):
            async with ready(desk) as socket:
                socket.send(
                    id="1", type="subscribe", payload={"query": CASES, "variables": {"after": cursor}}
                )
                missing = len(desk.published) - len(arrived)
                cursor = await take_all(socket, arrived, missing) or cursor
        assert arrived == desk.published


async def test_a_server_that_stops_flushes_and_closes_with_1012_and_a_moment_to_come_back(
    directory: Path,
) -> None:
    bounds = {"drain_flush_s": FAR_S, "mailbox_frames": 100_000, "mailbox_bytes": 100_000_000}
    async with (
        served_desk(directory / "stop", **bounds) as desk,
        ready(desk, receive_buffer=4096) as socket,
        ready(desk) as other,
    ):
        await subscribe(desk, socket)
        socket.stop_reading()
        while not any(session.depth for session in desk.live.sessions):
            await desk.publish(5, remark="x" * 10_000)
            await desk.until_fed()
        desk.server.should_exit = True
        await until(lambda: desk.live.draining)
        socket.read_on()
        arrived = [(await socket.receive())["payload"]["data"]["caseEvents"]["id"] for _ in desk.published]
        assert arrived == desk.published
        closed = [await socket.closed(), await other.closed()]
        assert {each.code for each in closed} == {1012}
        for each in closed:
            assert re.fullmatch(r"the desk restarts: reconnect in \d+\.\d s and resume", each.reason)
