"""Which positions of a book can be sold now by the calendars of their markets, and whether their prices hold.

The price of a position whose market is shut is old because nothing trades, not because the feed is broken: it
values the position, and nothing is sold at it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.ids import Symbol
from domain.margin import Book, Holding


@dataclass(frozen=True, slots=True)
class Sessions:
    """A book's positions by whether their markets trade."""

    trading: tuple[Holding, ...]
    shut: tuple[Holding, ...]

    @property
    def shut_symbols(self) -> frozenset[Symbol]:
        """What has to wait."""
        return frozenset(held.instrument.symbol for held in self.shut)


def sessions_of(book: Book, trades: Callable[[str], bool]) -> Sessions:
    """Dead positions are in neither; `trades`: whether a market is in session."""
    held = [each for each in book.holdings if not each.dead]
    trading = tuple(each for each in held if trades(each.instrument.market))
    shut = tuple(each for each in held if not trades(each.instrument.market))
    return Sessions(trading, shut)


def is_reliable(book: Book, sessions: Sessions, now: datetime, max_age: timedelta) -> bool:
    """Everything has a price, everything in session a fresh one, and every currency in use a fresh rate."""
    if any(held.quote is None for held in (*sessions.trading, *sessions.shut)):
        return False
    if any(held.quote is None or held.quote.is_stale(now, max_age) for held in sessions.trading):
        return False
    currencies = {held.instrument.currency for held in book.holdings}
    currencies |= {cash.currency for cash in book.cash if cash.balance or cash.accrued_interest}
    rates = [book.fx.get(currency) for currency in currencies - {book.terms.base_currency}]
    return all(rate is not None and now - rate.at <= max_age for rate in rates)
