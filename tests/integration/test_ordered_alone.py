"""What a person has ordered alone is added up by the database, one row for each currency."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.ids import ClientOrderId, OrderId
from domain.money import ZERO, total
from domain.order import Order, OrderStatus, OrderType
from models.order import insert_orders
from models.ordered_alone import OrderedAlone, ordered_alone
from models.sql.database import execute
from tests.kit.desk_kit import APPLE, NOON, USD, DeskKit
from tests.kit.orders import PRICE, QUANTITY, an_order

WHOLE = QUANTITY * PRICE
PART = Decimal(400) * PRICE


async def place(kit: DeskKit, *orders: Order) -> None:
    """Orders of the trader in Apple, for the case of one account."""
    first = (await kit.one_order()).order
    await execute("UPDATE liquidation_order SET ordered_alone_by = NULL WHERE id = $1", first.id)
    own: dict[str, Any] = {"case_id": first.case_id, "account_id": first.account_id, "symbol": APPLE}
    own |= {"ordered_alone_by": "trader", "created_at": NOON, "updated_at": NOON}
    await insert_orders(
        [
            replace(each, id=OrderId(f"o{n}"), client_order_id=ClientOrderId(f"MC-1-2-{n}"), **own)
            for n, each in enumerate(orders, start=1)
        ]
    )


async def placed() -> tuple[list[OrderedAlone], Decimal, Decimal]:
    """The sums, and together: the known notional and the quantity without a limit."""
    rows = list(await ordered_alone("trader", NOON))
    return rows, total(each.known_notional for each in rows), total(each.leaves_at_market for each in rows)


async def test_open_quantities_count_at_their_limit_and_fills_at_their_price(kit: DeskKit) -> None:
    working = [an_order(status) for status in (OrderStatus.QUEUED, OrderStatus.NEW, OrderStatus.UNKNOWN)]
    half = an_order(OrderStatus.PARTIALLY_FILLED)
    cheaper = replace(half, filled_notional=Decimal(400) * 300)
    await place(kit, *working, half, cheaper)
    rows, known, at_market = await placed()
    assert known == 4 * WHOLE + (WHOLE - PART + Decimal(400) * 300)
    assert at_market == ZERO
    assert {(each.symbol, each.currency) for each in rows} == {(None, USD)}


async def test_of_ended_orders_only_the_fills_count(kit: DeskKit) -> None:
    ended = [an_order(status) for status in (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.FILLED)]
    await place(kit, *ended, an_order(OrderStatus.CANCELED, filled=400))
    _, known, at_market = await placed()
    assert (known, at_market) == (WHOLE + PART, ZERO)


async def test_market_orders_count_by_their_quantity(kit: DeskKit) -> None:
    at_market = {"type": OrderType.MARKET, "limit_price": None}
    half = an_order(OrderStatus.PARTIALLY_FILLED, **at_market)
    await place(kit, an_order(OrderStatus.QUEUED, **at_market), half)
    rows, known, leaves = await placed()
    assert (known, leaves) == (PART, QUANTITY + QUANTITY - 400)
    assert {each.symbol for each in rows} == {APPLE}


async def test_contracts_count_by_their_multiplier(kit: DeskKit) -> None:
    half = an_order(OrderStatus.PARTIALLY_FILLED)
    await place(kit, half, replace(half, type=OrderType.MARKET, limit_price=None))
    await execute("UPDATE instrument SET multiplier = $1 WHERE symbol = $2", Decimal(100), APPLE)
    _, known, at_market = await placed()
    assert (known, at_market) == (100 * (WHOLE + PART), 100 * (QUANTITY - 400))


@pytest.mark.parametrize("migrated_url", ["postgres"], indirect=True)
async def test_postgres_reads_a_row_for_each_currency_and_not_for_each_order(kit: DeskKit) -> None:
    await place(kit, *[an_order(OrderStatus.QUEUED) for _ in range(9)])
    rows, known, _ = await placed()
    assert (len(rows), known) == (1, 9 * WHOLE)
