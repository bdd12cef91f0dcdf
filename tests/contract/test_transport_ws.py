"""graphql-transport-ws over real sockets, frame by frame: what the protocol asks for, and every close code.

One served desk answers most tests; those that need other settings, or stop it, serve one of their own.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from domain.principal import Permission
from gateway.http.protocols.websocket_protocol import FRAGMENTS_MAX
from models.sql.database import execute
from resolvers.kit.node import global_id
from subscriptions.connections.websocket import INIT_CHARACTERS_MAX
from tests.kit.desk_kit import Clock as DeskClock
from tests.kit.desk_kit import DeskKit
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_websocket import BINARY, CLOSE, CONTINUATION, PONG, TEXT, Closed, RawWebSocket
from tests.kit.raw_websocket import PING as WEBSOCKET_PING
from tests.kit.transport_ws_harness import (
    CASE_LIST,
    CASES,
    COUNT,
    LIQUIDATE,
    PERSON,
    answer,
    forged,
    ready,
    refusal,
    subscribe,
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


# The handshake


async def test_the_subprotocol_is_confirmed_and_compression_is_not_negotiated(desk: LiveDesk) -> None:
    async with RawWebSocket.open(desk.port, protocols="graphql-ws, graphql-transport-ws") as socket:
        assert socket.status == 101
        assert socket.headers["sec-websocket-protocol"] == "graphql-transport-ws"
        assert "sec-websocket-extensions" not in socket.headers


@pytest.mark.parametrize("protocols", [None, "graphql-ws", "chat"])
async def test_another_subprotocol_is_closed_with_4406(desk: LiveDesk, protocols: str | None) -> None:
    async with RawWebSocket.open(desk.port, protocols=protocols) as socket:
        assert await socket.closed() == Closed(4406, "Subprotocol not acceptable")


async def test_a_foreign_origin_is_refused_before_the_socket_is_accepted(desk: LiveDesk) -> None:
    async with RawWebSocket.open(desk.port, headers={"Origin": "https://elsewhere.example"}) as socket:
        assert (socket.status, socket.headers.get("retry-after")) == (403, None)


async def test_the_own_origin_is_accepted(desk: LiveDesk) -> None:
    async with ready(desk, headers={"Origin": f"http://127.0.0.1:{desk.port}"}) as socket:
        assert await works(socket)


# Connection_init


async def test_the_acknowledgement_tells_how_long_the_token_lasts_and_how_far_back_one_can_resume(
    desk: LiveDesk,
) -> None:
    async with RawWebSocket.open(desk.port) as socket:
        socket.send(type="connection_init", payload={"authorization": desk.token(minutes=2)})
        ack = await socket.receive()
    assert ack["type"] == "connection_ack"
    assert 0 < ack["payload"].pop("tokenExpiresInS") <= 120
    interval_s = desk.resources.settings.ws_ping_interval_s
    assert ack["payload"] == {"pingIntervalS": interval_s, "resumeWithinS": 24 * 3600}


@pytest.mark.parametrize("init", [{}, {"payload": None}, {"payload": {}}])
async def test_the_token_may_come_with_the_handshake_and_the_payload_be_missing_null_or_empty(
    desk: LiveDesk, init: dict[str, Any]
) -> None:
    async with RawWebSocket.open(desk.port, headers={"Authorization": desk.token()}) as socket:
        socket.send(type="connection_init", **init)
        assert (await socket.receive())["type"] == "connection_ack"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (lambda _: "Bearer nonsense", "TOKEN_MALFORMED"),
        (lambda _: "nonsense", "TOKEN_MALFORMED"),
        (lambda _: None, "TOKEN_MISSING"),
        (lambda _: 5, "TOKEN_MISSING"),
        (lambda desk: desk.token(minutes=-1), "TOKEN_EXPIRED"),
        (forged, "TOKEN_FORGED"),
    ],
    ids=["malformed", "no bearer", "null", "number", "expired", "forged"],
)
async def test_a_bad_token_is_closed_with_4403_and_the_reason(desk: LiveDesk, token: Any, code: str) -> None:
    async with RawWebSocket.open(desk.port) as socket:
        socket.send(type="connection_init", payload={"authorization": token(desk)})
        closed = await socket.closed()
        assert closed.code == 4403
        assert closed.reason.startswith(f"{code}: ")


async def test_a_second_connection_init_is_closed_with_4429(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send(type="connection_init", payload={"authorization": desk.token()})
        assert (await socket.closed()).code == 4429


@pytest.mark.parametrize("kind", ["connection_init", "ping", "unknown"])
async def test_a_long_message_before_the_ack_is_closed_with_4400_unread(desk: LiveDesk, kind: str) -> None:
    payload = {"authorization": desk.token(), "more": "x" * INIT_CHARACTERS_MAX}
    async with RawWebSocket.open(desk.port) as socket:
        socket.send(type=kind, payload=payload)
        closed = await socket.closed()
        assert (closed.code, closed.reason) == (4400, "the messages before the ack are too long")


async def test_many_messages_before_the_ack_are_closed_with_4400(desk: LiveDesk) -> None:
    async with RawWebSocket.open(desk.port) as socket:
        for _ in range(INIT_CHARACTERS_MAX // 1000 + 1):
            socket.send(type="ping", payload={"x": "x" * 1000})
        assert (await socket.closed()).code == 4400


async def test_without_connection_init_a_subscribe_is_closed_with_4401(desk: LiveDesk) -> None:
    async with RawWebSocket.open(desk.port) as socket:
        socket.send(id="1", type="subscribe", payload={"query": COUNT})
        assert (await socket.closed()).code == 4401


async def test_an_eleventh_socket_of_a_subject_is_closed_with_1013_and_a_place_is_free_again(
    desk: LiveDesk,
) -> None:
    token, most = desk.token("many sockets"), desk.resources.settings.ws_max_sockets_per_subject
    async with asyncio.timeout(PATIENCE_S):
        opened = [ready(desk, token) for _ in range(most)]
        for each in opened:
            await each.__aenter__()
        async with RawWebSocket.open(desk.port) as socket:
            socket.send(type="connection_init", payload={"authorization": token})
            closed = await socket.closed()
            assert closed == Closed(1013, f"TOO_MANY_SOCKETS: at most {most} sockets and streams per subject")
        async with ready(desk, desk.token("somebody else")):
            pass
        await opened.pop().__aexit__(None, None, None)
        await until(lambda: desk.live.admission.seats["many sockets"] == most - 1)
        async with ready(desk, token) as socket:
            assert await works(socket)
        for each in opened:
            await each.__aexit__(None, None, None)


# Messages that are none


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        '{"type":"ping"',
        "null",
        "7",
        '"ping"',
        '["ping"]',
        '[{"type":"ping"}]',
        "{}",
        '{"type":null}',
        '{"type":{"ping":1}}',
        '{"type":"nonsense"}',
        '{"type":"' + PERSON * 20 + '"}',
        '{"type":"start","id":"1","payload":{"query":"{__typename}"}}',
        '{"type":"connection_init","payload":[]}',
        '{"type":"connection_init","payload":"x"}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","id":"1"}',
        '{"type":"subscribe","id":"1","payload":null}',
        '{"type":"subscribe","id":"1","payload":[]}',
        '{"type":"subscribe","id":"1","payload":{}}',
        '{"type":"subscribe","id":"1","payload":{"query":null}}',
        '{"type":"subscribe","id":"1","payload":{"query":7}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":7}}',
        '{"type":"subscribe","payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":7,"payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"' + "x" * 101 + '","payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"1","id":"2","payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":{"q":"1","q":"1000"}}}',
        '{"type":"complete"}',
        '{"type":"complete","id":7}',
        '{"type":"ping","payload":"\\ud800"}',
        '{"type":' + "[" * 1000 + "]" * 1000 + "}",
        '{"type":"subscribe","id":' + "[" * 1000 + "]" * 1000 + ',"payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"' + "x" * 60_000 + '","payload":{"query":"{a}"}}',
        "[" * 1000 + "]" * 1000,
        "[" * 30_000 + "]" * 30_000,
    ],
    ids=lambda text: text[:60].encode("ascii", "replace").decode() or "nothing",
)
async def test_a_malformed_message_is_closed_with_4400(desk: LiveDesk, text: str) -> None:
    async with ready(desk) as socket:
        socket.send_text(text)
        closed = await socket.closed()
        assert closed.code == 4400
        assert closed.reason


async def test_a_binary_message_is_closed_with_4400(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send_frame(BINARY, b'{"type":"ping"}')
        assert (await socket.closed()).code == 4400


async def test_a_message_over_64_kilobytes_is_closed_with_1009(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send(type="ping", payload={"filling": "x" * 65_536})
        assert (await socket.closed()).code == 1009


async def test_fragments_that_add_up_to_more_than_64_kilobytes_are_closed_with_1009(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send_frame(TEXT, b'{"type":"ping","payload":{"filling":"' + b"x" * 40_000, final=False)
        socket.send_frame(CONTINUATION, b"x" * 40_000 + b'"}}')
        assert (await socket.closed()).code == 1009


async def test_endless_empty_fragments_are_closed_with_1009(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send_frame(TEXT, b'{"type":', final=False)
        for _ in range(FRAGMENTS_MAX + 1):
            socket.send_frame(CONTINUATION, b"", final=False)
        assert (await socket.closed()).code == 1009


async def test_a_message_may_come_in_as_many_fragments_as_allowed(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send_frame(TEXT, b'{"type":', final=False)
        for _ in range(FRAGMENTS_MAX - 2):
            socket.send_frame(CONTINUATION, b"", final=False)
        socket.send_frame(CONTINUATION, b'"ping"}')
        assert (await socket.receive())["type"] == "pong"


async def test_text_that_is_not_utf8_is_closed_with_1007(
    desk: LiveDesk, caplog: pytest.LogCaptureFixture
) -> None:
    async with ready(desk) as socket:
        socket.send_frame(TEXT, b'{"type":"ping","payload":{"x":"\xff"}}')
        assert (await socket.closed()).code == 1007
    async with ready(desk) as socket:
        socket.send_frame(TEXT, b'{"type":"ping","payload":{"x":"\xe2', final=False)
        socket.send_frame(CONTINUATION, b'\x82"}}')
        assert (await socket.closed()).code == 1007
    assert not caplog.records, "any client could fill the log"


@pytest.mark.parametrize(
    "frames",
    [
        bytes((0x81, 0x0F)) + b'{"type":"ping"}',
        bytes((0x80, 0x80)) + bytes(4),
        bytes((0x01, 0x80)) + bytes(4) + bytes((0x81, 0x80)) + bytes(4),
        bytes((0xC1, 0x80)) + bytes(4),
        bytes((0x91, 0x80)) + bytes(4),
        bytes((0x83, 0x80)) + bytes(4),
        bytes((0x8B, 0x80)) + bytes(4),
        bytes((0x09, 0x80)) + bytes(4),
        bytes((0x89, 0xFE, 0x00, 0x7E)) + bytes(4 + 126),
        bytes((0x88, 0x81)) + bytes(5),
    ],
    ids=[
        "not masked",
        "continues nothing",
        "message in a message",
        "reserved bit 1",
        "reserved bit 3",
        "unknown data",
        "unknown control",
        "control in fragments",
        "long control",
        "half a code",
    ],
)
async def test_a_malformed_frame_is_closed_with_1002(desk: LiveDesk, frames: bytes) -> None:
    async with ready(desk) as socket:
        socket._writer.write(frames)
        assert (await socket.closed()).code == 1002


async def test_a_message_may_come_byte_by_byte(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        text = orjson.dumps({"type": "ping", "payload": {"who": PERSON}})
        for index, byte in enumerate(text):
            opcode = TEXT if index == 0 else CONTINUATION
            socket.send_frame(opcode, bytes((byte,)), final=index == len(text) - 1)
            socket.send_frame(WEBSOCKET_PING, b"")
            await socket._writer.drain()
        assert await socket.receive() == {"type": "pong", "payload": {"who": PERSON}}


async def test_a_message_may_come_in_fragments_that_split_a_character(desk: LiveDesk) -> None:
    text = orjson.dumps({"type": "ping", "payload": {"who": PERSON}})
    middle = text.index(PERSON.encode()) + 2
    async with ready(desk) as socket:
        socket.send_frame(TEXT, text[:10], final=False)
        socket.send_frame(CONTINUATION, text[10:middle], final=False)
        socket.send_frame(WEBSOCKET_PING, b"in between")
        socket.send_frame(CONTINUATION, text[middle:])
        assert await socket.receive() == {"type": "pong", "payload": {"who": PERSON}}


@pytest.mark.parametrize("levels", [300, 1000, 30_000])
async def test_a_ping_nested_too_deeply_to_be_sent_back_is_closed_with_4400(
    desk: LiveDesk, levels: int
) -> None:
    async with ready(desk) as socket:
        socket.send_text('{"type":"ping","payload":' + "[" * levels + "]" * levels + "}")
        assert (await socket.closed()).code == 4400


async def test_a_close_of_the_client_is_answered(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send_frame(CLOSE, (1000).to_bytes(2))
        assert await socket.closed() == Closed(1000, "")


async def test_a_socket_cut_off_in_the_middle_of_a_frame_leaves_nothing_behind(desk: LiveDesk) -> None:
    async with ready(desk, desk.token("cut off")) as socket:
        before = desk.members
        await subscribe(desk, socket)
        (mine,) = desk.members - before
        socket._writer.write(b"\x81\xfe\x10")
        await socket._writer.drain()
    await until(lambda: mine not in desk.members)
    await until(lambda: "cut off" not in desk.live.admission.seats)


# Ping and pong


@pytest.mark.parametrize("payload", [{}, {"payload": None}, {"payload": {"at": 7}}])
async def test_a_ping_is_answered_with_its_payload(desk: LiveDesk, payload: dict[str, Any]) -> None:
    async with ready(desk) as socket:
        socket.send(type="ping", **payload)
        given = payload.get("payload")
        assert await socket.receive() == {"type": "pong"} | ({"payload": given} if given else {})


async def test_a_ping_is_answered_before_connection_init(desk: LiveDesk) -> None:
    async with RawWebSocket.open(desk.port) as socket:
        assert await works(socket)


async def test_an_unsolicited_pong_is_ignored(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send(type="pong")
        socket.send(type="pong", payload="anything")
        socket.send_frame(PONG, b"")
        assert await works(socket)


# Operations


async def test_queries_and_mutations_over_one_socket_each_see_what_changed_since(directory: Path) -> None:
    async with served_desk(directory / "fresh") as desk:
        kit = DeskKit(DeskClock(desk.clock()))
        with desk.resources.database.active():
            await kit.indebted_account("FRESH")
            async with ready(desk, desk.token(permissions=[Permission.RISK_WARNING_FULL])) as socket:
                case = await only_case(socket)
                assert (case["status"], case["account"]["client"]["name"]) == ("OPEN", "Client of FRESH")
                await execute("UPDATE client SET name = $1", "Renamed")
                result = await answer(socket, LIQUIDATE, variables=liquidation(case["id"]))
                assert result["data"]["liquidate"]["results"][0]["__typename"] == "LiquidationStarted"
                case = await only_case(socket)
                assert (case["status"], case["account"]["client"]["name"]) == ("LIQUIDATING", "Renamed")


async def test_a_mutation_without_its_permission_is_refused(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        result = await answer(socket, LIQUIDATE, variables=liquidation(global_id("Case", "any")))
        assert result["data"]["liquidate"]["results"][0]["code"] == "FORBIDDEN"


async def only_case(socket: RawWebSocket) -> dict[str, Any]:
    (case,) = (await answer(socket, CASE_LIST))["data"]["cases"]["nodes"]
    found: dict[str, Any] = case
    return found


def liquidation(case_id: str) -> dict[str, Any]:
    item = {"caseId": case_id, "policy": "PRO_RATA"}
    return {"input": {"idempotencyKey": "over a socket", "cases": [item]}}


async def test_the_result_of_an_event_is_a_next_with_its_cursor(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        await subscribe(desk, socket)
        (event_id,) = await desk.publish(remark=PERSON)
        message = await socket.receive()
    assert (message["id"], message["type"]) == ("1", "next")
    event = message["payload"]["data"]["caseEvents"]
    assert event == {"id": event_id, "kind": "UPDATED", "case": {"caseNo": "MC-A1", "remark": PERSON}}
    assert message["payload"]["extensions"]["cursor"]


async def test_a_client_resumes_behind_its_cursor_and_misses_nothing(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        await subscribe(desk, socket)
        await desk.publish()
        cursor = (await socket.receive())["payload"]["extensions"]["cursor"]
    missed = await desk.publish(20)
    async with ready(desk) as socket:
        await subscribe(desk, socket, variables={"after": cursor})
        later = await desk.publish(5)
        arrived = [(await socket.receive())["payload"]["data"]["caseEvents"]["id"] for _ in range(25)]
    assert arrived == missed + later


async def test_two_operations_run_side_by_side_each_under_its_id(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        await subscribe(desk, socket, id_="first")
        await subscribe(desk, socket, CASES.replace("kind", ""), id_=PERSON)
        await desk.publish()
        messages = [await socket.receive(), await socket.receive()]
    assert sorted(message["id"] for message in messages) == ["first", PERSON]


async def test_an_id_of_100_characters_is_accepted_and_one_in_use_is_closed_with_4409(desk: LiveDesk) -> None:
    long_id = "👩" * 100
    async with ready(desk) as socket:
        await subscribe(desk, socket, id_=long_id)
        socket.send(id=long_id, type="subscribe", payload={"query": COUNT})
        closed = await socket.closed()
    assert closed.code == 4409
    assert closed.reason.startswith("Subscriber for ")


async def test_after_complete_nothing_more_comes_and_the_id_is_free_again(desk: LiveDesk) -> None:
    async with ready(desk) as socket, ready(desk) as other:
        await subscribe(desk, other)
        before = desk.members
        await subscribe(desk, socket)
        (mine,) = desk.members - before
        socket.send(id="1", type="complete")
        await until(lambda: mine not in desk.members)
        await desk.publish()
        await other.receive()
        await subscribe(desk, socket)
        (event_id,) = await desk.publish()
        assert (await socket.receive())["payload"]["data"]["caseEvents"]["id"] == event_id


async def test_complete_for_an_unknown_id_is_ignored(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        socket.send(id="unknown", type="complete")
        assert await works(socket)


async def test_complete_right_behind_subscribe_leaves_nothing_behind(desk: LiveDesk) -> None:
    async with ready(desk) as socket:
        before = desk.members
        for number in range(50):
            socket.send(id=str(number), type="subscribe", payload={"query": CASES})
            socket.send(id=str(number), type="complete")
        assert await works(socket)
        await until(lambda: desk.members <= before)


async def test_a_33rd_operation_is_refused_and_the_others_go_on(desk: LiveDesk) -> None:
    most = desk.resources.settings.ws_max_operations
    async with ready(desk) as socket:
        for number in range(most):
            await subscribe(desk, socket, id_=str(number))
        assert (await refusal(socket, CASES))["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        await desk.publish()
        assert {(await socket.receive())["id"] for _ in range(most)} == {str(n) for n in range(most)}


@pytest.mark.parametrize(
    ("query", "more", "code"),
    [
        ("{", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { caseEvents { id } quotes(symbols: []) { last } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{" + "a{" * 300 + "b" + "}" * 300 + "}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{" + "a " * 2000 + "}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{" + "unknown " * 900 + "}", {}, "QUERY_TOO_EXPENSIVE"),
        ("{ viewer {" + "subject " * 900 + "} }", {}, "QUERY_TOO_EXPENSIVE"),
        ("subscription {" + "caseEvents { id } " * 240 + "}", {}, "QUERY_TOO_EXPENSIVE"),
        ("subscription { caseEvents {" + "id " * 240 + "} }", {}, "QUERY_TOO_EXPENSIVE"),
        ("subscription { caseEvents {" + "x" * 101 + ": id } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        (CASES, {"variables": {"after": 7}}, "BAD_USER_INPUT"),
        (CASES, {"variables": {"after": "nonsense"}}, "CURSOR_INVALID"),
        ("subscription { quotes(symbols: []) { last } }", {}, "BAD_USER_INPUT"),
        (CASES, {"operationName": "Unknown"}, "BAD_USER_INPUT"),
        ("query A { __typename } query B { __typename }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", {"operationName": "C"}, "BAD_USER_INPUT"),
        ("fragment F on Query { __typename }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_an_invalid_operation_is_an_error_and_the_socket_stays_open(
    desk: LiveDesk, query: str, more: dict[str, Any], code: str
) -> None:
    async with ready(desk) as socket:
        error = await refusal(socket, query, **more)
        assert error["extensions"]["code"] == code
        assert error["message"]
        assert await works(socket)


async def test_variables_that_are_not_declared_are_ignored_however_deep(desk: LiveDesk) -> None:
    variables = '{"after":null,"more":' + "[" * 1000 + "]" * 1000 + "}"
    async with ready(desk) as socket, ready(desk) as other:
        before = desk.members
        await subscribe(desk, other)
        query = orjson.dumps(CASES).decode()
        async with desk.joining():
            socket.send_text(
                f'{{"type":"subscribe","id":"1","payload":{{"query":{query},"variables":{variables}}}}}'
            )
        assert any(desk.members - before <= set(group.members) for group in desk.live.feed.groups), "shared"
        await desk.publish()
        assert (await other.receive())["type"] == "next"
        assert (await socket.receive())["type"] == "next"


async def test_of_several_operations_the_named_one_is_run(desk: LiveDesk) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    async with ready(desk) as socket:
        assert await answer(socket, document, operationName="B") == {"data": {"b": "Query"}}


async def test_without_a_permission_nothing_is_shown(desk: LiveDesk) -> None:
    async with ready(desk, desk.token(permissions=[])) as socket:
        assert (await refusal(socket, CASES))["extensions"]["code"] == "FORBIDDEN"
