"""Which positions of a book can be sold now by the calendars of their markets, and whether their prices hold.

The price of a position whose market is shut is old because nothing trades, not because the feed is broken: it
values the position, and nothing is sold at it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.expiry import Life
from domain.ids import Symbol
from domain.margin import Book, Holding, currencies_in_use


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
    """Dead and expired positions are in neither; `trades`: whether a market is in session."""
    held = [each for each in book.holdings if not each.dead and each.life is Life.ALIVE]
    trading = tuple(each for each in held if trades(each.instrument.market))
    shut = tuple(each for each in held if not trades(each.instrument.market))
    return Sessions(trading, shut)


def is_fresh(book: Book, sessions: Sessions, now: datetime, max_age: timedelta) -> bool:
    """Whether the desk may sell by itself at these prices: no price of what is in session and no rate of a
    currency in use is old. What is missing altogether is a matter of `judgement`."""
    quotes = (held.quote for held in sessions.trading)
    if any(quote is not None and quote.is_stale(now, max_age) for quote in quotes):
        return False
    rates = (book.fx.get(currency) for currency in currencies_in_use(book))
    return all(rate is None or not rate.is_stale(now, max_age) for rate in rates)
