"""Lists: every row on exactly one page, in every order, whatever is inserted meanwhile; and their filters."""

from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import pytest_asyncio

from tests.api.a_full_desk import NUMBER, PER_WAVE, a_full_desk, open_wave
from tests.api.trading import orders, try_to_liquidate
from tests.kit.desk_client import Caller
from tests.kit.desk_server import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.both_stacks]

PAGE = """query ($first: Int!, $after: String, $orderBy: CaseOrder, $filter: CaseFilter) {
  cases(first: $first, after: $after, orderBy: $orderBy, filter: $filter) {
    nodes {
      id caseNo status alertType amount openedAt deadline overdue
      account { accountNo type } client { id clientNo name }
    }
    edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } }"""
ORDERS = """query ($first: Int!, $after: String, $filter: OrderFilter) {
  orders(first: $first, after: $after, filter: $filter) {
    nodes { id status clientOrderId createdAt account { accountNo } case { id caseNo } instrument { symbol } }
    pageInfo { hasNextPage endCursor } } }"""
CLIENTS = """query ($first: Int!, $after: String, $filter: ClientFilter) {
  clients(first: $first, after: $after, filter: $filter) {
    nodes { id clientNo group openCases { id } } pageInfo { hasNextPage endCursor } } }"""
KEYS: dict[str, Callable[[Any], Any]] = {
    "OPENED_AT": lambda node: node["openedAt"],
    "DEADLINE": lambda node: node["deadline"],
    "AMOUNT": lambda node: Decimal(node["amount"]),
}
ORDERINGS = list(product(KEYS, ("ASC", "DESC")))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trader(shared_world: World) -> Caller:
    """Of a desk with all cases and an order for the accounts of wave 0."""
    desk = await a_full_desk(shared_world)
    trader = desk.caller()
    cases = await walk(trader, PAGE, "cases", 100)
    items = [{"caseId": node["id"]} for node in cases if node["account"]["accountNo"].startswith("M0")]
    assert (await try_to_liquidate(trader, items)).data

    async def work() -> bool:
        return len(await orders(trader, status=["NEW"])) == PER_WAVE

    await desk.until(work, "the orders to be at the venue")
    return trader


async def walk(trader: Caller, document: str, field: str, first: int, **variables: Any) -> list[Any]:
    """Every row, page by page."""
    nodes: list[Any] = []
    while True:
        page = (await trader.ask(document, first=first, **variables))[field]
        nodes += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
        variables["after"] = page["pageInfo"]["endCursor"]


@pytest.mark.parametrize(("field", "direction"), ORDERINGS)
async def test_pages_hold_every_case_once_and_in_order(trader: Caller, field: str, direction: str) -> None:
    order = {"field": field, "direction": direction}
    nodes = await walk(trader, PAGE, "cases", 7, orderBy=order)
    assert len({node["id"] for node in nodes}) == len(nodes) == NUMBER
    keys = [KEYS[field](node) for node in nodes]
    assert keys == sorted(keys, reverse=direction == "DESC")
    assert nodes == await walk(trader, PAGE, "cases", 100, orderBy=order)


async def test_pages_of_orders_and_clients_hold_every_row_once(trader: Caller) -> None:
    orders = await walk(trader, ORDERS, "orders", 3)
    assert len({node["id"] for node in orders}) == len(orders) == PER_WAVE
    assert orders == await walk(trader, ORDERS, "orders", 100)
    clients = await walk(trader, CLIENTS, "clients", 4)
    assert [node["clientNo"] for node in clients] == [f"C{n:02}" for n in range(NUMBER // 2)]


async def test_nested_pages_go_on_where_the_first_ended(trader: Caller) -> None:
    document = """query ($id: ID!, $first: Int!, $after: String) { node(id: $id) { ... on Account {
      positions(first: $first, after: $after) { nodes { id } totalCount pageInfo { hasNextPage endCursor } }
    } ... on Case { orders(first: $first, after: $after) {
      nodes { id } totalCount pageInfo { hasNextPage endCursor }
    } } } }"""
    (case,) = (await trader.ask(PAGE, first=1, filter={"accountNo": "M01"}))["cases"]["nodes"]
    page = (await trader.ask(document, id=case["id"], first=1))["node"]["orders"]
    assert (len(page["nodes"]), page["totalCount"], page["pageInfo"]["hasNextPage"]) == (1, 1, False)
    after = page["pageInfo"]["endCursor"]
    rest = (await trader.ask(document, id=case["id"], first=1, after=after))["node"]["orders"]
    assert (rest["nodes"], rest["totalCount"]) == ([], 1)
    (order,) = (await trader.ask(ORDERS, first=1, filter={"caseId": case["id"]}))["orders"]["nodes"]
    assert [order["id"]] == [node["id"] for node in page["nodes"]]


CASE_FILTERS: dict[str, tuple[dict[str, Any], Callable[[Any], bool]]] = {
    "status": ({"status": ["LIQUIDATING", "RESOLVED"]}, lambda case: case["status"] == "LIQUIDATING"),
    "no status": ({"status": []}, lambda case: False),
    "alert type": ({"alertType": ["INTRADAY"]}, lambda case: case["alertType"] == "INTRADAY"),
    "account type": ({"accountType": ["MARGIN"]}, lambda case: case["account"]["type"] == "MARGIN"),
    "account": ({"accountNo": "M13"}, lambda case: case["account"]["accountNo"] == "M13"),
    "client's name": ({"search": "client c0"}, lambda case: "Client C0" in case["client"]["name"]),
    "account's number": ({"search": "m2"}, lambda case: "M2" in case["account"]["accountNo"]),
    "case's number": ({"search": "-00001"}, lambda case: "-00001" in case["caseNo"]),
    "percent sign": ({"search": "%"}, lambda case: False),
    "underscore": ({"search": "_"}, lambda case: False),
    "symbol": ({"symbol": "3.HK"}, lambda case: case["account"]["accountNo"].startswith("M3")),
    "unknown symbol": ({"symbol": "'; --"}, lambda case: False),
    "amount": ({"amountAtLeast": "21000"}, lambda case: Decimal(case["amount"]) >= 21000),
    "overdue": ({"overdue": True}, lambda case: case["overdue"]),
    "not overdue": ({"overdue": False}, lambda case: not case["overdue"]),
    "opened after": (
        {"openedAfter": "2020-03-16T04:00:00Z"},
        lambda case: case["openedAt"] > "2020-03-16T04:00:00Z",
    ),
    "opened before": (
        {"openedBefore": "2020-03-16T12:00:00+08:00"},
        lambda case: case["openedAt"] < "2020-03-16T04:00:00Z",
    ),
    "two of them": (
        {"alertType": ["MAINTENANCE"], "symbol": "1.HK"},
        lambda case: case["alertType"] == "MAINTENANCE" and case["account"]["accountNo"].startswith("M1"),
    ),
}


@pytest.mark.parametrize("name", CASE_FILTERS)
async def test_a_filter_keeps_the_cases_that_it_names(trader: Caller, name: str) -> None:
    wanted, keeps = CASE_FILTERS[name]
    everything = await walk(trader, PAGE, "cases", 100)
    expected = [case for case in everything if keeps(case)]
    assert await walk(trader, PAGE, "cases", 4, filter=wanted) == expected
    count = await trader.ask("query ($f: CaseFilter) { cases(filter: $f) { totalCount } }", f=wanted)
    assert count["cases"]["totalCount"] == len(expected)


async def test_a_filter_by_client_takes_the_clients_id_and_no_other(trader: Caller) -> None:
    case = (await walk(trader, PAGE, "cases", 100))[0]
    theirs = await walk(trader, PAGE, "cases", 1, filter={"clientId": case["client"]["id"]})
    assert {each["client"]["clientNo"] for each in theirs} == {case["client"]["clientNo"]}
    assert len(theirs) == 2
    assert await walk(trader, PAGE, "cases", 1, filter={"clientId": case["id"]}) == []


async def test_filters_of_orders_and_clients(trader: Caller) -> None:
    everything = await walk(trader, ORDERS, "orders", 100)
    one = next(order for order in everything if order["account"]["accountNo"] == "M07")
    for wanted in (
        {"accountNo": "M07"},
        {"caseId": one["case"]["id"]},
        {"search": one["clientOrderId"].lower()},
        {"search": "m07", "symbol": "0.HK"},
    ):
        assert await walk(trader, ORDERS, "orders", 2, filter=wanted) == [one]
    assert await walk(trader, ORDERS, "orders", 3, filter={"symbol": "0.HK"}) == everything
    for nobody in ({"status": ["FILLED"]}, {"symbol": "1.HK"}, {"createdBefore": one["createdAt"]}):
        assert await walk(trader, ORDERS, "orders", 2, filter=nobody) == []
    grouped = await walk(trader, CLIENTS, "clients", 3, filter={"group": "VIP"})
    assert {client["group"] for client in grouped} == {"VIP"}
    assert len(grouped) == NUMBER // 4
    assert await walk(trader, CLIENTS, "clients", 3, filter={"hasOpenCase": False}) == []
    (found,) = await walk(trader, CLIENTS, "clients", 3, filter={"search": "CLIENT c07", "hasOpenCase": True})
    assert (found["clientNo"], len(found["openCases"])) == ("C07", 2)


@pytest.mark.asyncio(loop_scope="function")
async def test_cases_that_open_between_two_pages_repeat_and_hide_nothing(world: World) -> None:
    desk = await a_full_desk(world, waves=2)
    trader = desk.caller()
    before = {node["id"] for node in await walk(trader, PAGE, "cases", 100)}
    orders = [{"field": field, "direction": direction} for field, direction in ORDERINGS]
    begun = [(await trader.ask(PAGE, first=7, orderBy=order))["cases"] for order in orders]
    await open_wave(desk, 2)
    for order, page in zip(orders, begun, strict=True):
        after = page["pageInfo"]["endCursor"]
        rest = await walk(trader, PAGE, "cases", 7, orderBy=order, after=after)
        ids = [node["id"] for node in page["nodes"] + rest]
        assert len(set(ids)) == len(ids), order
        assert before <= set(ids), order
