"""What of a book can be closed now: after the open orders, at the quotes, in whole lots."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain.booking import after_fill, trade_fee
from domain.closing import Closable, closable_at, closing_side
from domain.expiry import Life
from domain.ids import Symbol
from domain.margin import Book, Holding, rate_to_base, valuation_price
from domain.market import Quote, TradeStatus
from domain.money import ZERO, price_above, price_below
from domain.order import OrderSide, OrderType
from domain.refusals import RefusalCode


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What of an order may still fill."""

    symbol: Symbol
    side: OrderSide
    leaves_quantity: Decimal
    limit_price: Decimal | None = None
    covers: bool = True
    """Its fills may be relied on. An order that the desk has called off covers nothing, and its units cannot
    be sold again before the venue has answered."""


def covering(open_orders: Iterable[OpenOrder]) -> list[OpenOrder]:
    """Those that will bring in what they are worth."""
    return [order for order in open_orders if order.covers]


def after_open_orders(book: Book, open_orders: Iterable[OpenOrder]) -> Book:
    """The book once the open orders have filled: at the limit price, else the side's quote, else the mark.

    What is left of a position is what may still be sold. Only closing orders count, and only up to the
    position: an order the other way, or in something not held, changes nothing.
    """
    for order in open_orders:
        held = book.holding(order.symbol)
        if held is None or order.side is not closing_side(held):
            continue
        quantity = min(order.leaves_quantity, abs(held.quantity))
        if quantity <= 0:
            continue
        price = order.limit_price or side_price(held.quote, order.side) or valuation_price(held)
        signed = -quantity if order.side is OrderSide.SELL else quantity
        book = after_fill(book, order.symbol, signed, price, trade_fee(held.instrument, quantity, price))
    return book


def side_price(quote: Quote | None, side: OrderSide) -> Decimal | None:
    """What can be traded at now: the bid for a sale, the ask for a cover. The desk trades at no price of 0
    or below: at 0 there is no order on that side, and below it a person has to decide."""
    if quote is None:
        return None
    price = quote.bid if side is OrderSide.SELL else quote.ask
    return price if price is not None and price > 0 else None


def closable(
    book: Book,
    held: Holding,
    order_type: OrderType,
    max_quote_age: timedelta,
    now: datetime,
    price_band: Decimal = ZERO,
) -> Closable | RefusalCode:
    """All whole lots of the position at the quote of its side, or why not.

    An auction takes limit orders only. A currency without FX rate is NO_QUOTE, since its money has no value.
    `price_band`: by which fraction a limit order may be worse than the quote; it is reckoned at the worst.
    """
    blocked = _blocked(held, order_type)
    if blocked is not None:
        return blocked
    quote, price = held.quote, side_price(held.quote, closing_side(held))
    rate = rate_to_base(book, held.instrument.currency)
    if quote is None or price is None or not rate:
        return RefusalCode.NO_QUOTE
    if quote.is_stale(now, max_quote_age):
        return RefusalCode.STALE_QUOTE
    if order_type is OrderType.LIMIT and price_band:
        price = _through(quote, price, closing_side(held), price_band)
    ready = closable_at(held, quote, price, rate, book.rule.coefficient)
    if not ready.lots:
        return RefusalCode.OFF_LOT
    return ready if order_type is OrderType.LIMIT else replace(ready, limit_price=None)


def _through(quote: Quote, price: Decimal, side: OrderSide, band: Decimal) -> Decimal:
    if side is OrderSide.SELL:
        return price_below(price, band, quote.price_digits)
    return price_above(price, band, quote.price_digits)


def _blocked(held: Holding, order_type: OrderType) -> RefusalCode | None:
    if held.life is not Life.ALIVE:
        return RefusalCode.INSTRUMENT_EXPIRED
    match held.instrument.trade_status:
        case TradeStatus.SUSPENDED | TradeStatus.DELISTED:
            return RefusalCode.INSTRUMENT_SUSPENDED
        case TradeStatus.CLOSED | TradeStatus.HALTED:
            return RefusalCode.MARKET_CLOSED
        case TradeStatus.AUCTION if order_type is OrderType.MARKET:
            return RefusalCode.MARKET_CLOSED
    return RefusalCode.INSTRUMENT_SUSPENDED if held.dead else None
