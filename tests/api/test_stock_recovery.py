"""Stock that has to come back, through the API: for written calls, and because it was recalled."""

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from domain.book_changes import PositionStated
from domain.ids import Symbol
from domain.market import FxRate, InstrumentKind, OptionRight, OptionTerms, Quote
from domain.principal import Permission
from feeds.book import BookAccount, BookFile, BookInstrument
from tests.api.case_work import approve, command, records, set_auto, work
from tests.api.risk_desk import put_in_force
from tests.api.trading import CASE_EVENTS, ORDER, ORDER_EVENTS, cases, freeze, liquidate, orders, preview
from tests.kit.book_files import (
    APPLE,
    HKD,
    TENCENT,
    USD,
    USD_IN_HKD,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
    worked_quotes,
)
from tests.kit.damage import damage
from tests.kit.desk_client import Caller, Operation
from tests.kit.desk_server import Desk, World

CALL = Symbol("700C400.HK")
TRIGGER = "10:30"
SHORTFALL = """
  id status quantity outstandingQuantity uncoveredQuantity requiredQuantity heldQuantity closedAt
  underlying { symbol } account { accountNo closeOnly } case { id alertType status amount version }
  writtenCalls {
    instrument { symbol option { underlying right strike expiry } } contracts contractsToBuyBack
  }
"""
RECOVERY = """
  id status cause reason recallId quantity outstandingQuantity uncoveredQuantity dueAt overdue closedAt
  instrument { symbol } account { accountNo } case { id alertType status amount deadline version }
"""
SHORTFALLS = f"""query ($filter: CoveredOptionShortfallFilter) {{
  coveredOptionShortfalls(filter: $filter) {{ totalCount nodes {{ {SHORTFALL} }} }} }}"""
RECOVERIES = f"""query ($filter: ShortRecoveryFilter, $first: Int! = 50, $after: String) {{
  shortRecoveries(filter: $filter, first: $first, after: $after) {{
    totalCount nodes {{ {RECOVERY} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
BORROW = """query ($filter: StockBorrowFilter) { stockBorrow(filter: $filter) { totalCount nodes {
  instrument { symbol } totalShort accountsShort recalled openCovers
  accounts { totalCount nodes {
    account { accountNo } client { clientNo } quantity recalled openCovers shortSince
  } }
} } }"""
RECALL = f"""mutation ($input: RecallStockInput!) {{ recallStock(input: $input) {{ result {{ __typename
  ... on StockRecalled {{ recallId quantity allocated unallocated leftOut
    recoveries {{ nodes {{ {RECOVERY} }} }} }}
  ... on RecallRefused {{ code message }} }} }} }}"""
RECOVER = f"""mutation ($input: RecoverStockInput!) {{ recoverStock(input: $input) {{ results {{ __typename
  ... on StockRecoveryStarted {{
    recoveryId case {{ id status }} uncurable {{ symbol reason }} orders {{ {ORDER} }}
  }}
  ... on StockRecoveryRefused {{ recoveryId code message approval {{ id }} }} }} }} }}"""


def a_call(symbol: Symbol = CALL) -> BookInstrument:
    """On 100 Tencent each."""
    stock = an_instrument(symbol, "1 1 1 1")
    terms = OptionTerms(TENCENT, OptionRight.CALL, Decimal(400), date(2020, 3, 30))
    option = replace(stock.instrument, kind=InstrumentKind.OPTION, multiplier=Decimal(100), option=terms)
    return BookInstrument(option, stock.factors)


def the_book(*accounts: BookAccount) -> BookFile:
    clients = [a_client(f"C{n}", account) for n, account in enumerate(accounts, start=1)]
    return a_book(*clients, instruments=(an_instrument(TENCENT, lot=100), a_call()))


def rich(account_no: str, **positions: int) -> BookAccount:
    """With so much cash that no price makes a margin call."""
    symbols = {"tencent": TENCENT, "call": CALL}
    return an_account(account_no, "90000000", {symbols[name]: held for name, held in positions.items()})


def prices(world: World, size: int = 1_000_000, **later: float) -> tuple[Quote, Quote]:
    at = world.clock() + timedelta(**later)
    return (
        a_quote(TENCENT, at, "400", "399.80", "400.20", size=size),
        a_quote(CALL, at, "5", "4.90", "5.10", size=size),
    )


async def enable_collection(desk: Desk, skip_short: bool = True) -> None:
    """A change of the risk settings that another person approved."""
    value = {"enabled": True, "triggerTime": TRIGGER, "skipShort": skip_short}
    await put_in_force(desk, {"coveredOption": value})


async def shortfalls(caller: Caller, **wanted: object) -> list[Any]:
    nodes: list[Any] = (await caller.ask(SHORTFALLS, filter=wanted))["coveredOptionShortfalls"]["nodes"]
    return nodes


async def recoveries(caller: Caller, **wanted: object) -> dict[str, Any]:
    """By account number."""
    found = (await caller.ask(RECOVERIES, filter=wanted))["shortRecoveries"]
    assert found["totalCount"] == len(found["nodes"])
    return {node["account"]["accountNo"]: node for node in found["nodes"]}


async def borrow(caller: Caller) -> Any:
    (stock,) = (await caller.ask(BORROW))["stockBorrow"]["nodes"]
    return stock


async def recall(caller: Caller, quantity: int, key: str | None = None, **asked: object) -> Any:
    """Due in three days, unless asked otherwise."""
    given = {"symbol": TENCENT, "dueAt": "2020-03-19T06:00:00Z", "reason": "lender's call", **asked}
    given |= {"idempotencyKey": key or uuid4().hex, "quantity": str(quantity)}
    return (await caller.ask(RECALL, input=given))["recallStock"]["result"]


async def recover(caller: Caller, *ids: str, key: str | None = None, **asked: object) -> list[Any]:
    given = {"idempotencyKey": key or uuid4().hex, **asked}
    given["recoveries"] = [{"recoveryId": id_} for id_ in ids]
    results: list[Any] = (await caller.ask(RECOVER, input=given))["recoverStock"]["results"]
    return results


async def settled(desk: Desk, events: Operation) -> Any:
    """The case that is closed once nothing has been outstanding for long enough."""
    desk.clock.advance(seconds=desk.settings.close_hold_s)
    return (await events.until(lambda event: event["kind"] == "CLOSED"))[-1]["case"]


@pytest.fixture
async def writers(world: World) -> Desk:
    """W has written 7 calls and holds 500 shares, K holds enough, S is short of the stock itself."""
    book = the_book(
        rich("W", tencent=500, call=-7), rich("K", tencent=700, call=-7), rich("S", tencent=-100, call=-1)
    )
    desk = await world.desk(book, covered_options_check_interval_s=0.02)
    await world.market.says(*prices(world))
    return desk


@pytest.fixture
async def shorts(world: World) -> Desk:
    """A, B and C are short of 500, 300 and 200; nothing trades yet."""
    book = the_book(rich("A", tencent=-500), rich("B", tencent=-300), rich("C", tencent=-200))
    desk = await world.desk(book)
    await world.market.says(*prices(world, size=0))
    return desk


async def test_a_shortfall_opens_at_its_time_is_bought_back_and_closes(writers: Desk, world: World) -> None:
    trader = writers.caller()
    events = await trader.subscribe(CASE_EVENTS)
    order_events = await trader.subscribe(ORDER_EVENTS)
    await enable_collection(writers)
    world.clock.advance(minutes=29)
    await world.market.says(*prices(world))
    assert await shortfalls(trader) == []
    world.clock.advance(minutes=1)
    await world.market.says(*prices(world))
    opened = await events.next()
    assert (opened["kind"], opened["case"]["alertType"]) == ("OPENED", "COVERED_CALL_SHORTFALL")
    opening = await trader.ask("query ($id: ID!) { case(id: $id) { openedAt } }", id=opened["case"]["id"])
    assert opening["case"]["openedAt"] == "2020-03-16T02:30:00Z", "not before its time"
    (found,) = await shortfalls(trader)
    terms = {"underlying": TENCENT, "right": "CALL", "strike": "400", "expiry": "2020-03-30"}
    assert found["writtenCalls"] == [
        {"instrument": {"symbol": CALL, "option": terms}, "contracts": "7", "contractsToBuyBack": "2"}
    ]
    numbers = ("quantity", "outstandingQuantity", "uncoveredQuantity", "requiredQuantity", "heldQuantity")
    assert [found[name] for name in numbers] == ["200", "200", "200", "700", "500"]
    assert found["account"] == {"accountNo": "W", "closeOnly": False}
    assert (found["case"]["amount"], found["status"]) == ("0", "OPEN")

    (started,) = await recover(trader, found["id"])
    (order,) = started["orders"]
    assert (order["side"], order["quantity"], order["instrument"]["symbol"]) == ("BUY", "2", CALL)
    await order_events.until(lambda event: event["order"]["status"] == "FILLED")
    closed = await settled(writers, events)
    assert (closed["status"], closed["closeReason"]) == ("RESOLVED", "CURED")
    assert await shortfalls(trader) == []
    (recovered,) = await shortfalls(trader, status=["RECOVERED"])
    assert (recovered["outstandingQuantity"], recovered["requiredQuantity"]) == ("0", "500")


REPORTS = """{
  marginRecords(from: "2020-03-16T00:00:00Z", to: "2020-03-17T00:00:00Z") { totalCount nodes { metBy } }
  liquidationReport(from: "2020-03-16T00:00:00Z", to: "2020-03-17T00:00:00Z") { nodes {
    slippage overLiquidated secondsToCure legs { order { side filledQuantity } slippageAtDecision }
  } }
}"""


async def test_a_case_for_stock_required_no_margin_and_was_not_over_liquidated(
    writers: Desk, world: World
) -> None:
    trader = writers.caller()
    events = await trader.subscribe(CASE_EVENTS)
    order_events = await trader.subscribe(ORDER_EVENTS)
    await enable_collection(writers)
    world.clock.advance(minutes=30)
    await world.market.says(*prices(world))
    await events.next()
    (found,) = await shortfalls(trader)
    await recover(trader, found["id"])
    await order_events.until(lambda event: event["order"]["status"] == "FILLED")
    await settled(writers, events)
    said = await writers.caller(Permission.AUDITOR, subject="auditor").ask(REPORTS)
    assert said["marginRecords"] == {"totalCount": 0, "nodes": []}
    (covered,) = said["liquidationReport"]["nodes"]
    assert (covered["overLiquidated"], covered["secondsToCure"]) == (None, 0)
    (leg,) = covered["legs"]
    assert leg["order"] == {"side": "BUY", "filledQuantity": "2"}
    # Two contracts of 100 shares at 5.10, 0.10 above the mark.
    assert leg["slippageAtDecision"] == covered["slippage"] == "20"


async def test_the_snapshots_hold_the_demanded_stock(writers: Desk, world: World) -> None:
    events = await writers.caller().subscribe(CASE_EVENTS)
    await enable_collection(writers)
    world.clock.advance(minutes=31)
    opened = await events.next()
    await world.market.says(PositionStated("W", TENCENT, Decimal(700), world.clock()))
    await settled(writers, events)
    asked = "query ($id: ID!) { case(id: $id) { snapshots { nodes { kind content } } } }"
    auditor = writers.caller(Permission.AUDITOR, subject="auditor")
    nodes = (await auditor.ask(asked, id=opened["case"]["id"]))["case"]["snapshots"]["nodes"]
    held = {node["kind"]: json.loads(node["content"])["inputs"]["recoveries"] for node in nodes}
    told = {kind: [(r["symbol"], r["quantity"], r["outstanding"]) for r in held[kind]] for kind in held}
    assert told["TRIGGER"] == [(TENCENT, "200", "200")]
    assert told["END"] == [(TENCENT, "200", "0")]


async def test_a_filter_may_name_a_status_however_often(writers: Desk) -> None:
    trader = writers.caller()
    assert await shortfalls(trader, status=["OPEN"] * 3000) == []
    assert await recoveries(trader, status=["OPEN", "CANCELED"] * 1500) == {}


async def test_a_delivery_ends_a_shortfall_and_the_same_day_does_not_ask_again(
    writers: Desk, world: World
) -> None:
    trader = writers.caller(minutes=3 * 24 * 60)
    events = await trader.subscribe(CASE_EVENTS)
    await enable_collection(writers)
    world.clock.advance(minutes=31)
    await events.next()
    at = world.clock()
    await world.market.says(PositionStated("W", TENCENT, Decimal(700), at))
    assert await shortfalls(trader) == []
    await settled(writers, events)
    await world.market.says(PositionStated("W", TENCENT, Decimal(300), world.clock()))
    world.clock.advance(hours=1)
    await world.market.says(*prices(world))
    await writers.rows("UPDATE counter SET value = 0 WHERE name = 'covered:XHKG' RETURNING name")

    async def looked_again() -> bool:
        (row,) = await writers.rows("SELECT value FROM counter WHERE name = 'covered:XHKG'")
        return bool(row["value"])

    await writers.until(looked_again, "the desk to look at the market again")
    assert await shortfalls(trader) == []
    world.clock.advance(days=1)
    await world.market.says(*prices(world))
    reopened = (await events.until(lambda event: event["kind"] == "OPENED"))[-1]
    assert reopened["case"]["alertType"] == "COVERED_CALL_SHORTFALL"
    assert [found["quantity"] for found in await shortfalls(writers.caller())] == ["400"]


async def test_an_account_short_of_the_stock_is_asked_if_the_rule_says_so(
    writers: Desk, world: World
) -> None:
    trader = writers.caller()
    events = await trader.subscribe(CASE_EVENTS)
    await enable_collection(writers, skip_short=False)
    world.clock.advance(minutes=31)
    await events.next()
    await events.next()
    assert {found["account"]["accountNo"]: found["quantity"] for found in await shortfalls(trader)} == {
        "W": "200",
        "S": "100",
    }


async def test_a_recall_is_shared_out_and_covered_by_orders_of_its_cases(shorts: Desk, world: World) -> None:
    trader = shorts.caller()
    order_events = await trader.subscribe(ORDER_EVENTS)
    case_events = await trader.subscribe(CASE_EVENTS)
    before = await borrow(trader)
    assert (before["totalShort"], before["accountsShort"], before["recalled"]) == ("1000", 3, "0")
    recalled = await recall(trader, 450)
    assert [recalled[name] for name in ("quantity", "allocated", "unallocated")] == ["450", "400", "50"]
    found = await recoveries(trader)
    assert {name: node["quantity"] for name, node in found.items()} == {"A": "200", "B": "100", "C": "100"}
    assert {node["recallId"] for node in found.values()} == {recalled["recallId"]}
    assert found["A"]["case"]["deadline"] == found["A"]["dueAt"] == "2020-03-19T06:00:00Z"
    assert (found["A"]["reason"], found["A"]["cause"]) == ("lender's call", "RECALLED")

    (started,) = await recover(trader, found["A"]["id"])
    (order,) = started["orders"]
    assert (order["side"], order["quantity"], started["case"]["status"]) == ("BUY", "200", "LIQUIDATING")
    (again,) = await recover(trader, found["A"]["id"])
    assert again["code"] == "NOTHING_TO_COLLECT"
    in_flight = (await recoveries(trader))["A"]
    assert (in_flight["outstandingQuantity"], in_flight["uncoveredQuantity"]) == ("200", "0")
    stock = await borrow(trader)
    assert (stock["recalled"], stock["openCovers"]) == ("400", "200")
    assert [node["openCovers"] for node in stock["accounts"]["nodes"]] == ["200", "0", "0"]

    await world.market.says(*prices(world))
    await order_events.until(lambda event: event["order"]["status"] == "FILLED")
    assert sorted(await recoveries(trader)) == ["B", "C"]
    assert (await recoveries(trader, status=["RECOVERED"]))["A"]["closedAt"] is not None
    assert (await settled(shorts, case_events))["alertType"] == "SHORT_RECALL"
    after = await borrow(trader)
    assert (after["totalShort"], after["recalled"], after["openCovers"]) == ("800", "200", "0")


async def test_recalls_add_up_and_never_ask_for_more_than_is_short(shorts: Desk) -> None:
    trader = shorts.caller()
    await recall(trader, 400)
    second = await recall(trader, 5000, rule="LARGEST_FIRST", cause="UNBORROWED")
    assert (second["allocated"], second["unallocated"]) == ("600", "4400")
    shares = {node["account"]["accountNo"]: node["quantity"] for node in second["recoveries"]["nodes"]}
    assert shares == {"A": "300", "B": "200", "C": "100"}
    assert (await recall(trader, 100))["code"] == "NOTHING_TO_COLLECT"
    assert (await borrow(trader))["recalled"] == "1000"
    pages, after = [], None
    while True:
        page = (await trader.ask(RECOVERIES, first=4, after=after))["shortRecoveries"]
        pages += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(pages) == len(set(pages)) == page["totalCount"] == 6
    newest = next(node for node in second["recoveries"]["nodes"] if node["account"]["accountNo"] == "A")
    (started,) = await recover(trader, newest["id"])
    assert [order["quantity"] for order in started["orders"]] == ["500"], "the older recall comes first"


async def test_stock_sold_short_after_a_recall_can_be_recalled_too(shorts: Desk, world: World) -> None:
    trader = shorts.caller()
    await recall(trader, 200, rule="LARGEST_FIRST")
    await recall(trader, 300, rule="LARGEST_FIRST")
    await world.market.says(PositionStated("A", TENCENT, Decimal(-300), world.clock()))
    world.clock.advance(seconds=1)
    await world.market.says(PositionStated("A", TENCENT, Decimal(-1200), world.clock()))
    third = await recall(trader, 1000, rule="LARGEST_FIRST")
    shares = {node["account"]["accountNo"]: node["quantity"] for node in third["recoveries"]["nodes"]}
    assert shares["A"] == "900"
    accounts = {node["account"]["accountNo"]: node for node in (await borrow(trader))["accounts"]["nodes"]}
    assert (accounts["A"]["quantity"], accounts["A"]["recalled"]) == ("1200", "1200")
    world.clock.advance(seconds=1)
    await world.market.says(PositionStated("A", TENCENT, Decimal(-900), world.clock()))
    left = (await trader.ask(RECOVERIES, filter={"accountNo": "A"}))["shortRecoveries"]["nodes"]
    assert [(node["quantity"], node["outstandingQuantity"]) for node in left] == [("900", "900")]


async def test_the_cover_of_the_desk_is_cancelled_when_the_client_covers(shorts: Desk, world: World) -> None:
    trader = shorts.caller()
    order_events = await trader.subscribe(ORDER_EVENTS)
    await recall(trader, 200, rule="LARGEST_FIRST")
    (found,) = (await recoveries(trader)).values()
    await recover(trader, found["id"])
    await order_events.until(lambda event: event["order"]["status"] == "NEW")
    await world.market.says(PositionStated("A", TENCENT, Decimal(-300), world.clock()))
    (ended,) = (await order_events.until(lambda event: event["order"]["terminal"]))[-1:]
    assert (ended["order"]["status"], ended["order"]["reason"]) == ("CANCELED", "the case is cured")
    assert await recoveries(trader) == {}


async def test_liquidate_and_its_preview_plan_the_recovery_of_such_a_case(shorts: Desk) -> None:
    trader = shorts.caller()
    await recall(trader, 200, rule="LARGEST_FIRST")
    (found,) = (await recoveries(trader)).values()
    plan = await preview(trader, found["case"]["id"])
    assert [(leg["side"], leg["quantity"]) for leg in plan["legs"]] == [("BUY", "200")]
    started = await liquidate(trader, found["case"]["id"])
    assert [order["quantity"] for order in started["orders"]] == ["200"]
    assert started["case"]["amount"] == "0"


async def test_fifo_asks_the_account_that_has_been_short_for_longest(shorts: Desk, world: World) -> None:
    world.clock.advance(minutes=5)
    at = world.clock()
    await world.market.says(
        PositionStated("A", TENCENT, Decimal(0), at - timedelta(minutes=2)),
        PositionStated("A", TENCENT, Decimal(-500), at),
        PositionStated("C", TENCENT, Decimal(-400), at),
    )
    trader = shorts.caller()
    await recall(trader, 800, rule="FIFO")
    found = await recoveries(trader)
    assert {name: node["quantity"] for name, node in found.items()} == {"B": "300", "C": "400", "A": "100"}


async def test_the_same_key_many_times_at_once_is_one_recall(shorts: Desk) -> None:
    trader = shorts.caller()
    answers = await asyncio.gather(*(recall(trader, 400, key="k") for _ in range(20)))
    assert len({answer["recallId"] for answer in answers}) == 1
    assert len(await recoveries(trader)) == 3
    ids = [node["id"] for node in (await recoveries(trader)).values()]
    started = await asyncio.gather(*(recover(trader, *ids, key="r") for _ in range(20)))
    assert all(_begun(batch) == _begun(started[0]) for batch in started)
    assert len(await orders(trader)) == 3
    assert (await recall(trader, 500, key="k"))["code"] == "IDEMPOTENCY_KEY_REUSED"


def _begun(results: list[Any]) -> list[list[str]]:
    """The orders of each."""
    return [[order["id"] for order in result["orders"]] for result in results]


async def test_two_recalls_at_once_share_the_short_quantity(shorts: Desk) -> None:
    trader, other = shorts.caller(), shorts.caller(subject="other")
    answers = await asyncio.gather(recall(trader, 800), recall(other, 800))
    assert sum(int(answer["allocated"]) for answer in answers if "allocated" in answer) == 1000
    assert (await borrow(trader))["recalled"] == "1000"


async def test_scope_and_permission_hold_everywhere(shorts: Desk) -> None:
    trader = shorts.caller()
    scoped = shorts.caller(accounts=["B"], subject="scoped")
    reader = shorts.caller(Permission.RISK_WARNING_READ_ONLY, subject="reader")
    assert (await recall(reader, 100))["code"] == "FORBIDDEN"
    await recall(trader, 1000)
    found = await recoveries(trader)
    assert sorted(await recoveries(scoped)) == ["B"]
    stock = await borrow(scoped)
    assert (stock["totalShort"], stock["accountsShort"], stock["recalled"]) == ("300", 1, "300")
    assert [node["account"]["accountNo"] for node in stock["accounts"]["nodes"]] == ["B"]
    theirs, own = await recover(scoped, found["A"]["id"], found["B"]["id"])
    assert (theirs["code"], own["__typename"]) == ("NOT_FOUND", "StockRecoveryStarted")
    (refused,) = await recover(reader, found["A"]["id"])
    assert refused["code"] == "FORBIDDEN"
    node = "query ($id: ID!) { node(id: $id) { __typename id } }"
    assert (await scoped.ask(node, id=found["A"]["id"]))["node"] is None
    seen = (await scoped.ask(node, id=found["B"]["id"]))["node"]
    assert seen == {"__typename": "ShortRecovery", "id": found["B"]["id"]}


async def test_a_scoped_recall_is_allocated_within_scope_only(shorts: Desk) -> None:
    recalled = await recall(shorts.caller(accounts=["B", "C"], subject="scoped"), 1000)
    assert recalled["allocated"] == "500"
    assert sorted(await recoveries(shorts.caller())) == ["B", "C"]


async def test_an_invalid_recall_is_refused(shorts: Desk) -> None:
    trader = shorts.caller()
    assert (await recall(trader, 100, symbol="9.HK"))["code"] == "NOT_FOUND"
    assert (await recall(trader, 100, symbol=CALL))["code"] == "NOT_FOUND"
    assert (await recall(trader, 100, dueAt="2020-03-16T01:00:00Z"))["code"] == "TOO_LATE"
    assert (await recall(trader, 99))["code"] == "NOTHING_TO_COLLECT"
    given = {"idempotencyKey": "k", "symbol": TENCENT, "quantity": "0", "dueAt": "2020-03-19T06:00:00Z"}
    assert (await trader.answer(RECALL, input=given)).codes == ["BAD_USER_INPUT"]


async def test_the_recovery_of_a_voided_case_is_cancelled_and_its_stock_can_be_recalled_again(
    shorts: Desk,
) -> None:
    trader, approver = shorts.caller(), shorts.caller(Permission.RISK_APPROVER, subject="olga")
    await recall(trader, 200, rule="LARGEST_FIRST")
    (found,) = (await recoveries(trader)).values()
    asked = await command(trader, "voidCase", found["case"], reason="the lender took it back")
    await approve(approver, asked["approval"]["id"])
    assert await recoveries(trader) == {}
    (canceled,) = (await recoveries(trader, status=["CANCELED"])).values()
    assert (canceled["id"], canceled["case"]["status"]) == (found["id"], "VOID")
    (refused,) = await recover(trader, found["id"])
    assert refused["code"] == "CASE_CLOSED"
    again = await recall(trader, 1000)
    assert again["allocated"] == "1000"


async def test_a_recall_that_is_due_is_covered_by_the_desk_itself_where_that_was_set(
    shorts: Desk, world: World
) -> None:
    trader = shorts.caller()
    await recall(trader, 200, rule="LARGEST_FIRST", dueAt="2020-03-16T03:00:00Z")
    (found,) = (await recoveries(trader)).values()
    await set_auto(trader, [found["case"]["id"]], atDeadline=True)
    events = await trader.subscribe(ORDER_EVENTS)
    # The prices are there when the time comes: a look in between would find them old.
    await world.market.says(*prices(world, hours=1, seconds=1))
    world.clock.advance(hours=1, seconds=1)
    filled = (await events.until(lambda event: event["order"]["status"] == "FILLED"))[-1]["order"]
    assert (filled["side"], filled["quantity"], filled["instrument"]["symbol"]) == ("BUY", "200", TENCENT)
    assert await recoveries(trader) == {}


async def test_stock_of_a_shut_market_waits_for_it_while_the_rest_is_covered(world: World) -> None:
    """It is morning in Hong Kong, and night in New York."""
    short = an_account("A", "90000000", {TENCENT: -500, APPLE: -300})
    book = a_book(a_client("C1", short), instruments=(an_instrument(TENCENT, lot=100), an_instrument(APPLE)))
    desk = await world.desk(book, auto_liquidation_poll_s=0.05)
    trader = desk.caller()
    await world.market.says(*worked_quotes(world.clock()))
    await recall(trader, 500, dueAt="2020-03-16T03:00:00Z")
    await recall(trader, 300, symbol=APPLE, dueAt="2020-03-16T03:00:00Z")
    (case,) = await cases(trader)
    await set_auto(trader, [case["id"]], atDeadline=True)
    then = world.clock() + timedelta(hours=1)
    await world.market.says(
        a_quote(TENCENT, then, "400", "399.80", "400.20"), FxRate(USD, HKD, USD_IN_HKD, then)
    )
    world.clock.advance(hours=1)

    async def waits() -> bool:
        auto = (await work(trader, case["id"]))["autoLiquidation"]
        return auto is not None and auto["held"] == "MARKET_CLOSED"

    await desk.until(waits, "the rest to wait")
    assert (await work(trader, case["id"]))["autoLiquidation"]["heldUntil"] == "2020-03-16T13:30:00Z"
    assert [(each["instrument"]["symbol"], each["quantity"]) for each in await orders(trader)] == [
        (TENCENT, "500")
    ]
    newest = (await records(trader, case["id"]))["followUps"]["nodes"][0]
    assert newest["code"] == "AUTO_LIQUIDATION_PLACED"
    assert newest["text"].endswith(": 1. Positions in closed markets wait until 2020-03-16 13:30 UTC.")


async def test_a_recall_names_the_accounts_that_it_had_to_leave_out(shorts: Desk) -> None:
    trader = shorts.caller()
    with shorts.application.resources.database.active():
        await damage(
            "cash_balance", "balance", "account_id = (SELECT id FROM account WHERE account_no = 'A')"
        )
    first = await recall(trader, 1000, key="k")
    assert (first["allocated"], first["unallocated"], first["leftOut"]) == ("500", "500", ["A"])
    assert (await recall(trader, 1000, key="k"))["leftOut"] == ["A"], "a repeat says the same"


async def test_a_cover_is_priced_within_a_band_and_capped_as_a_liquidation_is(shorts: Desk) -> None:
    trader = shorts.caller()
    await recall(trader, 500, rule="LARGEST_FIRST")
    (found,) = (await recoveries(trader)).values()
    (wide,) = await recover(trader, found["id"], priceBand="0.5")
    assert wide["code"] == "PRICE_OUTSIDE_BAND"
    (covered,) = await recover(trader, found["id"], priceBand="0.01", maxSliceNotional="100000")
    (order,) = covered["orders"]
    assert Decimal(order["quantity"]) < 500
    assert Decimal(order["limitPrice"]) > 400
    assert [each["reason"] for each in covered["uncurable"]] == ["CAPPED"]


async def test_a_kill_switch_and_the_switches_hold_for_covers_too(shorts: Desk) -> None:
    trader = shorts.caller()
    await recall(trader, 500, rule="LARGEST_FIRST")
    (found,) = (await recoveries(trader)).values()
    switch = {"tradeType": "MARGIN", "forceType": "MANUAL", "on": False}
    await put_in_force(shorts, {"liquidationSwitch": switch})
    (off,) = await recover(trader, found["id"])
    assert off["code"] == "SWITCH_OFF"
    await put_in_force(shorts, {"liquidationSwitch": switch | {"on": True}})
    await freeze(trader)
    (frozen,) = await recover(trader, found["id"])
    assert frozen["code"] == "FROZEN"
    assert await orders(trader) == []


async def test_a_large_cover_takes_a_second_person_like_any_liquidation(shorts: Desk) -> None:
    await put_in_force(shorts, {"approvalLimits": {"notional": "1000", "cases": 10}})
    trader = shorts.caller()
    await recall(trader, 200, rule="LARGEST_FIRST")
    (found,) = (await recoveries(trader)).values()
    (asked,) = await recover(trader, found["id"])
    assert asked["code"] == "APPROVAL_REQUIRED"
    assert await orders(trader) == []
    approver = shorts.caller(Permission.RISK_APPROVER, subject="olga")
    assert (await approve(approver, asked["approval"]["id"]))["__typename"] == "ApprovalDecided"
    assert [order["quantity"] for order in await orders(trader)] == ["200"]
    assert (await recoveries(trader))["A"]["uncoveredQuantity"] == "0"
