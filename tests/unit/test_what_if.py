"""What-if on one book: which shock counts, exactly how much, and that no shock changes nothing."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.expiry import Life
from domain.ids import Symbol
from domain.margin import Book, compute_figures, known_price
from domain.market import FxRate, InstrumentKind, OptionRight, OptionTerms, Place
from domain.money import Currency, exact
from domain.what_if import Scenario, Shocked, shocked
from tests.kit.examples import examples
from tests.unit.books import (
    APPLE,
    HKD,
    MAX_AGE,
    NOW,
    TENCENT,
    USD,
    book,
    flat,
    holding,
    instrument,
    quote,
    worked_example,
)
from tests.unit.test_liquidation_properties import books

FALL = Decimal("-0.30")
FRACTIONS = st.decimals("-0.99", "3", places=4)
MANY = settings(
    max_examples=examples(200), suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def test_a_fall_of_everything_takes_the_fraction_off_every_position() -> None:
    before = compute_figures(worked_example(), NOW, MAX_AGE)
    after = compute_figures(shocked(worked_example(), Scenario(everything=FALL)), NOW, MAX_AGE)
    assert after.long_market_value == before.long_market_value * Decimal("0.7")
    assert after.short_market_value == before.short_market_value * Decimal("0.7")
    assert after.margin_call_margin == before.margin_call_margin * Decimal("0.7")
    assert after.cash == before.cash
    # LNA 533,000 - 0.3 * (1,630,000 - 50,000 - 117,000); MCM 683,650 * 0.7; interest 2,150.
    assert after.liquid_net_assets == Decimal(94_100)
    assert after.amount == Decimal("386605.00")


def test_the_most_specific_shock_counts_alone() -> None:
    scenario = Scenario(
        everything=Decimal("-0.1"),
        kinds={InstrumentKind.STOCK: Decimal("-0.2")},
        markets={"XNYS": FALL},
        symbols={APPLE: Decimal("0.5")},
    )
    marks = {
        held.instrument.symbol: held.quote.mark
        for held in shocked(worked_example(), scenario).holdings
        if held.quote
    }
    assert marks[APPLE] == Decimal(300)
    assert marks[TENCENT] == Decimal(320)
    assert marks[Symbol("TSLA.US")] == Decimal(210)


@pytest.mark.parametrize(
    ("known", "kinds", "markets", "worth"),
    [
        (True, {InstrumentKind.STOCK: FALL}, {}, 50),
        (True, {InstrumentKind.FUND: FALL}, {}, 20),
        (True, {}, {"XLON": FALL}, 20),
        (True, {}, {"XHKG": FALL}, 50),
        (False, {InstrumentKind.STOCK: FALL}, {}, 20),
    ],
)
def test_an_option_in_settlement_follows_its_underlying(
    known: bool, kinds: dict[InstrumentKind, Decimal], markets: dict[str, Decimal], worth: int
) -> None:
    # A fund in London does not fall with stocks, in either order of the book. An unknown underlying counts
    # as a stock of the option's market.
    fund = replace(instrument("UND"), kind=InstrumentKind.FUND, market="XLON")
    terms = OptionTerms(fund.symbol, OptionRight.CALL, Decimal(50), NOW.date())
    option = replace(instrument("OPT"), kind=InstrumentKind.OPTION, option=terms)
    price = quote(fund.symbol, "100")
    held = holding(fund, "1", flat("0.5"), price)
    place = Place(fund.kind, fund.market) if known else None
    settling = holding(option, "1", flat("0.5"))
    settling = replace(settling, life=Life.SETTLING, underlying=price, underlying_place=place)
    scenario = Scenario(kinds=kinds, markets=markets)
    for holdings in ((held, settling), (settling, held)):
        moved = shocked(book(*holdings), scenario)
        marks = {each.instrument.symbol: known_price(each) for each in moved.holdings}
        assert marks[option.symbol] == worth
        assert marks[fund.symbol] == (worth + 50 if known else 100)


def test_a_dearer_dollar_is_a_higher_rate_and_a_dearer_base_currency_a_lower_one() -> None:
    shock = Shocked(Scenario(currencies={USD: Decimal("0.1")}))
    assert shock.rate(FxRate(USD, HKD, Decimal("7.80"), NOW)).rate == Decimal("8.58")
    assert shock.rate(FxRate(HKD, USD, Decimal("0.1282"), NOW)).rate == Decimal("0.1165454545")
    assert shock.rate(FxRate(HKD, Currency("JPY"), Decimal(14), NOW)).rate == 14


@pytest.mark.parametrize("factor", ["-1", "-2", "NaN", "Infinity"])
def test_a_price_cannot_fall_to_nothing(factor: str) -> None:
    with pytest.raises(ValueError, match="above -1"):
        Scenario(everything=Decimal(factor))


@MANY
@given(books(sound=False, limited=True))
def test_no_shock_changes_no_figure(of: Book) -> None:
    nothing = Scenario(symbols={held.instrument.symbol: Decimal(0) for held in of.holdings})
    assert shocked(of, Scenario()) is of
    assert compute_figures(shocked(of, nothing), NOW, MAX_AGE) == compute_figures(of, NOW, MAX_AGE)


@MANY
@given(books(sound=True, limited=True), FRACTIONS, FRACTIONS)
def test_a_shock_moves_every_quoted_value_by_exactly_its_fraction(
    of: Book, prices: Decimal, dollar: Decimal
) -> None:
    scenario = Scenario(everything=prices, currencies={USD: dollar})
    before = compute_figures(replace(of, cash=()), NOW, MAX_AGE)
    after = compute_figures(shocked(replace(of, cash=(), fx={}), scenario), NOW, MAX_AGE)
    alone = compute_figures(replace(of, cash=(), fx={}), NOW, MAX_AGE)
    with exact():
        assert after.long_market_value == alone.long_market_value * (1 + prices)
        both = shocked(replace(of, cash=()), scenario)
        assert both.fx[USD].rate == of.fx[USD].rate * (1 + dollar)
    assert before.as_of == after.as_of
