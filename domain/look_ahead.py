"""A book as of its next session, at today's prices.

The book has the factors of that session. Options whose last day is before the session are removed, with their
value and their requirement; stock from an exercise is not estimated. Debits bear interest for every calendar
day until trades of that session settle: a sale does not end the interest earlier.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

from domain.calendar import TradingCalendar
from domain.expiry import ExpiryPolicy, is_expired, life_on
from domain.ids import Symbol
from domain.margin import Book, CashBalance, rate_to_base
from domain.money import ZERO, Currency, exact, rank_ratio, round_money

DAYS_OF_A_YEAR = Decimal(365)


@dataclass(frozen=True, slots=True)
class NextSession:
    """The trading day after the one of `now`."""

    day: date
    close: datetime
    """The close of the session in UTC."""
    today: date
    """The market's date now."""


@dataclass(frozen=True, slots=True)
class InterestPolicy:
    """The interest rates of debits."""

    yearly: Mapping[Currency, Decimal]
    """Yearly rates as fractions, by the currency of the debit."""
    settlement_days: int
    """Trading days from a session to the settlement of its trades."""


@dataclass(frozen=True, slots=True)
class Accrual:
    """A book with the expected interest, and that interest in base currency."""

    book: Book
    until: date
    interest: Decimal
    unknown: tuple[Currency, ...]
    """Currencies with a debit but without a rate: no interest is computed for them."""


def next_session(now: datetime, calendar: TradingCalendar) -> NextSession:
    """The first trading day later than the market's date at `now`, whether or not it trades that day."""
    today = now.astimezone(calendar.zone).date()
    day = calendar.next_trading_day(today)
    close = datetime.combine(day, calendar.closing_time(day), calendar.zone)
    return NextSession(day, close.astimezone(UTC), today)


def expired_by(book: Book, day: date) -> tuple[Symbol, ...]:
    """Options that have expired by that day."""
    return tuple(held.instrument.symbol for held in book.holdings if is_expired(held.instrument, day))


def lived_until(book: Book, day: date, policy: ExpiryPolicy) -> Book:
    """The book with every option in its state on that day."""
    holdings = tuple(replace(held, life=life_on(held.instrument, day, policy)) for held in book.holdings)
    return replace(book, holdings=holdings)


def accrue(book: Book, session: NextSession, calendar: TradingCalendar, policy: InterestPolicy) -> Accrual:
    """The interest of every calendar day from today until trades of the session settle."""
    until = session.day
    for _ in range(policy.settlement_days):
        until = calendar.next_trading_day(until)
    days = Decimal((until - session.today).days)
    with exact():
        to_come = [_interest(cash, days, policy) for cash in book.cash]
        cash = tuple(
            replace(each, accrued_interest=each.accrued_interest + interest)
            for each, interest in zip(book.cash, to_come, strict=True)
        )
        in_base = [
            interest * rate_to_base(book, each.currency)
            for each, interest in zip(book.cash, to_come, strict=True)
        ]
        total = round_money(sum(in_base, ZERO), book.terms.base_currency)
    unknown = sorted(
        each.currency for each in cash if each.balance < 0 and each.currency not in policy.yearly
    )
    return Accrual(replace(book, cash=cash), until, total, tuple(unknown))


def _interest(cash: CashBalance, days: Decimal, policy: InterestPolicy) -> Decimal:
    """Interest on a debit over so many days, in its currency, rounded half up to the minor unit."""
    yearly = policy.yearly.get(cash.currency, ZERO) if cash.balance < 0 else ZERO
    return round_money(rank_ratio(-cash.balance * yearly * days, DAYS_OF_A_YEAR), cash.currency)
