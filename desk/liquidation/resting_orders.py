"""Orders that rest away from the market cover nothing and are cancelled before anything else is sold.

The cancel comes first, then the sale: a plan is executed only when the venue has ended these orders, so that
both can never trade. Until then the liquidation is refused as ORDERS_RESTING, or held.
"""

from collections.abc import Sequence
from datetime import datetime

from desk.context import DeskContext
from desk.order_steps import store_step
from domain.case import Case
from domain.events import Event, OrderView
from domain.margin import Book
from domain.open_orders import order_cover
from domain.order import CancelCause, OrderChange, OrderSide, ask_cancel
from domain.principal import Principal
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OrderCover
from models import outbox

_REASON = "it rests away from the market, and the case is liquidated again"


def resting_orders(
    desk: DeskContext, case: Case, book: Book, orders: Sequence[OrderView], now: datetime
) -> list[OrderView]:
    """Orders that a liquidation of the case replaces: away from the market, or already being cancelled for
    that.

    Orders placed with an override are kept, and so are those that bring back stock for another case.
    """
    return [view for view in orders if _concerns(case, view) and _rests(desk, book, view, now)]


def others(orders: Sequence[OrderView], resting: Sequence[OrderView]) -> list[OrderView]:
    """The orders that remain."""
    ended = {view.order.id for view in resting}
    return [view for view in orders if view.order.id not in ended]


async def call_off(
    desk: DeskContext, by: Principal | str, resting: Sequence[OrderView], now: datetime
) -> Refusal:
    """Request the cancels that are not requested yet, in the caller's transaction; returns the refusal."""
    events: list[Event] = []
    for view in resting:
        change = ask_cancel(view.order, now, _REASON, CancelCause.RESTING)
        if isinstance(change, OrderChange) and not change.unchanged:
            events.append(await store_step(desk, view, change, by=by, action="callOffResting"))
    await outbox.append(events)
    return waits_for(resting)


def waits_for(resting: Sequence[OrderView]) -> Refusal:
    """The refusal of a liquidation while these orders have not ended."""
    orders = ", ".join(view.order.client_order_id for view in resting[:_SHOWN])
    return Refusal(
        RefusalCode.ORDERS_RESTING,
        f"Orders rest away from the market and cover nothing: {orders}. The desk cancels them first; "
        "liquidate again when they have ended.",
    )


_SHOWN = 10


def _concerns(case: Case, view: OrderView) -> bool:
    if view.order.case_id == case.id:
        return True
    return view.order.side is OrderSide.SELL and not case.is_recovery


def _rests(desk: DeskContext, book: Book, view: OrderView, now: datetime) -> bool:
    order = view.order
    if order.override:
        return False
    if order.called_off:
        return order.cancel_cause is CancelCause.RESTING
    return order_cover(order, book, desk.cover_conditions(now)) is OrderCover.RESTS
