"""What trades now goes first; what waits for its market comes behind it, and covers nothing meanwhile."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.amount_formula import LiquidationTarget
from domain.ids import Symbol
from domain.liquidation import plan, uncovered_amount
from domain.liquidation_plan import LegRequest, NoPlan, Plan, PlanPolicy, PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import Book
from domain.market_hours import MarketHours, MarketState
from domain.order import OrderSide, OrderType
from domain.plan_evidence import evidence_of
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder, OrderCover
from tests.unit.books import APPLE, MAX_AGE, NOW, TENCENT, TESLA, quote, with_holding, worked_example

OPEN, SHUT, UNKNOWN = MarketState.OPEN, MarketState.SHUT, MarketState.UNKNOWN_CALENDAR
IN_HONG_KONG = {"XHKG": OPEN, "XNYS": SHUT}
WAITS = OrderCover.WAITS_FOR_MARKET


def made(
    *open_orders: OpenOrder,
    states: dict[str, MarketState] = IN_HONG_KONG,
    of: Book | None = None,
    **asked: object,
) -> Plan | Refusal:
    hours = MarketHours(lambda market: states[market], lambda _: NOW.date())
    request = PlanRequest(**asked)  # type: ignore[arg-type]
    return plan(of or worked_example(), open_orders, request, PlanPolicy(), NOW, hours)


def legs(found: Plan | Refusal) -> list[tuple[Symbol, MarketState]]:
    assert isinstance(found, Plan), found
    return [(leg.instrument.symbol, leg.market) for leg in found.legs]


def selling(symbol: Symbol, quantity: int, cover: OrderCover = WAITS) -> OpenOrder:
    return OpenOrder(symbol, OrderSide.SELL, Decimal(quantity), cover=cover)


@pytest.mark.parametrize("policy", [each for each in LiquidationPolicy if each is not LiquidationPolicy.ALL])
@pytest.mark.parametrize("closed", [SHUT, UNKNOWN])
def test_positions_that_trade_now_are_sold_first_by_every_policy(
    policy: LiquidationPolicy, closed: MarketState
) -> None:
    assert legs(made(policy=policy, states={"XHKG": OPEN, "XNYS": closed})) == [(TENCENT, OPEN)]
    elsewhere = legs(made(policy=policy, states={"XHKG": closed, "XNYS": OPEN}))
    assert {symbol for symbol, _ in elsewhere} <= {APPLE, TESLA}


def test_positions_in_closed_markets_follow_and_are_marked() -> None:
    few = replace(
        worked_example(),
        holdings=tuple(
            replace(held, quantity=Decimal(500)) if held.instrument.symbol == TENCENT else held
            for held in worked_example().holdings
        ),
        cash=(replace(worked_example().cash[0], balance=Decimal(-500_000)),),
    )
    found = made(of=few)
    assert legs(found)[0] == (TENCENT, OPEN)
    assert legs(found)[1:] == [(APPLE, SHUT)]
    assert isinstance(found, Plan)
    assert found.cures


def test_everything_is_everything_and_what_trades_comes_first() -> None:
    found = legs(made(policy=LiquidationPolicy.ALL))
    assert found[0] == (TENCENT, OPEN)
    assert {symbol for symbol, _ in found} == {TENCENT, APPLE, TESLA}


def test_an_order_that_waits_for_its_market_covers_nothing_that_trades_now() -> None:
    waiting = selling(APPLE, 219)
    assert uncovered_amount(worked_example(), (waiting,), NOW, MAX_AGE) == Decimal("152800")
    found = made(waiting)
    assert legs(found) == [(TENCENT, OPEN)]
    assert isinstance(found, Plan)
    assert (found.uncovered_before, found.amount_after) == (Decimal(152800), Decimal(0))


@pytest.mark.parametrize("quantity", [219, 500])
def test_it_is_not_sold_again_where_nothing_else_trades(quantity: int) -> None:
    waiting = selling(APPLE, quantity)
    found = made(waiting, states={"XHKG": SHUT, "XNYS": SHUT})
    assert isinstance(found, Refusal)
    assert found.code is RefusalCode.NOTHING_TO_COLLECT
    named = made(waiting, states={"XHKG": SHUT, "XNYS": SHUT}, legs=(LegRequest(APPLE, Decimal(10)),))
    assert isinstance(named, Refusal)
    assert named.code is RefusalCode.NOTHING_TO_COLLECT


@pytest.mark.parametrize(
    ("target", "left"), [(LiquidationTarget.MARGIN_CALL, 119), (LiquidationTarget.INITIAL_MARGIN, 206)]
)
def test_a_closed_market_is_asked_for_what_the_waiting_order_leaves(
    target: LiquidationTarget, left: int
) -> None:
    """Alone, 219 shares end the call, and 306 reach the initial margin."""
    others = frozenset({TENCENT, TESLA})
    for asked in ({"legs": (LegRequest(APPLE),)}, {"keep": others}):
        found = made(selling(APPLE, 100), target=target, **asked)
        assert isinstance(found, Plan), found
        assert [leg.quantity for leg in found.legs] == [left]


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"legs": (LegRequest(APPLE),)}, True),
        ({"keep": frozenset({TENCENT, TESLA})}, True),
        ({"legs": (LegRequest(TENCENT),)}, False),
        ({}, False),
    ],
)
def test_the_evidence_counts_on_waiting_orders_where_the_plan_does(
    asked: dict[str, Any], counts: bool
) -> None:
    waiting = selling(APPLE, 100)
    found = made(waiting, **asked)
    assert isinstance(found, Plan), found
    assert found.counts_waiting is counts
    evidence = evidence_of(found, worked_example(), (waiting,), NOW, MAX_AGE)
    assert evidence.figures_after.amount == found.amount_after == 0
    assert evidence.one_lot_less.amount_after > 0
    assert found.in_flight_relief == found.amount_before - found.uncovered_before
    assert bool(found.in_flight_relief) is counts


def test_a_leg_that_trades_now_does_not_count_on_an_order_that_waits() -> None:
    assert legs(made(selling(APPLE, 500), legs=(LegRequest(TENCENT),))) == [(TENCENT, OPEN)]


def test_units_in_any_open_order_are_not_sold_again() -> None:
    for cover in OrderCover:
        found = made(selling(TENCENT, 1900, cover), policy=LiquidationPolicy.ALL)
        if isinstance(found, Plan):
            assert all(leg.quantity == 100 for leg in found.legs if leg.instrument.symbol == TENCENT)


def test_a_market_order_is_not_left_waiting_for_an_opening() -> None:
    market = OrderType.MARKET
    assert legs(made(order_type=market)) == [(TENCENT, OPEN)]
    found = made(order_type=market, legs=(LegRequest(APPLE),))
    assert isinstance(found, Refusal)
    assert found.code is RefusalCode.MARKET_CLOSED


def test_where_nothing_can_be_closed_each_position_has_its_reason() -> None:
    found = made(order_type=OrderType.MARKET, states={"XHKG": SHUT, "XNYS": UNKNOWN})
    assert isinstance(found, NoPlan)
    assert found.code is RefusalCode.NOTHING_SELLABLE
    assert len(found.uncurable) == len(worked_example().holdings)
    assert {each.code for each in found.uncurable} == {
        RefusalCode.MARKET_CLOSED,
        RefusalCode.INSTRUMENT_SUSPENDED,
    }
    kept = made(keep=frozenset(held.instrument.symbol for held in worked_example().holdings))
    assert isinstance(kept, NoPlan)
    assert len(kept.uncurable) == len(worked_example().holdings)


def test_a_limit_that_the_grid_moves_beyond_the_ask_is_reckoned_at_the_ask() -> None:
    """HKD 0.20 is the step above 200: a bid of 395.81 makes a limit of 396, which the market does not pay."""
    book = with_holding(worked_example(), TENCENT, quote=quote(TENCENT, "395.83", bid="395.81", ask="395.85"))
    found = made(of=book)
    assert isinstance(found, Plan)
    (leg,) = (each for each in found.legs if each.instrument.symbol == TENCENT)
    assert (leg.limit_price, leg.price) == (Decimal("396"), Decimal("395.85"))
