"""Who may look and who may act; and that an account outside of a token's scope does not exist for it."""

from typing import Any

import pytest
import pytest_asyncio

from domain.principal import CAPABILITIES, MASKED, Capability, Permission
from tests.api.a_busy_desk import BusyDesk, a_busy_desk
from tests.api.trading import (
    CASE_EVENTS,
    ORDER_EVENTS,
    cancel,
    cases,
    liquidate,
    orders,
    preview,
    try_to_liquidate,
)
from tests.kit.book_files import BANK, RAIL, a_quote, quotes
from tests.kit.desk_client import Caller, Operation
from tests.kit.desk_server import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY_CASE = ["OPEN", "LIQUIDATING", "RESOLVED"]
LISTS = """{
  cases(filter: {status: [OPEN, LIQUIDATING, RESOLVED]}) { totalCount nodes { account { accountNo } } }
  clients { totalCount nodes { clientNo accounts { accountNo } openCases { account { accountNo } } } }
  orders { totalCount nodes { account { accountNo } } }
  caseSummary(filter: {status: [OPEN, LIQUIDATING, RESOLVED]}) {
    openCases totalAmount byStatus { status count }
  }
}"""
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
BY_ID = """query ($case: ID!, $client: ID!, $account: ID!, $order: ID!) {
  case(id: $case) { id } client(id: $client) { id } account(id: $account) { id } order(id: $order) { id }
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(shared_world: World) -> BusyDesk:
    return await a_busy_desk(shared_world)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ids_of_m2(busy: BusyDesk) -> dict[str, str]:
    """Of the account M2 and all that hangs on it."""
    document = """query ($id: ID!) { order(id: $id) { id case { id } account {
      id client { id } positions { nodes { id } } } } }"""
    found = (await busy.trader.ask(document, id=busy.ids["resting"]))["order"]
    account = found["account"]
    return {
        "order": found["id"],
        "case": found["case"]["id"],
        "account": account["id"],
        "client": account["client"]["id"],
        "position": account["positions"]["nodes"][0]["id"],
    }


@pytest.fixture
def only_m1(busy: BusyDesk) -> Caller:
    return busy.desk.caller(accounts=["M1"])


READERS = [granted for granted in Permission if Capability.CANCEL_ORDER not in CAPABILITIES[granted]]
MASKED_READERS = [
    granted for granted in Permission if Capability.SEE_PERSONAL_DATA not in CAPABILITIES[granted]
]
NAMES = "{ clients { nodes { name } } cases { nodes { client { name } account { client { name } } } } }"
FOUND = """query ($text: String!) {
  cases(filter: {search: $text}) { totalCount }
  orders(filter: {search: $text}) { totalCount }
  clients(filter: {search: $text}) { totalCount }
}"""
NAMED_EVENTS = """subscription ($text: String) {
  caseEvents(filter: {search: $text}, snapshot: true) { case { client { name } } }
}"""


@pytest.mark.parametrize("permission", READERS)
async def test_a_reader_sees_everything_and_changes_nothing(busy: BusyDesk, permission: Permission) -> None:
    looker = busy.desk.caller(permission)
    assert await looker.ask(LISTS) == await busy.trader.ask(LISTS)
    refused = await liquidate(looker, busy.ids["M1"])
    assert (refused["__typename"], refused["code"]) == ("LiquidationRefused", "FORBIDDEN")
    (result,) = await cancel(looker, busy.ids["resting"])
    assert (result["__typename"], result["code"]) == ("CancelRefused", "FORBIDDEN")
    assert await busy.state() == busy.at_first
    if Capability.PREVIEW in CAPABILITIES[permission]:
        assert (await preview(looker, busy.ids["M1"]))["legs"]


def _names(found: Any) -> set[str]:
    """Every name in an answer."""
    if isinstance(found, list):
        return {name for each in found for name in _names(each)}
    if isinstance(found, dict):
        own = {found["name"]} if "name" in found else set()
        return own | {name for each in found.values() for name in _names(each)}
    return set()


async def _found(caller: Caller, text: str) -> set[int]:
    return {each["totalCount"] for each in (await caller.ask(FOUND, text=text)).values()}


@pytest.mark.parametrize("permission", MASKED_READERS)
async def test_a_caller_without_personal_data_neither_reads_names_nor_finds_by_them(
    busy: BusyDesk, permission: Permission
) -> None:
    masked = busy.desk.caller(permission)
    assert _names(await masked.ask(NAMES)) == {MASKED}
    assert await _found(masked, "client c2") == {0}
    assert 0 not in await _found(masked, "c2")


async def test_a_caller_with_personal_data_reads_names_and_finds_by_them(busy: BusyDesk) -> None:
    for permission in set(Permission) - set(MASKED_READERS):
        caller = busy.desk.caller(permission)
        assert _names(await caller.ask(NAMES)) >= {"Client C1", "Client C2"}
        assert 0 not in await _found(caller, "client c2")


async def test_one_subscription_shows_each_audience_the_names_that_it_may_see(busy: BusyDesk) -> None:
    """The two are the same document with the same variables, shared by whom may see the same."""
    masked = await busy.desk.caller(Permission.RISK_WARNING_READ_ONLY).subscribe(NAMED_EVENTS, text="M2")
    named = await busy.trader.subscribe(NAMED_EVENTS, text="M2")
    assert (await masked.next())["case"]["client"]["name"] == MASKED
    assert (await named.next())["case"]["client"]["name"] == "Client C2"
    by_name = await _behind_its_snapshot(
        busy, busy.desk.caller(Permission.RISK_SETTING_FULL), NAMED_EVENTS, text="client"
    )
    named = await busy.trader.subscribe(NAMED_EVENTS, text="client")
    assert _names([await named.next(), await named.next()]) == {"Client C1", "Client C2"}
    assert by_name.unread() == 0


async def _behind_its_snapshot(busy: BusyDesk, caller: Caller, document: str, **variables: Any) -> Operation:
    """All that there is of it is here."""
    socket, before = await caller.socket(), busy.desk.joined()
    operation = await socket.operate(document, **variables)

    async def is_joined() -> bool:
        return busy.desk.joined() > before

    await busy.desk.until(is_joined, "the snapshot")
    await socket.round_trip()
    return operation


async def test_every_item_of_a_batch_is_forbidden_each_for_itself(busy: BusyDesk) -> None:
    looker = busy.desk.caller(Permission.RISK_WARNING_READ_ONLY)
    items = [{"caseId": busy.ids[name]} for name in ("M1", "M2", "M3")]
    results = (await try_to_liquidate(looker, items)).data["liquidate"]["results"]
    assert [(result["caseId"], result["code"]) for result in results] == [
        (item["caseId"], "FORBIDDEN") for item in items
    ]


async def test_a_scope_shows_its_accounts_in_lists_counts_and_sums_and_no_others(
    busy: BusyDesk, only_m1: Caller
) -> None:
    lists = await only_m1.ask(LISTS)
    assert lists["cases"] == {"totalCount": 1, "nodes": [{"account": {"accountNo": "M1"}}]}
    mine = {
        "clientNo": "C1",
        "accounts": [{"accountNo": "M1"}],
        "openCases": [{"account": {"accountNo": "M1"}}],
    }
    assert lists["clients"] == {"totalCount": 1, "nodes": [mine]}
    assert lists["orders"] == {"totalCount": 0, "nodes": []}
    assert lists["caseSummary"] == {
        "openCases": 1,
        "totalAmount": "20000",
        "byStatus": [{"status": "OPEN", "count": 1}],
    }


async def test_nothing_of_another_account_is_found_by_its_id(
    busy: BusyDesk, only_m1: Caller, ids_of_m2: dict[str, str]
) -> None:
    for name, id_ in ids_of_m2.items():
        assert (await only_m1.ask(NODE, id=id_))["node"] is None, name
        assert (await busy.trader.ask(NODE, id=id_))["node"]["id"] == id_, name
    by_id = {name: id_ for name, id_ in ids_of_m2.items() if name != "position"}
    assert set((await only_m1.ask(BY_ID, **by_id)).values()) == {None}
    assert None not in (await busy.trader.ask(BY_ID, **by_id)).values()


async def test_no_filter_reaches_another_account(only_m1: Caller, ids_of_m2: dict[str, str]) -> None:
    for wanted in (
        {"accountNo": "M2"},
        {"search": "M2"},
        {"search": "client C2"},
        {"clientId": ids_of_m2["client"]},
    ):
        assert await cases(only_m1, **wanted) == []
        assert await orders(only_m1, **wanted) == []
    assert await orders(only_m1, caseId=ids_of_m2["case"]) == []
    of_clients: tuple[dict[str, object], ...] = (
        {"group": "VIP"},
        {"search": "client C2"},
        {"hasOpenCase": False},
    )
    for of_client in of_clients:
        document = "query ($filter: ClientFilter) { clients(filter: $filter) { totalCount } }"
        assert (await only_m1.ask(document, filter=of_client))["clients"]["totalCount"] == 0


async def test_acting_on_another_account_answers_as_if_it_were_not_there(
    busy: BusyDesk, only_m1: Caller, ids_of_m2: dict[str, str]
) -> None:
    theirs, nobodys = (
        await liquidate(only_m1, ids_of_m2["case"]),
        await liquidate(only_m1, busy.ids["unknown"]),
    )
    assert (theirs["code"], theirs["current"]) == ("NOT_FOUND", None)
    assert {**theirs, "caseId": ""} == {**nobodys, "caseId": ""}
    results = await cancel(only_m1, ids_of_m2["order"], busy.ids["unknown order"])
    assert [result["code"] for result in results] == ["NOT_FOUND"] * 2
    assert {**results[0], "orderId": ""} == {**results[1], "orderId": ""}
    assert (await preview(only_m1, ids_of_m2["case"])) == await preview(only_m1, busy.ids["unknown"])
    assert await busy.state() == busy.at_first


async def test_an_empty_scope_sees_nothing(busy: BusyDesk, ids_of_m2: dict[str, str]) -> None:
    nobody = busy.desk.caller(accounts=[])
    lists = await nobody.ask(LISTS)
    assert {lists[field]["totalCount"] for field in ("cases", "clients", "orders")} == {0}
    assert (lists["caseSummary"]["openCases"], lists["caseSummary"]["totalAmount"]) == (0, "0")
    assert (await nobody.ask(NODE, id=ids_of_m2["client"]))["node"] is None
    everything = {"snapshot": True, "filter": {"status": EVERY_CASE}}
    snapshot = await _behind_its_snapshot(busy, nobody, CASE_EVENTS, **everything)
    mine = await nobody.subscribe("subscription { caseSummary { openCases } }")
    assert await mine.next() == {"openCases": 0}
    assert snapshot.unread() == 0


@pytest.mark.asyncio(loop_scope="function")
async def test_no_event_of_another_account_is_delivered(world: World) -> None:
    """A caller with every account receives all events of M2; one limited to M1 receives only those of M1."""
    busy = await a_busy_desk(world)
    only_m1 = busy.desk.caller(accounts=["M1"])
    everything = [await busy.trader.subscribe(CASE_EVENTS), await busy.trader.subscribe(ORDER_EVENTS)]
    mine = [
        await only_m1.subscribe(CASE_EVENTS, snapshot=True, filter={"status": EVERY_CASE}),
        await only_m1.subscribe(ORDER_EVENTS, snapshot=True),
    ]
    assert (await mine[0].next())["case"]["id"] == busy.ids["M1"]
    await cancel(busy.trader, busy.ids["resting"])
    await everything[1].until(lambda event: event["order"]["status"] == "CANCELED")
    await everything[0].until(lambda event: event["case"]["id"] == busy.ids["M2"])
    started = await liquidate(busy.trader, busy.ids["M1"], legs=[{"symbol": RAIL, "quantity": "100"}])
    assert (await mine[1].next())["order"]["id"] == started["orders"][0]["id"]
    first = await mine[0].next()
    assert (first["case"]["id"], first["case"]["status"]) == (busy.ids["M1"], "LIQUIDATING")


@pytest.mark.asyncio(loop_scope="function")
async def test_a_cursor_of_a_wider_scope_is_no_good_in_a_narrower_one(world: World) -> None:
    busy = await a_busy_desk(world)
    events = await busy.trader.subscribe(CASE_EVENTS)
    await busy.desk.market.says(a_quote(BANK, world.clock(), "98"), *quotes(world.clock(), "98"))
    cursor = (await events.next())["cursor"]
    narrower = await busy.desk.caller(accounts=["M1"]).subscribe(CASE_EVENTS, after=cursor)
    assert await narrower.error_codes() == ["CURSOR_INVALID"]
    wider = await busy.desk.caller(Permission.AUDITOR, subject="another").subscribe(CASE_EVENTS, after=cursor)
    await busy.desk.market.says(a_quote(BANK, world.clock(), "99"), *quotes(world.clock(), "99"))
    assert (await wider.next())["kind"] == "UPDATED"
