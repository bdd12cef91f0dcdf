"""An order and reports for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.execution import ExecType, ExecutionReport
from domain.ids import AccountId, CaseId, ClientOrderId, ExecutionId, OrderId, Symbol
from domain.money import ZERO
from domain.order import Order, OrderSide, OrderStatus, OrderType, TimeInForce, TradingSession

PLACED_AT = datetime(2020, 3, 9, 13, 30, tzinfo=UTC)
LATER = PLACED_AT + timedelta(seconds=5)
QUANTITY = Decimal(1100)
PRICE = Decimal("399.80")

QUEUED_ORDER = Order(
    id=OrderId("order-1"),
    client_order_id=ClientOrderId("MC-1-1-1"),
    case_id=CaseId("case-1"),
    account_id=AccountId("account-1"),
    symbol=Symbol("700.HK"),
    side=OrderSide.SELL,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    session=TradingSession.REGULAR,
    quantity=QUANTITY,
    limit_price=PRICE,
    status=OrderStatus.QUEUED,
    estimated_reduction=Decimal(152800),
    placed_by="trader",
    created_at=PLACED_AT,
    updated_at=PLACED_AT,
)

_DEFAULTS: dict[OrderStatus, dict[str, Any]] = {
    OrderStatus.NEW: {"acknowledged": True},
    OrderStatus.PARTIALLY_FILLED: {"filled": 400},
    OrderStatus.PENDING_CANCEL: {"acknowledged": True, "cancel_requested": True},
    OrderStatus.FILLED: {"filled": QUANTITY},
    OrderStatus.EXPIRED: {"acknowledged": True},
}


def an_order(status: OrderStatus, **changes: Any) -> Order:
    """An order in this status; `filled` sets what fills imply."""
    changes = {**_DEFAULTS.get(status, {}), **changes}
    filled = Decimal(changes.pop("filled", 0))
    if filled:
        changes |= {"filled_quantity": filled, "filled_notional": filled * PRICE, "acknowledged": True}
    return replace(QUEUED_ORDER, status=status, **changes)


def a_report(exec_type: ExecType, text: str | None = None) -> ExecutionReport:
    """Anything but a trade."""
    return _report(exec_type, ZERO, ZERO, text)


def a_fill(quantity: int | Decimal, price: Decimal = PRICE) -> ExecutionReport:
    """A trade."""
    return _report(ExecType.TRADE, Decimal(quantity), price, None)


def _report(exec_type: ExecType, quantity: Decimal, price: Decimal, text: str | None) -> ExecutionReport:
    return ExecutionReport(
        venue="PAPER",
        execution_id=ExecutionId("1"),
        client_order_id=QUEUED_ORDER.client_order_id,
        exec_type=exec_type,
        at=PLACED_AT,
        last_quantity=quantity,
        last_price=price,
        text=text,
    )
