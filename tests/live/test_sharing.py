"""Which callers share an execution, and that sharing shows no caller anything outside their scope."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from domain.principal import Permission
from models.sql.database import execute
from resolvers.kit.context import ReadContext
from resolvers.live_feed.operation import Request
from tests.kit.live_cases import desk_without_a_relay
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.raw_websocket import RawWebSocket
from tests.kit.transport_ws_harness import ready, subscribe

SEES_NAMES = (Permission.RISK_WARNING_FULL,)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPELLINGS = (
    "subscription { caseEvents { id kind case { caseNo remark } } }",
    "subscription{caseEvents{id,kind,case{caseNo,remark}}}",
    "# a comment\nsubscription {\n  caseEvents { id kind # another\n case { caseNo remark } }\n}",
    "subscription { caseEvents(snapshot: false) { id kind case { caseNo remark } } }",
    "subscription { caseEvents(after: null) { id kind case { caseNo remark } } }",
    "subscription ($after: String) { caseEvents(after: $after) { id kind case { caseNo remark } } }",
    "subscription ($from: String) { caseEvents(after: $from) { id kind case { caseNo remark } } }",
)
FILTERED = """subscription ($filter: CaseFilter, $after: String) {
  caseEvents(filter: $filter, after: $after) { id }
}"""
BEGINS_AND_SELECTS = """subscription ($begin: Boolean!) {
  caseEvents(snapshot: $begin) { id kind @include(if: $begin) }
}"""
BEGINS_AND_SELECTS_BELOW = """subscription ($begin: Boolean!) {
  caseEvents(snapshot: $begin) { id case { ...some } }
}
fragment some on Case { caseNo @skip(if: $begin) }"""
EVERYTHING = """subscription {
  caseEvents {
    case {
      caseNo remark
      account { accountNo client { clientNo name accounts { accountNo } openCases { caseNo } } }
    }
  }
}"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(place: Callable[[], Path]) -> AsyncIterator[LiveDesk]:
    async with served_desk(place(), live_linger_s=0.05) as served:
        yield served


async def quiet(desk: LiveDesk) -> None:
    """No subscriber is left."""
    await until(lambda: not list(desk.live.feed.groups))


def groups(desk: LiveDesk) -> list[int]:
    """How many members each has."""
    return sorted(len(group.members) for group in desk.live.feed.groups)


async def test_fifty_subscribers_of_one_document_however_spelt_are_executed_once_per_event(
    desk: LiveDesk,
) -> None:
    await quiet(desk)
    async with AsyncExitStack() as stack:
        sockets = []
        for number in range(50):
            token = desk.token(f"subject {number}")
            sockets.append(await stack.enter_async_context(ready(desk, token)))
            await subscribe(desk, sockets[-1], SPELLINGS[number % len(SPELLINGS)], id_=f"id {number}")
        assert groups(desk) == [50]
        before = desk.live.metrics.executions["caseEvents"]
        ids = await desk.publish(4)
        for number, socket in enumerate(sockets):
            frames = [await socket.receive() for _ in ids]
            assert {frame["id"] for frame in frames} == {f"id {number}"}
            assert [frame["payload"]["data"]["caseEvents"]["id"] for frame in frames] == ids
        assert desk.live.metrics.executions["caseEvents"] == before + 4


async def test_a_look_up_for_an_event_takes_its_turn_and_holds_up_nothing_else(
    desk: LiveDesk,
) -> None:
    await quiet(desk)
    renderings, most = desk.resources.api.renderings, desk.resources.settings.live_renderings
    async with ready(desk) as plain, ready(desk, desk.token("other")) as looking:
        await subscribe(desk, plain, SPELLINGS[0])
        await subscribe(
            desk, looking, "subscription { caseEvents { id id case { followUps { totalCount } } } }"
        )
        async with AsyncExitStack() as all_turns:
            for _ in range(most):
                await all_turns.enter_async_context(renderings)
            (id_,) = await desk.publish()
            assert (await plain.receive())["payload"]["data"]["caseEvents"]["id"] == id_
            assert not desk.live.feed.idle, "the other is being executed"
        assert (await looking.receive())["payload"]["data"]["caseEvents"]["id"] == id_


async def test_later_frames_are_the_same_bytes_for_all_with_the_same_id(desk: LiveDesk) -> None:
    async with ready(desk) as one, ready(desk, desk.token("other")) as other:
        await subscribe(desk, one, SPELLINGS[0])
        await desk.publish()
        await one.receive()
        await subscribe(desk, other, SPELLINGS[1])
        await desk.publish(2)
        for socket in (one, other):
            await socket.receive()
        assert (await one.frame()).payload == (await other.frame()).payload


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"query": FILTERED}, {"query": FILTERED.replace("{ id }", "{ id kind }")}),
        ({"query": FILTERED}, {"query": FILTERED, "variables": {"filter": {"accountNo": "A1"}}}),
        (
            {"query": FILTERED, "variables": {"filter": {"accountNo": "A1"}}},
            {"query": FILTERED, "variables": {"filter": {"accountNo": "A2"}}},
        ),
        ({"query": SPELLINGS[0]}, {"query": SPELLINGS[0].replace("caseEvents", "all: caseEvents")}),
        ({"query": SPELLINGS[0]}, {"query": "subscription { orderEvents { id } }"}),
        (
            {"query": BEGINS_AND_SELECTS, "variables": {"begin": False}},
            {"query": BEGINS_AND_SELECTS, "variables": {"begin": True}},
        ),
        (
            {"query": BEGINS_AND_SELECTS_BELOW, "variables": {"begin": False}},
            {"query": BEGINS_AND_SELECTS_BELOW, "variables": {"begin": True}},
        ),
    ],
    ids=["selection", "variables", "values", "alias", "field", "begin and select", "select below"],
)
async def test_different_operations_are_not_shared(
    desk: LiveDesk, one: dict[str, Any], other: dict[str, Any]
) -> None:
    await quiet(desk)
    async with ready(desk) as first, ready(desk) as second:
        await subscribe(desk, first, **one)
        await subscribe(desk, second, **other)
        assert groups(desk) == [1, 1]


async def test_groups_with_other_filters_get_one_event_with_cursors_of_their_own(desk: LiveDesk) -> None:
    await quiet(desk)
    query = """subscription ($filter: CaseFilter, $after: String) {
      caseEvents(filter: $filter, after: $after) { id cursor kind case { caseNo remark amount } } }"""
    filters = [{}, {"accountNo": "A1"}, {"search": "mc-a1"}]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(ready(desk)) for _ in filters]
        for socket, chosen in zip(sockets, filters, strict=True):
            await subscribe(desk, socket, query, variables={"filter": chosen})
        assert groups(desk) == [1, 1, 1]
        first, second = await desk.publish(2, remark='a \\ and " and 信')
        payloads = [(await socket.receive())["payload"] for socket in sockets]
        events = [payload["data"]["caseEvents"] for payload in payloads]
        cursors = [event.pop("cursor") for event in events]
        assert events[0]["id"] == first
        assert events[0] == events[1] == events[2]
        assert cursors == [payload["extensions"]["cursor"] for payload in payloads]
        assert len(set(cursors)) == 3
        for chosen, cursor in zip(filters, cursors, strict=True):
            again = await stack.enter_async_context(ready(desk))
            await subscribe(desk, again, query, variables={"filter": chosen, "after": cursor})
            assert (await again.receive())["payload"]["data"]["caseEvents"]["id"] == second


async def test_the_order_of_variables_and_where_one_begins_do_not_keep_apart(desk: LiveDesk) -> None:
    await quiet(desk)
    async with ready(desk) as first, ready(desk) as second:
        wanted = {"accountNo": "A1", "search": "mc-a1"}
        await subscribe(desk, first, FILTERED, variables={"filter": wanted})
        await desk.publish()
        cursor = (await first.receive())["payload"]["extensions"]["cursor"]
        swapped = {"after": cursor, "filter": dict(reversed(wanted.items()))}
        await subscribe(desk, second, FILTERED, variables=swapped)
        assert groups(desk) == [2]


async def test_callers_with_other_permissions_or_scope_do_not_share(desk: LiveDesk) -> None:
    await quiet(desk)
    audiences: list[dict[str, Any]] = [
        {},
        {"accounts": ["A1"]},
        {"accounts": ["A1", "A2"]},
        {"accounts": []},
        {"permissions": [Permission.RISK_WARNING_FULL]},
        {"permissions": [Permission.AUDITOR]},
    ]
    async with AsyncExitStack() as stack:
        for number, audience in enumerate(audiences):
            for twin in "ab":
                token = desk.token(f"{number}{twin}", **audience)
                socket = await stack.enter_async_context(ready(desk, token))
                await subscribe(desk, socket, SPELLINGS[0])
        assert groups(desk) == [2] * len(audiences)


async def test_a_subscriber_never_receives_a_byte_of_another_scope(place: Callable[[], Path]) -> None:
    """One document, which asks for everything around a case, and three scopes; every byte is looked at."""
    directory = place()
    async with desk_without_a_relay(directory, f"sqlite://{directory}/desk.sqlite3") as cases:
        for number in range(1, 5):
            await cases.open(number)
        await cases.relay()
        scopes = {"odd": {1, 3}, "even": {2, 4}, "nothing": set()}
        async with AsyncExitStack() as stack:
            sockets = {}
            for name, scope in scopes.items():
                token = cases.desk.token(name, accounts=[f"A{number}" for number in scope])
                sockets[name] = await stack.enter_async_context(ready(cases.desk, token))
                await subscribe(cases.desk, sockets[name], EVERYTHING)
            for number in (1, 2, 3, 4, 2, 1):
                await cases.change(number)
            await cases.relay()
            await until(lambda: cases.desk.live.metrics.executions["caseEvents"] == 6)
            for name, scope in scopes.items():
                text = await everything_that_arrives(sockets[name])
                seen = {number for number in range(5) if f'"A{number}"' in text}
                assert seen == scope
                assert {number for number in range(5) if f'"MC-{number}"' in text} == scope
                assert not any(f"C-{number}" in text for number in set(range(5)) - scope if number)


async def everything_that_arrives(socket: RawWebSocket) -> str:
    """Up to the answer to a ping that is sent now, which comes behind whatever was told before."""
    socket.send(type="ping", payload={"last": True})
    texts: list[str] = []
    while True:
        frame = await socket.frame()
        texts.append(frame.payload.decode())
        if orjson.loads(frame.payload)["type"] == "pong":
            return "".join(texts)


async def test_every_event_is_executed_with_loaders_of_its_own(place: Callable[[], Path]) -> None:
    """A client that is renamed between two events appears under its new name."""
    directory = place()
    query = "subscription { caseEvents { id cursor case { client { name } } } }"
    async with desk_without_a_relay(directory, f"sqlite://{directory}/desk.sqlite3") as cases:
        async with ready(cases.desk, cases.desk.token(permissions=SEES_NAMES)) as socket:
            await subscribe(cases.desk, socket, query)
            names = []
            for name in ("Before", "After"):
                with cases.desk.resources.database.active():
                    await execute("UPDATE client SET name = $1", name)
                await cases.change(0)
                await cases.relay()
                event = (await socket.receive())["payload"]["data"]["caseEvents"]
                names.append(event["case"]["client"]["name"])
    assert names == ["Before", "After"]


async def test_queries_over_one_socket_have_loaders_of_their_own(place: Callable[[], Path]) -> None:
    directory = place()
    async with desk_without_a_relay(directory, f"sqlite://{directory}/desk.sqlite3") as cases:
        async with ready(cases.desk, cases.desk.token(permissions=SEES_NAMES)) as socket:
            names = []
            for name in ("Before", "After"):
                with cases.desk.resources.database.active():
                    await execute("UPDATE client SET name = $1", name)
                query = "{ cases { nodes { client { name } } } }"
                socket.send(id=name, type="subscribe", payload={"query": query})
                result = await socket.receive()
                names.append(result["payload"]["data"]["cases"]["nodes"][0]["client"]["name"])
                await socket.receive()
    assert names == ["Before", "After"]


async def test_the_context_of_a_shared_execution_names_no_caller() -> None:
    given = {field.name: str(field.type) for field in fields(Request)}
    assert not [name for name, kind in given.items() if "Principal" in kind or "Caller" in kind]
    assert "principal" not in ReadContext.__init__.__code__.co_varnames
