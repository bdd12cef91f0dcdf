"""The planner: the worked example, each policy, each refusal."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.amount_formula import LiquidationTarget
from domain.booking import after_fill, trade_fee
from domain.ids import Symbol
from domain.liquidation import plan, uncovered_amount
from domain.liquidation_plan import Expectation, LegRequest, NoPlan, Plan, PlanPolicy, PlanRequest, Uncurable
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import AccountType, Book, CashBalance, Holding, compute_figures
from domain.market import Quote, TradeStatus
from domain.order import OrderSide, OrderType, TradingSession
from domain.price_collar import PriceCollar
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder
from tests.unit.books import (
    APPLE,
    HKD,
    JPY,
    MAX_AGE,
    NOW,
    SUSPENDED,
    TENCENT,
    TESLA,
    USD,
    book,
    factors,
    flat,
    fx,
    holding,
    instrument,
    only,
    quote,
    with_holding,
    with_interest,
    worked_example,
)

LIMITS = PlanPolicy()


def planned(of: Book, request: PlanRequest, *open_orders: OpenOrder) -> Plan:
    found = plan(of, open_orders, request, LIMITS, NOW)
    assert isinstance(found, Plan), found
    return found


def refused(of: Book, request: PlanRequest, *open_orders: OpenOrder) -> RefusalCode:
    found = plan(of, open_orders, request, LIMITS, NOW)
    assert isinstance(found, Refusal), found
    assert found.message
    return found.code


def by(policy: LiquidationPolicy, *keep: Symbol) -> PlanRequest:
    return PlanRequest(policy=policy, keep=frozenset(keep))


def legs(*requests: LegRequest) -> PlanRequest:
    return PlanRequest(legs=requests)


def leg(symbol: Symbol, quantity: str | None = None, limit: str | None = None) -> LegRequest:
    return LegRequest(
        symbol, None if quantity is None else Decimal(quantity), None if limit is None else Decimal(limit)
    )


def quantities(of: Plan) -> dict[str, int]:
    return {each.instrument.symbol: int(each.quantity) for each in of.legs}


def executed(of: Book, what: Plan) -> Book:
    for each in what.legs:
        signed = each.quantity if each.side is OrderSide.BUY else -each.quantity
        of = after_fill(of, each.instrument.symbol, signed, each.price, each.fee)
    return of


def amount(of: Book) -> Decimal:
    return compute_figures(of, NOW, MAX_AGE).amount


def a_book_with_a_first_choice_for_every_policy() -> Book:
    """300 to collect. A lost most, B is the largest, C frees most per notional, D shows the most size."""

    def position(symbol: str, quantity: str, price: str, factor: str, cost: str) -> Holding:
        held = holding(instrument(symbol), quantity, flat(factor), quote(symbol, price))
        return replace(held, average_cost=Decimal(cost))

    of = book(
        position("A", "100", "10", ".5", "15"),
        position("B", "100", "20", ".5", "19"),
        position("C", "100", "15", ".6", "16"),
        position("D", "50", "10", ".5", "10"),
        cash="-2650",
    )
    return with_holding(of, "D", quote=replace(quote("D", "10"), bid_size=Decimal(10_000)))


def test_worked_example_sells_219_apple() -> None:
    found = planned(worked_example(), PlanRequest())
    (only_leg,) = found.legs
    assert quantities(found) == {APPLE: 219}
    assert only_leg.side is OrderSide.SELL
    assert only_leg.price == only_leg.limit_price == Decimal("199.90")
    assert only_leg.fee == Decimal("13.13")
    assert only_leg.base_notional == found.notional == Decimal("341469.18")
    assert only_leg.reduction == found.estimated_reduction == Decimal("152800.00")
    assert found.amount_before == found.uncovered_before == Decimal("152800.00")
    assert found.cures
    assert found.uncurable == (Uncurable(SUSPENDED, RefusalCode.INSTRUMENT_SUSPENDED, Decimal(50_000)),)


@pytest.mark.parametrize(
    ("notional", "after", "exceeded"),
    [
        (None, None, False),
        ("341469.18", "0", False),
        ("341469.17", None, True),
        ("341469.17", "0", True),
        (None, "0", False),
        ("999999", None, False),
    ],
)
def test_a_plan_that_sells_more_than_expected_is_refused(
    notional: str | None, after: str | None, exceeded: bool
) -> None:
    found = planned(worked_example(), PlanRequest())
    most, left = (None if each is None else Decimal(each) for each in (notional, after))
    refusal = Expectation(most, left).exceeded_by(found)
    assert (refusal is not None) is exceeded
    if refusal is not None:
        assert refusal.code is RefusalCode.EXPECTATION_EXCEEDED
        assert "trade 341469.18, more than the expected 341469.17" in refusal.message


def test_a_plan_that_leaves_more_than_expected_is_refused() -> None:
    found = planned(worked_example(), legs(leg(TENCENT, "100")))
    assert found.amount_after > 0
    assert Expectation(found.notional, found.amount_after).exceeded_by(found) is None
    less = found.amount_after - Decimal("0.01")
    refusal = Expectation(found.notional, less).exceeded_by(found)
    assert refusal is not None
    assert "leave to collect" in refusal.message


def test_worked_example_needs_1100_of_tencent_alone() -> None:
    found = planned(worked_example(), legs(leg(TENCENT)))
    assert quantities(found) == {TENCENT: 1100}
    assert found.notional == Decimal("439780.00")
    after = compute_figures(executed(worked_example(), found), NOW, MAX_AGE)
    assert after.cash == Decimal("-490791.71")
    assert after.equity == Decimal("582208.29")
    assert after.liquid_net_assets == Decimal("532208.29")
    assert after.margin_call_margin == Decimal("529650")
    assert (after.amount, after.over_financing) == (Decimal(0), Decimal(0))


def test_worked_example_is_not_cured_by_1000_of_tencent() -> None:
    found = planned(worked_example(), legs(leg(TENCENT, "1000")))
    assert found.amount_after == Decimal("13519.74")
    assert not found.cures


def test_covering_tesla_alone_hits_the_financing_limit() -> None:
    """With the fee booked in whole cents; unrounded it is 0.04 less: 5,647.86."""
    found = planned(worked_example(), legs(leg(TESLA, "50")))
    assert found.estimated_reduction == Decimal("5647.90")
    assert found.amount_after == Decimal("147152.10")
    after = compute_figures(executed(worked_example(), found), NOW, MAX_AGE)
    assert after.over_financing == Decimal("147152.10")


def test_covering_as_much_as_helps_stops_where_the_debt_would_weigh_more() -> None:
    found = planned(worked_example(), legs(leg(TESLA)))
    assert quantities(found) == {TESLA: 36}
    for other in ("35", "37"):
        assert planned(worked_example(), legs(leg(TESLA, other))).amount_after > found.amount_after


def test_partial_fill_then_cancel_leaves_97127_84_and_the_next_order_is_700() -> None:
    partly = after_fill(
        worked_example(),
        TENCENT,
        Decimal(-400),
        Decimal("399.70"),
        trade_fee(instrument(TENCENT, fee="0.0013"), Decimal(400), Decimal("399.70")),
    )
    after = compute_figures(partly, NOW, MAX_AGE)
    assert after.cash == Decimal("-770327.84")
    assert after.liquid_net_assets == Decimal("532672.16")
    assert after.margin_call_margin == Decimal("627650")
    assert after.amount == Decimal("97127.84")
    assert quantities(planned(partly, legs(leg(TENCENT)))) == {TENCENT: 700}


@pytest.mark.parametrize(("symbol", "needed"), [("A.US", "2100"), ("B.US", "1167")])
def test_retail_example_sells_the_quantity_of_the_gap_at_the_mark(symbol: str, needed: str) -> None:
    retail = book(
        holding(instrument("A.US", USD), "5000", flat(".25"), quote("A.US", "1")),
        holding(instrument("B.US", USD), "19500", flat(".45"), quote("B.US", "1")),
        cash="-15000",
        base=USD,
    )
    (found,) = planned(retail, legs(leg(Symbol(symbol)))).legs
    assert found.quantity == Decimal(needed)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (LiquidationPolicy.MIN_TURNOVER, {"C": 34}),
        (LiquidationPolicy.LOSERS_FIRST, {"A": 60}),
        (LiquidationPolicy.LARGEST_FIRST, {"B": 30}),
        (LiquidationPolicy.MOST_LIQUID_FIRST, {"D": 50, "B": 5}),
        (LiquidationPolicy.PRO_RATA, {"A": 12, "B": 12, "C": 12, "D": 3}),
        (LiquidationPolicy.ALL, {"A": 100, "B": 100, "C": 100, "D": 50}),
    ],
)
def test_each_policy_chooses_by_its_own_rule(policy: LiquidationPolicy, expected: dict[str, int]) -> None:
    found = planned(a_book_with_a_first_choice_for_every_policy(), by(policy))
    assert quantities(found) == expected
    assert found.cures


def test_losers_of_unknown_cost_come_last() -> None:
    unknown = with_holding(a_book_with_a_first_choice_for_every_policy(), "A", average_cost=None)
    assert quantities(planned(unknown, by(LiquidationPolicy.LOSERS_FIRST))) == {"C": 34}
    winner = replace(only(unknown, "A", "B"), cash=(CashBalance(HKD, Decimal(-1600)),))
    assert quantities(planned(winner, by(LiquidationPolicy.LOSERS_FIRST))) == {"B": 10}


def test_a_loss_is_that_of_the_whole_position_in_money() -> None:
    """Ten contracts for 100 shares lost 1 a share, 100 shares lost 5 each."""
    option = holding(instrument("OPTION", multiplier="100"), "10", flat(".5"), quote("OPTION", "2"))
    stock = holding(instrument("STOCK"), "100", flat(".5"), quote("STOCK", "20"))
    of = book(
        replace(stock, average_cost=Decimal(25)), replace(option, average_cost=Decimal(3)), cash="-2100"
    )
    assert quantities(planned(of, by(LiquidationPolicy.LOSERS_FIRST))) == {"OPTION": 1}


@pytest.mark.parametrize(
    ("names", "price", "debt", "sold"),
    [
        ("A", "100.4", "100.40", {"A": 2}),
        ("ABC", "100.4", "301.20", {"A": 2, "B": 2}),
        ("ABCDEFGHIJ", "0.1", "3", {"A": 5, "B": 5, "C": 5}),
    ],
)
def test_equal_shares_are_enlarged_only_as_far_as_whole_yen_bring_in_too_little(
    names: str, price: str, debt: str, sold: dict[str, int]
) -> None:
    """One of each at 100.40 is worth exactly the debt, but is booked as 100 yen each; two as 201. Three of
    each at 0.10 are worth exactly the debt, but are booked as nothing; five as 1 yen each."""
    held = (holding(instrument(name, JPY), "10", flat(".5"), quote(name, price)) for name in names)
    of = book(*held, cash=f"-{debt}", account_type=AccountType.CASH, rates=(fx(JPY, "1"),))
    found = planned(of, by(LiquidationPolicy.PRO_RATA))
    assert quantities(found) == sold
    assert found.cures


def test_equal_shares_are_a_fraction_of_the_need_before_each_is_rounded_up_to_its_lot() -> None:
    """500 to collect are a quarter of what both free together; of the single lot a quarter is all."""
    of = book(
        holding(instrument("MANY"), "1000", flat(".5"), quote("MANY", "2")),
        holding(instrument("ONE"), "1", flat(".5"), quote("ONE", "2000")),
        cash="-2500",
    )
    assert quantities(planned(of, by(LiquidationPolicy.PRO_RATA))) == {"MANY": 250, "ONE": 1}


def test_equal_shares_leave_out_a_cover_whose_whole_lot_would_exceed_the_financing_limit() -> None:
    """100 of margin lack, and 250 more may be borrowed: 200 for A, but not 100 for B as well."""
    of = book(
        holding(instrument("LONG"), "1000", flat(".5"), quote("LONG", "10")),
        holding(instrument("A"), "-1", flat("1"), quote("A", "200")),
        holding(instrument("B"), "-10", flat("1"), quote("B", "100")),
        cash="-2700",
        limit="2950",
    )
    found = planned(of, by(LiquidationPolicy.PRO_RATA, Symbol("LONG")))
    assert quantities(found) == {"A": 1}
    assert found.cures


def test_a_sale_that_is_booked_as_nothing_is_not_made() -> None:
    """A share of 0.30 yen brings in no whole yen."""
    nothing = holding(instrument("A", JPY), "1", flat(".5"), quote("A", "0.3"))
    of = book(nothing, cash="-10", account_type=AccountType.CASH, rates=(fx(JPY, "1"),))
    assert refused(of, PlanRequest()) is RefusalCode.CANNOT_CURE
    assert refused(of, legs(leg(Symbol("A"), "1"))) is RefusalCode.CANNOT_CURE
    five = holding(instrument("B", JPY), "1", flat(".5"), quote("B", "5"))
    assert quantities(planned(replace(of, holdings=(nothing, five)), PlanRequest())) == {"B": 1}


def test_what_each_leg_takes_off_the_amount_adds_up_to_the_effect_of_the_plan() -> None:
    found = planned(a_book_with_a_first_choice_for_every_policy(), by(LiquidationPolicy.PRO_RATA))
    assert [each.reduction for each in found.legs] == [60, 120, 108, 12]
    assert found.estimated_reduction == 300


def test_a_plan_states_what_is_lacking_to_its_target() -> None:
    """237,650 less what ten shares relieve: (1,000 of margin - 1 of price - 0.60 of fee) x 7.80."""
    request = replace(legs(leg(APPLE, "10")), target=LiquidationTarget.INITIAL_MARGIN)
    assert planned(worked_example(), request).short_of_target == Decimal("229862.48")


def test_everything_is_sold_before_anything_is_bought_back() -> None:
    sides = [each.side for each in planned(worked_example(), by(LiquidationPolicy.ALL)).legs]
    assert sides == [OrderSide.SELL, OrderSide.SELL, OrderSide.BUY]


def a_large_short_and_a_small_long(cash: str) -> Book:
    """A share bought back frees 5, one sold frees 1."""
    return book(
        holding(instrument("LONG"), "255", flat(".5"), quote("LONG", "2")),
        holding(instrument("SHORT"), "-100", flat(".5"), quote("SHORT", "10")),
        cash=cash,
    )


@pytest.mark.parametrize(("cash", "sold"), [("642", 103), ("0", 255)])
def test_the_largest_goes_first_even_if_it_is_a_short(cash: str, sold: int) -> None:
    """Also where both together do not end the call."""
    found = planned(a_large_short_and_a_small_long(cash), by(LiquidationPolicy.LARGEST_FIRST))
    assert [*quantities(found).items()] == [("SHORT", 100), ("LONG", sold)]


def test_equal_shares_take_from_every_position_that_helps_however_little() -> None:
    """A sale of NONE frees no margin; one share of PENNY frees half a dollar."""
    of = book(
        holding(instrument("NONE"), "1000", flat("0"), quote("NONE", "10")),
        holding(instrument("PENNY"), "1000", flat(".5"), quote("PENNY", "1")),
        holding(instrument("STOCK"), "1000", flat(".5"), quote("STOCK", "10")),
        cash="-16050",
    )
    useless = (Uncurable(Symbol("NONE"), RefusalCode.CANNOT_CURE, Decimal(1000)),)
    shared = planned(of, by(LiquidationPolicy.PRO_RATA))
    assert quantities(shared) == {"PENNY": 100, "STOCK": 100}
    assert shared.uncurable == useless
    losers = planned(with_holding(of, "STOCK", average_cost=Decimal(99)), by(LiquidationPolicy.LOSERS_FIRST))
    assert quantities(losers) == {"STOCK": 110}
    assert losers.uncurable == useless


def test_least_turnover_minds_the_margin_where_the_financing_limit_binds_first() -> None:
    # The debt is 30,000 above the limit, and 20,000 of margin is missing. A has no fee, but its sale frees
    # hardly any margin: selling A first would trade HKD 111,200, where 301 units of B suffice.
    light = holding(instrument("A"), "1000", flat(".10"), quote("A", "100"))
    heavy = holding(instrument("B", fee="0.001"), "1000", flat(".90"), quote("B", "100"))
    found = planned(book(light, heavy, cash="-120000", limit="90000"), PlanRequest())
    assert [(str(leg.instrument.symbol), int(leg.quantity)) for leg in found.legs] == [("B", 301)]


@pytest.mark.parametrize(
    ("light", "heavy", "sold"),
    [
        ({"lot": "100"}, {}, 301),
        ({}, {"lot": "100"}, 400),
        ({"multiplier": "10"}, {}, 301),
        ({"currency": USD}, {}, 301),
    ],
)
def test_least_turnover_compares_what_money_brings_whatever_lot_multiplier_or_currency(
    light: dict[str, Any], heavy: dict[str, Any], sold: int
) -> None:
    """The example above: a unit of A is worth 100 in base currency in every case."""
    price = "100" if light.keys() <= {"lot"} else "10"
    of = book(
        holding(instrument("A", **light), "1000", flat(".10"), quote("A", price)),
        holding(instrument("B", fee="0.001", **heavy), "1000", flat(".90"), quote("B", "100")),
        cash="-120000",
        limit="90000",
        rates=(fx(USD, "10"),),
    )
    assert quantities(planned(of, PlanRequest())) == {"B": sold}


def test_least_turnover_weighs_what_a_sale_brings_by_how_much_of_it_is_lacking() -> None:
    """30,000 above the limit, but only 5,000 of margin lacking. A brings 5 % more money than B and hardly any
    margin: sold first, all 1,000 of it would go, and 267 of B besides."""
    light = holding(instrument("A"), "1000", flat(".01"), quote("A", "100"))
    heavy = holding(instrument("B", fee="0.05"), "900", flat(".20"), quote("B", "100"))
    of = book(light, heavy, cash="-176000", limit="146000")
    assert quantities(planned(of, PlanRequest())) == {"B": 334}
    assert quantities(planned(of, by(LiquidationPolicy.LARGEST_FIRST))) == {"A": 1000, "B": 267}


def test_the_last_leg_of_least_turnover_is_the_cheapest_that_ends_the_call() -> None:
    """A lot of the better yield would cost 4,000; ten shares of the other end the call with 100."""
    of = book(
        holding(instrument("BOARD", lot="100"), "1000", flat(".5"), quote("BOARD", "40")),
        holding(instrument("SHARE"), "1000", flat(".4"), quote("SHARE", "10")),
        cash="-26040",
    )
    found = planned(of, PlanRequest())
    assert quantities(found) == {"SHARE": 10}


def test_least_turnover_takes_all_of_the_best_where_it_does_not_suffice() -> None:
    """1,200 to collect: all of C frees 900, and six of B the rest."""
    held = (
        holding(instrument(name), "10", flat(part), quote(name, "100"))
        for name, part in (("A", ".2"), ("B", ".5"), ("C", ".9"))
    )
    assert quantities(planned(book(*held, cash="-2600"), PlanRequest())) == {"C": 10, "B": 6}


def test_least_turnover_counts_the_fee_against_a_sale() -> None:
    """600 to collect: a share of FREE frees 45, one of DEAR 50 less a fee of 10."""
    of = book(
        holding(instrument("DEAR", fee="0.10"), "10", flat(".50"), quote("DEAR", "100")),
        holding(instrument("FREE"), "10", flat(".45"), quote("FREE", "100")),
        cash="-1650",
    )
    assert quantities(planned(of, PlanRequest())) == {"FREE": 10, "DEAR": 4}


def test_least_turnover_leaves_least_where_no_plan_ends_the_call() -> None:
    """540 of margin lack, and each cover adds to the debt above the limit. Buying back 27 of DEAR, with a fee
    of 10 %, trades 270 and leaves 297; 29 of FREE trade 290 and leave 293.50."""
    of = book(
        holding(instrument("LONG"), "516", flat("0"), quote("LONG", "10")),
        holding(instrument("DEAR", fee="0.10"), "-100", flat("1"), quote("DEAR", "10")),
        holding(instrument("FREE"), "-200", flat(".85"), quote("FREE", "10")),
        limit="0",
    )
    found = planned(of, by(LiquidationPolicy.MIN_TURNOVER, Symbol("LONG")))
    assert (quantities(found), found.amount_after) == ({"FREE": 29}, Decimal("293.50"))


@pytest.mark.parametrize(("limit", "reduction"), [(None, 48), ("0", 98)])
def test_a_single_share_can_be_sold(limit: str | None, reduction: int) -> None:
    """At the bid it frees 50 of margin less the spread of 2, and pays 98 of a debt above the limit."""
    of = book(
        holding(instrument("A"), "1", flat(".5"), quote("A", "100", bid="98")), cash="-100", limit=limit
    )
    found = planned(of, PlanRequest())
    assert quantities(found) == {"A": 1}
    assert found.estimated_reduction == reduction


def test_a_cover_that_would_only_exceed_the_financing_limit_is_no_plan() -> None:
    """10 of margin lack, and 9.90 are borrowed above the limit: each share bought back costs another 10."""
    of = book(
        holding(instrument("LONG"), "300", flat("0"), quote("LONG", "10")),
        holding(instrument("SHORT"), "-100", flat(".5"), quote("SHORT", "10")),
        cash="-1510",
        limit="1500.10",
    )
    for policy in set(LiquidationPolicy) - {LiquidationPolicy.ALL}:
        found = plan(of, (), by(policy, Symbol("LONG")), LIMITS, NOW)
        assert isinstance(found, NoPlan)
        assert found.uncurable == (Uncurable(Symbol("SHORT"), RefusalCode.CANNOT_CURE, Decimal(100)),)


def test_a_position_to_keep_is_never_sold_nor_listed_as_uncurable() -> None:
    found = planned(worked_example(), by(LiquidationPolicy.ALL, APPLE, SUSPENDED))
    assert quantities(found) == {TENCENT: 2000, TESLA: 50}
    assert found.uncurable == ()
    assert refused(worked_example(), replace(legs(leg(APPLE)), keep=frozenset({APPLE}))) is (
        RefusalCode.NOTHING_SELLABLE
    )


def test_open_orders_count_on_the_full_formula_at_their_own_price() -> None:
    working = OpenOrder(TENCENT, OrderSide.SELL, Decimal(400), Decimal("399.70"))
    assert uncovered_amount(worked_example(), (working,), NOW, MAX_AGE) == Decimal("97127.84")
    found = planned(worked_example(), legs(leg(TENCENT)), working)
    assert (found.amount_before, found.uncovered_before) == (Decimal("152800.00"), Decimal("97127.84"))
    assert quantities(found) == {TENCENT: 700}
    assert found.estimated_reduction == Decimal("97127.84")


def test_an_open_market_order_counts_at_the_quote() -> None:
    working = OpenOrder(APPLE, OrderSide.SELL, Decimal(219))
    assert uncovered_amount(worked_example(), (working,), NOW, MAX_AGE) == 0
    assert refused(worked_example(), PlanRequest(), working) is RefusalCode.NOTHING_TO_COLLECT
    assert refused(worked_example(), legs(leg(TENCENT, "100")), working) is RefusalCode.NOTHING_TO_COLLECT


def test_orders_that_do_not_close_or_exceed_the_position_count_for_no_more_than_it() -> None:
    opening = OpenOrder(APPLE, OrderSide.BUY, Decimal(100))
    foreign = OpenOrder(Symbol("NONE"), OrderSide.SELL, Decimal(100))
    assert uncovered_amount(worked_example(), (opening, foreign), NOW, MAX_AGE) == Decimal("152800.00")
    too_much = OpenOrder(TESLA, OrderSide.BUY, Decimal(70))
    assert uncovered_amount(worked_example(), (too_much,), NOW, MAX_AGE) == Decimal("147152.10")
    assert refused(worked_example(), legs(leg(TESLA, "1")), too_much) is RefusalCode.NOTHING_SELLABLE


def test_an_order_that_does_not_count_hides_none_after_it() -> None:
    sale = OpenOrder(APPLE, OrderSide.SELL, Decimal(219))
    for ignored in (
        OpenOrder(TENCENT, OrderSide.BUY, Decimal(100)),
        OpenOrder(Symbol("GONE"), OrderSide.SELL, Decimal(100)),
    ):
        assert uncovered_amount(worked_example(), (ignored, sale), NOW, MAX_AGE) == 0


def test_an_open_market_order_counts_at_the_mark_where_its_side_has_no_quote() -> None:
    one_sided = replace(quote(APPLE, "200"), bid=None)
    of = with_holding(worked_example(), APPLE, quote=one_sided)
    assert uncovered_amount(of, (OpenOrder(APPLE, OrderSide.SELL, Decimal(500)),), NOW, MAX_AGE) == 0


def test_units_in_open_orders_cannot_be_sold_again() -> None:
    working = OpenOrder(TENCENT, OrderSide.SELL, Decimal(500), Decimal("399.80"))
    assert refused(worked_example(), legs(leg(TENCENT, "1600")), working) is (
        RefusalCode.QUANTITY_EXCEEDS_SELLABLE
    )
    assert quantities(planned(worked_example(), legs(leg(TENCENT, "1500")), working)) == {TENCENT: 1500}


@pytest.mark.parametrize(
    ("request_leg", "code"),
    [
        (leg(TENCENT, "2100"), RefusalCode.QUANTITY_EXCEEDS_SELLABLE),
        (leg(TENCENT, "150"), RefusalCode.OFF_LOT),
        (leg(TENCENT, "100.5"), RefusalCode.OFF_LOT),
        (leg(TENCENT, "0"), RefusalCode.OFF_LOT),
        (leg(TENCENT, "NaN"), RefusalCode.OFF_LOT),
        (leg(TENCENT, "Infinity"), RefusalCode.OFF_LOT),
        (leg(TENCENT, "1E-200"), RefusalCode.OFF_LOT),
        (leg(TENCENT, "1E+200"), RefusalCode.QUANTITY_EXCEEDS_SELLABLE),
        (leg(TENCENT, "-100"), RefusalCode.INCREASES_EXPOSURE),
        (leg(Symbol("NONE")), RefusalCode.NOT_FOUND),
        (leg(SUSPENDED), RefusalCode.INSTRUMENT_SUSPENDED),
        (leg(TENCENT, None, "319.80"), RefusalCode.PRICE_COLLAR),
        (leg(TENCENT, None, "399.90"), RefusalCode.OFF_TICK),
        (leg(TENCENT, None, "0"), RefusalCode.PRICE_OUTSIDE_BAND),
        (leg(TENCENT, None, "NaN"), RefusalCode.PRICE_OUTSIDE_BAND),
        (leg(TESLA, None, "361"), RefusalCode.PRICE_COLLAR),
    ],
)
def test_a_leg_that_cannot_be_is_refused_with_its_code(request_leg: LegRequest, code: RefusalCode) -> None:
    assert refused(worked_example(), legs(request_leg)) is code
    assert refused(worked_example(), legs(leg(APPLE, "10"), request_leg)) is code


def test_a_leg_is_valued_at_its_limit_price_within_the_collar() -> None:
    found = planned(worked_example(), legs(leg(TENCENT, None, "380.00")))
    (only_leg,) = found.legs
    assert only_leg.price == only_leg.limit_price == Decimal("380.00")
    assert only_leg.quantity == 1300
    assert amount(executed(worked_example(), found)) == 0


def test_a_market_order_has_no_limit_price_and_takes_none() -> None:
    market = PlanRequest(order_type=OrderType.MARKET)
    (only_leg,) = planned(worked_example(), market).legs
    assert (only_leg.price, only_leg.limit_price) == (Decimal("199.90"), None)
    assert refused(worked_example(), replace(market, legs=(leg(APPLE, None, "199.90"),))) is (
        RefusalCode.PRICE_OUTSIDE_BAND
    )
    assert refused(worked_example(), replace(market, session=TradingSession.ANY)) is RefusalCode.MARKET_CLOSED


def test_naming_a_position_twice_or_none_at_all_is_refused() -> None:
    assert refused(worked_example(), legs(leg(APPLE, "1"), leg(APPLE, "2"))) is (
        RefusalCode.QUANTITY_EXCEEDS_SELLABLE
    )
    assert refused(worked_example(), PlanRequest(legs=())) is RefusalCode.NOTHING_SELLABLE


def without_bid(symbol: str) -> Quote:
    return Quote(Symbol(symbol), NOW, ask=Decimal(400), last=Decimal(400))


@pytest.mark.parametrize(
    ("status", "order_type", "code"),
    [
        (TradeStatus.CLOSED, OrderType.LIMIT, RefusalCode.MARKET_CLOSED),
        (TradeStatus.HALTED, OrderType.LIMIT, RefusalCode.MARKET_CLOSED),
        (TradeStatus.AUCTION, OrderType.MARKET, RefusalCode.MARKET_CLOSED),
        (TradeStatus.AUCTION, OrderType.LIMIT, None),
        (TradeStatus.SUSPENDED, OrderType.LIMIT, RefusalCode.INSTRUMENT_SUSPENDED),
        (TradeStatus.DELISTED, OrderType.LIMIT, RefusalCode.INSTRUMENT_SUSPENDED),
    ],
)
def test_the_trade_status_decides_whether_a_position_can_be_closed(
    status: TradeStatus, order_type: OrderType, code: RefusalCode | None
) -> None:
    held = instrument(APPLE, USD, fee="0.0003", status=status)
    changed = with_holding(worked_example(), APPLE, instrument=held)
    request = PlanRequest(order_type=order_type)
    if code is None:
        assert quantities(planned(changed, request)) == {APPLE: 219}
        return
    assert refused(changed, replace(request, legs=(leg(APPLE),))) is code
    automatic = planned(changed, request)
    assert APPLE not in quantities(automatic)
    assert Uncurable(APPLE, code, Decimal(500)) in automatic.uncurable


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (None, RefusalCode.NO_QUOTE),
        (without_bid(TENCENT), RefusalCode.NO_QUOTE),
        (quote(TENCENT, "400", at=NOW - timedelta(seconds=61)), RefusalCode.STALE_QUOTE),
    ],
)
def test_a_position_needs_a_fresh_quote_on_the_side_to_be_hit(price: Quote | None, code: RefusalCode) -> None:
    changed = with_holding(worked_example(), TENCENT, quote=price)
    assert refused(changed, legs(leg(TENCENT))) is code
    assert Uncurable(TENCENT, code, Decimal(2000)) in planned(changed, PlanRequest()).uncurable


def test_a_currency_without_rate_cannot_be_sold_for() -> None:
    assert refused(replace(worked_example(), fx={}), legs(leg(APPLE))) is RefusalCode.NO_QUOTE


def test_a_price_far_below_the_mark_cannot_cure() -> None:
    """Selling at less than (1 - factor) of the mark loses more than the requirement it frees."""
    cheap = with_holding(only(worked_example(), TENCENT), TENCENT, quote=quote(TENCENT, "400", "259", "541"))
    changed = replace(cheap, cash=(replace(cheap.cash[0], balance=Decimal(-700_000)),))
    anything = PlanPolicy(collar=PriceCollar(narrow=Decimal("0.9")))
    for request in (legs(leg(TENCENT, "100")), PlanRequest()):
        found = plan(changed, (), request, anything, NOW)
        assert isinstance(found, Refusal)
        assert found.code is RefusalCode.CANNOT_CURE


def test_when_the_financing_limit_binds_a_cover_is_not_chosen() -> None:
    example = worked_example()
    tight = replace(example, terms=replace(example.terms, financing_limit=Decimal(500_000)))
    assert refused(tight, legs(leg(TESLA, "1"))) is RefusalCode.CANNOT_CURE
    for policy in set(LiquidationPolicy) - {LiquidationPolicy.ALL}:
        found = planned(tight, by(policy))
        assert TESLA not in quantities(found)
        assert found.cures
    longs_kept = by(LiquidationPolicy.MIN_TURNOVER, TENCENT, APPLE)
    assert refused(tight, longs_kept) is RefusalCode.CANNOT_CURE


def test_a_cover_cut_short_by_the_limit_is_retried_after_the_sales() -> None:
    """The short loses most; covered first it stops at the limit, and the long alone does not cure."""
    of = book(
        replace(holding(instrument("S"), "-100", flat("1"), quote("S", "10")), average_cost=Decimal(1)),
        replace(holding(instrument("L"), "100", flat(".5"), quote("L", "10")), average_cost=Decimal(9)),
        cash="-100",
        limit="120",
    )
    found = planned(of, by(LiquidationPolicy.LOSERS_FIRST))
    assert quantities(found) == {"L": 100, "S": 100}
    assert [each.side for each in found.legs] == [OrderSide.SELL, OrderSide.BUY]


def test_a_plan_that_cannot_cure_is_still_a_plan_and_says_why() -> None:
    of = book(
        holding(instrument("ODD", lot="100"), "150", flat(".5"), quote("ODD", "10")),
        holding(instrument("BIT", lot="100"), "50", flat(".5"), quote("BIT", "10")),
        holding(instrument("DEAD", status=TradeStatus.DELISTED), "5", flat(".5"), quote("DEAD", "10")),
        cash="-5000",
    )
    found = planned(of, PlanRequest())
    assert quantities(found) == {"ODD": 100}
    assert not found.cures
    assert found.amount_after == found.uncovered_before - found.estimated_reduction > 0
    assert found.uncurable == (
        Uncurable(Symbol("ODD"), RefusalCode.OFF_LOT, Decimal(50)),
        Uncurable(Symbol("BIT"), RefusalCode.OFF_LOT, Decimal(50)),
        Uncurable(Symbol("DEAD"), RefusalCode.INSTRUMENT_SUSPENDED, Decimal(5)),
    )


def test_nothing_sellable_is_refused_with_the_reasons() -> None:
    found = plan(only(worked_example(), SUSPENDED), (), PlanRequest(), LIMITS, NOW)
    assert isinstance(found, Refusal)
    assert found.code is RefusalCode.NOTHING_SELLABLE
    assert "1234.HK INSTRUMENT_SUSPENDED" in found.message


def test_a_cash_account_sells_until_its_debt_is_paid() -> None:
    of = book(
        holding(instrument("A", fee="0.01"), "100", factors("1", "1", "1", "1"), quote("A", "10")),
        cash="-99",
        account_type=AccountType.CASH,
    )
    assert quantities(planned(of, PlanRequest())) == {"A": 10}


def test_the_lot_that_pays_more_than_the_rest_of_a_debt_is_sold_too() -> None:
    """A debt of 95 is nine and a half lots of 10; without the tenth it is never paid."""
    a = holding(instrument("A"), "100", factors("1", "1", "1", "1"), quote("A", "10"))
    of = book(a, cash="-95", account_type=AccountType.CASH)
    assert quantities(planned(of, PlanRequest())) == {"A": 10}
    small = book(a, cash="-5", account_type=AccountType.CASH)
    assert quantities(planned(small, legs(leg(Symbol("A"))))) == {"A": 1}


def test_the_money_of_a_cash_account_pays_what_it_is_asked_for() -> None:
    held = holding(instrument("A"), "100", flat("1"), quote("A", "10"))
    rich = with_interest(book(held, cash="500", account_type=AccountType.CASH), "100")
    assert amount(rich) == 0
    assert refused(rich, PlanRequest()) is RefusalCode.NOTHING_TO_COLLECT
    short = with_interest(book(held, cash="50", account_type=AccountType.CASH), "100")
    assert amount(short) == 50
    assert quantities(planned(short, PlanRequest())) == {"A": 5}
    owing = with_interest(book(held, cash="-50", account_type=AccountType.CASH), "100")
    assert amount(owing) == 150
    assert planned(owing, PlanRequest()).amount_after == 0


def test_a_requested_leg_beyond_the_cure_is_kept_and_an_open_one_left_out() -> None:
    both = planned(worked_example(), legs(leg(TENCENT, "1200"), leg(APPLE)))
    assert quantities(both) == {TENCENT: 1200}
    beyond = planned(worked_example(), legs(leg(TENCENT, "1200"), leg(APPLE, "1")))
    assert [each.reduction for each in beyond.legs] == [Decimal("152800.00"), Decimal(0)]


def test_foreign_positions_are_sized_in_base_currency() -> None:
    """The same book in dollars with the base in Hong Kong dollars asks and sells the same."""
    of = book(
        holding(instrument("A.US", USD), "100", flat(".5"), quote("A.US", "10")),
        cash="-4680",
        rates=(fx(USD, "7.80"),),
    )
    found = planned(of, PlanRequest())
    assert (found.uncovered_before, quantities(found)) == (Decimal("780.00"), {"A.US": 20})


def test_positions_that_are_kept_are_named_where_no_plan_is_possible() -> None:
    found = plan(
        worked_example(), (), by(LiquidationPolicy.LARGEST_FIRST, APPLE, TENCENT, TESLA), LIMITS, NOW
    )
    assert isinstance(found, NoPlan)
    kept = RefusalCode.NOTHING_SELLABLE
    assert set(found.uncurable) == {
        Uncurable(SUSPENDED, RefusalCode.INSTRUMENT_SUSPENDED, Decimal(50_000)),
        Uncurable(TENCENT, kept, Decimal(2000)),
        Uncurable(APPLE, kept, Decimal(500)),
        Uncurable(TESLA, kept, Decimal(50)),
    }
