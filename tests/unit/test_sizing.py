"""Sizing extras: the most liquid first, caps on one order, the price band, the initial margin as target."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from domain.amount_formula import LiquidationTarget
from domain.ids import Symbol
from domain.liquidation import plan
from domain.liquidation_plan import LegRequest, Plan, PlanPolicy, PlanRequest, Uncurable
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import AmountRule, Book, CashBalance, compute_figures
from domain.money import ONE, ZERO
from domain.order import OrderSide, OrderType
from domain.order_caps import OrderCaps
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder
from tests.kit.examples import examples
from tests.unit.books import (
    APPLE,
    HKD,
    MAX_AGE,
    NOW,
    TENCENT,
    TESLA,
    book,
    flat,
    holding,
    instrument,
    quote,
    with_holding,
    worked_example,
)
from tests.unit.test_liquidation_properties import amount_after, booked, books, open_orders_of

LIMITS = PlanPolicy()
MANY = settings(
    max_examples=examples(200), suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
MOST_LIQUID = PlanRequest(policy=LiquidationPolicy.MOST_LIQUID_FIRST)


def planned(of: Book, request: PlanRequest, *open_orders: OpenOrder, limits: PlanPolicy = LIMITS) -> Plan:
    found = plan(of, open_orders, request, limits, NOW)
    assert isinstance(found, Plan), found
    return found


def with_volumes(of: Book, **volumes: str | None) -> Book:
    """By symbol; a symbol that is not named keeps what it has."""
    return replace(
        of,
        holdings=tuple(
            replace(held, instrument=replace(held.instrument, average_daily_volume=_decimal(volumes[symbol])))
            if (symbol := held.instrument.symbol) in volumes
            else held
            for held in of.holdings
        ),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def three_alike() -> Book:
    """1,000 of each at 10, factor one half; HKD 4,000 to collect: 800 shares of anything."""
    positions = (holding(instrument(name), "1000", flat(".5"), quote(name, "10")) for name in ("A", "B", "C"))
    return book(*positions, cash="-19000")


def test_the_most_money_traded_in_a_day_goes_first_and_the_unknown_last() -> None:
    of = with_volumes(three_alike(), A="10000", B=None, C="20000")
    found = planned(of, MOST_LIQUID)
    assert [(leg.instrument.symbol, leg.quantity) for leg in found.legs] == [("C", Decimal(800))]
    assert found.unknown_volume == ("B",)


def test_without_any_volume_the_displayed_size_decides_and_the_plan_says_so() -> None:
    of = with_holding(three_alike(), "B", quote=replace(quote("B", "10"), bid_size=Decimal(5000)))
    found = planned(of, MOST_LIQUID)
    assert [leg.instrument.symbol for leg in found.legs] == ["B"]
    assert found.unknown_volume == ("A", "B", "C")
    assert planned(of, PlanRequest()).unknown_volume == ()


def test_the_displayed_size_of_contracts_is_that_of_their_shares() -> None:
    """1,000 contracts for 100 shares at 1 are displayed, and 1,000 shares at 10."""
    share = holding(instrument("SHARE"), "1000", flat(".5"), quote("SHARE", "10"))
    option = holding(instrument("OPTION", multiplier="100"), "10", flat(".5"), quote("OPTION", "1"))
    found = planned(book(share, option, cash="-5600"), MOST_LIQUID)
    assert [(leg.instrument.symbol, leg.quantity) for leg in found.legs] == [("OPTION", Decimal(2))]


def test_a_share_of_the_daily_volume_caps_each_order_and_the_rest_is_reported() -> None:
    of = with_volumes(three_alike(), A="3000", B="1000", C=None)
    request = replace(MOST_LIQUID, caps=OrderCaps(adv_share=Decimal("0.1")))
    found = planned(of, request)
    assert {leg.instrument.symbol: leg.quantity for leg in found.legs} == {"A": 300, "B": 100, "C": 400}
    assert found.cures
    assert found.uncurable == (
        Uncurable(Symbol("A"), RefusalCode.CAPPED, Decimal(700)),
        Uncurable(Symbol("B"), RefusalCode.CAPPED, Decimal(900)),
    )
    assert found.unknown_volume == ("C",)


def test_open_orders_use_up_the_share_of_the_daily_volume() -> None:
    of = with_volumes(three_alike(), A="3000")
    working = OpenOrder(of.holdings[0].instrument.symbol, OrderSide.SELL, Decimal(250))
    request = PlanRequest(
        legs=(LegRequest(working.symbol),), caps=OrderCaps(adv_share=Decimal("0.1"), slice_notional=None)
    )
    assert [leg.quantity for leg in planned(of, request, working).legs] == [50]
    full = replace(working, leaves_quantity=Decimal(300))
    refused = plan(of, (full,), request, LIMITS, NOW)
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.CAPPED


def test_a_slice_caps_the_notional_of_one_order_fees_aside() -> None:
    request = PlanRequest(legs=(LegRequest(APPLE),), caps=OrderCaps(slice_notional=Decimal(100_000)))
    found = planned(worked_example(), request)
    (leg,) = found.legs
    assert leg.quantity == 64
    assert leg.base_notional == Decimal("99790.08")
    assert not found.cures
    assert [(each.symbol, each.code, each.remaining) for each in found.uncurable] == [
        (APPLE, RefusalCode.CAPPED, Decimal(436))
    ]


def test_a_leg_that_no_cap_cuts_leaves_nothing() -> None:
    caps = OrderCaps(adv_share=Decimal("0.1"))
    of = with_volumes(three_alike(), A="3000", B="20000")
    small, whole = LegRequest(Symbol("A"), Decimal(200)), LegRequest(Symbol("B"), Decimal(1000))
    found = planned(of, PlanRequest(legs=(small, whole), caps=caps))
    assert [leg.quantity for leg in found.legs] == [200, 1000]
    assert found.uncurable == ()


def test_a_leg_above_the_cap_is_refused_and_a_cap_below_one_lot_leaves_nothing() -> None:
    too_much = PlanRequest(
        legs=(LegRequest(APPLE, Decimal(65)),), caps=OrderCaps(slice_notional=Decimal(100_000))
    )
    refused = plan(worked_example(), (), too_much, LIMITS, NOW)
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.CAPPED
    less_than_a_lot = PlanRequest(caps=OrderCaps(slice_notional=Decimal(1)))
    refused = plan(worked_example(), (), less_than_a_lot, LIMITS, NOW)
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.NOTHING_SELLABLE


def test_the_desks_own_caps_hold_whatever_the_request_says() -> None:
    limits = PlanPolicy(max_adv_share=Decimal("0.1"), max_slice_notional={HKD: Decimal(2000)})
    of = with_volumes(three_alike(), A="1000", B="9000", C="9000")
    found = planned(of, PlanRequest(caps=OrderCaps(ONE, Decimal(5000))), limits=limits)
    assert {leg.instrument.symbol: leg.quantity for leg in found.legs} == {"A": 100, "B": 200, "C": 200}


def test_the_price_band_makes_limits_worse_than_the_quote_on_either_side() -> None:
    request = PlanRequest(
        legs=(LegRequest(TENCENT), LegRequest(TESLA, Decimal(10))), price_band=Decimal("0.01")
    )
    sale, cover = planned(worked_example(), request).legs
    assert sale.limit_price == sale.price == Decimal("396.0")
    assert cover.limit_price == cover.price == Decimal("303.30")
    assert sale.quantity > 1100


@pytest.mark.parametrize("band", ["-0.01", "0.06"])
def test_a_band_beyond_the_desks_is_refused(band: str) -> None:
    refused = plan(worked_example(), (), PlanRequest(price_band=Decimal(band)), LIMITS, NOW)
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.PRICE_OUTSIDE_BAND


def test_a_band_leaves_market_orders_and_named_prices_alone() -> None:
    band = Decimal("0.01")
    market = planned(worked_example(), PlanRequest(order_type=OrderType.MARKET, price_band=band))
    assert {leg.limit_price for leg in market.legs} == {None}
    named = LegRequest(APPLE, None, Decimal("199.00"))
    (leg,) = planned(worked_example(), PlanRequest(legs=(named,), price_band=band)).legs
    assert leg.limit_price == Decimal("199.00")


def test_the_initial_margin_as_target_sells_more_than_the_call_needs() -> None:
    found = planned(worked_example(), PlanRequest(target=LiquidationTarget.INITIAL_MARGIN))
    assert found.notional > planned(worked_example(), PlanRequest()).notional
    assert found.cures
    assert found.short_of_target == 0


def test_the_initial_margin_as_target_counts_the_interest_that_is_still_to_be_debited() -> None:
    """By hand: 768,500 - 533,000 + 2,150 = 237,650; a share of AAPL relieves (199.90 - 100 - fee) x 7.8."""
    asked = PlanRequest(legs=(LegRequest(APPLE),), target=LiquidationTarget.INITIAL_MARGIN)
    assert [leg.quantity for leg in planned(worked_example(), asked).legs] == [306]
    without_interest = replace(worked_example(), cash=(CashBalance(HKD, Decimal(-930000)),))
    assert [leg.quantity for leg in planned(without_interest, asked).legs] == [303]


def test_the_initial_margin_as_target_is_that_of_liquid_net_assets_whatever_the_rule_measures() -> None:
    """As above: the dead position does not count, even where the call measures equity."""
    on_equity = replace(worked_example(), rule=AmountRule(on_equity=True))
    asked = PlanRequest(legs=(LegRequest(APPLE),), target=LiquidationTarget.INITIAL_MARGIN)
    assert [leg.quantity for leg in planned(on_equity, asked).legs] == [306]


def after(of: Book, found: Plan, fewer_of_the_last: int = 0) -> Book:
    for number, leg in enumerate(found.legs, start=1):
        fewer = fewer_of_the_last if number == len(found.legs) else 0
        of = booked(of, leg, leg.quantity - fewer * leg.instrument.lot_size)
    return of


def reaches_initial(of: Book) -> bool:
    figures = compute_figures(of, NOW, MAX_AGE)
    rule = of.rule
    owed = figures.accrued_interest if rule.with_interest else Decimal(0)
    owed += figures.outstanding_margin if rule.with_outstanding_margin else Decimal(0)
    owed -= figures.trading_limit if rule.with_trading_limit else Decimal(0)
    return figures.liquid_net_assets >= figures.initial_margin + owed and not figures.amount


@MANY
@given(st.data(), st.sampled_from([each for each in LiquidationPolicy if each is not LiquidationPolicy.ALL]))
def test_a_plan_to_the_initial_margin_reaches_it_and_one_lot_less_does_not(
    data: st.DataObject, policy: LiquidationPolicy
) -> None:
    of = data.draw(books(sound=True, limited=data.draw(st.booleans())))
    request = PlanRequest(policy=policy, target=LiquidationTarget.INITIAL_MARGIN)
    found = plan(of, (), request, LIMITS, NOW)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    assert found.amount_after == amount_after(of, found)
    reached = reaches_initial(after(of, found))
    event(f"{policy} {'reached' if reached else 'not reached'}")
    if found.short_of_target:
        assert not reached
        return
    assume(reached)
    assert not reaches_initial(after(of, found, fewer_of_the_last=1))


@MANY
@given(
    st.data(),
    st.sampled_from(LiquidationPolicy),
    st.sampled_from((None, "0.01", "0.2", "1")),
    st.sampled_from((None, "500", "20000", "1000000")),
)
def test_caps_are_never_exceeded_and_the_rest_is_listed(
    data: st.DataObject, policy: LiquidationPolicy, share: str | None, notional: str | None
) -> None:
    of = data.draw(books(sound=True, limited=data.draw(st.booleans())))
    volumes = {
        held.instrument.symbol: data.draw(st.sampled_from((None, "0", "100", "5000"))) for held in of.holdings
    }
    of = with_volumes(of, **volumes)
    working = data.draw(open_orders_of(of))
    caps = OrderCaps(_decimal(share), _decimal(notional))
    found = plan(of, working, PlanRequest(policy=policy, caps=caps), LIMITS, NOW)
    free = plan(of, working, PlanRequest(policy=policy), LIMITS, NOW)
    event(type(found).__name__)
    if isinstance(found, Refusal):
        return
    told = {each.symbol: each for each in found.uncurable}
    for leg in found.legs:
        symbol = leg.instrument.symbol
        in_flight = sum((order.leaves_quantity for order in working if order.symbol == symbol), ZERO)
        if caps.adv_share is not None and leg.instrument.average_daily_volume is not None:
            assert leg.quantity + in_flight <= caps.adv_share * leg.instrument.average_daily_volume
        if caps.slice_notional is not None:
            # Shown in whole cents of the base currency.
            assert leg.base_notional <= caps.slice_notional + Decimal("0.005")
    if isinstance(free, Plan) and free.cures and not found.cures and free.legs != found.legs:
        assert RefusalCode.CAPPED in {each.code for each in told.values()}


@MANY
@given(st.data())
def test_the_most_liquid_goes_first(data: st.DataObject) -> None:
    of = data.draw(books(sound=True, limited=False))
    of = with_volumes(
        of,
        **{
            held.instrument.symbol: data.draw(st.sampled_from((None, "0", "100", "5000", "5001")))
            for held in of.holdings
        },
    )
    found = plan(of, (), MOST_LIQUID, LIMITS, NOW)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    traded = [
        -ONE
        if (volume := leg.instrument.average_daily_volume) is None
        else volume * leg.quote.mark * leg.instrument.multiplier * _rate(of, leg.instrument.currency)
        for leg in found.legs
    ]
    sides = [leg.side for leg in found.legs]
    assume(len(set(sides)) <= 1)
    assert traded == sorted(traded, reverse=True)


def _rate(of: Book, currency: str) -> Decimal:
    rate = next((rate for key, rate in of.fx.items() if key == currency), None)
    return ONE if rate is None else rate.rate
