"""Orders that rest, away from the market or for one that is shut, cover nothing that can be sold now."""

from typing import Any
from uuid import uuid4

from domain.phrase import DetailCode, phrase
from domain.phrase_texts import english
from tests.api.case_work import records, set_auto, work
from tests.api.moments import prices_call, time_comes
from tests.api.trading import CASE_EVENTS, cases, liquidate, orders, preview
from tests.kit.book_files import (
    APPLE,
    BANK,
    TENCENT,
    a_book,
    a_client,
    a_quote,
    of_the_worked_example,
    owing,
    worked_quotes,
)
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

QUICK: dict[str, Any] = {"auto_liquidation_poll_s": 0.05, "auto_liquidation_retry_s": 1}
PREVIEW = """query ($input: LiquidationPreviewInput!) { liquidationPreview(input: $input) {
  legs { instrument { symbol } marketOpen marketState } refusal { code }
  ordersNotCounted { reason order { clientOrderId } } } }"""
WHAT_IF = """query ($input: WhatIfInput!) { whatIf(input: $input) {
  plan { amountBefore amountAfter legs { quantity } } } }"""
FAR = {"symbol": TENCENT, "quantity": "600", "limitPrice": "405"}


async def called(world: World, **settings: Any) -> tuple[Desk, Caller, str]:
    """The worked example at ten in Hong Kong, while New York is shut: 152,800 to collect."""
    desk = await world.desk(of_the_worked_example(), **(QUICK | settings))
    trader = desk.caller()
    events = await trader.subscribe(CASE_EVENTS)
    await prices(world)
    await events.next()
    (case,) = await cases(trader)
    return desk, trader, case["id"]


async def prices(world: World, size: int = 1_000_000) -> None:
    """What the venue shows of 700.HK is `size`; only the time is new."""
    at = world.clock()
    quotes = [each for each in worked_quotes(at) if getattr(each, "symbol", "") != TENCENT]
    await world.market.says(*quotes, a_quote(TENCENT, at, "400", "399.80", "400.20", size=size))


async def uncovered(trader: Caller) -> str:
    (case,) = await cases(trader)
    return str(case["uncoveredAmount"])


async def _until_uncovered(desk: Desk, world: World, trader: Caller, amount: str, **of: int) -> None:
    async def told() -> bool:
        world.clock.advance(seconds=0.001)
        await prices(world, **of)
        return await uncovered(trader) == amount

    await desk.until(told, f"{amount} to be uncovered")


async def _working(desk: Desk, trader: Caller) -> None:
    async def taken() -> bool:
        return {order["status"] for order in await orders(trader)} == {"NEW"}

    await desk.until(taken, "the order to be at the venue")


async def test_an_order_away_from_the_market_counts_while_it_is_young_and_then_not(world: World) -> None:
    desk, trader, case_id = await called(world)
    await liquidate(trader, case_id, legs=[FAR])
    assert await uncovered(trader) != "152800"
    await _working(desk, trader)
    await time_comes(world, minutes=6)
    await _until_uncovered(desk, world, trader, "152800")


async def test_under_a_scenario_an_order_is_valued_at_the_prices_of_the_scenario(world: World) -> None:
    """A limit of 100 where the market would be 80 counts as 80, and once it is old as nothing."""
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    await prices_call(desk, 1)
    trader = desk.caller()
    (case,) = await cases(trader)
    await liquidate(trader, case["id"], legs=[{"symbol": BANK, "quantity": "700"}])
    await _working(desk, trader)
    asked = {"caseId": case["id"], "scenario": {"prices": [{"factor": "-0.20"}]}}
    # 2,000 x 80 less 150,000 is 10,000, and 56,000 are asked for: 46,000 are lacking.
    found = (await trader.ask(WHAT_IF, input=asked))["whatIf"]["plan"]
    # 700 x 28 of relief leave 26,400: 942.9 more at 28 each.
    assert (found["amountBefore"], found["amountAfter"]) == ("46000", "0")
    assert sum(int(leg["quantity"]) for leg in found["legs"]) == 1000
    await time_comes(world, minutes=6)
    old = (await trader.ask(WHAT_IF, input=asked))["whatIf"]["plan"]
    # What is left of the bank and all of the railway, 1,300 x 28.
    assert old["amountAfter"] == "9600"


async def test_one_that_the_market_reaches_counts_however_old_it_is(world: World) -> None:
    desk, trader, case_id = await called(world)
    await prices(world, size=0)
    await liquidate(trader, case_id, legs=[{"symbol": TENCENT, "quantity": "600", "limitPrice": "399.80"}])
    young = await uncovered(trader)
    await _working(desk, trader)
    await time_comes(world, minutes=60)
    await prices(world, size=0)
    shown = await preview(trader, case_id, legs=[{"symbol": TENCENT}])
    assert shown["refusal"] is None
    assert shown["amountBefore"] == "152800"
    assert await uncovered(trader) == young != "152800"


async def test_the_resting_order_is_cancelled_first_and_the_sale_follows_when_it_has_ended(
    world: World,
) -> None:
    desk, trader, case_id = await called(world)
    first = (await liquidate(trader, case_id, legs=[FAR]))["orders"][0]["clientOrderId"]
    await _working(desk, trader)
    await time_comes(world, minutes=6)
    await prices(world)
    seen = (await trader.ask(PREVIEW, input={"caseId": case_id}))["liquidationPreview"]
    assert seen["refusal"]["code"] == "ORDERS_RESTING"
    assert [leg["instrument"]["symbol"] for leg in seen["legs"]] == [TENCENT]
    assert seen["ordersNotCounted"] == [{"reason": "RESTS", "order": {"clientOrderId": first}}]
    key = uuid4().hex
    refused = await liquidate(trader, case_id, key)
    assert refused["code"] == "ORDERS_RESTING"
    assert first in refused["message"]

    async def ended() -> bool:
        return [order["status"] for order in await orders(trader)] == ["CANCELED"]

    await desk.until(ended, "the cancel")
    assert (await liquidate(trader, case_id, key))["message"] == refused["message"]
    started = await liquidate(trader, case_id)
    assert [order["quantity"] for order in started["orders"]] == ["1100"]


async def test_at_its_time_the_desk_calls_it_off_and_then_sells(world: World) -> None:
    desk, trader, case_id = await called(world)
    await liquidate(trader, case_id, legs=[FAR])
    await _working(desk, trader)
    await set_auto(trader, [case_id], at="2020-03-16T02:06:00Z")
    await time_comes(world, minutes=6)
    await prices(world, size=0)

    async def sold() -> bool:
        world.clock.advance(seconds=2)
        await prices(world, size=0)
        return [order["status"] for order in await orders(trader)] in (
            ["NEW", "CANCELED"],
            ["QUEUED", "CANCELED"],
        )

    await desk.until(sold, "the sale behind the cancel")
    assert [order["quantity"] for order in await orders(trader)] == ["1100", "600"]
    notes = [note["text"] for note in (await records(trader, case_id))["followUps"]["nodes"]]
    assert any(english(phrase(DetailCode.RESTING_ORDERS)) in note for note in notes)
    assert (await work(trader, case_id))["autoLiquidation"] is None


async def test_an_order_for_a_market_that_is_shut_covers_nothing_that_trades_now(world: World) -> None:
    desk, trader, case_id = await called(world)
    await liquidate(trader, case_id, legs=[{"symbol": APPLE, "limitPrice": "210", "quantity": "400"}])
    assert await uncovered(trader) == "152800"
    await _working(desk, trader)
    await prices(world, size=0)
    seen = (await trader.ask(PREVIEW, input={"caseId": case_id}))["liquidationPreview"]
    assert seen["refusal"] is None
    assert [each["reason"] for each in seen["ordersNotCounted"]] == ["WAITS_FOR_MARKET"]
    assert seen["legs"] == [{"instrument": {"symbol": TENCENT}, "marketOpen": True, "marketState": "OPEN"}]
    started = await liquidate(trader, case_id)
    assert [order["instrument"]["symbol"] for order in started["orders"]] == [TENCENT]
    assert await uncovered(trader) == "0"
    again = await liquidate(trader, case_id)
    assert again["code"] == "NOTHING_TO_COLLECT"


async def test_a_leg_for_a_market_that_is_shut_says_so(world: World) -> None:
    _, trader, case_id = await called(world)
    asked = {"caseId": case_id, "legs": [{"symbol": APPLE}]}
    seen = (await trader.ask(PREVIEW, input=asked))["liquidationPreview"]
    assert seen["legs"] == [{"instrument": {"symbol": APPLE}, "marketOpen": False, "marketState": "SHUT"}]
    market = await liquidate(trader, case_id, legs=asked["legs"], orderType="MARKET")
    assert market["code"] == "MARKET_CLOSED"


async def test_an_order_for_the_day_ends_with_the_session_of_its_market(world: World) -> None:
    desk, trader, case_id = await called(world)
    await liquidate(trader, case_id, legs=[FAR], timeInForce="DAY")
    await _working(desk, trader)
    # Hong Kong closes at 16:00, which is 08:00 UTC; the desk of the test begins at ten in the morning.
    world.clock.now = world.clock().replace(hour=7, minute=59)
    await prices(world)
    assert {order["status"] for order in await orders(trader)} == {"NEW"}
    world.clock.advance(minutes=1)

    async def has_ended() -> bool:
        return {order["status"] for order in await orders(trader)} == {"EXPIRED"}

    await desk.until(has_ended, "the order to expire with its day")
    assert not desk.application.resources.desk.attention, "nobody has to look"
