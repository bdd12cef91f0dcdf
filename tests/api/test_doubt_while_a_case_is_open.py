"""Something becomes unknown while a case is open: what is shown of it, and when it may end."""

from decimal import Decimal
from typing import Any

import pytest

from domain.book_changes import CashStated, PositionStated
from domain.ids import Symbol
from tests.api.case_work import set_auto, work
from tests.api.moments import time_comes
from tests.api.trading import CASE_EVENTS, cancel, cases, liquidate, orders
from tests.kit.book_files import BANK, HKD, RAIL, a_book, a_client, an_instrument, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

NEW = Symbol("NEW.HK")
PREVIEW = """query ($input: LiquidationPreviewInput!) { liquidationPreview(input: $input) {
  amountBefore amountAfter cures shortOfTarget legs { side } refusal { code } } }"""
DOUBTS = "{ accounts { nodes { doubts { reason subject } } } }"
RESTING = {"symbol": BANK, "limitPrice": "104"}
"""The quantity that cures, at a price without a bid."""


async def called(world: World, **settings: Any) -> tuple[Desk, Caller, str]:
    """HKD 20,000 to collect; of NEW.HK, of which nothing is held yet, no price is known."""
    instruments = tuple(an_instrument(symbol, lot=100) for symbol in (BANK, RAIL, NEW))
    desk = await world.desk(a_book(a_client("C1", owing("M1")), instruments=instruments), **settings)
    trader = desk.caller()
    events = await trader.subscribe(CASE_EVENTS)
    await world.market.says(*quotes(world.clock()))
    await events.next()
    (case,) = await cases(trader)
    assert case["amount"] == "20000"
    return desk, trader, case["id"]


async def states(world: World, quantity: int) -> None:
    await world.market.says(PositionStated("M1", NEW, Decimal(quantity), world.clock()))


async def doubts(trader: Caller) -> list[tuple[str, str]]:
    (account,) = (await trader.ask(DOUBTS))["accounts"]["nodes"]
    return [(doubt["reason"], doubt["subject"]) for doubt in account["doubts"]]


async def until_doubted(desk: Desk, trader: Caller, *, doubted: bool) -> None:
    async def told() -> bool:
        return bool(await doubts(trader)) is doubted

    await desk.until(told, "the doubt to begin or to end")


async def until_shown(desk: Desk, trader: Caller, **facts: str) -> None:
    async def told() -> bool:
        return any(facts.items() <= case.items() for case in await cases(trader))

    await desk.until(told, f"the case to show {facts}")


async def test_a_doubt_restarts_the_hold_time_of_a_case(world: World) -> None:
    desk, trader, _ = await called(world)
    await world.market.says(CashStated("M1", HKD, Decimal(0), world.clock()))
    await until_shown(desk, trader, amount="0")
    await states(world, -100)
    await until_doubted(desk, trader, doubted=True)
    world.clock.advance(seconds=30)
    await world.market.says(*quotes(world.clock()))
    await states(world, 0)
    await until_doubted(desk, trader, doubted=False)
    (case,) = await cases(trader)
    assert (case["status"], case["amount"]) == ("OPEN", "0")

    async def closed() -> bool:
        world.clock.advance(seconds=1)
        await world.market.says(*quotes(world.clock()))
        return not await cases(trader)

    await desk.until(closed, "the case to be cured, after the hold")


async def test_in_doubt_an_order_that_was_cancelled_covers_nothing(world: World) -> None:
    desk, trader, case_id = await called(world)
    await states(world, 100)
    await until_doubted(desk, trader, doubted=True)
    (order,) = (await liquidate(trader, case_id, legs=[RESTING]))["orders"]
    await until_shown(desk, trader, amount="20000", uncoveredAmount="0")

    async def cancelled() -> bool:
        await cancel(trader, order["id"])
        return bool((await orders(trader))[0]["status"] == "CANCELED")

    await desk.until(cancelled, "the order to be cancelled")
    await until_shown(desk, trader, amount="20000", uncoveredAmount="20000", status="OPEN")


async def test_a_preview_of_a_covered_amount_says_that_nothing_is_left(world: World) -> None:
    _, trader, case_id = await called(world)
    await liquidate(trader, case_id, legs=[RESTING])
    shown = (await trader.ask(PREVIEW, input={"caseId": case_id}))["liquidationPreview"]
    assert shown == {
        "amountBefore": "20000",
        "amountAfter": "0",
        "cures": True,
        "shortOfTarget": "0",
        "legs": [],
        "refusal": {"code": "NOTHING_TO_COLLECT"},
    }


@pytest.mark.parametrize(
    ("stated", "reason"),
    [(NEW, "NO_PRICE"), (Symbol("UNHEARD.HK"), "INCOMPLETE")],
    ids=["price", "statement"],
)
async def test_an_automatic_sale_waits_for_the_end_of_a_doubt_and_says_why(
    world: World, stated: Symbol, reason: str
) -> None:
    desk, trader, case_id = await called(world, auto_liquidation_poll_s=0.05, auto_liquidation_retry_s=1)
    await world.market.says(PositionStated("M1", stated, Decimal(100), world.clock()))
    await until_doubted(desk, trader, doubted=True)
    assert await doubts(trader) == [(reason, stated)]
    await set_auto(trader, [case_id], at="2020-03-16T02:05:00Z")
    await time_comes(world, minutes=5)

    async def held() -> bool:
        auto = (await work(trader, case_id))["autoLiquidation"]
        return auto is not None and auto["held"] == "ACCOUNT_IN_DOUBT"

    await desk.until(held, "the doubt to hold it")
    assert await orders(trader) == []
    await world.market.says(PositionStated("M1", stated, Decimal(0), world.clock()))

    async def sold() -> bool:
        world.clock.advance(seconds=2)
        await world.market.says(*quotes(world.clock()))
        return bool(await orders(trader))

    await desk.until(sold, "the sale")
