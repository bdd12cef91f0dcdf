"""Whether an open order counts as covering the amount to collect.

An order counts as far as it is expected to trade: its market is in session, and its limit reaches the other
side of the quote, or it is young. One that has rested away from the market for a while may never trade; one
in a closed market covers nothing that could be sold elsewhere meanwhile.
"""

from datetime import datetime, timedelta

from domain.limit_price import is_marketable
from domain.margin import Book
from domain.market_hours import MarketHours
from domain.order import Order, TradingSession
from domain.sellable import OrderCover


def cover_of(order: Order, book: Book, hours: MarketHours, now: datetime, young: timedelta) -> OrderCover:
    """The cover by the order now; an order younger than `young` counts in any case."""
    if order.called_off:
        return OrderCover.CALLED_OFF
    held = book.holding(order.symbol)
    if held is None:
        return OrderCover.COUNTS
    if order.session is TradingSession.REGULAR and not hours.trades(held.instrument):
        return OrderCover.WAITS_FOR_MARKET
    if now - order.created_at <= young or is_marketable(order.limit_price, held.quote, order.side):
        return OrderCover.COUNTS
    return OrderCover.RESTS
