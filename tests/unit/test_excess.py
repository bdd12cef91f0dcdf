"""Which open orders are called off when less is held than they could trade, and what stays at risk."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.excess import find_excess, is_turned, reducible, turns
from domain.ids import OrderId
from domain.money import total
from domain.order import Order, OrderSide, OrderStatus
from tests.kit.orders import an_order

S = OrderStatus


def orders(*leaves: int, status: OrderStatus = S.NEW, side: OrderSide = OrderSide.SELL) -> list[Order]:
    """Oldest first."""
    return [
        replace(
            an_order(status),
            id=OrderId(f"{number}"),
            side=side,
            quantity=Decimal(quantity),
            created_at=an_order(status).created_at + timedelta(seconds=number),
        )
        for number, quantity in enumerate(leaves)
    ]


def called_off(held: int, made: list[Order]) -> list[str]:
    found = find_excess({made[0].symbol: Decimal(held)}, made)
    return [order.id for each in found for order in each.call_off]


def test_the_oldest_orders_stay_as_long_as_they_fit() -> None:
    assert called_off(100, orders(30, 30, 40)) == []
    assert called_off(70, orders(30, 30, 30)) == ["2"]
    assert called_off(40, orders(100, 40)) == ["0"], "the one that fits is not called off for the other"
    assert called_off(0, orders(1, 1)) == ["0", "1"]
    assert called_off(-10, orders(1)) == ["0"], "a sale in what is short would only add to it"


def test_covers_are_compared_with_the_short() -> None:
    covers = orders(60, 60, side=OrderSide.BUY)
    assert called_off(-100, covers) == ["1"]
    assert called_off(0, covers) == ["0", "1"]
    assert called_off(500, covers) == ["0", "1"]


def test_an_order_that_never_left_the_desk_is_cancelled_first() -> None:
    waiting, younger = orders(50, status=S.QUEUED)[0], orders(50, 50)[1]
    assert called_off(50, [waiting, younger]) == [waiting.id]


def test_a_pending_cancel_is_not_asked_for_again_and_stays_at_risk() -> None:
    pending = orders(100, status=S.PENDING_CANCEL)
    (found,) = find_excess({pending[0].symbol: Decimal(40)}, pending)
    assert not found.call_off
    assert found.at_risk == 60


def test_a_sure_cancel_puts_nothing_at_risk() -> None:
    (found,) = find_excess({}, orders(100, status=S.QUEUED))
    assert found.at_risk == 0


quantities = st.integers(-200, 200)
some_orders = st.lists(
    st.tuples(
        st.integers(1, 100),
        st.sampled_from([S.QUEUED, S.PENDING_NEW, S.NEW, S.UNKNOWN, S.PENDING_CANCEL]),
        st.sampled_from(OrderSide),
    ),
    max_size=8,
)


@given(quantities, some_orders)
def test_the_kept_orders_never_exceed_the_position(
    held: int, made: list[tuple[int, OrderStatus, OrderSide]]
) -> None:
    all_orders = [
        replace(an_order(status), id=OrderId(f"{number}"), quantity=Decimal(quantity), side=side)
        for number, (quantity, status, side) in enumerate(made)
    ]
    symbol = an_order(S.NEW).symbol
    found = find_excess({symbol: Decimal(held)}, all_orders)
    gone = {order.id for each in found for order in each.call_off}
    for side in OrderSide:
        wanted = [o for o in all_orders if o.side is side and o.id not in gone and not o.cancel_requested]
        assert total(order.leaves_quantity for order in wanted) <= reducible(Decimal(held), side)
    assert all(not order.cancel_requested for each in found for order in each.call_off)
    left = [order for order in all_orders if order.id not in gone]
    assert not any(each.call_off for each in find_excess({symbol: Decimal(held)}, left)), "one look is enough"


@given(quantities, quantities)
def test_a_fill_that_only_reduces_turns_nothing(held: int, signed: int) -> None:
    after = held + signed
    reduces = held != 0 and abs(after) <= abs(held) and after * held >= 0
    if signed:
        assert turns(Decimal(held), Decimal(signed)) is not reduces
    assert is_turned(Decimal(held), Decimal(after)) is (after != 0 and held * after <= 0)
