"""graphql-transport-ws: operations side by side, latest values, and clients that get it wrong."""

import json
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.api.trading import CASE_EVENTS
from tests.kit.book_files import BANK, RAIL, a_book, a_client, a_quote, owing, quotes
from tests.kit.desk_server import Desk, World
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUMMARY = "subscription { caseSummary { openCases totalAmount } }"
QUOTES = "subscription ($symbols: [String!]!) { quotes(symbols: $symbols) { symbol last } }"
VIEWER = "{ viewer { subject } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    """Its sockets stay until the last test, all of one subject."""
    return await shared_world.desk(a_book(), ws_max_frame_bytes=1000, ws_max_sockets_per_subject=100)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(shared_world: World, desk: Desk) -> Desk:
    """Waits for nothing."""
    return await shared_world.desk(ws_init_timeout_s=0.1)


@pytest.mark.asyncio(loop_scope="function")
async def test_the_summary_is_sent_at_once_and_after_a_change(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))))
    summary = await desk.caller().subscribe(SUMMARY)
    only_m1 = await desk.caller(accounts=["M1"]).subscribe(SUMMARY)
    assert await summary.next() == await only_m1.next() == {"openCases": 0, "totalAmount": "0"}
    await world.market.says(*quotes(world.clock()))
    assert (await summary.until(lambda told: told["openCases"] == 2))[-1]["totalAmount"] == "40000"
    assert (await only_m1.until(lambda told: told["openCases"] == 1))[-1]["totalAmount"] == "20000"


@pytest.mark.asyncio(loop_scope="function")
async def test_quotes_are_sent_as_known_and_then_as_they_change(world: World) -> None:
    desk = await world.desk(a_book())
    await world.market.says(*quotes(world.clock()))
    mine = await desk.caller().subscribe(QUOTES, symbols=[RAIL])
    assert await mine.next() == {"symbol": RAIL, "last": "100"}
    told: list[tuple[str, str]] = []

    async def of_the_new_price() -> bool:
        """The bus carries quotes at most once, and may have carried an old one until now."""
        await world.market.says(a_quote(BANK, world.clock(), "101"), a_quote(RAIL, world.clock(), "102"))
        while mine.unread():
            quote = await mine.next()
            told.append((quote["symbol"], quote["last"]))
        return (RAIL, "102") in told

    await desk.until(of_the_new_price, "the new price to be told")
    assert set(told) <= {(RAIL, "100"), (RAIL, "102")}


@pytest.mark.asyncio(loop_scope="function")
async def test_every_operation_of_a_socket_reads_the_current_state(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    socket = await desk.caller().socket()
    events = await socket.operate(CASE_EVENTS)
    document = "{ cases { nodes { amount account { figures { amount } } } } }"
    assert await socket.ask(document) == {"nodes": []}
    await world.market.says(*quotes(world.clock()))
    await events.next()
    assert await socket.ask(document) == {
        "nodes": [{"amount": "20000", "account": {"figures": {"amount": "20000"}}}]
    }
    await world.market.says(*quotes(world.clock(), "99"))
    await events.until(lambda event: event["case"]["amount"] == "21300")
    (node,) = (await socket.ask(document))["nodes"]
    assert node["amount"] == node["account"]["figures"]["amount"] == "21300"


@pytest.mark.asyncio(loop_scope="function")
async def test_completing_stops_an_operation_and_no_other(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    socket = await desk.caller().socket()
    stopped, other = await socket.operate(CASE_EVENTS), await socket.operate(CASE_EVENTS)
    await stopped.stop()
    await socket.round_trip()
    await world.market.says(*quotes(world.clock()))
    assert (await other.next())["kind"] == "OPENED"
    await socket.round_trip()
    assert stopped.unread() == 0


OPEN_CASES = "accounts { client { openCases { orders(first: 100) { nodes { id status side } } } } }"
ROWS = f"a: {OPEN_CASES} b: {OPEN_CASES} c: {OPEN_CASES}"
DOCUMENTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "an event of too many rows": (
        f"subscription {{ caseEvents {{ case {{ client {{ {ROWS} }} }} }} }}",
        {},
        "QUERY_TOO_EXPENSIVE",
    ),
    "a syntax error": ("subscription { ", {}, "GRAPHQL_VALIDATION_FAILED"),
    "an empty document": ("", {}, "GRAPHQL_VALIDATION_FAILED"),
    "an unknown field": ("subscription { secrets }", {}, "GRAPHQL_VALIDATION_FAILED"),
    "two operations": (f"query A {VIEWER} query B {VIEWER}", {}, "GRAPHQL_VALIDATION_FAILED"),
    "only a fragment": ("fragment A on Viewer { subject }", {}, "GRAPHQL_VALIDATION_FAILED"),
    "two root fields": (
        "subscription { caseSummary { openCases } caseEvents { id } }",
        {},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "no symbols": (QUOTES, {"symbols": []}, "BAD_USER_INPUT"),
    "too many symbols": (QUOTES, {"symbols": [str(n) for n in range(101)]}, "BAD_USER_INPUT"),
    "a symbol with a NUL": (QUOTES, {"symbols": ["a\x00"]}, "BAD_USER_INPUT"),
    "a search with a NUL": (CASE_EVENTS, {"filter": {"search": "a\x00"}}, "BAD_USER_INPUT"),
    "a symbol with a NUL in a filter": (CASE_EVENTS, {"filter": {"symbol": "\x00"}}, "BAD_USER_INPUT"),
    "a symbol of no instrument": (QUOTES, {"symbols": [RAIL, "NOPE.HK"]}, "BAD_USER_INPUT"),
    "a variable of another type": (QUOTES, {"symbols": 7.5}, "BAD_USER_INPUT"),
    "a long search": (CASE_EVENTS, {"filter": {"search": "x" * 201}}, "BAD_USER_INPUT"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_an_operation_that_makes_no_sense_ends_with_an_error_and_the_socket_lives_on(
    desk: Desk, name: str
) -> None:
    document, variables, code = DOCUMENTS[name]
    socket = await desk.caller().socket()
    operation = await socket.operate(document, **variables)
    assert set(await operation.error_codes()) == {code}
    assert await socket.ask(VIEWER) == {"subject": "trader"}


async def test_the_operation_after_the_last_allowed_is_refused(desk: Desk) -> None:
    socket = await desk.caller().socket()
    running = [await socket.operate(CASE_EVENTS) for _ in range(desk.settings.ws_max_operations)]
    refused = await socket.operate(VIEWER)
    assert await refused.error_codes() == ["TOO_MANY_OPERATIONS"]
    await running[0].stop()
    assert await socket.ask(VIEWER) == {"subject": "trader"}


SUBSCRIBE = {"id": "1", "type": "subscribe"}
MALFORMED: dict[str, object] = {
    "no JSON": "{",
    "a list": [],
    "a number": 7,
    "null": "null",
    "no type": {"id": "1"},
    "an unknown type": {"type": "start"},
    "a type that is a list": {"type": []},
    "a subscribe without a payload": SUBSCRIBE,
    "a subscribe without an id": {"type": "subscribe", "payload": {"query": VIEWER}},
    "an id that is a list": {"id": ["1"], "type": "subscribe", "payload": {"query": VIEWER}},
    "a payload that is text": SUBSCRIBE | {"payload": VIEWER},
    "a query that is a number": SUBSCRIBE | {"payload": {"query": 7}},
    "variables that are a list": SUBSCRIBE | {"payload": {"query": VIEWER, "variables": [7]}},
    "an operation name that is a number": SUBSCRIBE | {"payload": {"query": VIEWER, "operationName": 7}},
    "a complete without an id": {"type": "complete"},
    "a complete whose id is an object": {"type": "complete", "id": {}},
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_message_closes_the_socket(desk: Desk, name: str) -> None:
    socket = await desk.caller().socket()
    await socket.send(MALFORMED[name])
    assert await socket.closed() == 4400


async def test_messages_at_the_wrong_time_close_the_socket(desk: Desk) -> None:
    caller = desk.caller()
    twice = await caller.socket()
    await twice.send({"type": "connection_init", "payload": {}})
    assert await twice.closed() == 4429
    same = await caller.socket()
    for _ in range(2):
        await same.send({"id": "1", "type": "subscribe", "payload": {"query": CASE_EVENTS}})
    assert await same.closed() == 4409
    large = await caller.socket()
    await large.send({"type": "ping", "payload": {"x": "x" * desk.settings.ws_max_frame_bytes}})
    assert await large.closed() == 1009


@pytest.mark.parametrize(
    ("protocol", "message", "code"),
    [
        ("graphql-transport-ws", {"id": "1", "type": "subscribe", "payload": {"query": VIEWER}}, 4401),
        ("graphql-transport-ws", b"\x00", 4400),
        ("graphql-ws", None, 4406),
    ],
)
async def test_a_client_that_does_not_begin_properly_is_closed(
    desk: Desk, protocol: str, message: Any, code: int
) -> None:
    assert await _close_code(desk, protocol, message) == code


async def test_a_client_that_does_not_begin_at_all_is_closed(hasty: Desk) -> None:
    assert await _close_code(hasty, "graphql-transport-ws", None) == 4408


async def _close_code(desk: Desk, protocol: str, message: Any) -> int | None:
    address = f"ws://{desk.caller().address}"
    async with connect(
        address, subprotocols=[Subprotocol(protocol)], open_timeout=PATIENCE_S, ping_interval=None
    ) as connection:
        if message is not None:
            await connection.send(message if isinstance(message, bytes) else json.dumps(message))
        with pytest.raises(ConnectionClosed):
            await connection.recv()
        return connection.close_code
