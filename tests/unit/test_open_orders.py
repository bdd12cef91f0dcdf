"""Whether an open order counts as covering the amount to collect, and as which trade."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.events import OrderView
from domain.ids import Symbol
from domain.margin import Book
from domain.market_hours import BY_THE_FEED_ALONE, MarketHours, MarketState
from domain.open_orders import CoverConditions, as_open_orders, order_cover
from domain.order import CancelCause, OrderSide, OrderStatus, OrderType, TradingSession
from domain.sellable import OpenOrder, OrderCover
from tests.kit.live_desk import case_event
from tests.kit.orders import PLACED_AT, QUANTITY, an_order
from tests.unit.books import TENCENT, book, flat, holding, instrument, quote

YOUNG = timedelta(minutes=5)
OLD = YOUNG + timedelta(microseconds=1)
SHUT = MarketHours(lambda market: MarketState.SHUT, BY_THE_FEED_ALONE.today)


def held(bid: str = "399.79") -> Book:
    """A book whose market is below the order's limit of 399.80, unless said otherwise."""
    return book(holding(instrument(TENCENT), "2000", flat(".3"), quote(TENCENT, "400", bid, "400.20")))


def cover(
    of: Book | None = None, hours: MarketHours = BY_THE_FEED_ALONE, age: timedelta = OLD, **changes: Any
) -> OrderCover:
    """The cover by a working order of this age, with these fields."""
    conditions = CoverConditions(PLACED_AT + age, hours, YOUNG)
    return order_cover(an_order(OrderStatus.NEW, **changes), of or held(), conditions)


def test_an_order_counts_while_it_is_young() -> None:
    assert cover(age=YOUNG) is OrderCover.COUNTS
    assert cover(age=OLD) is OrderCover.RESTS


def test_an_old_order_counts_where_its_limit_reaches_the_market() -> None:
    assert cover(held("399.80")) is OrderCover.COUNTS
    assert cover(limit_price=Decimal("399.79")) is OrderCover.COUNTS
    assert cover(type=OrderType.MARKET, limit_price=None) is OrderCover.COUNTS


def test_an_order_that_the_desk_called_off_does_not_count_even_if_it_is_young() -> None:
    order = an_order(OrderStatus.PENDING_CANCEL, cancel_cause=CancelCause.CURED)
    conditions = CoverConditions(PLACED_AT, BY_THE_FEED_ALONE, YOUNG)
    assert order_cover(order, held(), conditions) is OrderCover.CALLED_OFF


@pytest.mark.parametrize("age", [timedelta(), OLD])
def test_an_order_for_regular_hours_waits_for_the_market(age: timedelta) -> None:
    assert cover(hours=SHUT, age=age) is OrderCover.WAITS_FOR_MARKET
    assert cover(held("399.80"), hours=SHUT, age=age, session=TradingSession.ANY) is OrderCover.COUNTS


def test_an_order_for_a_position_that_is_gone_counts() -> None:
    assert cover(replace(held(), holdings=()), hours=SHUT) is OrderCover.COUNTS


def seen(of: Book | None = None, status: OrderStatus = OrderStatus.NEW, **changes: Any) -> list[OpenOrder]:
    """What the planner sees of one old order."""
    view = OrderView(an_order(status, **changes), case_event(PLACED_AT).view.account)
    conditions = CoverConditions(PLACED_AT + OLD, BY_THE_FEED_ALONE, YOUNG)
    return as_open_orders([view], of or held(), conditions)


def test_the_planner_sees_the_quantity_that_is_still_to_trade() -> None:
    (order,) = seen(status=OrderStatus.PARTIALLY_FILLED, filled=QUANTITY - 1)
    assert (order.symbol, order.side, order.leaves_quantity) == (TENCENT, OrderSide.SELL, Decimal(1))
    assert order.cover is OrderCover.RESTS
    assert seen(status=OrderStatus.FILLED) == []


def test_a_sale_above_the_market_promises_no_more_than_the_ask() -> None:
    (order,) = seen(limit_price=Decimal("450"))
    assert (order.limit_price, order.reckoned_price) == (Decimal(450), Decimal("400.20"))
    (order,) = seen(limit_price=Decimal("399.80"))
    assert (order.limit_price, order.reckoned_price) == (Decimal("399.80"), Decimal("399.80"))


def test_a_cover_below_the_market_costs_no_less_than_the_bid() -> None:
    (order,) = seen(side=OrderSide.BUY, limit_price=Decimal("350"))
    assert (order.side, order.reckoned_price) == (OrderSide.BUY, Decimal("399.79"))


def test_an_order_without_a_limit_or_a_position_has_no_price_of_its_own() -> None:
    (order,) = seen(type=OrderType.MARKET, limit_price=None)
    assert (order.limit_price, order.reckoned_price, order.cover) == (None, None, OrderCover.COUNTS)
    (order,) = seen(symbol=Symbol("GONE"))
    assert (order.symbol, order.reckoned_price, order.cover) == (Symbol("GONE"), None, OrderCover.COUNTS)
