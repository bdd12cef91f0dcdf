"""How far from what an instrument is worth an order of the desk may be priced.

The collar is one-sided: a sale may not be priced too far below the mark, a cover not too far above it. A
price that is good for the client is never refused. It holds for every order, by hand and by machine; a market
order is held to it by the quote that it would trade at.

There are two widths. Within the narrow one the desk and one person act alone; within the wide one a second
person has to approve; beyond it nothing is sent. A mark that is far from the previous close may be a faulty
price, so a price far from that close takes a second person as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto

from domain.canonical import plain
from domain.limit_price import side_price, worst_valid
from domain.market import Instrument, Quote
from domain.money import exact
from domain.order import Order, OrderSide
from domain.principal import SYSTEM


class CollarPlace(Enum):
    """Where a price lies."""

    WITHIN = auto()
    """The desk and one person may send it."""
    SECOND_PERSON = auto()
    """It takes a second person."""
    BEYOND = auto()
    """It is not sent."""


@dataclass(frozen=True, slots=True)
class PriceCollar:
    """The widths, as fractions of the mark."""

    narrow: Decimal = Decimal("0.05")
    by_market: Mapping[str, Decimal] = field(default_factory=dict)
    """Instead of `narrow`, by the market of the instrument."""
    wide: Decimal = Decimal("0.20")
    """With a second person; a market whose own collar is wider has that one."""
    from_close: Decimal = Decimal("0.50")
    """How far from the previous close, where it is known, a price is one that takes no second person."""

    def place(self, instrument: Instrument, quote: Quote, side: OrderSide, price: Decimal) -> CollarPlace:
        """Where the price of a sale or a cover lies, by the quote of that moment."""
        if _is_no_worse(price, self.edge(instrument, quote, side), side):
            return CollarPlace.WITHIN
        if _is_no_worse(price, self.edge(instrument, quote, side, approved=True), side):
            return CollarPlace.SECOND_PERSON
        return CollarPlace.BEYOND

    def edge(
        self, instrument: Instrument, quote: Quote, side: OrderSide, *, approved: bool = False
    ) -> Decimal:
        """The worst price that is allowed: a valid price of the instrument, so never beyond the collar.

        `approved`: with a second person.
        """
        narrow = self.by_market.get(instrument.market, self.narrow)
        with exact():
            worst = _off(quote.mark, max(narrow, self.wide) if approved else narrow, side)
            if quote.known_close is not None and not approved:
                worst = _better(worst, _off(quote.known_close, self.from_close, side), side)
        return worst_valid(instrument, quote, side, worst)

    def objection(self, order: Order, instrument: Instrument, quote: Quote | None) -> str | None:
        """Why an order that was within the collar when it was planned is not sent any more.

        The quote may be another by now. A market order is held to it by the price that it would trade at, a
        limit order by its limit. Two people may have let the order through up to the wide collar.
        """
        if quote is None or quote.mark_or_none is None:
            return None
        price = order.limit_price
        if price is None:
            price = side_price(quote, order.side)
            if price is None:
                return "there is no price on the other side of the market, so that it could trade at any"
        edge = self.edge(instrument, quote, order.side, approved=_by_two_people(order))
        if _is_no_worse(price, edge, order.side):
            return None
        what = "its limit" if order.limit_price is not None else "the market"
        return (
            f"{what} of {plain(price)} is beyond {plain(edge)}, since the mark is {plain(quote.mark)} by now"
        )


def _by_two_people(order: Order) -> bool:
    """The desk's own orders are never beyond the narrow collar."""
    return order.ordered_alone_by is None and order.placed_by != SYSTEM


def _off(price: Decimal, fraction: Decimal, side: OrderSide) -> Decimal:
    """So far on the side that is bad for the client; inside `money.exact()`."""
    distance = abs(price) * fraction
    return price - distance if side is OrderSide.SELL else price + distance


def _better(one: Decimal, other: Decimal, side: OrderSide) -> Decimal:
    return max(one, other) if side is OrderSide.SELL else min(one, other)


def _is_no_worse(price: Decimal, edge: Decimal, side: OrderSide) -> bool:
    return price >= edge if side is OrderSide.SELL else price <= edge
