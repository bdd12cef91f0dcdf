"""Prices that an exchange takes: on the grid of the table, in the direction asked for, across every band."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import Instrument, InstrumentKind
from domain.tick_size import SHIPPED, Band, Direction, TickTable, tick_table, usual_table
from tests.unit.books import instrument, quote

UP, DOWN = Direction.UP, Direction.DOWN
TEXTS = (*SHIPPED, "0.05", "1", "0.03", "0.001, 0.2:0.005, 1:0.01", "1,3000:5,5000:10,30000:50")
TO_THE_CENT = quote("S", "99.98", "99.99")
PRICES = st.decimals("0.0000000001", "20000", places=10)


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [
        ("395.81", "395.8", "396"),
        ("395.80", "395.8", "395.8"),
        ("0.2491", "0.249", "0.25"),
        ("0.2511", "0.25", "0.255"),
        ("0.4999", "0.495", "0.5"),
        ("9.999", "9.99", "10"),
        ("10.011", "10.01", "10.02"),
        ("19.999", "19.99", "20"),
        ("20.01", "20", "20.02"),
        ("49.99", "49.98", "50"),
        ("50.01", "50", "50.05"),
        ("99.99", "99.95", "100"),
        ("199.99", "199.9", "200"),
        ("499.99", "499.8", "500"),
        ("999.99", "999.5", "1000"),
        ("1999.99", "1999", "2000"),
        ("4999.99", "4998", "5000"),
        ("5001", "5000", "5005"),
        ("0.0104", "0.01", "0.011"),
    ],
)
def test_a_price_in_hong_kong_is_rounded_on_the_spread_table(price: str, down: str, up: str) -> None:
    table = SHIPPED["XHKG"]
    assert table.round(Decimal(price), DOWN) == Decimal(down)
    assert table.round(Decimal(price), UP) == Decimal(up)


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [("0.99995", "0.9999", "1"), ("1.001", "1", "1.01"), ("0.12345", "0.1234", "0.1235")],
)
def test_a_price_in_new_york_has_four_digits_below_one_dollar(price: str, down: str, up: str) -> None:
    table = SHIPPED["XNYS"]
    assert (table.round(Decimal(price), DOWN), table.round(Decimal(price), UP)) == (
        Decimal(down),
        Decimal(up),
    )


def steps_around(table: TickTable, price: Decimal) -> set[Decimal]:
    """The steps of the band that holds the price and, on a boundary, of the band below."""
    return {
        band.step
        for number, band in enumerate(table.bands)
        if band.start <= price and (number + 1 == len(table.bands) or price <= table.bands[number + 1].start)
    }


@given(st.sampled_from(TEXTS), PRICES, st.sampled_from(Direction))
def test_a_rounded_price_is_on_the_grid_and_no_valid_price_is_nearer(
    text: str, price: Decimal, direction: Direction
) -> None:
    table = tick_table(text)
    rounded = table.round(price, direction)
    assert all(rounded % step == 0 for step in steps_around(table, rounded))
    assert table.is_valid(rounded)
    if rounded == table.lowest:
        assert direction is DOWN or price <= table.lowest
        return
    distance = rounded - price if direction is UP else price - rounded
    assert 0 <= distance < table.step_at(price)


@given(st.sampled_from(TEXTS), PRICES, PRICES, st.sampled_from(Direction))
def test_a_higher_price_is_never_rounded_to_a_lower_one(
    text: str, one: Decimal, other: Decimal, direction: Direction
) -> None:
    table = tick_table(text)
    low, high = sorted((one, other))
    assert table.round(low, direction) <= table.round(high, direction)


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [("-0.03", "-0.05", "0"), ("0", "0", "0"), ("0.01", "0.05", "0.05"), ("-7.5", "-7.5", "-7.5")],
)
def test_a_price_of_zero_or_below_has_steps_too(price: str, down: str, up: str) -> None:
    table = tick_table("0.05")
    rounded = table.round(Decimal(price), DOWN), table.round(Decimal(price), UP)
    assert rounded == (Decimal(down), Decimal(up))
    assert not any(each.is_zero() and each.is_signed() for each in rounded)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0", "above 0"),
        ("-0.01", "above 0"),
        ("five", "a decimal such as 0.05, bands, or one of XHKG"),
        ("0.001, 0.005", "a step followed by bands"),
        ("0.01, 1:0.03", "1 must be a multiple"),
        ("0.01, 2:0.05, 1:0.1", "ascend"),
        ("NaN", "a decimal such as"),
        ("1" * 301, "at most 300"),
        ("", "a decimal such as"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        tick_table(text)


def a_table(lowest: str, *bands: tuple[str, str]) -> TickTable:
    """A table with this lowest price, of starts and steps."""
    return TickTable(tuple(Band(Decimal(start), Decimal(step)) for start, step in bands), Decimal(lowest))


@pytest.mark.parametrize(
    ("lowest", "bands", "reason"),
    [
        ("1", (), "must start at 0"),
        ("1", (("1", "1"),), "must start at 0"),
        ("1", (("0", "0"),), "above 0"),
        ("1", (("0", "1"), ("2", "-1")), "above 0"),
        ("1", (("0", "1"), ("2", "1"), ("2", "2")), "ascending"),
        ("1", (("0", "1"), ("4", "2"), ("2", "1")), "ascending"),
        ("1", (("0", "2"), ("3", "1")), "3 must be a multiple"),
        ("1", (("0", "1"), ("3", "2")), "3 must be a multiple"),
        ("0", (("0", "1"),), "lowest price"),
        ("-1", (("0", "1"),), "lowest price"),
        ("1.5", (("0", "1"),), "lowest price"),
    ],
)
def test_an_impossible_table_cannot_be_built(
    lowest: str, bands: tuple[tuple[str, str], ...], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        a_table(lowest, *bands)


def test_a_table_may_begin_below_one_and_its_lowest_price_may_be_any_tick() -> None:
    table = a_table("0.1", ("0", "0.05"), ("1", "0.5"))
    assert table.round(Decimal("0.01"), DOWN) == Decimal("0.1")
    assert [table.step_at(Decimal(price)) for price in ("0.99", "1", "-5")] == [
        Decimal("0.05"),
        Decimal("0.5"),
        Decimal("0.05"),
    ]
    assert [table.is_valid(Decimal(price)) for price in ("0.15", "0.16", "1.5", "1.05")] == [
        True,
        False,
        True,
        False,
    ]


def test_a_band_of_two_colons_is_refused() -> None:
    with pytest.raises(ValueError, match="decimal"):
        tick_table("0.01, 1:2:3")


def traded(market: str, kind: InstrumentKind = InstrumentKind.STOCK, tick: str | None = None) -> Instrument:
    return replace(instrument("S"), market=market, kind=kind, tick=tick)


def test_an_instrument_follows_its_own_steps_then_those_of_its_market() -> None:
    stated = traded("XHKG", tick="0.5")
    assert stated.round_price(Decimal("395.81"), DOWN, TO_THE_CENT) == Decimal("395.5")
    assert traded("XHKG").round_price(Decimal("395.81"), DOWN, TO_THE_CENT) == Decimal("395.8")
    fund = traded("XHKG", InstrumentKind.FUND)
    assert fund.round_price(Decimal("75.01"), UP, TO_THE_CENT) == Decimal("75.02")
    assert traded("NASDAQ").round_price(Decimal("99.999"), UP, TO_THE_CENT) == Decimal(100)
    japanese = traded("XTKS")
    assert japanese.ticks is None
    assert japanese.round_price(Decimal("2671.267"), DOWN, TO_THE_CENT) == Decimal("2671.26")
    finer = replace(TO_THE_CENT, bid=Decimal("99.985"))
    assert japanese.round_price(Decimal("2671.2671"), DOWN, finer) == Decimal("2671.267")
    assert traded("XNYS", InstrumentKind.OPTION).ticks is None


def test_an_instrument_with_steps_that_make_no_sense_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="above 0"):
        traded("XHKG", tick="0")


def test_no_table_is_guessed_for_a_market_that_is_not_known() -> None:
    assert usual_table("XSES", is_stock=True, is_fund=False) is None
