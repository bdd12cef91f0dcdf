"""What of a book can be closed now: after the open orders, at which prices, in whole lots."""

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
from domain.liquidation_plan import PlanLimits, PlanRequest
from domain.margin import Book, Holding, rate_to_base, valuation_price
from domain.market import Quote, TradeStatus
from domain.market_hours import BY_THE_FEED_ALONE, MarketHours
from domain.money import ONE, ZERO, exact
from domain.order import OrderSide, OrderType
from domain.price_collar import CollarPlace
from domain.refusals import Refusal, RefusalCode


class OrderCover(StrEnum):
    """Whether an open order counts as money that is on its way."""

    COUNTS = "COUNTS"
    CALLED_OFF = "CALLED_OFF"
    """The desk has asked for its cancel: its fills are nothing to rely on."""
    WAITS_FOR_MARKET = "WAITS_FOR_MARKET"
    """Its market is shut: it covers nothing that could be sold elsewhere meanwhile."""
    RESTS = "RESTS"
    """Its price is away from the market, and has been for a while: it may never trade."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What of an order may still fill. Whether it counts or not, its units cannot be sold again."""

    symbol: Symbol
    side: OrderSide
    leaves_quantity: Decimal
    limit_price: Decimal | None = None
    cover: OrderCover = OrderCover.COUNTS
    reckoned_price: Decimal | None = None
    """What it is reckoned at; None: its limit price, else the quote of its side, else the mark."""


COUNTED = frozenset({OrderCover.COUNTS})
WITH_WAITING = frozenset({OrderCover.COUNTS, OrderCover.WAITS_FOR_MARKET})


def after_open_orders(
    book: Book, open_orders: Iterable[OpenOrder], covers: frozenset[OrderCover] = COUNTED
) -> Book:
    """The book once the open orders that count have filled, each at what it is reckoned at.

    What is left of a position is what may still be sold. Only closing orders count, and only up to the
    position: an order the other way, or in something not held, changes nothing.
    """
    for order in open_orders:
        held = book.holding(order.symbol)
        if held is None or order.cover not in covers or order.side is not closing_side(held):
            continue
        quantity = min(order.leaves_quantity, abs(held.quantity))
        if quantity <= 0:
            continue
        prices = (order.reckoned_price, order.limit_price, side_price(held.quote, order.side))
        price = next((each for each in prices if each is not None), valuation_price(held))
        signed = -quantity if order.side is OrderSide.SELL else quantity
        book = after_fill(book, order.symbol, signed, price, trade_fee(held.instrument, quantity, price))
    return book


@dataclass(frozen=True, slots=True)
class Pricing:
    """What decides at which price a position may be closed."""

    request: PlanRequest
    limits: PlanLimits
    now: datetime
    hours: MarketHours = BY_THE_FEED_ALONE

    def at_the_quote(self, book: Book, held: Holding) -> Closable | RefusalCode:
        """All whole lots of the position at the quote of its side, worse by the band asked for, or why not.

        `Closable.second_person` says where the collar lets this price through for two people only.
        """
        found = self._quoted(book, held)
        if isinstance(found, RefusalCode):
            return found
        quote, rate = found
        side = closing_side(held)
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
        return self._closable(book, held, quote, rate, price, limit, place)

    def at_limit(self, book: Book, held: Holding, limit: Decimal) -> Closable | Refusal | RefusalCode:
        """All whole lots of the position at the limit price that a person names, or why not.

        It needs a fresh mark, and no quote of its side: a price that is good for the client may wait for one.
        """
        symbol, side = held.instrument.symbol, closing_side(held)
        if self.request.order_type is not OrderType.LIMIT:
            return Refusal(RefusalCode.PRICE_OUTSIDE_BAND, f"{symbol}: a market order takes no limit price.")
        if not limit.is_finite() or limit <= 0:
            return Refusal(RefusalCode.PRICE_OUTSIDE_BAND, f"{symbol}: a limit price is above 0.")
        found = self._quoted(book, held)
        if isinstance(found, RefusalCode):
            return found
        quote, rate = found
        if not is_valid(held.instrument, limit):
            lower, higher = neighbours(held.instrument, quote, limit)
            return Refusal(
                RefusalCode.OFF_TICK,
                f"{symbol}: {plain(limit)} is no valid price; the nearest are {plain(lower)} and "
                f"{plain(higher)}.",
            )
        place = self.limits.collar.place(held.instrument, quote, side, limit)
        if place is CollarPlace.BEYOND:
            return Refusal(RefusalCode.PRICE_COLLAR, self._beyond(held, quote))
        price = reckoned(quote, side, limit)
        if price <= 0:
            # The market is at 0 or below it: such an order promises no money.
            return RefusalCode.NO_QUOTE
        return self._closable(book, held, quote, rate, price, limit, place)

    def _quoted(self, book: Book, held: Holding) -> tuple[Quote, Decimal] | RefusalCode:
        """The quote, and the rate into the base currency, if the position trades and both are good.

        A currency without FX rate is NO_QUOTE, since its money has no value.
        """
        blocked = self._blocked(held)
        if blocked is not None:
            return blocked
        rate = rate_to_base(book, held.instrument.currency)
        if held.quote is None or not rate:
            return RefusalCode.NO_QUOTE
        if held.quote.is_stale(self.now, self.limits.max_quote_age):
            return RefusalCode.STALE_QUOTE
        return held.quote, rate

    def _blocked(self, held: Holding) -> RefusalCode | None:
        """An auction takes limit orders only, and so does a market that is shut."""
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
        quote: Quote,
        rate: Decimal,
        price: Decimal,
        limit: Decimal | None,
        place: CollarPlace,
    ) -> Closable | RefusalCode:
        with exact():
            ready = closable_at(held, quote, price, rate, book.rule.coefficient, limit)
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
            f"{held.instrument.symbol} has the mark {plain(quote.mark)}{close}: a {what} has a limit of "
            f"{end} {plain(alone)}, or with a second person of {end} {plain(approved)}."
        )


def waiting_units(open_orders: Iterable[OpenOrder]) -> dict[Symbol, Decimal]:
    """Units in orders that do not count, by symbol: they cannot be sold again all the same."""
    units: dict[Symbol, Decimal] = {}
    for order in open_orders:
        if order.cover is not OrderCover.COUNTS:
            with exact():
                units[order.symbol] = units.get(order.symbol, ZERO) + order.leaves_quantity
    return units
