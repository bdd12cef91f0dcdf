"""A book as its next session will find it, at today's prices.

Factors of that session come with the book. Options whose last day is before the session are no longer there,
neither their value nor what they require; that an exercise would make stock of some is not reckoned with.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from domain.calendar import TradingCalendar
from domain.ids import Symbol
from domain.margin import Book


@dataclass(frozen=True, slots=True)
class NextSession:
    """The trading day after the one that `now` belongs to."""

    day: date
    close: datetime
    """In UTC."""


def next_session(now: datetime, calendar: TradingCalendar) -> NextSession:
    """The first trading day later than the market's date at `now`, whether or not it trades that day."""
    day = calendar.next_trading_day(now.astimezone(calendar.zone).date())
    close = datetime.combine(day, calendar.closing_time(day), calendar.zone)
    return NextSession(day, close.astimezone(UTC))


def expired_by(book: Book, day: date) -> tuple[Symbol, ...]:
    """Options that are no longer there on that day."""
    return tuple(
        held.instrument.symbol
        for held in book.holdings
        if held.instrument.option is not None and held.instrument.option.expiry < day
    )


def without(book: Book, symbols: tuple[Symbol, ...]) -> Book:
    """The book less these positions."""
    kept = tuple(held for held in book.holdings if held.instrument.symbol not in symbols)
    return replace(book, holdings=kept)
