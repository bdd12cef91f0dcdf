"""How the orders of a case are read from rows: see resolvers.kit.row_fields.

The same fields of `resolvers.types.order.order_of`, without the objects between; a test compares both.
"""

from decimal import Decimal
from typing import Any

from domain.ids import ClientOrderId
from domain.money import average_price
from domain.order import (
    TERMINAL,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
    TradingSession,
    leaves_quantity,
    plan_of,
)
from domain.raw_status import raw_status_of
from models.sql.values import decimal
from resolvers.kit.row_fields import (
    Column,
    Computed,
    Converted,
    Row,
    RowFields,
    Shared,
    a_decimal,
    a_decimal_or_none,
    a_time,
    a_truth,
    an_id,
)

_STATUS = Shared(("status",), lambda row, at: OrderStatus(row["status"]))
_FILLED = Shared(("filled_quantity",), lambda row, at: decimal(row["filled_quantity"]))


def _client_order_id(text: str) -> str:
    plan_of(ClientOrderId(text))
    return text


def _average_price(row: Row, at: Any, filled: Decimal) -> Decimal | None:
    return average_price(decimal(row["filled_notional"]), filled) if filled else None


ORDER_ROWS: RowFields = {
    "id": an_id("Order", "id"),
    "client_order_id": Converted("client_order_id", _client_order_id, is_text=True),
    "symbol": Column("symbol"),
    "side": Converted("side", OrderSide),
    "type": Converted("type", OrderType),
    "time_in_force": Converted("time_in_force", TimeInForce),
    "session": Converted("session", TradingSession),
    "quantity": a_decimal("quantity"),
    "limit_price": a_decimal_or_none("limit_price"),
    "filled_quantity": a_decimal("filled_quantity"),
    "leaves_quantity": Computed(
        ("quantity",),
        lambda row, at, status, filled: leaves_quantity(status, decimal(row["quantity"]), filled),
        of=(_STATUS, _FILLED),
    ),
    "average_price": Computed(("filled_notional",), _average_price, of=(_FILLED,)),
    "status": Converted("status", OrderStatus),
    "raw_status": Computed(
        ("raw_status",),
        lambda row, at, status, filled: raw_status_of(row["raw_status"], status, has_fills=bool(filled)),
        of=(_STATUS, _FILLED),
    ),
    "override": a_truth("override"),
    "cancellable": Computed(
        ("cancel_requested",),
        lambda row, at, status: status not in TERMINAL and not row["cancel_requested"],
        of=(_STATUS,),
    ),
    "terminal": Computed((), lambda row, at, status: status in TERMINAL, of=(_STATUS,)),
    "reason": Column("reason"),
    "estimated_reduction": a_decimal("estimated_reduction"),
    "placed_by": Column("placed_by"),
    "created_at": a_time("created_at"),
    "updated_at": a_time("updated_at"),
    "version": Column("version"),
}
"""The fields of an order that a page of a case reads from its row."""
