"""Something becomes unknown while a case is open: what is shown of it, and when it may end."""

from decimal import Decimal
from typing import Any

from domain.book_changes import CashStated, PositionStated
from domain.ids import Symbol
from tests.api.books import BANK, HKD, RAIL, a_book, a_client, an_instrument, owing, quotes
from tests.api.desk_client import Caller
from tests.api.desk_server import Desk, World
from tests.api.doubts import unwatched
from tests.api.trading import CASE_EVENTS, cancel, cases, liquidate, orders

NEW = Symbol("NEW.HK")
PREVIEW = """query ($input: LiquidationPreviewInput!) { liquidationPreview(input: $input) {
  amountBefore amountAfter cures shortOfTarget legs { side } refusal { code } } }"""
RESTING = {"symbol": BANK, "limitPrice": "104"}
"""As much as cures, at a price that nobody bids."""


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


async def until_doubted(desk: Desk, trader: Caller, *, doubted: bool) -> None:
    async def told() -> bool:
        return bool(await unwatched(trader)) is doubted

    await desk.until(told, "the doubt to begin or to end")


async def until_shown(desk: Desk, trader: Caller, **facts: str) -> None:
    async def told() -> bool:
        return any(facts.items() <= case.items() for case in await cases(trader))

    await desk.until(told, f"the case to show {facts}")


async def test_what_was_in_doubt_was_not_cured_without_a_break(world: World) -> None:
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


async def test_a_preview_of_what_open_orders_cover_says_that_nothing_is_left(world: World) -> None:
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
