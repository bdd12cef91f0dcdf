"""Scenarios of moved prices or rates: a book under a scenario, valued by the same code as the real one.

A shock is a fraction: -0.30 takes 30 percent off every price of a quote, and so off the mark. Of several
shocks on one instrument only the most specific applies: its symbol, otherwise its market, otherwise its kind,
otherwise the general shock. A shock of a currency changes its value in all others. A position without a quote
is not shocked, as there is nothing to move.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.expiry import Life
from domain.ids import Symbol
from domain.margin import Book, Holding
from domain.market import FxRate, Instrument, InstrumentKind, Place, Quote
from domain.money import ONE, ZERO, Currency, divide_rate, exact


@dataclass(frozen=True, slots=True)
class Scenario:
    """Shocks as fractions, by subject; each above -1, so that prices keep their sign."""

    everything: Decimal = ZERO
    kinds: Mapping[InstrumentKind, Decimal] = field(default_factory=dict)
    markets: Mapping[str, Decimal] = field(default_factory=dict)
    symbols: Mapping[Symbol, Decimal] = field(default_factory=dict)
    currencies: Mapping[Currency, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shocks = (self.kinds, self.markets, self.symbols, self.currencies)
        fractions = [self.everything, *(each for part in shocks for each in part.values())]
        if not all(each.is_finite() and each > -ONE for each in fractions):
            raise ValueError("a shock must be a fraction above -1")

    def of(self, instrument: Instrument) -> Decimal:
        """The shock that applies to the instrument."""
        if instrument.symbol in self.symbols:
            return self.symbols[instrument.symbol]
        if instrument.market in self.markets:
            return self.markets[instrument.market]
        return self.kinds.get(instrument.kind, self.everything)

    def of_underlying(self, held: Holding) -> Decimal:
        """The shock that applies to the option's underlying; to an unknown one, that of a stock of the
        option's market.
        """
        option = held.instrument
        symbol = option.symbol if option.option is None else option.option.underlying
        place = held.underlying_place or Place(InstrumentKind.STOCK, option.market)
        return self.of(replace(option, symbol=symbol, kind=place.kind, market=place.market, option=None))


class Shocked:
    """Quotes and rates under one scenario, each computed once; for many books that share them.

    It caches shocked quotes by symbol, so it is for quotes of one moment; an underlying's quote for each
    market of its options, since its shock may differ. Not thread-safe.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._quotes: dict[Symbol, Quote | None] = {}
        self._underlyings: dict[tuple[Symbol, str], Quote | None] = {}

    def book(self, book: Book) -> Book:
        """The book under the scenario; the same object if nothing in it moves."""
        holdings = tuple(self._holding(held) for held in book.holdings)
        fx = (
            {currency: self.rate(rate) for currency, rate in book.fx.items()}
            if self._scenario.currencies
            else book.fx
        )
        if fx is book.fx and all(a is b for a, b in zip(holdings, book.holdings, strict=True)):
            return book
        return replace(book, holdings=holdings, fx=fx)

    def rate(self, rate: FxRate) -> FxRate:
        """The rate under the scenario; to ten digits, as rates are stored, if it has to be divided."""
        shocks = self._scenario.currencies
        up, down = shocks.get(rate.base_currency, ZERO), shocks.get(rate.quote_currency, ZERO)
        if not up and not down:
            return rate
        with exact():
            value = rate.rate * (ONE + up)
            return replace(rate, rate=divide_rate(value, ONE + down) if down else value)

    def _holding(self, held: Holding) -> Holding:
        if held.life is not Life.ALIVE:
            return self._settling(held)
        if held.quote is None:
            return held
        quote = self._moved(held.quote, held.instrument)
        if quote is None:
            return held
        # Not replace(): this runs for every position of the book, and takes a third of the time.
        return Holding(
            held.instrument,
            held.quantity,
            held.factors,
            quote,
            held.dead,
            held.average_cost,
            held.life,
            held.underlying,
            held.underlying_negative,
            held.underlying_place,
        )

    def _settling(self, held: Holding) -> Holding:
        """An expired option follows its underlying."""
        if held.underlying is None:
            return held
        key = (held.underlying.symbol, held.instrument.market)
        if key not in self._underlyings:
            factor = self._scenario.of_underlying(held)
            self._underlyings[key] = _shocked(held.underlying, factor) if factor else None
        quote = self._underlyings[key]
        return held if quote is None else replace(held, underlying=quote)

    def _moved(self, quote: Quote, instrument: Instrument) -> Quote | None:
        """The quote under the scenario; None if it does not move."""
        if quote.symbol not in self._quotes:
            factor = self._scenario.of(instrument)
            self._quotes[quote.symbol] = _shocked(quote, factor) if factor else None
        return self._quotes[quote.symbol]


def shocked(book: Book, scenario: Scenario) -> Book:
    """One book under the scenario."""
    return Shocked(scenario).book(book)


def _shocked(quote: Quote, shock: Decimal) -> Quote:
    """Every price times 1 + shock, exactly; sizes unchanged."""

    def moved(price: Decimal | None) -> Decimal | None:
        return None if price is None else price * (ONE + shock)

    with exact():
        return replace(
            quote,
            bid=moved(quote.bid),
            ask=moved(quote.ask),
            last=moved(quote.last),
            previous_close=moved(quote.previous_close),
        )
