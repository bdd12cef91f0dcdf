"""The effect of an execution on cash and positions."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.booking import after_fill, booked, cash_effect, contains, cost_after, credited, trade_fee
from domain.ids import Symbol
from domain.margin import CashBalance
from domain.money import exact
from tests.unit.books import HKD, JPY, NOW, USD, book, flat, holding, instrument, quote

MOMENT = timedelta(microseconds=1)
SHARE = instrument("A", fee="0.0013")
OPTION = instrument("O", fee="0.0013", multiplier="100")


def test_gross_amount_and_fee_are_each_rounded_half_up() -> None:
    with exact():
        assert booked(SHARE, Decimal(3), Decimal("33.335")) == (Decimal("100.01"), Decimal("0.13"))
        assert booked(OPTION, Decimal(3), Decimal("33.335")) == (Decimal("10000.50"), Decimal("13.00"))


def test_the_fee_of_a_trade_below_zero_is_of_its_size() -> None:
    assert trade_fee(SHARE, Decimal(100), Decimal(-10)) == Decimal("1.30")
    with exact():
        assert booked(SHARE, Decimal(100), Decimal(-10)) == (Decimal(-1000), Decimal("1.30"))


def test_a_sale_brings_cash_and_a_buy_takes_it_and_both_pay_the_fee() -> None:
    assert cash_effect(OPTION, Decimal(-2), Decimal("1.5"), Decimal(1)) == Decimal(299)
    assert cash_effect(OPTION, Decimal(2), Decimal("1.5"), Decimal(1)) == Decimal(-301)
    assert cash_effect(SHARE, Decimal("0.5"), Decimal(10), Decimal(0)) == Decimal(-5)


def test_cash_moves_in_the_minor_units_of_the_instruments_currency() -> None:
    yen = instrument("Y", JPY)
    assert cash_effect(yen, Decimal(-1), Decimal("100.5"), Decimal("0.5")) == 100


def test_digits_beyond_the_usual_precision_are_not_lost() -> None:
    quantity, price = Decimal(10) ** 16 + 1, Decimal(10) ** 14 + Decimal("0.5")
    gross = Decimal("1000000000000005100000000000000.50")
    assert cash_effect(instrument("A"), -quantity, price, Decimal(0)) == gross
    fee = Decimal("100000000000000510000000000000.05")
    assert trade_fee(instrument("A", fee="0.1"), quantity, price) == fee


@pytest.mark.parametrize(
    ("stated", "happened", "now", "contained"),
    [
        (1, 1, 1, True),
        (1, 0, 1, True),
        (2, 1, 3, True),
        (0, 0, 1, False),
        (1, 2, 3, False),
        (2, 1, 1, False),
        (-1, -1, 1, False),
    ],
)
def test_a_statement_contains_an_execution_between_its_order_and_itself(
    stated: int, happened: int, now: int, contained: bool
) -> None:
    """Moments after the order was placed."""
    assert contains(NOW + stated * MOMENT, NOW, NOW + happened * MOMENT, NOW + now * MOMENT) is contained


def test_the_average_cost_follows_what_a_fill_does_to_the_position() -> None:
    cost = Decimal(7)
    for held, fill, price, after in (
        (10, -4, 9, 7),
        (10, -10, 9, 7),
        (10, -11, 9, 9),
        (10, 30, 9, Decimal("8.5")),
        (-10, 11, 9, 9),
        (0, 5, 9, 9),
    ):
        assert cost_after(Decimal(held), cost, Decimal(fill), Decimal(price)) == after
    assert cost_after(Decimal(10), None, Decimal(10), Decimal(9)) is None


def test_a_fill_changes_its_position_and_the_cash_of_its_currency() -> None:
    sold, kept = instrument("A", USD, fee="0.01"), instrument("B")
    before = replace(
        book(
            holding(kept, "5", flat(".3"), quote("B", "10")),
            holding(sold, "10", flat(".3"), quote("A", "10")),
            cash="100",
        ),
        cash=(CashBalance(HKD, Decimal(100)), CashBalance(USD, Decimal(-50), Decimal(3))),
    )
    after = after_fill(before, Symbol("A"), Decimal(-4), Decimal(20), Decimal("0.80"))
    assert [(each.instrument, each.quantity) for each in after.holdings] == [
        (kept, Decimal(5)),
        (sold, Decimal(6)),
    ]
    assert after.cash == (CashBalance(HKD, Decimal(100)), CashBalance(USD, Decimal("29.20"), Decimal(3)))


def test_a_position_that_is_closed_leaves_the_book() -> None:
    kept, sold = holding(instrument("B"), "5", flat(".3")), holding(instrument("A"), "10", flat(".3"))
    after = after_fill(book(kept, sold), Symbol("A"), Decimal(-10), Decimal(20), Decimal(0))
    assert after.holdings == (kept,)


def test_a_fill_without_a_position_is_an_error_of_the_caller() -> None:
    with pytest.raises(LookupError, match="A"):
        after_fill(book(), Symbol("A"), Decimal(-10), Decimal(20), Decimal(0))


def test_cash_in_a_new_currency_gets_a_balance() -> None:
    held = (CashBalance(HKD, Decimal(1)),)
    assert credited(held, USD, Decimal(5)) == (*held, CashBalance(USD, Decimal(5)))


def test_adding_cash_never_rounds() -> None:
    large = Decimal("99999999999999999999.9999999999")
    (after,) = credited((CashBalance(HKD, large),), HKD, Decimal("0.0000000001"))
    assert after.balance == Decimal(10) ** 20
