"""The last slice of an automatic liquidation, and whether another one may follow.

A liquidation in a single slice counts as well if the desk cancelled it (see
desk.assessment.restore_automatic).

No slice follows if an operator or a rule requested the cancel of one of the orders, even if the market was
faster than that cancel, or if the venue rejected or cancelled one. Orders that the desk itself cancelled,
because nothing was left to collect or because they exceeded the position, do not prevent it: if something is
to be collected before the case is closed, the authorised liquidation continues.
"""

from collections.abc import Sequence

from domain.case import AutoLiquidation, AutoLiquidationTrigger, Case
from domain.order import CALLED_OFF, CancelCause, Order, OrderStatus
from domain.phrase import DetailCode
from domain.principal import SYSTEM
from domain.refusals import RefusalCode
from models.order import orders_of_cases

AFTER_ORDERS = (RefusalCode.CAPPED, RefusalCode.NOTHING_TO_COLLECT)
"""Held for these reasons, the setting may wait for orders to end, and a fault must not make the desk forget
that.
"""

WAITING_REST = (RefusalCode.MARKET_CLOSED, RefusalCode.PRICE_COLLAR, RefusalCode.ORDERS_RESTING)
"""Held for these reasons, orders may have been placed while other positions wait for their markets."""


async def last_slice_of(case: Case, auto: AutoLiquidation) -> list[Order]:
    """The orders of the last slice; empty if there was none, or if the next one follows in any case."""
    held = (*AFTER_ORDERS, *WAITING_REST)
    if auto.held not in held or auto.trigger is AutoLiquidationTrigger.INTRADAY:
        return []
    own = [order for order in (await orders_of_cases([case.id]))[case.id] if order.placed_by == SYSTEM]
    if auto.held is not RefusalCode.CAPPED:
        # It may not have placed orders yet; orders before the setting do not count.
        own = [order for order in own if order.created_at >= auto.at]
    return [order for order in own if order.created_at == own[-1].created_at]


def why_unwanted(orders: Sequence[Order], *, rest: bool) -> DetailCode | None:
    """Why no further slice may follow, given orders that have ended.

    With `rest`: why positions that wait for their market must not be sold, whatever the venue did with the
    orders in others.
    """
    if not rest and any(order.status is OrderStatus.REJECTED or _cancelled(order) for order in orders):
        return DetailCode.SLICE_CANCELLED
    if any(order.cancel_cause is CancelCause.DECIDED for order in orders):
        return DetailCode.SLICE_CANCEL_REQUESTED
    return None


def was_called_off(orders: Sequence[Order]) -> bool:
    """Whether the desk cancelled some of it because the shortfall was cured."""
    return any(
        order.status is OrderStatus.CANCELED and order.cancel_cause is CancelCause.CURED for order in orders
    )


def _cancelled(order: Order) -> bool:
    return order.status is OrderStatus.CANCELED and order.cancel_cause not in CALLED_OFF
