"""The text of a decimal keeps every digit: two amounts that differ are never the same text, or request."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from desk.command import content_hash
from desk.liquidation.liquidate import plain_request
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from domain.canonical import canonical_text
from domain.ids import CaseId, Symbol
from domain.liquidation_plan import LegRequest, PlanRequest
from domain.money import MAX_STORED, parse_decimal, plain_text
from gateway.http.reports import csv_line
from resolvers.kit.scalars import DECIMAL

LONG = Decimal("12345678901234567890.1234567891")
"""As many digits as a stored amount may have: more than the 28 that Python's decimals round to."""
NEXT = Decimal("12345678901234567890.1234567892")
storable = st.decimals(-MAX_STORED, MAX_STORED, places=10)


@given(storable, storable)
def test_two_amounts_have_one_text_exactly_when_they_are_equal(one: Decimal, other: Decimal) -> None:
    assert (plain_text(one) == plain_text(other)) is (one == other)
    assert parse_decimal(plain_text(one)) == one


@given(storable, st.integers(0, 5))
def test_zeros_behind_the_digits_change_nothing(value: Decimal, zeros: int) -> None:
    text = plain_text(value)
    padded = Decimal((text if "." in text else f"{text}.") + "0" * zeros)
    assert plain_text(padded) == text
    assert "e" not in text.lower()
    assert not text.endswith(".")


def test_every_place_that_writes_a_decimal_writes_all_of_it() -> None:
    assert DECIMAL.serialize is not None
    assert DECIMAL.serialize(LONG) == str(LONG)
    assert csv_line((LONG,)).strip() == str(LONG)
    assert str(LONG) in canonical_text({"amount": LONG})
    assert plain_text(Decimal("-0.00")) == "0"
    assert plain_text(Decimal("1E+3")) == "1000"
    assert plain_text(Decimal("1E-10")) == "0.0000000001"
    assert plain_text(Decimal("0E-10")) == plain_text(Decimal("0E+3")) == "0"
    assert plain_text(None) is None


def test_requests_that_differ_in_the_last_digit_are_two_requests() -> None:
    hashes = {
        content_hash(
            plain_request(Liquidate("k", (LiquidateCase(CaseId("c"), None, PlanRequest(legs=(leg,))),), None))
        )
        for leg in (
            LegRequest(Symbol("A"), LONG),
            LegRequest(Symbol("A"), NEXT),
            LegRequest(Symbol("A"), Decimal(1), LONG),
            LegRequest(Symbol("A"), Decimal(1), NEXT),
        )
    }
    assert len(hashes) == 4
