"""Written calls and the stock that covers them: where it is short, and which buy-backs free it.

A written call (a short position in a call) is covered by `multiplier` units of its underlying per contract.
Only stock covers: a long call does not, and a written put needs none. A call counts up to and including its
expiry day; a call with unknown terms does not count.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.expiry import is_expired
from domain.ids import Symbol
from domain.margin import Book, Holding
from domain.market import Instrument, OptionRight
from domain.money import ZERO, exact, lots_needed, lots_within

Today = Callable[[Instrument], date]
"""The date where the instrument trades."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The quantity of `underlying` that the written calls need, and the quantity held."""

    underlying: Symbol
    required: Decimal
    held: Decimal

    @property
    def quantity(self) -> Decimal:
        """The missing quantity; zero or less if the calls are covered."""
        with exact():
            return self.required - self.held


def written_calls(book: Book, underlying: Symbol, today: Today) -> tuple[Holding, ...]:
    """The written calls on `underlying`, in the order in which they are bought back.

    Those that free most stock per contract come first, which takes the fewest contracts; among equals the one
    that expires first.
    """
    calls = [held for held in book.holdings if _is_written_call(held, today) and _on(held) == underlying]
    return tuple(sorted(calls, key=_buy_back_order))


def shortfalls(book: Book, today: Today) -> tuple[Shortfall, ...]:
    """Missing stock by underlying."""
    underlyings = {_on(held) for held in book.holdings if _is_written_call(held, today)}
    per_stock = (shortfall_of(book, underlying, today) for underlying in sorted(underlyings))
    return tuple(each for each in per_stock if each.quantity > 0)


def shortfall_quantity(book: Book, underlying: Symbol, today: Today) -> Decimal:
    """The missing quantity of `underlying`; 0 if the calls are covered."""
    return max(ZERO, shortfall_of(book, underlying, today).quantity)


def buy_backs(book: Book, shortfall: Shortfall, today: Today) -> tuple[tuple[Holding, Decimal], ...]:
    """The fewest contracts that free the missing stock: written calls, and how many of each."""
    purchases, need = [], shortfall.quantity
    with exact():
        for call in written_calls(book, shortfall.underlying, today):
            lot = call.instrument.lot_size
            frees = call.instrument.multiplier * lot
            lots = min(lots_needed(need, frees), lots_within(-call.quantity, lot))
            purchases.append((call, lots * lot))
            need -= lots * frees
    return tuple(purchases)


def is_short_of(book: Book, symbol: Symbol) -> bool:
    """Whether the account has a short position in the stock itself."""
    held = book.holding(symbol)
    return held is not None and held.quantity < 0


def shortfall_of(book: Book, underlying: Symbol, today: Today) -> Shortfall:
    """The quantity that the written calls need and the quantity held, whether or not it is enough."""
    held = book.holding(underlying)
    with exact():
        required = sum(
            (-call.quantity * call.instrument.multiplier for call in written_calls(book, underlying, today)),
            ZERO,
        )
    return Shortfall(underlying, required, max(ZERO, held.quantity) if held else ZERO)


def _is_written_call(held: Holding, today: Today) -> bool:
    terms = held.instrument.option
    if terms is None or terms.right is not OptionRight.CALL or held.quantity >= 0:
        return False
    return not is_expired(held.instrument, today(held.instrument))


def _on(held: Holding) -> Symbol:
    assert held.instrument.option is not None
    return held.instrument.option.underlying


def _buy_back_order(held: Holding) -> tuple[Decimal, date, Symbol]:
    instrument = held.instrument
    assert instrument.option is not None
    frees = (instrument.multiplier * instrument.lot_size).copy_negate()
    return frees, instrument.option.expiry, instrument.symbol
