"""Resuming over real sockets: which cursors are good for what, how far back, and that nothing is missing."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.settings import DEVELOPMENT_SECRET
from models import outbox
from models.sql.database import execute
from subscriptions.connections.protocol import CloseCode
from subscriptions.stream.bus import Position
from subscriptions.stream.cursor import CursorSigner, key_id_of, scope_of
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.raw_websocket import RawWebSocket
from tests.kit.transport_ws_harness import ready, refusal, subscribe, take_all

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = """subscription ($after: String, $filter: CaseFilter) {
  caseEvents(after: $after, filter: $filter) { id cursor }
}"""
Place = Callable[[], Path]
ORDERS = "subscription ($after: String) { orderEvents(after: $after) { id } }"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(place: Place) -> AsyncIterator[LiveDesk]:
    async with served_desk(place()) as served:
        yield served


async def cursor_of_one_event(desk: LiveDesk, token: str | None = None, **variables: Any) -> str:
    async with ready(desk, token) as socket:
        await subscribe(desk, socket, CASES, variables=variables)
        await desk.publish()
        return str((await socket.receive())["payload"]["extensions"]["cursor"])


async def code_of(
    desk: LiveDesk, cursor: str, query: str = CASES, token: str | None = None, **more: Any
) -> str:
    """How the cursor is refused."""
    async with ready(desk, token) as socket:
        error = await refusal(socket, query, variables={"after": cursor} | more)
        return str(error["extensions"]["code"])


async def arrives(desk: LiveDesk, cursor: str, token: str | None = None, **more: Any) -> bool:
    """Whether an operation resumed there goes on."""
    async with ready(desk, token) as socket:
        await subscribe(desk, socket, CASES, variables={"after": cursor} | more)
        ids = await desk.publish()
        arrived: list[str] = []
        while arrived[-1:] != ids:
            arrived.append((await socket.receive())["payload"]["data"]["caseEvents"]["id"])
        return True


def changed(cursor: str, at: int) -> str:
    """One bit of it."""
    raw = bytearray(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[at] ^= 1
    return urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()


async def test_the_cursor_in_the_data_is_the_one_in_the_extensions(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        await subscribe(desk, socket, CASES)
        await desk.publish()
        payload = (await socket.receive())["payload"]
    assert payload["data"]["caseEvents"]["cursor"] == payload["extensions"]["cursor"]


async def test_the_first_frame_says_whether_it_was_resumed_and_how_far_back_one_can(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        await subscribe(desk, socket, CASES)
        await desk.publish(2)
        first, second = await socket.receive(), await socket.receive()
    stream = {"resumed": False, "resumeWithinS": 24 * 3600}
    assert first["payload"]["extensions"]["stream"] == stream
    assert list(second["payload"]["extensions"]) == ["cursor"]
    async with ready(desk) as socket:
        cursor = first["payload"]["extensions"]["cursor"]
        await subscribe(desk, socket, CASES, variables={"after": cursor})
        again = await socket.receive()
    assert again["payload"]["extensions"].pop("stream") == stream | {"resumed": True}
    assert again == second


async def test_a_cursor_serves_every_caller_with_the_same_scope_however_the_filter_is_written(
    desk: LiveDesk,
) -> None:
    cursor = await cursor_of_one_event(desk, filter={"accountNo": "A1"})
    assert await arrives(
        desk, cursor, desk.token("somebody else"), filter={"accountNo": "A1", "status": None}
    )


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda cursor: "",
        lambda cursor: cursor[:-1],
        lambda cursor: cursor[:20],
        lambda cursor: cursor + "AAAA",
        lambda cursor: cursor * 9,
        lambda cursor: "x",
        lambda cursor: "💶" * 30,
        *(lambda cursor, at=at: changed(cursor, at) for at in (0, 1, 9, 15, -1)),
    ],
    ids=["empty", "cut", "truncated", "longer", "far too long", "a letter", "no base64"]
    + [f"{what} changed" for what in ("version", "key", "offset", "epoch", "signature")],
)
async def test_a_foreign_cursor_is_invalid(desk: LiveDesk, spoilt: Any) -> None:
    cursor = await cursor_of_one_event(desk)
    assert await code_of(desk, spoilt(cursor)) == "CURSOR_INVALID"


async def test_a_cursor_signed_with_another_secret_is_invalid(desk: LiveDesk) -> None:
    key_id = key_id_of(DEVELOPMENT_SECRET.encode())
    forger = CursorSigner(key_id, b"not the secret of the desk, but as long as it")
    scope = scope_of("caseEvents", "CaseFilter()", "*")
    assert await code_of(desk, forger.sign(Position("", 1), scope)) == "CURSOR_INVALID"


async def test_a_new_secret_leaves_cursors_and_tokens_of_the_previous_one_good_while_that_is_named(
    tmp_path: Path,
) -> None:
    new = "the next secret of the desk, just as long as it was"
    async with served_desk(tmp_path) as before:
        token = before.token()
        cursor = await cursor_of_one_event(before)
        (missed,) = await before.publish()
    async with (
        served_desk(tmp_path, auth_secret=new, auth_previous_secret=DEVELOPMENT_SECRET) as rotated,
        ready(rotated, token) as socket,
    ):
        await subscribe(rotated, socket, CASES, variables={"after": cursor})
        assert (await socket.receive())["payload"]["data"]["caseEvents"]["id"] == missed
    async with served_desk(tmp_path, auth_secret=new) as later:
        assert await code_of(later, cursor) == "CURSOR_INVALID"
        async with RawWebSocket.open(later.port) as socket:
            socket.send(type="connection_init", payload={"authorization": token})
            assert (await socket.closed()).code == CloseCode.FORBIDDEN


async def test_a_cursor_of_another_field_filter_or_scope_is_invalid(desk: LiveDesk) -> None:
    cursor = await cursor_of_one_event(desk)
    assert await code_of(desk, cursor, ORDERS) == "CURSOR_INVALID"
    assert await code_of(desk, cursor, filter={"accountNo": "A1"}) == "CURSOR_INVALID"
    narrower = desk.token(accounts=["A1"])
    assert await code_of(desk, cursor, token=narrower) == "CURSOR_INVALID"
    of_narrower = await cursor_of_one_event(desk, narrower)
    assert await code_of(desk, of_narrower, token=desk.token(accounts=["A1", "A2"])) == "CURSOR_INVALID"
    assert await code_of(desk, of_narrower) == "CURSOR_INVALID"


async def test_a_cursor_is_no_permission(desk: LiveDesk) -> None:
    cursor = await cursor_of_one_event(desk)
    assert await code_of(desk, cursor, token=desk.token(permissions=[])) == "FORBIDDEN"


async def test_a_resumed_operation_does_not_ask_for_a_snapshot(desk: LiveDesk) -> None:
    both = "subscription ($after: String) { caseEvents(after: $after, snapshot: true) { id } }"
    assert await code_of(desk, await cursor_of_one_event(desk), both) == "BAD_USER_INPUT"


async def test_fifty_clients_that_come_back_at_different_places_share_one_execution(desk: LiveDesk) -> None:
    query = CASES.replace("id cursor", "id cursor kind")
    async with ready(desk) as socket:
        await subscribe(desk, socket, query)
        ids = await desk.publish(50)
        cursors = [(await socket.receive())["payload"]["extensions"]["cursor"] for _ in ids]
    # Those whom earlier tests left are told of the same events, in their own time.
    await desk.until_fed()
    executed = desk.live.metrics.executions["caseEvents"]
    arrived = await asyncio.gather(
        *(resumed(desk, query, cursor, number) for number, cursor in enumerate(cursors))
    )
    assert [len(each) for each in arrived] == list(range(49, -1, -1))
    assert all(got == ids[number + 1 :] for number, got in enumerate(arrived))
    assert desk.live.metrics.executions["caseEvents"] == executed


async def resumed(desk: LiveDesk, query: str, cursor: str, number: int) -> list[str]:
    got: list[str] = []
    async with ready(desk, desk.token(f"client {number}")) as socket:
        socket.send(id="1", type="subscribe", payload={"query": query, "variables": {"after": cursor}})
        await take_all(socket, got, most=49 - number)
    return got


@pytest.mark.parametrize("remembered_bytes", [10_000_000, 1], ids=["memory", "stream"])
async def test_a_reader_resumes_over_more_than_its_mailbox_holds(place: Place, remembered_bytes: int) -> None:
    bounds: dict[str, Any] = {"mailbox_frames": 5, "mailbox_bytes": 10_000}
    async with served_desk(place(), live_remembered_bytes=remembered_bytes, **bounds) as desk:
        cursor = await cursor_of_one_event(desk)
        missed = await desk.publish(1500)
        await desk.until_fed()
        arrived: list[str] = []
        async with ready(desk, receive_buffer=4096) as socket:
            payload = {"query": CASES, "variables": {"after": cursor}}
            socket.send(id="1", type="subscribe", payload=payload)
            await take_all(socket, arrived, most=1000)
            later = await desk.publish(1)
            await take_all(socket, arrived, most=501)
        assert arrived == missed + later


async def test_cursors_outlive_a_restart_of_the_process(place: Place) -> None:
    directory = place()
    async with served_desk(directory) as desk:
        cursor = await cursor_of_one_event(desk)
        missed = await desk.publish(3)
    async with served_desk(directory, bus_remembered_entries=2) as desk:
        missed += await desk.publish(3)
        assert await resumed_ids(desk, cursor, 6) == missed


async def resumed_ids(desk: LiveDesk, cursor: str, count: int) -> list[str]:
    arrived: list[str] = []
    async with ready(desk) as socket:
        socket.send(id="1", type="subscribe", payload={"query": CASES, "variables": {"after": cursor}})
        await take_all(socket, arrived, most=count)
        # What arrives last comes a little before the operation counts as resumed.
        await until(lambda: desk.live.metrics.resumes["recovered"] == 1)
    return arrived


async def test_a_cursor_older_than_what_is_kept_has_expired_and_the_oldest_kept_has_not(
    place: Place,
) -> None:
    settings: dict[str, Any] = {"bus_remembered_entries": 1, "live_remembered_bytes": 1}
    async with served_desk(place(), **settings) as desk:
        cursors = [await cursor_of_one_event(desk) for _ in range(3)]
        last = await desk.publish()
        await desk.until_fed()
        with desk.resources.database.active():
            assert await outbox.prune(desk.clock(), limit=2) == 2
        assert await code_of(desk, cursors[0]) == "CURSOR_EXPIRED"
        assert (await resumed_ids(desk, cursors[1], 2))[1:] == last
        assert desk.live.metrics.resumes == {"expired": 1, "recovered": 1}


async def test_a_cursor_of_a_database_that_was_replaced_has_expired(place: Place) -> None:
    async with served_desk(place()) as desk:
        cursor = await cursor_of_one_event(desk)
    async with served_desk(place()) as desk:
        await desk.publish(5)
        assert await code_of(desk, cursor) == "CURSOR_EXPIRED"


async def test_a_cursor_ahead_of_a_database_that_was_restored_has_expired(place: Place) -> None:
    directory = place()
    async with served_desk(directory) as desk:
        async with ready(desk) as socket:
            await subscribe(desk, socket, CASES)
            await desk.publish(4)
            cursor = await take_all(socket, [], most=4)
        await desk.until_fed()
        with desk.resources.database.active():
            await execute("DELETE FROM outbox WHERE stream_offset > 2")
            await execute("UPDATE stream SET last_offset = 2")
    async with served_desk(directory) as desk:
        await desk.publish(1)
        assert await code_of(desk, cursor) == "CURSOR_EXPIRED"
