"""Storing one step of an order's life: the row, its history, and the event that tells of it."""

from dataclasses import replace
from datetime import datetime

from desk.desk import Desk
from domain.events import Fill, OrderEvent, OrderEventKind, OrderView
from domain.ids import OrderId
from domain.order import Order, OrderChange, OrderStatus
from domain.order_states import FILL_TRIGGERS, OrderAlert, OrderTrigger
from models.order import add_changes, save_order


async def store_step(
    desk: Desk, view: OrderView, change: OrderChange, fill: Fill | None = None
) -> OrderEvent:
    """Save the changed order and its history; the caller appends the event, in the same transaction."""
    order = change.order
    await save_order(order)
    if order.status is not change.previous_status or change.trigger is OrderTrigger.CANCEL_REJECTED:
        await add_changes([(order.id, order.status, order.updated_at, order.reason)])
    return OrderEvent(
        id=desk.event_id(),
        at=order.updated_at,
        kind=_kind(change),
        view=replace(view, order=order),
        previous_status=change.previous_status,
        fill=fill,
    )


def created_event(desk: Desk, view: OrderView) -> OrderEvent:
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
