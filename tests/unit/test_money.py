"""Which decimals can be stored, and how each named function rounds."""

from decimal import Decimal, Inexact

import pytest

from domain import money
from domain.money import AmountTooLarge, Currency, InvalidDecimal

LARGE = Decimal("12345678901234567890.1234567891")
"""As many digits as can be stored: more than the usual 28 of a context."""
LARGEST = Decimal("9" * 20 + "." + "9" * 10)
LEAST = LARGEST.copy_negate()
HKD, JPY, BHD = Currency("HKD"), Currency("JPY"), Currency("BHD")


def test_the_largest_amounts_that_can_be_stored_are_accepted() -> None:
    for value in (LARGEST, LEAST):
        assert money.storable(value) == value
    for value in (Decimal("1E20"), Decimal("-1E20")):
        with pytest.raises(AmountTooLarge, match="20 digits"):
            money.storable(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.50", "1.50"), ("-.5", "-0.5"), ("+7.", "7"), ("1E3", "1000"), ("1e+2", "100"), ("25e-2", "0.25")],
)
def test_a_number_is_read(text: str, value: str) -> None:
    assert money.parse_decimal(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "1 ", "1_000", "\u0661", "NaN", "Infinity", "1e", "0x1", "--1", "."])
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidDecimal, match="not a decimal number"):
        money.parse_decimal(text)


def test_a_refusal_quotes_no_endless_text() -> None:
    with pytest.raises(InvalidDecimal) as refused:
        money.parse_decimal("x" * 1000)
    assert str(refused.value) == "not a decimal number: '" + "x" * 57


@pytest.mark.parametrize("text", ["1" + "0" * 20, "1E20", "1E-31", "1E999999999999999999999"])
def test_more_digits_than_can_be_stored_are_refused(text: str) -> None:
    with pytest.raises(InvalidDecimal, match="too many digits"):
        money.parse_decimal(text)


def test_the_digits_at_the_edge_can_be_stored() -> None:
    for value in (LARGEST, Decimal("9E19"), Decimal("1E-10"), Decimal("0E-30"), Decimal("1." + "0" * 30)):
        assert money.checked(value) == value
    with pytest.raises(InvalidDecimal, match="more than 10 digits"):
        money.checked(Decimal("1E-11"))
    for endless in ("NaN", "Infinity", "sNaN"):
        with pytest.raises(InvalidDecimal, match="finite"):
            money.checked(Decimal(endless))


def test_a_currency_that_is_unknown_has_two_digits() -> None:
    digits = [money.minor_digits(currency) for currency in (HKD, JPY, BHD, Currency("XXQ"))]
    assert digits == [2, 0, 3, 2]


def test_money_is_rounded_half_up_and_a_ratio_half_even() -> None:
    assert money.round_money(Decimal("0.125"), HKD) == Decimal("0.13")
    assert money.round_money(Decimal("-0.125"), HKD) == Decimal("-0.13")
    assert str(money.round_money(LARGE, BHD)) == "12345678901234567890.123"
    assert money.round_ratio(Decimal("0.00005")) == 0
    assert money.round_ratio(Decimal("0.00015")) == Decimal("0.0002")
    assert str(money.round_ratio(LARGE)) == "12345678901234567890.1235"
    large = Decimal("1" * 40)
    assert money.round_money(large, HKD) == money.round_ratio(large) == large


def test_a_quotient_has_the_digits_of_its_kind() -> None:
    third, two_thirds = (Decimal(1), Decimal(3)), (Decimal(2), Decimal(3))
    assert str(money.divide_ratio(*third)) == "0.3333"
    assert str(money.average_price(*two_thirds)) == "0.66666667"
    assert str(money.divide_rate(*two_thirds)) == "0.6666666667"
    assert str(money.quotient_up(*third)) == "0.3333333334"
    assert str(money.rank_ratio(*third)) == "0." + "3" * 120


def test_quotients_round_half_even_and_the_one_for_limits_up() -> None:
    half, three_halves = Decimal("0.5"), Decimal("1.5")
    for rounded, step in (
        (money.average_price, Decimal("1E-8")),
        (money.divide_rate, Decimal("1E-10")),
        (money.divide_ratio, Decimal("1E-4")),
    ):
        assert rounded(three_halves * step, Decimal(1)) == 2 * step
        assert rounded(Decimal("2.5") * step, Decimal(1)) == 2 * step
    assert money.average_price(half * Decimal("1E-8"), Decimal(1)) == 0
    assert money.quotient_up(Decimal("-1.5E-10"), Decimal(1)) == Decimal("-1E-10")


def test_a_rate_is_never_rounded_to_zero() -> None:
    assert money.divide_rate(Decimal("1E-10"), Decimal(1000)) == Decimal("1E-10")


def test_quotients_of_large_numbers_keep_their_digits() -> None:
    one = Decimal(1)
    assert money.average_price(LARGE, one) == Decimal("12345678901234567890.12345679")
    assert money.average_price(LARGEST, Decimal("0.1")) == Decimal("1E21")
    assert money.divide_rate(LARGE, one) == money.quotient_up(LARGE, one) == LARGE
    assert money.divide_ratio(LARGE, one) == Decimal("12345678901234567890.1235")


def test_the_middle_of_two_prices_is_rounded_half_even() -> None:
    unit = Decimal("1E-10")
    assert money.middle_price(unit, 2 * unit) == 2 * unit
    assert money.middle_price(2 * unit, 3 * unit) == 2 * unit
    assert money.middle_price(LARGE, LARGE) == LARGE
    assert money.middle_price(Decimal(1), Decimal(2)) == Decimal("1.5")


def test_digits_that_a_value_needs() -> None:
    texts = ("1.50", "1.5000", "0.25", "100", "1E3", "0.00")
    assert [money.shown_digits(Decimal(text)) for text in texts] == [1, 1, 2, 0, 0, 0]
    assert money.shown_digits(LARGE) == 10


def test_the_steps_next_to_a_price() -> None:
    step = Decimal("0.05")
    for price, below, above in (
        ("1.07", "1.05", "1.10"),
        ("1.05", "1.05", "1.05"),
        ("-1.07", "-1.10", "-1.05"),
        ("0.01", "0", "0.05"),
    ):
        assert money.step_below(Decimal(price), step) == Decimal(below)
        assert money.step_above(Decimal(price), step) == Decimal(above)
    signs = {
        money.step_above(Decimal("-0.01"), step).is_signed(),
        money.step_below(Decimal("-0"), step).is_signed(),
    }
    assert signs == {False}
    digit = Decimal("1E-10")
    assert money.step_below(LARGE, digit) == money.step_above(LARGE, digit) == LARGE


def test_whole_multiples() -> None:
    step = Decimal("0.05")
    assert money.is_whole_multiple(Decimal("-1.10"), step)
    assert not money.is_whole_multiple(Decimal("1.11"), step)
    assert money.is_whole_multiple(LARGE, Decimal("1E-10"))


def test_lots_that_reach_an_amount_and_lots_that_fit_into_it() -> None:
    per_lot = Decimal("2.5")
    for amount, needed, fitting in (("5", 2, 2), ("5.01", 3, 2), ("4.99", 2, 1), ("0", 0, 0), ("-9", 0, 0)):
        assert money.lots_needed(Decimal(amount), per_lot) == needed
        assert money.lots_within(Decimal(amount), per_lot) == fitting
    assert money.lots_needed(Decimal("0.01"), per_lot) == 1
    assert money.lots_within(LARGE, Decimal(1)) == 12345678901234567890
    assert money.lots_needed(LARGE, Decimal(1)) == 12345678901234567891
    assert money.lots_within(LARGE, Decimal("1E-10")) == 123456789012345678901234567891
    assert money.lots_needed(LARGE, Decimal("1E-10")) == 123456789012345678901234567891


def test_the_whole_lots_of_a_quantity() -> None:
    assert money.whole_lots(Decimal(250), Decimal(100)) == 200
    assert money.whole_lots(Decimal(99), Decimal(100)) == 0
    assert money.whole_lots(LARGE, Decimal("1E-10")) == LARGE


def test_a_sum_is_exact_and_arithmetic_inside_exact_never_rounds() -> None:
    assert money.total([LARGE, LARGE.copy_negate(), Decimal("1E-10")]) == Decimal("1E-10")
    assert money.total([]) == 0
    with money.exact(), pytest.raises(Inexact):
        Decimal(1) / Decimal(3)


def test_zero_loses_its_sign_and_nothing_else() -> None:
    assert str(money.unsigned_zero(Decimal("-0.00"))) == "0.00"
    assert str(money.unsigned_zero(Decimal("-0.10"))) == "-0.10"
