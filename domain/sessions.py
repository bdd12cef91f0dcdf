"""Which positions of a book can be sold now by their markets' calendars, and whether their prices are fresh.

The price of a position in a closed market is old because nothing trades, not because the feed is interrupted:
the position is valued at it, but not sold at it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.expiry import Life
from domain.ids import Symbol
from domain.margin import Book, Holding, currencies_in_use


@dataclass(frozen=True, slots=True)
class Sessions:
    """A book's positions by whether their markets are in session."""

    trading: tuple[Holding, ...]
    shut: tuple[Holding, ...]

    @property
    def shut_symbols(self) -> frozenset[Symbol]:
        """Symbols that have to wait for their market."""
        return frozenset(held.instrument.symbol for held in self.shut)


def sessions_of(book: Book, trades: Callable[[str], bool]) -> Sessions:
    """Without dead and expired positions; `trades`: whether a market is in session."""
    held = [each for each in book.holdings if not each.dead and each.life is Life.ALIVE]
    trading = tuple(each for each in held if trades(each.instrument.market))
    shut = tuple(each for each in held if not trades(each.instrument.market))
    return Sessions(trading, shut)


def is_fresh(book: Book, sessions: Sessions, now: datetime, max_age: timedelta) -> bool:
    """Whether the desk may sell automatically at these prices: no price in a market in session and no rate of
    a currency in use is old.

    `judgement` handles missing prices.
    """
    quotes = (held.quote for held in sessions.trading)
    if any(quote is not None and quote.is_stale(now, max_age) for quote in quotes):
        return False
    rates = (book.fx.get(currency) for currency in currencies_in_use(book))
    return all(rate is None or not rate.is_stale(now, max_age) for rate in rates)
