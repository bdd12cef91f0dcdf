"""Orders in flight as the planner and the snapshots see them."""

from collections.abc import Sequence

from domain.events import OrderView
from domain.sellable import OpenOrder


def as_open_orders(orders: Sequence[OrderView]) -> list[OpenOrder]:
    """What of each may still fill."""
    return [
        OpenOrder(view.order.symbol, view.order.side, view.order.leaves_quantity, view.order.limit_price)
        for view in orders
        if view.order.leaves_quantity > 0
    ]
