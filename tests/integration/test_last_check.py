"""The price collar holds when an order leaves as it did when it was planned."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from desk.liquidation.auto_liquidate import run_case
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.liquidation.set_auto_liquidation import SetAutoLiquidation, set_auto_liquidation
from desk.orders.dispatch_orders import Dispatcher
from desk.outcomes import Done, LiquidationStarted
from domain.events import OrderView
from domain.ids import CaseId
from domain.liquidation_plan import LegRequest, PlanRequest
from domain.order import OrderStatus, OrderType
from domain.principal import EVERYTHING
from domain.refusals import RefusalCode
from models.case import live_cases_of
from models.market import save_quotes
from models.order import load_orders
from models.sql.database import fetch, transaction
from tests.kit.desk_kit import APPLE, BOEING, TRADER, DeskKit, case, order, quoted
from tests.kit.follow_ups import desk_codes
from venues.paper import PaperVenue

MOVES = {
    "the bid fell away from the mark": ("100", "60", "140"),
    "nobody bids": ("100", "0", "100.10"),
    "the mark rose": ("200", "199", "201"),
}
"""Last, bid and ask when the order is about to leave; it was planned at 100."""


async def an_order(kit: DeskKit, order_type: OrderType) -> OrderView:
    """Recorded, and not sent."""
    (view,) = await live_cases_of([await kit.indebted_account()])
    request = PlanRequest(legs=(LegRequest(APPLE, Decimal(700)),), order_type=order_type)
    item = LiquidateCase(view.case.id, None, request)
    (outcome,) = await liquidate(kit.desk, TRADER, Liquidate(uuid4().hex, (item,), None))
    assert isinstance(outcome, LiquidationStarted), outcome
    (found,) = (await load_orders(EVERYTHING, outcome.order_ids)).values()
    return found


async def moves(kit: DeskKit, last: str, bid: str, ask: str) -> None:
    kit.clock.pass_(seconds=5)
    quote = quoted(APPLE, 100, kit.clock())
    await save_quotes([replace(quote, last=Decimal(last), bid=Decimal(bid), ask=Decimal(ask))])


async def sent_to(kit: DeskKit) -> PaperVenue:
    venue = PaperVenue(kit.clock)
    venue.on_quote(quoted(APPLE, 100, kit.clock()))
    await Dispatcher(kit.desk, venue, batch=10).dispatch()
    return venue


@pytest.mark.parametrize(
    ("order_type", "move"),
    [
        (OrderType.MARKET, "the bid fell away from the mark"),
        (OrderType.MARKET, "nobody bids"),
        (OrderType.LIMIT, "the mark rose"),
    ],
)
async def test_an_order_that_is_beyond_the_collar_by_now_is_not_sent_and_is_reported(
    kit: DeskKit, order_type: OrderType, move: str
) -> None:
    view = await an_order(kit, order_type)
    await moves(kit, *MOVES[move])
    venue = await sent_to(kit)
    assert await venue.history(view.order.client_order_id) is None, "the venue never had it"
    left = (await order(view.order.id)).order
    assert left.status is OrderStatus.REJECTED
    assert left.reason is not None
    assert left.reason.startswith("PRICE_COLLAR: ")
    assert kit.desk.attention == {"PRICE_COLLAR": 1}
    assert ("ORDER_NEEDS_ATTENTION", "NOT_SENT") in await desk_codes(view.order.case_id)
    await sent_to(kit)
    assert kit.desk.attention == {"PRICE_COLLAR": 1}, "told once"


@pytest.mark.parametrize(
    ("order_type", "move"),
    [
        (OrderType.MARKET, "the mark rose"),
        (OrderType.LIMIT, "the bid fell away from the mark"),
        (OrderType.LIMIT, "nobody bids"),
    ],
)
async def test_an_order_is_sent_after_a_move_that_does_not_harm_the_client(
    kit: DeskKit, order_type: OrderType, move: str
) -> None:
    view = await an_order(kit, order_type)
    await moves(kit, *MOVES[move])
    venue = await sent_to(kit)
    assert await venue.history(view.order.client_order_id) is not None
    assert (await order(view.order.id)).order.status is OrderStatus.PENDING_NEW


async def test_an_automatic_sale_that_was_not_sent_waits_for_the_market_and_is_planned_again(
    kit: DeskKit,
) -> None:
    (view,) = await live_cases_of([await kit.indebted_account()])
    due = kit.clock() + timedelta(minutes=5)
    (done,) = await set_auto_liquidation(
        kit.desk, TRADER, SetAutoLiquidation("k", (view.case.id,), due, at_deadline=False)
    )
    assert isinstance(done, Done), done
    kit.clock.pass_(minutes=5)
    for symbol in (APPLE, BOEING):
        await kit.quote(symbol, 100)
    await automatic_round(kit, view.case.id)
    (first,) = await orders_of(view.case.id)
    assert (await case(view.case.id)).case.auto_liquidation is None
    await moves(kit, "150", "149", "151")
    await sent_to(kit)
    assert (await order(first.order.id)).order.status is OrderStatus.REJECTED
    auto = (await case(view.case.id)).case.auto_liquidation
    assert auto is not None
    assert (auto.held, auto.set_by) == (RefusalCode.PRICE_COLLAR, TRADER.subject)
    assert ("AUTO_LIQUIDATION_KEPT_AFTER_COLLAR",) in await desk_codes(view.case.id)
    await moves(kit, "99", "99", "99")
    kit.clock.pass_(seconds=30)
    for symbol in (APPLE, BOEING):
        await kit.quote(symbol, 99)
    await automatic_round(kit, view.case.id)
    newest = (await orders_of(view.case.id))[-1].order
    assert newest.id != first.order.id
    assert (newest.status, newest.limit_price) == (OrderStatus.QUEUED, Decimal(99))


async def automatic_round(kit: DeskKit, case_id: CaseId) -> None:
    async with transaction():
        await run_case(kit.desk, case_id, kit.clock())


async def orders_of(case_id: CaseId) -> list[OrderView]:
    rows = await fetch("SELECT id FROM liquidation_order WHERE case_id = $1 ORDER BY created_at", case_id)
    views = await load_orders(EVERYTHING, [row["id"] for row in rows])
    return [views[row["id"]] for row in rows]
