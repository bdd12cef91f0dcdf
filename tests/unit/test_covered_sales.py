"""Stock that covers written calls is sold only as far as they need it no more, or after buying them back."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from domain.booking import after_fill
from domain.covered_options import is_short_of, shortfalls
from domain.ids import Symbol
from domain.liquidation import plan
from domain.liquidation_plan import LegRequest, NoPlan, Plan, PlanPolicy, PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import Book, Holding
from domain.market import Instrument, OptionRight, OptionTerms
from domain.market_hours import MarketHours, MarketState
from domain.order import OrderSide
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder, OrderCover
from tests.kit.examples import examples
from tests.unit.books import NOW, USD, book, flat, holding, instrument, quote

SHARE, OTHER, CALL, SECOND = (Symbol(name) for name in ("AAPL.US", "MSFT.US", "AAPL-C.US", "AAPL-D.US"))
LIMITS = PlanPolicy()
POLICIES = tuple(LiquidationPolicy)
MANY = settings(
    max_examples=examples(150), suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def a_call(symbol: Symbol, underlying: Symbol, multiplier: str = "100", days: int = 30) -> Instrument:
    terms = OptionTerms(underlying, OptionRight.CALL, Decimal(200), (NOW + timedelta(days=days)).date())
    return replace(instrument(symbol, USD, multiplier=multiplier), option=terms)


def shares(quantity: str, symbol: Symbol = SHARE, price: str = "200") -> Holding:
    return holding(instrument(symbol, USD), quantity, flat("0.3"), quote(symbol, price))


def calls(
    quantity: str, symbol: Symbol = CALL, underlying: Symbol = SHARE, multiplier: str = "100"
) -> Holding:
    return holding(a_call(symbol, underlying, multiplier), quantity, flat("1"), quote(symbol, "2"))


def the_report() -> Book:
    """100 shares at 200 that cover one written call at 2, and 15,000 of debt."""
    return book(shares("100"), calls("-1"), cash="-15000", base=USD)


def made(
    of: Book, *open_orders: OpenOrder, hours: MarketHours | None = None, **asked: object
) -> Plan | Refusal:
    request = PlanRequest(**asked)  # type: ignore[arg-type]
    return plan(of, open_orders, request, LIMITS, NOW, *([hours] if hours else []))


def legs(found: Plan | Refusal) -> list[tuple[str, str, int]]:
    assert isinstance(found, Plan), found
    return [(leg.side.value, leg.instrument.symbol, int(leg.quantity)) for leg in found.legs]


def uncovered(of: Book) -> Decimal:
    return sum((each.quantity for each in shortfalls(of, lambda _: NOW.date())), Decimal(0))


def executed(of: Book, found: Plan) -> Book:
    for leg in found.legs:
        signed = leg.quantity if leg.side is OrderSide.BUY else -leg.quantity
        of = after_fill(of, leg.instrument.symbol, signed, leg.price, leg.fee)
    return of


@pytest.mark.parametrize("policy", POLICIES)
def test_the_call_is_bought_back_before_the_stock_under_it_is_sold(policy: LiquidationPolicy) -> None:
    found = made(the_report(), policy=policy)
    assert legs(found)[0] == ("BUY", CALL, 1)
    assert isinstance(found, Plan)
    assert uncovered(executed(the_report(), found)) == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_where_the_call_is_to_be_kept_its_stock_is_kept_as_well(policy: LiquidationPolicy) -> None:
    found = made(the_report(), policy=policy, keep=frozenset({CALL}))
    assert isinstance(found, NoPlan)
    reasons = {each.symbol: each.code for each in found.uncurable}
    assert reasons[SHARE] is RefusalCode.COVERS_WRITTEN_CALLS


def test_stock_that_no_call_needs_is_sold_without_touching_the_call() -> None:
    of = book(shares("200"), calls("-1"), cash="-29000", base=USD)
    found = made(of, policy=LiquidationPolicy.LARGEST_FIRST)
    assert [leg[:2] for leg in legs(found)] == [("SELL", SHARE)]
    assert legs(found)[0][2] <= 100


def test_other_positions_are_sold_before_a_call_is_bought_back() -> None:
    of = book(shares("100"), shares("100", OTHER), calls("-1"), cash="-30000", base=USD)
    found = made(of, policy=LiquidationPolicy.LARGEST_FIRST)
    assert [leg[:2] for leg in legs(found)] == [("SELL", OTHER)]
    assert isinstance(found, Plan)
    assert found.cures


def test_of_several_calls_only_as_many_are_bought_back_as_the_cure_needs() -> None:
    of = book(shares("1000"), calls("-10"), cash="-145000", base=USD)
    found = made(of)
    assert isinstance(found, Plan)
    assert found.cures
    side, symbol, bought = legs(found)[0]
    assert (side, symbol) == ("BUY", CALL)
    sold = next(quantity for side, symbol, quantity in legs(found) if symbol == SHARE)
    assert (bought - 1) * 100 < sold <= bought * 100


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ([(SHARE, "49")], RefusalCode.COVERS_WRITTEN_CALLS),
        ([(SHARE, None)], RefusalCode.COVERS_WRITTEN_CALLS),
        ([(SHARE, "49"), (CALL, "1")], None),
        ([(CALL, "1"), (SHARE, "49")], None),
        ([(CALL, "1"), (SHARE, None)], None),
    ],
)
def test_legs_by_hand_keep_the_cover_too(
    asked: list[tuple[Symbol, str | None]], code: RefusalCode | None
) -> None:
    requested = tuple(LegRequest(symbol, Decimal(part) if part else None) for symbol, part in asked)
    of = replace(the_report(), cash=(replace(the_report().cash[0], balance=Decimal(-17_000)),))
    found = made(of, legs=requested)
    if code is None:
        assert isinstance(found, Plan), found
        assert not found.second_person
    else:
        assert isinstance(found, Refusal)
        assert found.code is code


def test_an_override_sells_it_and_takes_a_second_person() -> None:
    found = made(the_report(), legs=(LegRequest(SHARE, Decimal(49)),), override=True)
    assert isinstance(found, Plan)
    assert "covers written calls" in found.second_person[0]


@pytest.mark.parametrize(
    ("order", "free"),
    [
        (OpenOrder(SHARE, OrderSide.SELL, Decimal(30)), 70),
        (OpenOrder(SHARE, OrderSide.SELL, Decimal(30), cover=OrderCover.RESTS), 70),
        (OpenOrder(CALL, OrderSide.BUY, Decimal(1)), 200),
        (OpenOrder(CALL, OrderSide.BUY, Decimal(1), cover=OrderCover.RESTS), 100),
    ],
)
def test_open_orders_are_reckoned_with(order: OpenOrder, free: int) -> None:
    of = book(shares("200"), calls("-1"), cash="-39900", base=USD)
    found = made(of, order, policy=LiquidationPolicy.ALL, keep=frozenset({CALL}))
    assert legs(found) == [("SELL", SHARE, free)]


def test_a_call_whose_market_is_shut_holds_its_stock() -> None:
    of = book(shares("100"), calls("-1"), cash="-15000", base=USD)
    option = replace(of.holdings[1], instrument=replace(of.holdings[1].instrument, market="XASX"))
    hours = MarketHours(
        lambda market: MarketState.SHUT if market == "XASX" else MarketState.OPEN, lambda _: NOW.date()
    )
    found = made(replace(of, holdings=(of.holdings[0], option)), hours=hours)
    assert legs(found) == [("BUY", CALL, 1)] or isinstance(found, Refusal)


@pytest.mark.parametrize("expired", [True, False])
def test_a_call_needs_its_stock_up_to_its_last_day(expired: bool) -> None:
    of = book(shares("100"), calls("-1"), cash="-15000", base=USD)
    last = (NOW + timedelta(days=30)).date()
    hours = MarketHours(
        lambda market: MarketState.OPEN, lambda _: last + timedelta(days=1) if expired else last
    )
    found = made(of, hours=hours, keep=frozenset({CALL}))
    assert isinstance(found, Plan) is expired


@st.composite
def books_with_calls(draw: st.DrawFn) -> Book:
    """Two stocks, calls on both in any number, and a debt near what they allow."""
    held = []
    for number, underlying in enumerate((SHARE, OTHER)):
        if stock := draw(st.integers(0, 8)) * 50:
            held.append(shares(str(stock), underlying))
        for letter in draw(st.sampled_from(("", "C", "CD"))):
            symbol = Symbol(f"O{number}{letter}")
            multiplier = draw(st.sampled_from(("10", "100")))
            quantity = draw(st.integers(-5, 3)) or -1
            held.append(calls(str(quantity), symbol, underlying, multiplier=multiplier))
    assume(held)
    value = sum((each.quantity * each.instrument.multiplier * 200 for each in held), Decimal(0))
    debt = max(Decimal(1), value) * draw(st.decimals("0.5", "0.9", places=2))
    return book(*held, cash=str(-debt), base=USD)


@MANY
@given(st.data())
def test_no_plan_leaves_more_calls_without_their_stock(data: st.DataObject) -> None:
    of = data.draw(books_with_calls())
    symbols = [each.instrument.symbol for each in of.holdings]
    leg = st.builds(LegRequest, st.sampled_from(symbols), st.none() | st.integers(1, 400).map(Decimal))
    request = PlanRequest(
        policy=data.draw(st.sampled_from(POLICIES)),
        keep=data.draw(st.frozensets(st.sampled_from(symbols), max_size=2)),
        legs=data.draw(st.none() | st.lists(leg, min_size=1, max_size=4).map(tuple)),
    )
    found = plan(of, (), request, LIMITS, NOW)
    event(found.code if isinstance(found, Refusal) else f"plan, {len(found.legs)} legs")
    if isinstance(found, Plan):
        assert uncovered(executed(of, found)) <= uncovered(of)
        assert not found.second_person


@pytest.mark.parametrize(("quantity", "short"), [("-0.5", True), ("0", False), ("0.5", False)])
def test_an_account_is_short_of_a_stock_of_which_it_owes_a_part(quantity: str, short: bool) -> None:
    assert is_short_of(book(shares("1", OTHER), shares(quantity)), SHARE) is short
    assert not is_short_of(book(shares("-1", OTHER)), SHARE)


def test_the_last_call_is_bought_back_only_as_far_as_the_cure_needs() -> None:
    """Three calls on each of two lines cover the stock; the cure takes four of them."""
    of = book(shares("600"), calls("-3"), calls("-3", SECOND), cash="-102500", base=USD)
    found = made(of, policy=LiquidationPolicy.LARGEST_FIRST)
    assert legs(found)[:2] == [("BUY", CALL, 3), ("BUY", SECOND, 1)]
    assert [leg[:2] for leg in legs(found)[2:]] == [("SELL", SHARE)]
    assert isinstance(found, Plan)
    assert found.cures


def test_all_the_stock_that_no_call_needs_may_be_sold_by_hand() -> None:
    of = book(shares("150"), calls("-1"), cash="-25000", base=USD)
    assert legs(made(of, legs=(LegRequest(SHARE, Decimal(50)),))) == [("SELL", SHARE, 50)]
    refused = made(of, legs=(LegRequest(SHARE, Decimal(51)),))
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.COVERS_WRITTEN_CALLS
    assert " 50 " in refused.message
    assert f" {CALL} " in refused.message


def test_the_calls_of_every_stock_are_bought_back_where_one_does_not_suffice() -> None:
    other = Symbol("MSFT-C.US")
    of = book(
        shares("100"), calls("-1"), shares("100", OTHER), calls("-1", other, OTHER), cash="-37000", base=USD
    )
    found = made(of)
    assert {leg[:2] for leg in legs(found)} == {
        ("BUY", CALL),
        ("BUY", other),
        ("SELL", SHARE),
        ("SELL", OTHER),
    }
    assert isinstance(found, Plan)
    assert found.cures


@pytest.mark.parametrize(
    ("held", "other", "asked", "held_back"),
    [
        ("100", "1000", {"keep": {CALL}}, {SHARE}),
        ("101", "1000", {"keep": {CALL}}, set()),
        ("150", "1000", {"keep": {CALL}}, set()),
        ("300", "1000", {"keep": {CALL}}, set()),
        ("300", "1000", {"keep": {CALL, OTHER}}, set()),
        ("100", "1000", {"policy": LiquidationPolicy.ALL}, set()),
    ],
)
def test_only_stock_that_the_calls_need_wholly_is_named_as_their_cover(
    held: str, other: str, asked: dict[str, Any], held_back: set[Symbol]
) -> None:
    """It is not, if some of it could be sold, is sold, or may be sold after the buy-back."""
    debt = (Decimal(held) + Decimal(other)) * 140 + 10_000
    of = book(shares(held), shares(other, OTHER), calls("-1"), cash=f"-{debt}", base=USD)
    found = made(of, **{"policy": LiquidationPolicy.LARGEST_FIRST, **asked})
    assert isinstance(found, Plan)
    assert found.cures
    reasons = {each.symbol: each.code for each in found.uncurable}
    assert reasons == dict.fromkeys(held_back, RefusalCode.COVERS_WRITTEN_CALLS)


def test_calls_are_bought_back_also_where_that_lessens_the_debt_without_ending_it() -> None:
    of = book(shares("100"), calls("-1"), cash="-25000", base=USD)
    assert legs(made(of)) == [("BUY", CALL, 1), ("SELL", SHARE, 100)]


@pytest.mark.parametrize("fee", ["0", "0.5"])
def test_calls_are_not_bought_back_where_their_stock_frees_no_margin(fee: str) -> None:
    """The stock has the factor 0; all of the other stock does not suffice."""
    call = holding(replace(a_call(CALL, SHARE), fee_rate=Decimal(fee)), "-1", flat("0"), quote(CALL, "2"))
    stock = replace(shares("100"), factors=flat("0"))
    of = book(stock, shares("100", OTHER), call, cash="-41000", base=USD)
    assert legs(made(of)) == [("SELL", OTHER, 100)]
