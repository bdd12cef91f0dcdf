"""The last slice of an automatic liquidation, and whether another one is wanted after it.

What was to be the only one counts as well where the desk called it off (see
desk.assessment.restore_automatic).

Nobody wants another where a person or a rule has asked for the cancel of one of its orders, also where the
market was faster than that cancel, or where one was rejected or cancelled by the venue. Orders that the desk
itself called off, because nothing was left to collect or less was held than they would sell, say nothing of
the kind: where something is to be collected before the case is closed, what was authorised goes on.
"""

from collections.abc import Sequence

from domain.case import AutoLiquidation, AutoLiquidationTrigger, Case
from domain.order import CALLED_OFF, CancelCause, Order, OrderStatus
from domain.principal import SYSTEM
from domain.refusals import RefusalCode
from models.order import orders_of_cases

AFTER_ORDERS = (RefusalCode.CAPPED, RefusalCode.NOTHING_TO_COLLECT)
"""Held so, it may wait for the end of orders, which no fault must make the desk forget."""

WAITING_REST = (RefusalCode.MARKET_CLOSED, RefusalCode.PRICE_COLLAR, RefusalCode.ORDERS_RESTING)
"""Held so, what could be sold may have been ordered, and the other positions wait for their markets."""


async def last_slice_of(case: Case, auto: AutoLiquidation) -> list[Order]:
    """Its orders; none where there was no slice, or where one follows the other in any case."""
    held = (*AFTER_ORDERS, *WAITING_REST)
    if auto.held not in held or auto.trigger is AutoLiquidationTrigger.INTRADAY:
        return []
    own = [order for order in (await orders_of_cases([case.id]))[case.id] if order.placed_by == SYSTEM]
    if auto.held is not RefusalCode.CAPPED:
        # It may not have ordered anything yet; what the desk had sold before it was set is another matter.
        own = [order for order in own if order.created_at >= auto.at]
    return [order for order in own if order.created_at == own[-1].created_at]


def why_unwanted(orders: Sequence[Order], *, rest: bool) -> str | None:
    """Why no further slice is wanted, of orders that have ended; or (`rest`) why what waits for its market is
    not, whatever the venue made of the orders in the others."""
    if not rest and any(order.status is OrderStatus.REJECTED or _cancelled(order) for order in orders):
        return "An order of the last slice was cancelled or rejected"
    if any(order.cancel_cause is CancelCause.DECIDED for order in orders):
        return "The cancel of an order of the last slice was asked for"
    return None


def was_called_off(orders: Sequence[Order]) -> bool:
    """The desk cancelled some of it because the shortfall was cured."""
    return any(
        order.status is OrderStatus.CANCELED and order.cancel_cause is CancelCause.CURED for order in orders
    )


def _cancelled(order: Order) -> bool:
    return order.status is OrderStatus.CANCELED and order.cancel_cause not in CALLED_OFF
