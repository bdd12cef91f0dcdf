"""What amounts come to in the reporting currency, and what is compared by it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import FxRate
from domain.money import MAX_STORED, Currency
from domain.reporting import AmountAtLeast, ReportingRate, Worth, reporting_rate

NOW = datetime(2020, 3, 9, 14, 30, tzinfo=UTC)
HKD, USD, JPY, KWD = (Currency(each) for each in ("HKD", "USD", "JPY", "KWD"))
amounts = st.decimals(0, 10**12, places=3)
rates = st.decimals("0.0000000001", 10**6, places=10)


@pytest.mark.parametrize(
    ("amount", "reporting", "rate", "worth"),
    [
        ("100000", HKD, "7.8", "780000.00"),
        ("1000000", HKD, "0.052", "52000.00"),
        ("0.005", HKD, "1", "0.01"),
        ("10", JPY, "110.45", "1105"),
        ("10", KWD, "0.30745", "3.075"),
        ("0", HKD, None, "0"),
        ("1", HKD, None, None),
        (str(MAX_STORED), HKD, "2", None),
    ],
)
def test_worth_is_whole_minor_units_or_unknown(
    amount: str, reporting: Currency, rate: str | None, worth: str | None
) -> None:
    found = ReportingRate(reporting, rate if rate is None else Decimal(rate)).worth(Decimal(amount))
    assert found == (None if worth is None else Worth(Decimal(worth), reporting))


def test_the_reporting_currency_needs_no_rate() -> None:
    assert reporting_rate(HKD, HKD, {}) == ReportingRate(HKD, Decimal(1))
    assert reporting_rate(USD, HKD, {}) == ReportingRate(HKD, None)
    stated = FxRate(USD, HKD, Decimal("7.8"), NOW)
    assert reporting_rate(USD, HKD, {USD: stated}) == ReportingRate(HKD, Decimal("7.8"))


@given(amounts, amounts, rates)
def test_a_threshold_in_the_same_currency_asks_no_rate(
    amount: Decimal, least: Decimal, rate: Decimal
) -> None:
    worth = ReportingRate(HKD, rate).worth(least)
    assert worth is not None
    threshold = AmountAtLeast(least, USD, worth)
    assert threshold.allows(amount, USD, None) is (amount >= least)
    assert threshold.allows(amount, JPY, Worth(amount, HKD)) is (amount >= worth.amount)
    assert threshold.allows(amount, JPY, None)
    assert threshold.allows(amount, JPY, Worth(Decimal(0), USD)), "another reporting currency before"


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ("100", "101", False),
        ("100", "99", False),
        ("100", "101.01", True),
        ("100", "98.99", True),
        ("0", "1", True),
    ],
)
def test_a_rate_change_sends_an_event_if_it_moves_the_amount_more_than_a_hundredth(
    before: str, after: str, moved: bool
) -> None:
    assert Worth(Decimal(before), HKD).moved(Worth(Decimal(after), HKD)) is moved
    assert Worth(Decimal(before), HKD).moved(None)
    assert Worth(Decimal(before), HKD).moved(Worth(Decimal(before), USD))
