"""What the world does while an order is open, through the desk's own doors: feed, API and venue."""

from decimal import Decimal
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from domain.book_changes import PositionStated
from domain.execution import ExecType
from domain.ids import Symbol
from tests.api.trading import cases, liquidate, order, orders
from tests.kit.book_files import BANK, RAIL, a_book, a_client, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World, scraped
from tests.kit.patience import PATIENCE_S
from venues.paper import Connection, PaperBehaviour

pytestmark = pytest.mark.both_stacks

POSITIONS = """query ($id: ID!) { case(id: $id) { account { positions { nodes {
  instrument { symbol } quantity
} } } } }"""
FOLLOW_UPS = "query ($id: ID!) { case(id: $id) { followUps { nodes { code text byDesk } } } }"


async def an_order(world: World, **settings: Any) -> tuple[Desk, Caller, Any, Any]:
    """SELL 500 of the bank, which the venue works and does not fill; with its case."""
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **settings)
    await desk.market.says(*quotes(desk.clock(), size=0))
    trader = desk.caller()

    async def called() -> bool:
        return len(await cases(trader)) == 1

    await desk.until(called, "the call")
    (case,) = await cases(trader)
    started = await liquidate(trader, case["id"], legs=[{"symbol": BANK, "quantity": "500"}])
    (placed,) = started["orders"]
    await until_status(desk, trader, placed["id"], "NEW")
    return desk, trader, case, placed


async def until_status(desk: Desk, trader: Caller, order_id: str, *statuses: str) -> None:
    async def so() -> bool:
        return (await order(trader, order_id))["status"] in statuses

    await desk.until(so, f"an order that is {statuses}")


async def state(desk: Desk, quantity: int, symbol: Symbol = BANK) -> None:
    """The book of record states the position as of now."""
    desk.clock.advance(seconds=1)
    await desk.market.says(PositionStated("M1", symbol, Decimal(quantity), desk.clock()))


async def positions(trader: Caller, case: Any) -> dict[str, Decimal]:
    """Of the case's account."""
    nodes = (await trader.ask(POSITIONS, id=case["id"]))["case"]["account"]["positions"]["nodes"]
    return {node["instrument"]["symbol"]: Decimal(node["quantity"]) for node in nodes}


async def follow_ups(trader: Caller, case: Any) -> Any:
    return (await trader.ask(FOLLOW_UPS, id=case["id"]))["case"]["followUps"]["nodes"]


async def test_a_statement_below_the_open_order_cancels_it_and_is_reported(world: World) -> None:
    desk, trader, case, placed = await an_order(world)
    await state(desk, 40)
    await until_status(desk, trader, placed["id"], "CANCELED")
    (found,) = [each for each in await follow_ups(trader, case) if placed["clientOrderId"] in each["text"]]
    assert found["code"] == "ORDER_NEEDS_ATTENTION"
    assert "a quantity of 500 was in open orders and only 40 can be closed" in found["text"]
    assert (await scraped(desk))['desk_order_attention_total{kind="MAY_CHANGE_SIGN"}'] == 1
    await desk.market.says(*quotes(desk.clock()))
    (after,) = await orders(trader)
    assert after["filledQuantity"] == "0"


async def test_a_lost_fill_of_a_working_order_is_found_by_asking(world: World) -> None:
    desk, trader, case, placed = await an_order(world, working_order_check_s=0.1)
    desk.venue.behave(PaperBehaviour(silent=True))
    desk.clock.advance(seconds=1)
    await desk.market.says(*quotes(desk.clock()))
    desk.clock.advance(seconds=1)
    await until_status(desk, trader, placed["id"], "FILLED")
    desk.venue.speak()
    held = await positions(trader, case)
    assert held[BANK] == held[RAIL] - 500


async def test_the_first_half_of_a_split_leaves_no_false_cover(world: World) -> None:
    """The doubled position comes first and cures for a moment; the cancel of its order is not answered."""
    desk, trader, case, placed = await an_order(world)
    desk.venue.behave(PaperBehaviour(silent=True))
    await state(desk, 2 * int((await positions(trader, case))[BANK]))
    await until_status(desk, trader, placed["id"], "PENDING_CANCEL")
    desk.clock.advance(seconds=1)
    bank, rail = quotes(desk.clock(), "50")[0], quotes(desk.clock())[1]
    await desk.market.says(bank, rail)

    async def owes_again() -> bool:
        (live,) = await cases(trader)
        return Decimal(live["amount"]) > 0 and live["uncoveredAmount"] == live["amount"]

    await desk.until(owes_again, "a shortfall that nothing covers")
    again = await liquidate(trader, case["id"])
    assert again["__typename"] == "LiquidationStarted", again


async def test_a_hanging_venue_holds_up_no_later_order_and_is_logged_once(world: World) -> None:
    book = a_book(a_client("C1", owing("M1"), owing("M2")))
    desk = await world.desk(book, venue_answer_timeout_s=0.05, working_order_check_s=0.1)
    await desk.market.says(*quotes(desk.clock(), size=0))
    trader = desk.caller()

    async def called() -> bool:
        return len(await cases(trader)) == 2

    async def trades() -> bool:
        return (await scraped_readiness(desk))["trading"] is True

    async def does_not_trade() -> bool:
        return not await trades()

    await desk.until(called, "the calls")
    await desk.until(trades, "a venue that answers")
    desk.venue.behave(PaperBehaviour(connection=Connection.HANGING))
    with capture_logs() as logs:
        for live in await cases(trader):
            await liquidate(trader, live["id"], legs=[{"symbol": BANK, "quantity": "100"}])
        placed = await orders(trader)
        for each in placed:
            await until_status(desk, trader, each["id"], "PENDING_NEW")
        await desk.until(does_not_trade, "a venue that is not available")
        desk.venue.behave(PaperBehaviour())
        desk.clock.advance(seconds=11)
        for each in placed:
            await until_status(desk, trader, each["id"], "NEW")
        await desk.until(trades, "a venue that is available again")
    told = [each["asked"] for each in logs if each["event"] == "the venue is not available"]
    assert len(told) == len(set(told)), "once for each kind of question"
    assert "submit" in told or "cancel client orders" in told
    for each in placed:
        said = await desk.venue.history(each["clientOrderId"])
        assert said is not None
        assert [report.exec_type for report in said] == [ExecType.NEW], "taken once"


async def scraped_readiness(desk: Desk) -> Any:
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        return (await client.get(f"http://127.0.0.1:{desk.port}/readyz")).json()
