"""The limit prices of the desk's orders, and the prices at which such orders are valued.

Every limit is a valid price of its instrument. It is rounded in favour of the client: a sale up, a cover
down. A limit is therefore never beyond a price band or a price collar.
"""

from decimal import Decimal

from domain.market import Instrument, Quote
from domain.order import OrderSide
from domain.tick_size import Direction


def side_price(quote: Quote | None, side: OrderSide) -> Decimal | None:
    """The current price of the other side: the bid for a sale, the ask for a cover.

    The desk does not trade at a price of 0 or below: at 0 that side has no order, and below 0 a person has to
    decide.
    """
    if quote is None:
        return None
    price = quote.bid if side is OrderSide.SELL else quote.ask
    return price if price is not None and price > 0 else None


def is_marketable(limit: Decimal | None, quote: Quote | None, side: OrderSide) -> bool:
    """Whether the order would trade at once: its limit, if any, reaches the price on the other side."""
    price = side_price(quote, side)
    if price is None:
        return False
    if limit is None:
        return True
    return limit <= price if side is OrderSide.SELL else limit >= price


def worst_valid(instrument: Instrument, quote: Quote, side: OrderSide, worst: Decimal) -> Decimal:
    """The valid price nearest to `worst` that is not worse for the client.

    If the instrument's tick size is unknown, the price has as many digits as its quote.
    """
    direction = Direction.UP if side is OrderSide.SELL else Direction.DOWN
    return instrument.round_price(worst, direction, quote)


def is_valid(instrument: Instrument, price: Decimal) -> bool:
    """Whether the exchange accepts the price; True if the instrument's tick size is unknown."""
    return instrument.ticks is None or instrument.ticks.is_valid(price)


def neighbours(instrument: Instrument, quote: Quote, price: Decimal) -> tuple[Decimal, Decimal]:
    """The valid prices next to this one, the lower one first."""
    below, above = (instrument.round_price(price, way, quote) for way in (Direction.DOWN, Direction.UP))
    return below, above


def reckoned(quote: Quote | None, side: OrderSide, limit: Decimal) -> Decimal:
    """The price at which an order with this limit is valued: never better than the far side of the quote.

    A sale far above the ask promises money that it is unlikely to bring.
    """
    if quote is None:
        return limit
    if side is OrderSide.SELL:
        return min(limit, max(quote.mark, quote.ask or quote.mark))
    return max(limit, min(quote.mark, quote.bid or quote.mark))
