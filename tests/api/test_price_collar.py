"""The price collar through the API: by hand, with a second person, by machine; limit and market orders."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.margin import AccountType
from domain.market import Quote
from domain.phrase import DetailCode, phrase
from domain.phrase_texts import english
from domain.principal import Permission
from resolvers.kit.node import global_id
from tests.api.case_work import approve, records, set_auto, work
from tests.api.trading import CASE_EVENTS, cases, liquidate, orders, preview
from tests.kit.book_files import BANK, RAIL, a_book, a_client, a_quote, an_account, an_instrument, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

QUICK: dict[str, Any] = {"auto_liquidation_poll_s": 0.05, "auto_liquidation_retry_s": 1}
SHOWN = """query ($input: LiquidationPreviewInput!) { liquidationPreview(input: $input) {
  legs { limitPrice marketOpen marketState } uncurable { symbol reason remainingQuantity }
  refusal { code message } } }"""


AT_TWO_FIVE = "2020-03-16T02:05:00Z"


def wide(world: World, bid: str = "75", ask: str = "125", minutes: int = 0) -> tuple[Quote, Quote]:
    """The mark is 100. Quotes of the moment that comes in so many minutes."""
    at = world.clock() + timedelta(minutes=minutes)
    return a_quote(BANK, at, "100", bid, ask), a_quote(RAIL, at, "100", bid, ask)


async def time_comes_with(world: World, minutes: int, *prices: Quote) -> None:
    """These prices are there when the time comes: nothing is sold at others in between."""
    await world.market.says(*prices)
    world.clock.advance(minutes=minutes)


async def called(world: World, **settings: Any) -> tuple[Desk, Caller, str]:
    """HKD 20,000 to collect; the market is a quarter away from the mark."""
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **(QUICK | settings))
    trader = desk.caller()
    events = await trader.subscribe(CASE_EVENTS)
    await world.market.says(*wide(world))
    await events.next()
    (case,) = await cases(trader)
    return desk, trader, case["id"]


async def shown(trader: Caller, case_id: str, **asked: Any) -> Any:
    return (await trader.ask(SHOWN, input={"caseId": case_id, **asked}))["liquidationPreview"]


@pytest.mark.parametrize("order_type", ["LIMIT", "MARKET"])
async def test_a_market_too_far_from_the_mark_is_refused_position_by_position(
    world: World, order_type: str
) -> None:
    _, trader, case_id = await called(world)
    found = await shown(trader, case_id, orderType=order_type)
    assert found["refusal"]["code"] == "PRICE_COLLAR"
    assert found["uncurable"] == [
        {"symbol": symbol, "reason": "PRICE_COLLAR", "remainingQuantity": "1000"} for symbol in (BANK, RAIL)
    ]
    assert (await liquidate(trader, case_id, orderType=order_type))["code"] == "PRICE_COLLAR"
    named = [{"symbol": BANK, "quantity": "100"}]
    assert (await liquidate(trader, case_id, orderType=order_type, legs=named))["code"] == "PRICE_COLLAR"
    assert await orders(trader) == []


async def test_a_persons_price_is_judged_by_the_mark_on_the_side_that_is_bad(world: World) -> None:
    _, trader, case_id = await called(world)

    async def at(price: str) -> Any:
        leg = {"symbol": BANK, "quantity": "100", "limitPrice": price}
        return await liquidate(trader, case_id, legs=[leg])

    assert (await at("99.50"))["orders"][0]["limitPrice"] == "99.5"
    assert (await at("79.95"))["code"] == "PRICE_COLLAR"
    off = await at("99.47")
    assert off["code"] == "OFF_TICK"
    assert "99.45 and 99.5." in off["message"]


async def test_between_the_collars_a_second_person_decides(world: World) -> None:
    desk, trader, case_id = await called(world)
    leg = {"symbol": BANK, "quantity": "100", "limitPrice": "90"}
    seen = await shown(trader, case_id, legs=[leg])
    assert (seen["refusal"]["code"], seen["legs"][0]["limitPrice"]) == ("APPROVAL_REQUIRED", "90")
    asked = await liquidate(trader, case_id, legs=[leg])
    assert asked["code"] == "APPROVAL_REQUIRED"
    assert "price collar" in asked["message"]
    assert await orders(trader) == []
    (request,) = await desk.rows("SELECT id FROM approval")
    checker = desk.caller(Permission.RISK_APPROVER, subject="carl")
    decided = await approve(checker, global_id("ApprovalRequest", request["id"]))
    assert decided["__typename"] == "ApprovalDecided", decided
    (order,) = await orders(trader)
    assert (order["limitPrice"], order["quantity"]) == ("90", "100")


@pytest.mark.parametrize("side", ["a sale", "a cover"])
async def test_an_approved_liquidation_is_not_placed_at_an_unseen_price_beyond_the_collar(
    world: World, side: str
) -> None:
    """It took two because of its size; since then the market has gone away from the mark."""
    sale = side == "a sale"
    account = owing("M1") if sale else an_account("M1", "124000", {BANK: -1000})
    desk = await world.desk(a_book(a_client("C1", account)), approval_notional="5000", **QUICK)
    trader, checker = desk.caller(), desk.caller(Permission.RISK_APPROVER, subject="carl")
    events = await trader.subscribe(CASE_EVENTS)
    await world.market.says(*wide(world, "99.90", "100.10"))
    case_id = (await events.next())["case"]["id"]
    asked = await liquidate(trader, case_id, legs=[{"symbol": BANK, "quantity": "100"}])
    assert asked["code"] == "APPROVAL_REQUIRED"
    (request,) = await desk.rows("SELECT id FROM approval")
    request_id = global_id("ApprovalRequest", request["id"])
    await world.market.says(*wide(world, "85", "115"))
    refused = await approve(checker, request_id)
    price, seen = ("85", "99.9") if sale else ("115", "100.1")
    assert (refused["code"], refused["message"]) == (
        "VERSION_CONFLICT",
        f"5.HK would now be priced at {price}, outside its price collar, and the request had {seen}: "
        "decline the request and let the maker send a new one.",
    )
    assert await orders(trader) == []
    await world.market.says(*wide(world, "96", "104"))
    assert (await approve(checker, request_id))["__typename"] == "ApprovalDecided"
    (order,) = await orders(trader)
    assert order["limitPrice"] == ("96" if sale else "104")


async def _held(caller: Caller, case_id: str, code: str | None) -> bool:
    auto = (await work(caller, case_id))["autoLiquidation"]
    return auto is not None and auto["held"] == code


async def test_an_automatic_sale_waits_for_the_market_says_so_once_and_then_sells(world: World) -> None:
    desk, trader, case_id = await called(world)
    await set_auto(trader, [case_id], at=AT_TWO_FIVE)
    await time_comes_with(world, 5, *wide(world, minutes=5))
    await desk.until(lambda: _held(trader, case_id, "PRICE_COLLAR"), "the collar to hold it")
    first = (await work(trader, case_id))["autoLiquidation"]["heldUntil"]

    async def looked_again() -> bool:
        world.clock.advance(seconds=2)
        await world.market.says(*wide(world))
        return bool((await work(trader, case_id))["autoLiquidation"]["heldUntil"] != first)

    await desk.until(looked_again, "the next try")
    assert await orders(trader) == []
    (note,) = (await records(trader, case_id))["followUps"]["nodes"]
    assert note["code"] == "AUTO_LIQUIDATION_WAITS"
    assert "too far from the mark" in note["text"]

    async def sold() -> bool:
        world.clock.advance(seconds=2)
        await world.market.says(*wide(world, "99.90", "100.10"))
        return len(await orders(trader)) > 0

    await desk.until(sold, "the sale")
    assert {order["limitPrice"] for order in await orders(trader)} == {"99.9"}


async def test_positions_within_the_collar_are_sold_and_the_rest_waits(world: World) -> None:
    desk, trader, case_id = await called(world)
    await set_auto(trader, [case_id], at=AT_TWO_FIVE)
    # 1,000 shares of the bank alone do not cure any more: HKD 60,000 to collect.
    await desk.rows("UPDATE cash_balance SET balance = balance - 40000 RETURNING balance")
    far = wide(world, minutes=5)[1]
    near = a_quote(BANK, far.at, "100", "99", "101", size=0)
    await time_comes_with(world, 5, near, far)
    await desk.until(lambda: _held(trader, case_id, "PRICE_COLLAR"), "the rest to wait")
    (order,) = await orders(trader)
    assert order["instrument"]["symbol"] == BANK
    notes = [note["text"] for note in (await records(trader, case_id))["followUps"]["nodes"]]
    assert any(english(phrase(DetailCode.COLLAR_WAITS)) in note for note in notes)


async def test_an_intraday_account_is_not_flattened_at_any_price(world: World) -> None:
    account = owing("M1", AccountType.INTRADAY)
    desk = await world.desk(a_book(a_client("C1", account)), intraday_liquidate_at_once=True, **QUICK)
    trader = desk.caller()
    events = await trader.subscribe(CASE_EVENTS)
    await world.market.says(*wide(world))
    case_id = (await events.next())["case"]["id"]
    await desk.until(lambda: _held(trader, case_id, "PRICE_COLLAR"), "the collar to hold it")
    assert await orders(trader) == []


async def test_a_collar_of_the_market_wins_over_the_general_one(world: World) -> None:
    _, trader, case_id = await called(world, price_collars="XHKG=0.3,XNYS=0.01", price_collar_approved="0.3")
    started = await liquidate(trader, case_id, legs=[{"symbol": BANK, "quantity": "100"}])
    assert started["orders"][0]["limitPrice"] == "75"


async def test_penny_prices_are_rounded_towards_the_mark(world: World) -> None:
    book = a_book(
        a_client("C1", an_account("M1", "-160", {BANK: 20_000})), instruments=(an_instrument(BANK, lot=100),)
    )
    desk = await world.desk(book, **QUICK)
    trader = desk.caller()
    events = await trader.subscribe(CASE_EVENTS)
    await world.market.says(a_quote(BANK, world.clock(), "0.011", "0.010", "0.012"))
    case_id = (await events.next())["case"]["id"]
    found = await preview(trader, case_id)
    assert found["uncurable"][0]["reason"] == "PRICE_COLLAR"
    leg = {"symbol": BANK, "quantity": "100", "limitPrice": "0.011"}
    assert (await liquidate(trader, case_id, uuid4().hex, legs=[leg]))["orders"][0]["limitPrice"] == "0.011"


async def test_a_refusal_states_numbers_as_a_person_writes_them(world: World) -> None:
    """Whatever the database keeps of them: no column of zeros behind the point."""
    _, trader, case_id = await called(world)

    async def refused(**leg: str) -> str:
        answer = await liquidate(trader, case_id, legs=[{"symbol": BANK, **leg}])
        return str(answer["message"])

    assert await refused(quantity="100", limitPrice="79.95") == (
        "5.HK has the mark 100: the limit of a sale must be at least 95, or with a second person's "
        "approval at least 80."
    )
    assert await refused(quantity="1100", limitPrice="99") == "Of 5.HK only 1000 can still be closed."
    assert await refused(quantity="50", limitPrice="99") == "5.HK trades in whole lots of 100."
    assert await refused(quantity="0", limitPrice="99") == "5.HK: give a quantity of at least one lot of 100."
    assert "(mark 100)" in await refused(quantity="100", limitPrice="90")
