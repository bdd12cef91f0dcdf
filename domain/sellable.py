"""Which positions of a book can be closed now: after the open orders, at which prices, in whole lots."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.booking import after_fill, trade_fee
from domain.canonical import plain
from domain.closing import Closable, closable_at, closing_side
from domain.expiry import Life
from domain.ids import Symbol
from domain.limit_price import is_valid, neighbours, reckoned, side_price, worst_valid
from domain.liquidation_plan import PlanPolicy, PlanRequest
from domain.margin import Book, Holding, rate_to_base, valuation_price
from domain.market import Quote, TradeStatus
from domain.market_hours import BY_THE_FEED_ALONE, MarketHours
from domain.money import ONE, ZERO, exact
from domain.order import OrderSide, OrderType
from domain.price_collar import CollarPlace
from domain.refusals import Refusal, RefusalCode


class OrderCover(StrEnum):
    """Whether an open order counts as covering the amount to collect."""

    COUNTS = "COUNTS"
    CALLED_OFF = "CALLED_OFF"
    """The desk has requested its cancel: its fills must not be relied on."""
    WAITS_FOR_MARKET = "WAITS_FOR_MARKET"
    """Its market is closed: it covers nothing that could be sold elsewhere meanwhile."""
    RESTS = "RESTS"
    """Its price has been away from the market for a while: it may never trade."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """The part > 0 of an order that may still fill. Whether it counts or not, its units cannot be sold
    again.
    """

    symbol: Symbol
    side: OrderSide
    leaves_quantity: Decimal
    limit_price: Decimal | None = None
    cover: OrderCover = OrderCover.COUNTS
    reckoned_price: Decimal | None = None
    """The price at which it is valued; None: its limit price, otherwise the quote of its side, otherwise the
    mark.
    """


COUNTED = frozenset({OrderCover.COUNTS})
WITH_WAITING = frozenset({OrderCover.COUNTS, OrderCover.WAITS_FOR_MARKET})


def after_open_orders(
    book: Book, open_orders: Iterable[OpenOrder], covers: frozenset[OrderCover] = COUNTED
) -> Book:
    """The book after the fill of the open orders that count, each at its valuation price.

    The rest of a position may still be sold. Only closing orders count, up to the position: an order that
    opens a position, or in something that is not held, changes nothing.
    """
    for order in open_orders:
        held = book.holding(order.symbol)
        if held is None or order.cover not in covers or order.side is not closing_side(held):
            continue
        quantity = min(order.leaves_quantity, abs(held.quantity))
        prices = (order.reckoned_price, order.limit_price, side_price(held.quote, order.side))
        price = next((each for each in prices if each is not None), valuation_price(held))
        signed = -quantity if order.side is OrderSide.SELL else quantity
        book = after_fill(book, order.symbol, signed, price, trade_fee(held.instrument, quantity, price))
    return book


@dataclass(frozen=True, slots=True)
class _Quoted:
    """The quote of a position, and the rate of its currency into the base currency."""

    quote: Quote
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Pricing:
    """The inputs that determine at which price a position may be closed."""

    request: PlanRequest
    limits: PlanPolicy
    now: datetime
    hours: MarketHours = BY_THE_FEED_ALONE

    def at_the_quote(self, book: Book, held: Holding) -> Closable | RefusalCode:
        """All whole lots of the position at the quote of its side, worse by the requested band, or why not.

        `Closable.second_person`: the collar allows this price only with a second person.
        """
        quoted = self._quoted(book, held)
        if isinstance(quoted, RefusalCode):
            return quoted
        quote, side = quoted.quote, closing_side(held)
        price = side_price(quote, side)
        if price is None:
            return RefusalCode.NO_QUOTE
        place = self.limits.collar.place(held.instrument, quote, side, price)
        if place is CollarPlace.BEYOND:
            return RefusalCode.PRICE_COLLAR
        limit = None
        if self.request.order_type is OrderType.LIMIT:
            limit = self._limit(held, quote, price, place)
            price = reckoned(quote, side, limit)
        return self._closable(book, held, quoted, price, limit, place)

    def at_limit(self, book: Book, held: Holding, limit: Decimal) -> Closable | Refusal | RefusalCode:
        """All whole lots of the position at a limit price named by an operator, or why not.

        It needs a fresh mark, but no quote of its side: a price in the client's favour may wait for one.
        """
        symbol, side = held.instrument.symbol, closing_side(held)
        if self.request.order_type is not OrderType.LIMIT:
            return Refusal(
                RefusalCode.PRICE_OUTSIDE_BAND, f"{symbol}: a market order must not have a limit price."
            )
        if not limit.is_finite() or limit <= 0:
            return Refusal(RefusalCode.PRICE_OUTSIDE_BAND, f"{symbol}: a limit price must be above 0.")
        quoted = self._quoted(book, held)
        if isinstance(quoted, RefusalCode):
            return quoted
        quote = quoted.quote
        if not is_valid(held.instrument, limit):
            lower, higher = neighbours(held.instrument, quote, limit)
            return Refusal(
                RefusalCode.OFF_TICK,
                f"{symbol}: {plain(limit)} is not a valid price; the nearest are {plain(lower)} and "
                f"{plain(higher)}.",
            )
        place = self.limits.collar.place(held.instrument, quote, side, limit)
        if place is CollarPlace.BEYOND:
            return Refusal(RefusalCode.PRICE_COLLAR, self._beyond(held, quote))
        price = reckoned(quote, side, limit)
        if price <= 0:
            # The market is at 0 or below: such an order promises no money.
            return RefusalCode.NO_QUOTE
        return self._closable(book, held, quoted, price, limit, place)

    def _quoted(self, book: Book, held: Holding) -> _Quoted | RefusalCode:
        """The quote and the rate, if the position trades and both are good.

        A currency without an FX rate is NO_QUOTE, since its money has no value.
        """
        blocked = self._blocked(held)
        if blocked is not None:
            return blocked
        rate = rate_to_base(book, held.instrument.currency)
        if held.quote is None or not rate:
            return RefusalCode.NO_QUOTE
        if held.quote.is_stale(self.now, self.limits.max_quote_age):
            return RefusalCode.STALE_QUOTE
        return _Quoted(held.quote, rate)

    def _blocked(self, held: Holding) -> RefusalCode | None:
        """An auction accepts limit orders only, and so does a closed market."""
        if held.life is not Life.ALIVE:
            return RefusalCode.INSTRUMENT_EXPIRED
        match held.instrument.trade_status:
            case TradeStatus.SUSPENDED | TradeStatus.DELISTED:
                return RefusalCode.INSTRUMENT_SUSPENDED
            case TradeStatus.CLOSED | TradeStatus.HALTED:
                return RefusalCode.MARKET_CLOSED
        if held.dead:
            return RefusalCode.INSTRUMENT_SUSPENDED
        at_market = self.request.order_type is OrderType.MARKET
        auction = held.instrument.trade_status is TradeStatus.AUCTION
        if at_market and (auction or not self.hours.in_session(held.instrument.market)):
            return RefusalCode.MARKET_CLOSED
        return None

    def _limit(self, held: Holding, quote: Quote, price: Decimal, place: CollarPlace) -> Decimal:
        """The quote, worse by the band, but not beyond the collar: a valid price."""
        side, approved = closing_side(held), place is CollarPlace.SECOND_PERSON
        edge = self.limits.collar.edge(held.instrument, quote, side, approved=approved)
        with exact():
            if side is OrderSide.SELL:
                worst = max(price * (ONE - self.request.price_band), edge)
            else:
                worst = min(price * (ONE + self.request.price_band), edge)
        return worst_valid(held.instrument, quote, side, worst)

    def _closable(
        self,
        book: Book,
        held: Holding,
        quoted: _Quoted,
        price: Decimal,
        limit: Decimal | None,
        place: CollarPlace,
    ) -> Closable | RefusalCode:
        with exact():
            ready = closable_at(held, quoted.quote, price, quoted.rate, book.rule, limit)
        if not ready.lots:
            return RefusalCode.OFF_LOT
        return replace(
            ready,
            second_person=place is CollarPlace.SECOND_PERSON,
            market=self.hours.state_of(held.instrument.market),
        )

    def _beyond(self, held: Holding, quote: Quote) -> str:
        side = closing_side(held)
        alone = self.limits.collar.edge(held.instrument, quote, side)
        approved = self.limits.collar.edge(held.instrument, quote, side, approved=True)
        what, end = ("sale", "at least") if side is OrderSide.SELL else ("purchase", "at most")
        close = "" if quote.known_close is None else f" and the previous close {plain(quote.known_close)}"
        return (
            f"{held.instrument.symbol} has the mark {plain(quote.mark)}{close}: the limit of a {what} "
            f"must be {end} {plain(alone)}, or with a second person's approval {end} {plain(approved)}."
        )


def waiting_units(open_orders: Iterable[OpenOrder]) -> dict[Symbol, Decimal]:
    """Units by symbol in orders that do not count; they cannot be sold again either."""
    units: dict[Symbol, Decimal] = {}
    for order in open_orders:
        if order.cover is not OrderCover.COUNTS:
            with exact():
                units[order.symbol] = units.get(order.symbol, ZERO) + order.leaves_quantity
    return units
