"""Settle what a crash or a silent venue left open, by asking the venue for everything it said about an order.

An order that the venue never had goes back to the queue under its own name, or is cancelled if that was
wanted. Nothing is ever sent again because we do not know.
"""

import structlog

from desk.audit import RECONCILER
from desk.desk import Desk
from desk.order_steps import store_step
from desk.orders.record_execution import record_execution
from domain.events import OrderView
from domain.order import OrderStatus, RefusedTransition, mark_not_received, mark_unanswered
from models import outbox
from models.book import lock_accounts
from models.database import transaction
from models.order import load_by_client_order_id, orders_in
from venues.base import Venue

log = structlog.get_logger()

WITH_VENUE = (
    OrderStatus.PENDING_NEW,
    OrderStatus.NEW,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.PENDING_CANCEL,
    OrderStatus.UNKNOWN,
)


async def reconcile_all(desk: Desk, venue: Venue, limit: int) -> int:
    """At start-up, before anything is sent: compare every order that the venue may know. How many."""
    views = await orders_in(WITH_VENUE, limit)
    for view in views:
        await reconcile_order(desk, venue, view)
    return len(views)


async def reconcile_order(desk: Desk, venue: Venue, view: OrderView) -> None:
    """Take in whatever we missed; raises `VenueUnavailable`."""
    history = await venue.history(view.order.client_order_id)
    if history is None:
        await _not_received(desk, view)
        return
    for report in history:
        await record_execution(desk, report)


async def question_silence(desk: Desk, venue: Venue, limit: int, ack_timeout_s: float) -> None:
    """Ask about orders whose last word is older than the time in which a venue answers."""
    waiting = (OrderStatus.PENDING_NEW, OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN)
    for view in await orders_in(waiting, limit):
        if (desk.clock() - view.order.updated_at).total_seconds() >= ack_timeout_s:
            log.warning("the venue is silent about an order", client_order_id=view.order.client_order_id)
            await _step(desk, view, unanswered=True)
            await reconcile_order(desk, venue, view)


async def _not_received(desk: Desk, view: OrderView) -> None:
    refused = await _step(desk, view, unanswered=False)
    log.warning(
        "the venue says that it never had the order",
        client_order_id=view.order.client_order_id,
        status=view.order.status,
        needs_attention=refused,
    )


async def _step(desk: Desk, seen: OrderView, *, unanswered: bool) -> str | None:
    """Why the step contradicts what is known of the order; None: it was made."""
    async with transaction():
        await lock_accounts([seen.order.account_id])
        view = await load_by_client_order_id(seen.order.client_order_id)
        assert view is not None
        now = desk.clock()
        change = mark_unanswered(view.order, now) if unanswered else mark_not_received(view.order, now)
        if isinstance(change, RefusedTransition):
            return change.why
        if not change.unchanged:
            await outbox.append([await store_step(desk, view, change, by=RECONCILER)])
    desk.on_commit()
    return None
