"""The bounds of a sum of an account, over every value that its unknown prices and rates may have.

The sums are linear in the value v of each position, in its currency, and in the rate r of each currency. If v
is unknown, the sum lies between its values at the bounds of v:

    a long                from 0, unlimited
    a short               from 0 to |quantity| x multiplier x average cost x (1 + rise); unlimited if the
                          average cost is unknown
    a settling put        from 0 to |quantity| x multiplier x strike, long or short; unlimited if the price
                          of the underlying may be negative
    negative prices       unlimited on both sides of 0

If r is unknown, everything in that currency is multiplied by the same r > 0: a sum that is above 0 for every
price may be anything from 0 up, one below 0 anything from 0 down, and one that may be either, anything. The
ranges of all currencies add up, since their unknowns are independent.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.doubt import DoubtReason
from domain.expiry import Life
from domain.ids import Symbol
from domain.margin import Book, Holding, Totals, currencies_in_use, lacks_price, rate_to_base
from domain.market import OptionRight
from domain.money import ONE, ZERO, Currency


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers from `low` to `high`; None: unlimited on that side."""

    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Unknown data that leaves a question open: a symbol or a currency."""

    reason: DoubtReason
    subject: str


Gauge = Callable[[Totals], Decimal]
"""A linear function of sums in one currency."""


class BookBounds:
    """A book by currency: its known part, and the positions without a price. Use it inside
    `money.exact()`.
    """

    def __init__(self, book: Book, short_rise: Decimal) -> None:
        self.book = book
        self._short_rise = short_rise
        self._known: dict[Currency, Totals] = {}
        self._unpriced: dict[Currency, list[Holding]] = {}
        for cash in book.cash:
            sums = self._known.setdefault(cash.currency, Totals())
            sums.cash += cash.balance
            sums.accrued_interest += cash.accrued_interest
        for held in book.holdings:
            currency = held.instrument.currency
            sums = self._known.setdefault(currency, Totals())
            if lacks_price(held, book.rule):
                self._unpriced.setdefault(currency, []).append(held)
            else:
                sums.add_holding(held)

    def range_of(self, gauge: Gauge) -> Range:
        """The range over every value that the unknown data may have."""
        total = Range(ZERO, ZERO)
        for currency in self._known:
            total = _sum(total, self._converted(currency, gauge))
        return total

    def gaps(self, gauges: Iterable[Gauge]) -> tuple[Gap, ...]:
        """Unknown data that changes one of these gauges."""
        gauges = tuple(gauges)
        gaps = [Gap(DoubtReason.NO_FX_RATE, currency) for currency in self._without_rate(gauges)]
        gaps += [Gap(DoubtReason.NO_PRICE, _priced_by(held)) for held in self._without_price(gauges)]
        return tuple(dict.fromkeys(gaps))

    def unknown(self, gauges: Iterable[Gauge]) -> tuple[str, ...]:
        """Unpriced positions and currencies without a rate that change one of these gauges."""
        gauges = tuple(gauges)
        symbols = {held.instrument.symbol for held in self._without_price(gauges)}
        return tuple(sorted({*symbols, *self._without_rate(gauges)}))

    def _without_rate(self, gauges: tuple[Gauge, ...]) -> list[Currency]:
        return [
            currency
            for currency in sorted(currencies_in_use(self.book) - self.book.fx.keys())
            if any(self._converted(currency, gauge) != _NOTHING for gauge in gauges)
        ]

    def _without_price(self, gauges: tuple[Gauge, ...]) -> list[Holding]:
        return [
            held
            for unpriced in self._unpriced.values()
            for held in unpriced
            if any(self._of_unpriced(held, gauge) != _NOTHING for gauge in gauges)
        ]

    def _converted(self, currency: Currency, gauge: Gauge) -> Range:
        local = plus(_NOTHING, gauge(self._known[currency]))
        for held in self._unpriced.get(currency, ()):
            local = _sum(local, self._of_unpriced(held, gauge))
        rate = rate_to_base(self.book, currency)
        return _times(local, rate) if rate else _at_any_rate(local)

    def _of_unpriced(self, held: Holding, gauge: Gauge) -> Range:
        highest = _highest_price(held, self._short_rise)
        possible = _up_to(_at_price(held, ONE, gauge), highest)
        if held.instrument.negative_prices:
            possible = _hull(possible, _up_to(_at_price(held, -ONE, gauge), None))
        return possible


_NOTHING = Range(ZERO, ZERO)


def _priced_by(held: Holding) -> Symbol:
    """The symbol whose price is missing: for an option in settlement, its underlying."""
    option = held.instrument.option
    if held.life is Life.SETTLING and option is not None:
        return option.underlying
    return held.instrument.symbol


def _at_price(held: Holding, price: Decimal, gauge: Gauge) -> Decimal:
    sums = Totals()
    sums.add_value(held, held.quantity * held.instrument.multiplier * price)
    return gauge(sums)


def _highest_price(held: Holding, short_rise: Decimal) -> Decimal | None:
    """The highest price that the position may have; None: unlimited. An average cost of 0 counts as
    unknown.
    """
    option = held.instrument.option
    if held.life is Life.SETTLING:
        bounded = option is not None and option.right is OptionRight.PUT and not held.underlying_negative
        return option.strike if bounded and option is not None else None
    if held.quantity > 0 or held.instrument.negative_prices or not held.average_cost:
        return None
    return held.average_cost * (ONE + short_rise)


def _up_to(slope: Decimal, highest: Decimal | None) -> Range:
    """slope x p for every p from 0 to `highest`."""
    if not slope:
        return _NOTHING
    end = None if highest is None else slope * highest
    return Range(ZERO, end) if slope > 0 else Range(end, ZERO)


def _at_any_rate(local: Range) -> Range:
    """The range multiplied by any rate from 0 up."""
    low = ZERO if local.low is not None and local.low >= 0 else None
    high = ZERO if local.high is not None and local.high <= 0 else None
    return Range(low, high)


def _times(one: Range, rate: Decimal) -> Range:
    low, high = (None if end is None else end * rate for end in (one.low, one.high))
    return Range(low, high)


def plus(one: Range, constant: Decimal) -> Range:
    """The range moved by a constant."""
    return _sum(one, Range(constant, constant))


def _sum(one: Range, other: Range) -> Range:
    low = None if one.low is None or other.low is None else one.low + other.low
    high = None if one.high is None or other.high is None else one.high + other.high
    return Range(low, high)


def _hull(one: Range, other: Range) -> Range:
    low = None if one.low is None or other.low is None else min(one.low, other.low)
    high = None if one.high is None or other.high is None else max(one.high, other.high)
    return Range(low, high)


def larger(one: Range, other: Range) -> Range:
    """The range of the larger of two numbers."""
    lows = [low for low in (one.low, other.low) if low is not None]
    high = None if one.high is None or other.high is None else max(one.high, other.high)
    return Range(max(lows, default=None), high)
