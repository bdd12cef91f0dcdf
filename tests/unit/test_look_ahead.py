"""The interest that debits bear until the trades of the next session are settled."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from domain.look_ahead import InterestPolicy, accrue, next_session
from domain.margin import Book, CashBalance
from domain.money import Currency
from gateway.watch.calendars import Calendars
from tests.unit.books import HKD, book, fx, with_interest

USD, JPY = Currency("USD"), Currency("JPY")
RATES = {HKD: Decimal("0.0575"), USD: Decimal("0.068"), JPY: Decimal("0.02")}
MONDAY = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def calendars() -> Calendars:
    return Calendars(2020, 2020, {})


def _ahead(
    calendars: Calendars, of: Book, now: datetime = MONDAY, settled_after: int = 2
) -> tuple[date, str]:
    calendar = calendars.of("XHKG")
    made = accrue(of, next_session(now, calendar), calendar, InterestPolicy(RATES, settled_after))
    return made.until, f"{made.interest:f}"


@pytest.mark.parametrize(
    ("now", "settled_after", "until", "interest"),
    [
        # 930,000 x 0.0575 / 365 is 146.5068... a day.
        ("2020-03-16T02:00", 2, "2020-03-19", "439.52"),
        ("2020-03-16T02:00", 0, "2020-03-17", "146.51"),
        ("2020-03-18T02:00", 2, "2020-03-23", "732.53"),
        # Good Friday and Easter Monday are no trading days.
        ("2020-04-09T02:00", 2, "2020-04-16", "1025.55"),
        # Already Tuesday in Hong Kong.
        ("2020-03-16T17:00", 2, "2020-03-20", "439.52"),
    ],
)
def test_every_calendar_day_counts_until_the_trades_are_settled(
    calendars: Calendars, now: str, settled_after: int, until: str, interest: str
) -> None:
    debit = with_interest(book(cash="-930000"), "2150")
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert _ahead(calendars, debit, at, settled_after) == (date.fromisoformat(until), interest)


def test_it_is_added_to_the_accrued_interest(calendars: Calendars) -> None:
    debit = with_interest(book(cash="-930000"), "2150")
    calendar = calendars.of("XHKG")
    made = accrue(debit, next_session(MONDAY, calendar), calendar, InterestPolicy(RATES, 2))
    assert made.book.cash == (CashBalance(HKD, Decimal(-930000), Decimal("2589.52")),)
    assert made.unknown == ()


def test_each_currency_bears_its_own_and_a_credit_elsewhere_saves_nothing(calendars: Calendars) -> None:
    cash = (
        CashBalance(HKD, Decimal(5_000_000)),
        CashBalance(USD, Decimal(-100_000)),
        CashBalance(JPY, Decimal(-10_000_000)),
    )
    mixed = replace(book(rates=(fx(USD, "7.80"), fx(JPY, "0.072"))), cash=cash)
    # 100,000 x 0.068 x 3 / 365 is USD 55.89; 10,000,000 x 0.02 x 3 / 365 is JPY 1,644: 435.942 + 118.368.
    assert _ahead(calendars, mixed) == (date(2020, 3, 19), "554.31")


def test_a_debit_without_a_rate_is_named(calendars: Calendars) -> None:
    calendar = calendars.of("XHKG")
    debit = replace(book(cash="1", rates=(fx(USD, "7.80"),)), cash=(CashBalance(USD, Decimal(-1)),))
    made = accrue(debit, next_session(MONDAY, calendar), calendar, InterestPolicy({}, 2))
    assert not made.interest
    assert made.unknown == (USD,)
