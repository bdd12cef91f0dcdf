"""Open orders in the form used by the planner and the snapshots."""

from collections.abc import Sequence
from datetime import datetime

from desk.context import DeskContext
from domain.events import OrderView
from domain.limit_price import reckoned
from domain.margin import Book
from domain.order import Order
from domain.order_cover import cover_of
from domain.sellable import OpenOrder, OrderCover


def as_open_orders(
    desk: DeskContext, book: Book, orders: Sequence[OrderView], now: datetime
) -> list[OpenOrder]:
    """The unfilled quantity of each order, and whether it counts by the book's quotes and the calendars."""
    return [
        _open(view.order, book, order_cover(desk, book, view.order, now))
        for view in orders
        if view.order.leaves_quantity > 0
    ]


def order_cover(desk: DeskContext, book: Book, order: Order, now: datetime) -> OrderCover:
    """Whether the open order counts as covering the amount to collect."""
    return cover_of(order, book, desk.market_hours(now), now, desk.policy.resting_order_counts_for)


def _open(order: Order, book: Book, cover: OrderCover) -> OpenOrder:
    held, price = book.holding(order.symbol), None
    if held is not None and order.limit_price is not None:
        price = reckoned(held.quote, order.side, order.limit_price)
    return OpenOrder(order.symbol, order.side, order.leaves_quantity, order.limit_price, cover, price)
