"""Store one step of an order's life: the row, its history, and its event."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from desk.audit import DISPATCHER, order_entry
from desk.context import DeskContext
from domain.events import OrderEvent, OrderEventKind, OrderView
from domain.ids import OrderId
from domain.order import Order, OrderChange, OrderStatus
from domain.order_states import FILL_TRIGGERS, OrderAlert, OrderTrigger
from domain.principal import Principal
from models.audit import write_audit
from models.order import add_changes, save_order

_WORTH_A_ROW = frozenset({OrderTrigger.CANCEL_REQUESTED, OrderTrigger.CANCEL_REJECTED})
"""Triggers recorded in the history although the status may stay the same: UNKNOWN does not show a requested
cancel.
"""


async def store_step(
    desk: DeskContext,
    view: OrderView,
    change: OrderChange,
    *,
    by: Principal | str = DISPATCHER,
    action: str | None = None,
    detail: dict[str, Any] | None = None,
) -> OrderEvent:
    """Save the changed order, its history and the audit entry; the caller appends the event in the same
    transaction.

    `by` is the actor; `action` names the audit entry instead of the trigger. The caller adds a fill to the
    event.
    """
    order = change.order
    await save_order(order)
    name = action or change.trigger.value.lower().replace("_", " ")
    await write_audit([order_entry(by, order.updated_at, name, view.order, order, detail)])
    if order.status is not change.previous_status or change.trigger in _WORTH_A_ROW:
        await add_changes([(order.id, order.status, order.updated_at, order.reason)])
    return OrderEvent(
        id=desk.event_id(),
        at=order.updated_at,
        kind=_kind(change),
        view=replace(view, order=order),
        previous_status=change.previous_status,
    )


def created_event(desk: DeskContext, view: OrderView) -> OrderEvent:
    """The event of a new order."""
    return OrderEvent(desk.event_id(), view.order.created_at, OrderEventKind.CREATED, view)


def creation_step(order: Order) -> tuple[OrderId, OrderStatus, datetime, str | None]:
    """The first row of an order's history."""
    return (order.id, order.status, order.created_at, order.reason)


def _kind(change: OrderChange) -> OrderEventKind:
    if change.alert is OrderAlert.LATE_FILL:
        return OrderEventKind.LATE_FILL
    if change.trigger in FILL_TRIGGERS:
        return OrderEventKind.FILL
    if change.trigger is OrderTrigger.CANCEL_REJECTED:
        return OrderEventKind.CANCEL_REJECTED
    return OrderEventKind.STATUS_CHANGED
