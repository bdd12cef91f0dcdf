"""The price collar: how far from the mark an order of the desk may be priced.

The collar is one-sided: a sale must not be priced too far below the mark, a cover not too far above it. A
price in the client's favour is never refused. It applies to every order, manual or automatic; for a market
order, to the quote at which it would trade.

There are two widths. Within the narrow one the desk or one person may act alone; within the wide one a second
person must approve; beyond it nothing is sent. A mark far from the previous close may be wrong, so a price
far from that close requires a second person as well.
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
    """The position of a price relative to the collar."""

    WITHIN = auto()
    """The desk or one person may send it."""
    SECOND_PERSON = auto()
    """It requires a second person."""
    BEYOND = auto()
    """It must not be sent."""


@dataclass(frozen=True, slots=True)
class PriceCollar:
    """The widths of the collar, as fractions of the mark."""

    narrow: Decimal = Decimal("0.05")
    by_market: Mapping[str, Decimal] = field(default_factory=dict)
    """By the instrument's market, in place of `narrow`."""
    wide: Decimal = Decimal("0.20")
    """With a second person; a market with a wider collar of its own uses that one."""
    from_close: Decimal = Decimal("0.50")
    """The largest distance from the previous close, if known, of a price that requires no second person."""

    def place(self, instrument: Instrument, quote: Quote, side: OrderSide, price: Decimal) -> CollarPlace:
        """The place of a sale's or cover's price, by the current quote."""
        if _is_no_worse(price, self.edge(instrument, quote, side), side):
            return CollarPlace.WITHIN
        if _is_no_worse(price, self.edge(instrument, quote, side, approved=True), side):
            return CollarPlace.SECOND_PERSON
        return CollarPlace.BEYOND

    def edge(
        self, instrument: Instrument, quote: Quote, side: OrderSide, *, approved: bool = False
    ) -> Decimal:
        """The worst allowed price: a valid price of the instrument, never beyond the collar.

        `approved`: with a second person.
        """
        narrow = self.by_market.get(instrument.market, self.narrow)
        with exact():
            worst = _off(quote.mark, max(narrow, self.wide) if approved else narrow, side)
            if quote.known_close is not None and not approved:
                worst = _better(worst, _off(quote.known_close, self.from_close, side), side)
        return worst_valid(instrument, quote, side, worst)

    def objection(self, order: Order, instrument: Instrument, quote: Quote | None) -> str | None:
        """Why an order that was within the collar when it was planned must not be sent now.

        The quote may have changed. A market order is checked by the price at which it would trade, a limit
        order by its limit. Two persons may have approved the order up to the wide collar.
        """
        if quote is None:
            return None
        price = order.limit_price
        if price is None:
            price = side_price(quote, order.side)
            if price is None:
                return "the other side of the market has no price, so the order could trade at any price"
        edge = self.edge(instrument, quote, order.side, approved=_by_two_people(order))
        if _is_no_worse(price, edge, order.side):
            return None
        what = "its limit" if order.limit_price is not None else "the market price"
        return f"{what} of {plain(price)} is beyond {plain(edge)}, since the mark is now {plain(quote.mark)}"


def _by_two_people(order: Order) -> bool:
    """The desk's own orders are never beyond the narrow collar."""
    return order.ordered_alone_by is None and order.placed_by != SYSTEM


def _off(price: Decimal, fraction: Decimal, side: OrderSide) -> Decimal:
    """The price moved by the fraction to the client's disadvantage; call it inside `money.exact()`."""
    distance = abs(price) * fraction
    return price - distance if side is OrderSide.SELL else price + distance


def _better(one: Decimal, other: Decimal, side: OrderSide) -> Decimal:
    return max(one, other) if side is OrderSide.SELL else min(one, other)


def _is_no_worse(price: Decimal, edge: Decimal, side: OrderSide) -> bool:
    return price >= edge if side is OrderSide.SELL else price <= edge
