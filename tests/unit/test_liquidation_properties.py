"""What holds for every plan: it is legal, it does what it says, and it sells no lot too many."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from domain.booking import after_fill, trade_fee
from domain.liquidation import plan, uncovered_amount
from domain.liquidation_plan import LegRequest, Plan, PlannedLeg, PlanPolicy, PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import AccountType, AmountRule, Book, Holding, compute_figures, rate_to_base
from domain.market import Instrument, Quote, TradeStatus
from domain.order import OrderSide, OrderType
from domain.plan_evidence import evidence_of
from domain.refusals import Refusal
from domain.sellable import OpenOrder, after_open_orders
from tests.kit.examples import examples
from tests.unit.books import HKD, MAX_AGE, NOW, USD, book, factors, fx, holding, instrument

LIMITS = PlanPolicy()
LOTS = ("1", "10", "100")
FACTORS = (
    factors(".40", ".30", ".35", ".25"),
    factors(".50", ".40", ".45", ".35"),
    factors("1", "1", "1", "1"),
)
CURING = tuple(policy for policy in LiquidationPolicy if policy is not LiquidationPolicy.ALL)
MANY = settings(
    max_examples=examples(200), suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


@st.composite
def holdings(draw: st.DrawFn, number: int, sound: bool) -> Holding:
    """A position; a sound one can be closed, around its mark, and has whole lots."""
    lot = draw(st.sampled_from(LOTS))
    of = instrument(
        f"S{number}",
        draw(st.sampled_from((HKD, USD))),
        lot=lot,
        fee=draw(st.sampled_from(("0", "0.0003", "0.0013"))),
        status=TradeStatus.TRADING if sound else draw(st.sampled_from(TradeStatus)),
        multiplier=draw(st.sampled_from(("1", "100"))) if lot == "1" else "1",
    )
    lots = draw(st.integers(1, 400)) * draw(st.sampled_from((1, 1, 1, -1)))
    quantity = lots * Decimal(lot) if sound else lots * Decimal(lot) + draw(st.sampled_from((0, 0, 7)))
    held = holding(of, str(quantity or 1), draw(st.sampled_from(FACTORS)), draw(quotes(of, sound)))
    return replace(held, average_cost=draw(st.none() | st.decimals("1", "900", places=2)))


@st.composite
def quotes(draw: st.DrawFn, of: Instrument, sound: bool) -> Quote | None:
    mark = draw(st.decimals("1", "500", places=2))
    spread = draw(
        st.sampled_from((Decimal("0.001"), Decimal("0.01")) if sound else (Decimal("0.01"), Decimal("0.9")))
    )
    both = Quote(
        of.symbol,
        NOW if sound else NOW - draw(st.sampled_from((timedelta(0), timedelta(minutes=2)))),
        bid=mark - spread * mark,
        ask=mark + spread * mark,
        last=mark,
        bid_size=draw(st.none() | st.just(Decimal(500))),
    )
    if sound:
        return both
    return draw(st.sampled_from((both, replace(both, bid=None), replace(both, ask=None), None)))


@st.composite
def books(draw: st.DrawFn, sound: bool, limited: bool, most: int = 5) -> Book:
    """A book whose loan is near what its positions allow, so that there is something to collect, mostly."""
    held = tuple(
        draw(holdings(number, sound or draw(st.booleans()))) for number in range(draw(st.integers(1, most)))
    )
    empty = book(*held, limit="0" if limited else None, rates=(fx(USD, "7.80"),))
    worth = compute_figures(empty, NOW, MAX_AGE)
    spare = worth.liquid_net_assets - worth.margin_call_margin
    size = worth.long_market_value - worth.short_market_value
    missing = (size * draw(st.decimals("0.01", "0.6", places=3))).quantize(Decimal("0.01"))
    cash = -spare.quantize(Decimal("0.01")) - missing
    terms = replace(
        empty.terms,
        account_type=AccountType.MARGIN if sound else draw(st.sampled_from(AccountType)),
        financing_limit=max(
            Decimal(0), -cash * draw(st.sampled_from((Decimal("0.5"), Decimal("0.95"), Decimal(2))))
        ),
    )
    rule = AmountRule(
        coefficient=draw(st.sampled_from((Decimal(1), Decimal("1.1")))), with_over_financing=limited
    )
    return replace(empty, terms=terms, rule=rule, cash=(replace(empty.cash[0], balance=cash),))


@st.composite
def open_orders_of(draw: st.DrawFn, of: Book) -> tuple[OpenOrder, ...]:
    """Closing orders for a part of some positions, or for too much."""
    orders = []
    for held in of.holdings:
        if draw(st.booleans()):
            side = OrderSide.SELL if held.quantity > 0 else OrderSide.BUY
            part = abs(held.quantity) * draw(st.sampled_from((Decimal("0.1"), Decimal("0.5"), Decimal(2))))
            orders.append(
                OpenOrder(held.instrument.symbol, side, part, draw(st.none() | st.just(Decimal("9.5"))))
            )
    return tuple(orders)


def requests(of: Book) -> st.SearchStrategy[PlanRequest]:
    quantities = (
        st.none() | st.decimals(allow_nan=True, allow_infinity=True) | st.integers(-1, 900).map(Decimal)
    )
    legs = st.builds(
        LegRequest,
        st.sampled_from([held.instrument.symbol for held in of.holdings]),
        quantities,
        st.none() | st.decimals(allow_nan=True, allow_infinity=True) | st.decimals("1", "500", places=2),
    )
    return st.builds(
        PlanRequest,
        policy=st.sampled_from(LiquidationPolicy),
        legs=st.none() | st.lists(legs, max_size=4).map(tuple),
        order_type=st.sampled_from(OrderType),
    )


def booked(of: Book, leg: PlannedLeg, quantity: Decimal) -> Book:
    if not quantity:
        return of
    signed = quantity if leg.side is OrderSide.BUY else -quantity
    fee = trade_fee(leg.instrument, quantity, leg.price)
    return after_fill(of, leg.instrument.symbol, signed, leg.price, fee)


def amount_after(of: Book, plan_: Plan, fewer_of_the_last: int = 0) -> Decimal:
    """Recomputed from the book after executing the plan, `fewer_of_the_last` lots fewer of its last leg."""
    for number, leg in enumerate(plan_.legs, start=1):
        fewer = fewer_of_the_last if number == len(plan_.legs) else 0
        of = booked(of, leg, leg.quantity - fewer * leg.instrument.lot_size)
    return compute_figures(of, NOW, MAX_AGE).amount


@MANY
@given(st.data())
def test_every_answer_is_a_refusal_or_a_legal_plan_with_its_stated_effect(data: st.DataObject) -> None:
    of = data.draw(books(sound=False, limited=data.draw(st.booleans())))
    working = data.draw(open_orders_of(of))
    found = plan(of, working, data.draw(requests(of)), LIMITS, NOW)
    event(found.code if isinstance(found, Refusal) else "plan")
    if isinstance(found, Refusal):
        assert found.message
        return
    rest = after_open_orders(of, working)
    assert len({leg.instrument.symbol for leg in found.legs}) == len(found.legs)
    for leg in found.legs:
        held = rest.holding(leg.instrument.symbol)
        assert held is not None
        assert leg.side is (OrderSide.SELL if held.quantity > 0 else OrderSide.BUY)
        assert 0 < leg.quantity <= abs(held.quantity)
        assert leg.quantity % leg.instrument.lot_size == 0
        assert leg.fee == trade_fee(leg.instrument, leg.quantity, leg.price)
    assert found.amount_before == compute_figures(of, NOW, MAX_AGE).amount
    assert found.uncovered_before == uncovered_amount(of, working, NOW, MAX_AGE)
    assert found.amount_after == amount_after(rest, found)
    assert found.estimated_reduction == found.uncovered_before - found.amount_after
    assert found.estimated_reduction == sum(leg.reduction for leg in found.legs)
    assert found.notional == sum(leg.base_notional for leg in found.legs)
    assert found.in_flight_relief == found.amount_before - found.uncovered_before
    evidence, last = evidence_of(found, of, working, NOW, MAX_AGE), found.legs[-1]
    assert evidence.figures_after.amount == found.amount_after
    less = evidence.one_lot_less
    assert (less.symbol, less.quantity) == (last.instrument.symbol, last.quantity - last.instrument.lot_size)
    assert less.amount_after == amount_after(rest, found, fewer_of_the_last=1)


@MANY
@given(st.data(), st.sampled_from(CURING))
def test_a_plan_that_cures_leaves_nothing_and_one_lot_less_leaves_something(
    data: st.DataObject, policy: LiquidationPolicy
) -> None:
    of = data.draw(books(sound=True, limited=data.draw(st.booleans())))
    working = data.draw(open_orders_of(of))
    found = plan(of, working, PlanRequest(policy=policy), LIMITS, NOW)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    assume(found.cures)
    event(f"{policy} {len(found.legs)} legs")
    rest = after_open_orders(of, working)
    assert amount_after(rest, found) == 0
    assert amount_after(rest, found, fewer_of_the_last=1) > 0


@MANY
@given(books(sound=True, limited=True, most=1), st.sampled_from(AccountType))
def test_an_open_leg_is_the_least_number_of_lots_found_by_trying_them_all(
    of: Book, account_type: AccountType
) -> None:
    of = replace(of, terms=replace(of.terms, account_type=account_type))
    (held,) = of.holdings
    found = plan(of, (), PlanRequest(legs=(LegRequest(held.instrument.symbol),)), LIMITS, NOW)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    (leg,) = found.legs
    lot = leg.instrument.lot_size
    counts = range(1, int(abs(held.quantity) / lot) + 1)
    amounts = [compute_figures(booked(of, leg, count * lot), NOW, MAX_AGE).amount for count in counts]
    if found.cures:
        assert leg.quantity == lot * (amounts.index(Decimal(0)) + 1)
    else:
        assert min(amounts) > 0
        assert found.amount_after - min(amounts) <= found.notional / (leg.quantity / lot)


def _largest_lot(of: Book) -> Decimal:
    """In base currency, at the dearer side: what rounding up one position can cost."""
    return max(
        (held.quote.ask if held.quote and held.quote.ask else Decimal(0))
        * held.instrument.lot_size
        * held.instrument.multiplier
        * rate_to_base(of, held.instrument.currency)
        for held in of.holdings
    )


@MANY
@given(books(sound=True, limited=True), st.sampled_from(CURING))
def test_least_turnover_is_not_above_any_other_policy_where_the_limit_binds_as_well(
    of: Book, other: LiquidationPolicy
) -> None:
    least = plan(of, (), PlanRequest(), LIMITS, NOW)
    rival = plan(of, (), PlanRequest(policy=other), LIMITS, NOW)
    assume(isinstance(least, Plan) and isinstance(rival, Plan))
    assert isinstance(least, Plan)
    assert isinstance(rival, Plan)
    assume(rival.cures)
    assert least.cures
    event(f"{len(least.legs)} legs against {len(rival.legs)}")
    assert least.notional <= rival.notional + _largest_lot(of) + _BOOKING_SLACK


@MANY
@given(books(sound=True, limited=False), st.sampled_from(CURING))
def test_least_turnover_is_at_most_one_lot_above_any_other_policy(of: Book, other: LiquidationPolicy) -> None:
    """Where only the margin line binds."""
    least = plan(of, (), PlanRequest(), LIMITS, NOW)
    rival = plan(of, (), PlanRequest(policy=other), LIMITS, NOW)
    assume(isinstance(least, Plan) and isinstance(rival, Plan))
    assert isinstance(least, Plan)
    assert isinstance(rival, Plan)
    assume(rival.cures)
    assert least.cures
    assert least.notional <= rival.notional + _largest_lot(of) + _BOOKING_SLACK


@MANY
@given(books(sound=True, limited=False), st.sampled_from(CURING))
def test_without_a_financing_limit_no_cure_means_that_none_exists(
    of: Book, policy: LiquidationPolicy
) -> None:
    found = plan(of, (), PlanRequest(policy=policy), LIMITS, NOW)
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    everything = plan(of, (), PlanRequest(policy=LiquidationPolicy.ALL), LIMITS, NOW)
    if not found.cures and isinstance(everything, Plan):
        assert not everything.cures
        assert found.uncurable or len(found.legs) == len(of.holdings)


@MANY
@given(st.data())
def test_orders_in_flight_and_the_plan_never_sell_more_than_is_held(data: st.DataObject) -> None:
    of = data.draw(books(sound=True, limited=False))
    symbols = [held.instrument.symbol for held in of.holdings]
    working: tuple[OpenOrder, ...] = ()
    for _ in range(3):
        policy = data.draw(st.sampled_from(LiquidationPolicy))
        found = plan(of, working, PlanRequest(policy=policy), LIMITS, NOW)
        if isinstance(found, Plan):
            working += tuple(_sent(leg, data.draw(st.integers(1, 2))) for leg in found.legs)
    for held in of.holdings:
        sent = sum(order.leaves_quantity for order in working if order.symbol == held.instrument.symbol)
        assert sent <= abs(held.quantity)
    assert {order.symbol for order in working} <= set(symbols)


def _sent(leg: PlannedLeg, part: int) -> OpenOrder:
    """The leg's order; a part of it may have been cancelled already."""
    return OpenOrder(leg.instrument.symbol, leg.side, leg.quantity / part, leg.limit_price)


_BOOKING_SLACK = Decimal(5)
"""Rounding of cash moves to cents shifts the need by a few, and the notional by a little more."""
