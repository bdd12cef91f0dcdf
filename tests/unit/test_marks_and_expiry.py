"""What a quote marks a position at, and what an option is worth after its last day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.booking import cash_effect, filled
from domain.canonical import plain
from domain.execution_check import Attention, oddities
from domain.expiry import ExpiryPolicy, Life, is_expired, life_of, next_change
from domain.ids import Symbol
from domain.liquidation_plan import PlanPolicy, PlanRequest
from domain.margin import compute_figures, known_price
from domain.market import Instrument, OptionRight, OptionTerms, Quote
from domain.money import parse_decimal, round_money, round_ratio
from domain.order import OrderType
from domain.refusals import RefusalCode
from domain.sellable import Pricing
from gateway.http.reports import csv_line
from resolvers.kit.scalars import DECIMAL
from tests.kit.orders import LATER, QUEUED_ORDER, a_fill
from tests.unit.books import HKD, MAX_AGE, NOW, book, flat, holding, instrument, quote

HONG_KONG, NEW_YORK = ZoneInfo("Asia/Hong_Kong"), ZoneInfo("America/New_York")
EXPIRY = date(2020, 3, 20)
RULES = ExpiryPolicy(frozenset({"XHKG"}), 4)

AT_THE_QUOTE = Pricing(PlanRequest(), PlanPolicy(), NOW).at_the_quote


def quoted(**prices: str) -> Quote:
    return Quote(Symbol("A"), NOW, **{name: Decimal(price) for name, price in prices.items()})


@pytest.mark.parametrize(
    ("prices", "mark"),
    [
        ({"bid": "99", "ask": "101", "last": "100"}, "100"),
        ({"bid": "99", "ask": "101", "last": "95"}, "99"),
        ({"bid": "99", "ask": "101", "last": "120"}, "101"),
        ({"bid": "49.90", "ask": "50.10", "previous_close": "200"}, "50.10"),
        ({"bid": "49.90", "ask": "50.10", "previous_close": "20"}, "49.90"),
        ({"bid": "49.90", "ask": "50.10", "previous_close": "50"}, "50"),
        ({"bid": "49.90", "ask": "50.10"}, "50"),
        ({"bid": "0", "ask": "0.02", "last": "0.01"}, "0.01"),
        ({"bid": "0", "ask": "0.02", "last": "50"}, "0.02"),
        ({"ask": "0.02", "previous_close": "50"}, "0.02"),
        ({"bid": "99", "ask": "0", "last": "100"}, "100"),
        ({"last": "0"}, "0"),
        ({"bid": "49.90", "ask": "50.10", "previous_close": "0"}, "50"),
        ({"bid": "49.90", "last": "50", "previous_close": "0"}, "50"),
        ({"last": "0", "previous_close": "7"}, "0"),
        ({"bid": "101", "ask": "99", "last": "100"}, "100"),
        ({"bid": "101", "ask": "99", "last": "120"}, "101"),
        ({"last": "-37.63", "bid": "-40", "ask": "-35"}, "-37.63"),
    ],
)
def test_the_mark_of_a_quote(prices: dict[str, str], mark: str) -> None:
    assert quoted(**prices).mark == Decimal(mark)


@pytest.mark.parametrize(
    "prices",
    [
        {},
        {"bid": "1"},
        {"ask": "1"},
        {"bid": "1", "ask": "0"},
        {"bid": "0"},
        {"previous_close": "0"},
        {"previous_close": "0", "ask": "1"},
    ],
)
def test_a_quote_that_says_nothing_to_mark_by_is_refused(prices: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a last price, or a previous close that is not 0, or both a bid"):
        quoted(**prices)


def an_option(right: OptionRight = OptionRight.CALL, market: str = "XHKG") -> Instrument:
    terms = OptionTerms(Symbol("UND"), right, Decimal(50), EXPIRY)
    return replace(instrument("OPT", multiplier="100"), market=market, option=terms)


@pytest.mark.parametrize(
    ("market", "local", "life"),
    [
        ("XHKG", datetime(2020, 3, 20, 23, 59, tzinfo=HONG_KONG), Life.ALIVE),
        ("XHKG", datetime(2020, 3, 21, tzinfo=HONG_KONG), Life.SETTLING),
        ("XHKG", datetime(2020, 3, 24, 23, 59, tzinfo=HONG_KONG), Life.SETTLING),
        ("XHKG", datetime(2020, 3, 25, tzinfo=HONG_KONG), Life.ENDED),
        ("XNYS", datetime(2020, 3, 20, 23, 59, tzinfo=NEW_YORK), Life.ALIVE),
        ("XNYS", datetime(2020, 3, 21, tzinfo=NEW_YORK), Life.ENDED),
    ],
)
def test_the_days_of_an_option_are_those_of_its_market(market: str, local: datetime, life: Life) -> None:
    def zone_of(named: str) -> ZoneInfo:
        return HONG_KONG if named == "XHKG" else NEW_YORK

    of = an_option(market=market)
    assert life_of(of, local.astimezone(UTC), zone_of, RULES) is life
    assert is_expired(of, local.date()) is (life is not Life.ALIVE)
    change = next_change(of, local - timedelta(minutes=1), zone_of, RULES)
    if life is Life.ALIVE:
        assert change is not None
        assert change.astimezone(zone_of(market)) == datetime(2020, 3, 21, tzinfo=zone_of(market))


@pytest.mark.parametrize(
    ("right", "underlying", "worth"),
    [(OptionRight.CALL, "60", "10"), (OptionRight.CALL, "40", "0"), (OptionRight.PUT, "40", "10")],
)
@pytest.mark.parametrize("quantity", ["3", "-3"])
def test_an_option_in_settlement_is_worth_its_exercise_and_requires_no_margin(
    right: OptionRight, underlying: str, worth: str, quantity: str
) -> None:
    held = holding(an_option(right), quantity, flat("1"), quote("OPT", "6"))
    settling = replace(held, life=Life.SETTLING, underlying=quote("UND", underlying))
    assert known_price(settling) == Decimal(worth)
    figures = compute_figures(book(settling), NOW, MAX_AGE)
    assert figures.equity == figures.liquid_net_assets == Decimal(quantity) * 100 * Decimal(worth)
    assert figures.initial_margin == figures.maintenance_margin == 0
    ended = compute_figures(book(replace(settling, life=Life.ENDED)), NOW + 10 * MAX_AGE, MAX_AGE)
    assert not ended.equity
    assert not ended.stale


@pytest.mark.parametrize("life", [Life.SETTLING, Life.ENDED])
def test_an_expired_option_is_never_sold(life: Life) -> None:
    held = replace(holding(an_option(), "3", flat("1"), quote("OPT", "6")), life=life)
    assert AT_THE_QUOTE(book(held), held) is RefusalCode.INSTRUMENT_EXPIRED


@pytest.mark.parametrize("price", ["0", "-3"])
def test_nothing_is_sold_at_a_price_of_zero_or_below(price: str) -> None:
    of = replace(instrument("OIL"), negative_prices=True)
    at = Quote(Symbol("OIL"), NOW, Decimal(price), Decimal(5), Decimal(4))
    held = holding(of, "3", flat(".5"), at)
    assert AT_THE_QUOTE(book(held), held) is RefusalCode.NO_QUOTE


def test_a_limit_above_zero_promises_no_money_while_the_market_is_below() -> None:
    of = replace(instrument("OIL"), negative_prices=True)
    at = Quote(Symbol("OIL"), NOW, Decimal(-31), Decimal(-29), Decimal(-30))
    held = holding(of, "3", flat(".5"), at)
    found = Pricing(PlanRequest(), PlanPolicy(), NOW).at_limit(book(held), held, Decimal(10))
    assert found is RefusalCode.NO_QUOTE


@pytest.mark.parametrize(
    ("mark", "price", "odd"),
    [
        ("-30", "-31", False),
        ("-30", "-61", True),
        ("-30", "-14", True),
        ("-30", "30", True),
        ("30", "-30", True),
        ("30", "0", True),
        ("0", "-30", False),
    ],
)
def test_a_fill_far_from_a_mark_below_zero_is_odd_as_one_above_it_is(
    mark: str, price: str, odd: bool
) -> None:
    said = a_fill(100, Decimal(price))
    order = replace(QUEUED_ORDER, type=OrderType.MARKET, limit_price=None)
    found = oddities(order, instrument("700.HK"), said, Decimal(mark), LATER)
    assert [each.kind for each in found] == ([Attention.PRICE] if odd else [])


def test_a_negative_price_is_a_debt_of_the_long_and_margin_is_asked_for_its_size() -> None:
    of = replace(instrument("OIL"), negative_prices=True)
    figures = compute_figures(book(holding(of, "10", flat(".5"), quote("OIL", "-30"))), NOW, MAX_AGE)
    assert [figures.long_market_value, figures.short_market_value] == [0, -300]
    assert [figures.liquid_net_assets, figures.maintenance_margin] == [-300, 150]


def test_a_fee_that_a_venue_states_is_booked_in_whole_minor_units() -> None:
    assert cash_effect(instrument("A"), Decimal(-10), Decimal("1.5"), Decimal("0.531")) == Decimal("14.47")
    assert cash_effect(instrument("A"), Decimal(10), Decimal("1.5"), Decimal("0.535")) == Decimal("-15.54")


@pytest.mark.parametrize(
    ("quantity", "paid", "fill", "cost"),
    [
        ("10", "7", "-4", "7"),
        ("10", "7", "-10", "7"),
        ("10", "7", "-12", "9"),
        ("0", "7", "-2", "9"),
        ("10", "7", "10", "8"),
        ("-10", "7", "-5", "7.66666667"),
        ("-10", "-7", "-20", "3.66666667"),
        ("-10", None, "-5", None),
        ("-10", None, "15", "9"),
    ],
)
def test_the_average_cost_of_a_position_after_a_fill_at_9(
    quantity: str, paid: str | None, fill: str, cost: str | None
) -> None:
    """A fill that begins or turns it costs its price, one that adds to it is averaged in."""
    known = None if paid is None else Decimal(paid)
    held = replace(holding(instrument("A"), quantity, flat("1")), average_cost=known)
    assert filled(held, Decimal(fill), Decimal(9)).average_cost == (None if cost is None else Decimal(cost))


@given(st.decimals(-1, 1, places=6).map(lambda value: value * 0) | st.decimals("-0.004", "0.004", places=6))
def test_zero_has_no_sign(value: Decimal) -> None:
    assert DECIMAL.serialize is not None
    texts = {DECIMAL.serialize(value * 0), plain(value * 0), csv_line([value * 0]).strip()}
    assert texts == {"0"}
    assert not round_money(value, HKD).is_signed()
    assert not round_ratio(value / 1000).is_signed()
    assert not parse_decimal("-0.00").is_signed()
