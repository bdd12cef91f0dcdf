"""Orders in flight as the planner and the snapshots see them."""

from collections.abc import Sequence

from domain.events import OrderView
from domain.order import Order
from domain.sellable import OpenOrder


def as_open_orders(orders: Sequence[OrderView]) -> list[OpenOrder]:
    """What of each may still fill."""
    return [_open(view.order) for view in orders if view.order.leaves_quantity > 0]


def _open(order: Order) -> OpenOrder:
    return OpenOrder(
        order.symbol,
        order.side,
        order.leaves_quantity,
        order.limit_price,
        covers=not order.called_off,
    )
