"""Open orders as the planner and the snapshots see them, and whether each covers the amount to collect.

An order counts as far as it is expected to trade: its market is in session, and its limit reaches the other
side of the quote, or it is young. One that has rested away from the market for a while may never trade; one
in a closed market covers nothing that could be sold elsewhere meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.events import OrderView
from domain.limit_price import is_marketable, reckoned
from domain.margin import Book
from domain.market_hours import MarketHours
from domain.order import Order, TradingSession
from domain.sellable import OpenOrder, OrderCover


@dataclass(frozen=True, slots=True)
class CoverConditions:
    """By what an order counts, beside the quotes; one younger than `young` counts in any case."""

    now: datetime
    hours: MarketHours
    young: timedelta


def as_open_orders(orders: Sequence[OrderView], book: Book, conditions: CoverConditions) -> list[OpenOrder]:
    """The unfilled quantity of each order, and whether it counts."""
    return [_open(view.order, book, conditions) for view in orders if view.order.leaves_quantity > 0]


def order_cover(order: Order, book: Book, conditions: CoverConditions) -> OrderCover:
    """Whether the open order counts as covering the amount to collect."""
    if order.called_off:
        return OrderCover.CALLED_OFF
    held = book.holding(order.symbol)
    if held is None:
        return OrderCover.COUNTS
    if order.session is TradingSession.REGULAR and not conditions.hours.trades(held.instrument):
        return OrderCover.WAITS_FOR_MARKET
    young = conditions.now - order.created_at <= conditions.young
    if young or is_marketable(order.limit_price, held.quote, order.side):
        return OrderCover.COUNTS
    return OrderCover.RESTS


def _open(order: Order, book: Book, conditions: CoverConditions) -> OpenOrder:
    held, price, cover = book.holding(order.symbol), None, order_cover(order, book, conditions)
    if held is not None and order.limit_price is not None:
        price = reckoned(held.quote, order.side, order.limit_price)
    return OpenOrder(order.symbol, order.side, order.leaves_quantity, order.limit_price, cover, price)
