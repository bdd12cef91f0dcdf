"""The book of one account, updated fact by fact: the incremental counterpart of `margin.compute_figures`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import heapify, heapreplace

from domain.booking import cash_effect, credited, filled
from domain.expiry import Life
from domain.freshness import is_from_the_future, is_superseded
from domain.ids import Symbol
from domain.margin import (
    Book,
    CashBalance,
    Holding,
    MarginFigures,
    Totals,
    ageing_quote,
    figures_of,
    lacks_price,
    needs_rate,
)
from domain.market import FxRate, Quote
from domain.money import ONE, ZERO, Currency, exact


class LiveBook:
    """A book that is updated fact by fact; its figures equal `compute_figures(live.book(), ...)`.

    It keeps the sums of each currency in that currency: a quote costs the same however many positions there
    are, an FX rate touches no position, and `figures` takes as many steps as there are currencies. Not
    thread-safe; time is always passed in.
    """

    def __init__(self, book: Book, max_age: timedelta) -> None:
        """`max_age`: the age of a live quote or an FX rate above which the figures are stale."""
        self._terms = book.terms
        self._rule = book.rule
        self._incomplete = book.incomplete
        self._max_age = max_age
        self._fx = dict(book.fx)
        self._cash: dict[Currency, CashBalance] = {}
        self._holdings: dict[Symbol, Holding] = {}
        self._sums: dict[Currency, Totals] = {}
        self._unpriced: set[Symbol] = set()
        self._needing_rate: dict[Currency, set[Symbol]] = {}
        self._options_on: dict[Symbol, set[Symbol]] = {}
        self._quoted_at: list[tuple[datetime, Symbol]] | None = None
        self._latest: datetime | None = None
        """No quote of a live position is later than this."""
        for cash in book.cash:
            self.set_cash(cash)
        for holding in book.holdings:
            self.set_holding(holding)

    @property
    def symbols(self) -> frozenset[Symbol]:
        """Symbols whose quotes matter here: of holdings, and of the underlyings of expired options."""
        held = {symbol for symbol, held in self._holdings.items() if held.quantity}
        return frozenset(held | self._options_on.keys())

    def book(self) -> Book:
        """A copy of the current book."""
        holdings = tuple(held for held in self._holdings.values() if held.quantity)
        cash = tuple(self._cash.values())
        return Book(self._terms, self._rule, cash, holdings, dict(self._fx), self._incomplete)

    def holding(self, symbol: Symbol) -> Holding | None:
        """The position in `symbol`, if there is one."""
        held = self._holdings.get(symbol)
        return held if held is not None and held.quantity else None

    def on_quote(self, quote: Quote, now: datetime | None = None) -> bool:
        """Apply a quote; False if nothing here is valued by it: not held, or older than the known one.

        A known quote later than `now` comes from a wrong clock, and is replaced.
        """
        options = self._options_on.get(quote.symbol, ())
        used = [self._on_underlying(symbol, quote, now) for symbol in options]
        held = self._holdings.get(quote.symbol)
        if held is None or _is_older(quote, held.quote, now):
            return any(used)
        self._put(_with_quote(held, quote))
        return bool(held.quantity) or any(used)

    def on_fx(self, rate: FxRate, now: datetime | None = None) -> bool:
        """Apply an FX rate; False if it is not into the base currency, or older than the known one."""
        known = self._fx.get(rate.base_currency)
        if rate.quote_currency != self._terms.base_currency:
            return False
        if _is_older(rate, known, now):
            return False
        self._fx[rate.base_currency] = rate
        return True

    def on_fill(self, symbol: Symbol, signed_quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        """Book an execution like `after_fill`; a closed position is remembered for late fills.

        Raises LookupError for a symbol that was never held.
        """
        held = self._holdings.get(symbol)
        if held is None:
            raise LookupError(f"no position in {symbol}")
        currency = held.instrument.currency
        effect = cash_effect(held.instrument, signed_quantity, price, fee)
        (after,) = credited(self._cash_in(currency), currency, effect)
        self.set_cash(after)
        self._put(filled(held, signed_quantity, price))

    def set_cash(self, cash: CashBalance) -> None:
        """Set the ledger cash and accrued interest of one currency."""
        self._cash[cash.currency] = cash
        sums = self._sums.setdefault(cash.currency, Totals())
        sums.cash, sums.accrued_interest = cash.balance, cash.accrued_interest

    def set_holding(self, holding: Holding) -> None:
        """Set a position: quantity (0: closed), factors, quote, whether it is dead."""
        self._put(holding)

    def figures(self, now: datetime) -> MarginFigures:
        """The figures at `now`."""
        used = [currency for currency in self._sums if self._needs_rate(currency)]
        unvalued = tuple(sorted({*self._unpriced, *(each for each in used if each not in self._fx)}))
        stale = self._incomplete or bool(unvalued) or self._is_old(used, now)
        totals = Totals()
        with exact():
            for currency, sums in self._sums.items():
                totals.add_converted(sums, self._rate(currency))
            return figures_of(self._terms, self._rule, totals, now, stale, unvalued)

    def _on_underlying(self, option: Symbol, quote: Quote, now: datetime | None) -> bool:
        held = self._holdings[option]
        if _is_older(quote, held.underlying, now):
            return False
        self._put(replace(held, underlying=quote))
        return True

    def _cash_in(self, currency: Currency) -> tuple[CashBalance, ...]:
        held = self._cash.get(currency)
        return () if held is None else (held,)

    def _rate(self, currency: Currency) -> Decimal:
        if currency == self._terms.base_currency:
            return ONE
        rate = self._fx.get(currency)
        return ZERO if rate is None else rate.rate

    def _put(self, holding: Holding) -> None:
        symbol = holding.instrument.symbol
        before = self._holdings.get(symbol)
        with exact():
            if before is not None:
                self._sums[before.instrument.currency].add_holding(before, -1)
            self._sums.setdefault(holding.instrument.currency, Totals()).add_holding(holding)
        self._holdings[symbol] = holding
        self._note_needs(symbol, holding)
        self._note_age(before, holding)

    def _note_needs(self, symbol: Symbol, holding: Holding) -> None:
        """Update the symbols that are needed to value the position."""
        _keep_in(self._unpriced, symbol, lacks_price(holding, self._rule))
        needing = self._needing_rate.setdefault(holding.instrument.currency, set())
        _keep_in(needing, symbol, needs_rate(holding, self._rule))
        option = holding.instrument.option
        if option is not None and holding.life is Life.SETTLING:
            self._options_on.setdefault(option.underlying, set()).add(symbol)

    def _note_age(self, before: Holding | None, after: Holding) -> None:
        earlier = None if before is None else ageing_quote(before)
        later = ageing_quote(after)
        if earlier is None and later is None:
            return
        if later is not None and (self._latest is None or later.at > self._latest):
            self._latest = later.at
        if earlier is None or later is None or later.at < earlier.at:
            self._quoted_at = None

    def _is_old(self, used: Sequence[Currency], now: datetime) -> bool:
        oldest = self._oldest_quote()
        if oldest is not None and now - oldest > self._max_age:
            return True
        if self._is_quoted_from_the_future(now):
            return True
        rates = (self._fx.get(currency) for currency in used)
        return any(rate is not None and rate.is_stale(now, self._max_age) for rate in rates)

    def _is_quoted_from_the_future(self, now: datetime) -> bool:
        """Checks every position only if a clock is, or was, wrong."""
        if self._latest is None or not is_from_the_future(self._latest, now):
            return False
        quotes = (ageing_quote(held) for held in self._holdings.values())
        self._latest = max((quote.at for quote in quotes if quote is not None), default=None)
        return self._latest is not None and is_from_the_future(self._latest, now)

    def _needs_rate(self, currency: Currency) -> bool:
        if currency == self._terms.base_currency:
            return False
        sums = self._sums[currency]
        return bool(self._needing_rate.get(currency) or sums.cash or sums.accrued_interest)

    def _oldest_quote(self) -> datetime | None:
        """The oldest quote of the live positions.

        A heap with one entry per position; outdated entries are corrected when they reach the top.
        """
        if self._quoted_at is None:
            quotes = ((symbol, ageing_quote(held)) for symbol, held in self._holdings.items())
            self._quoted_at = [(quote.at, symbol) for symbol, quote in quotes if quote is not None]
            heapify(self._quoted_at)
        while self._quoted_at:
            at, symbol = self._quoted_at[0]
            quote = ageing_quote(self._holdings[symbol])
            assert quote is not None
            if quote.at == at:
                return at
            heapreplace(self._quoted_at, (quote.at, symbol))
        return None


def _is_older(price: Quote | FxRate, known: Quote | FxRate | None, now: datetime | None) -> bool:
    if known is None:
        return False
    return price.at < known.at if now is None else is_superseded(price.at, known.at, now)


def _keep_in(symbols: set[Symbol], symbol: Symbol, belongs: bool) -> None:
    if belongs:
        symbols.add(symbol)
    else:
        symbols.discard(symbol)


def _with_quote(holding: Holding, quote: Quote) -> Holding:
    """The same position with a new quote; `replace` takes three times as long, and this runs per tick."""
    return Holding(
        holding.instrument,
        holding.quantity,
        holding.factors,
        quote,
        holding.dead,
        holding.average_cost,
        holding.life,
        holding.underlying,
        holding.underlying_negative,
        holding.underlying_place,
    )
