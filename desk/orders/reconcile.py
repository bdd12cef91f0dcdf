"""Settle what a crash or a silent venue left open, by asking the venue for all its reports on an order.

An order that the venue never received returns to the queue under its own name, or is cancelled if that was
requested. An order is never sent again merely because its state is unknown.
"""

from contextlib import suppress
from functools import partial

import structlog

from desk.audit import RECONCILER
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.order_steps import store_step
from desk.orders.record_execution import record_execution
from domain.events import OrderView
from domain.execution_check import contradicts
from domain.order import OrderStatus, RefusedTransition, mark_not_received, mark_unanswered
from domain.phrase import DetailCode
from models import outbox
from models.book import lock_accounts
from models.order import executions_of, load_by_client_order_id, orders_in
from models.set_aside import key_of, set_aside_keys
from models.sql.database import transaction
from venues.base import Venue, VenueUnavailable

log = structlog.get_logger()

SILENT = (OrderStatus.PENDING_NEW, OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN)
"""Orders for which the venue owes an answer."""
WITH_VENUE = (*SILENT, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


async def reconcile_all(
    desk: DeskContext, venue: Venue, limit: int, scheduler: FairScheduler | None = None
) -> int:
    """Compare every order that the venue may know, at start-up and before anything is sent; returns how many.

    With `scheduler`, an order whose venue or account fails is left to later rounds of questions.
    """
    views = await orders_in(WITH_VENUE, limit)
    for view in views:
        compare = partial(_compare, desk, venue, view)
        if scheduler is None:
            await compare()
        else:
            await scheduler.run(view.order.account_id, "the comparison with the venue", compare)
    return len(views)


async def _compare(desk: DeskContext, venue: Venue, view: OrderView) -> None:
    with suppress(VenueUnavailable):
        await reconcile_order(desk, venue, view)


async def reconcile_order(
    desk: DeskContext, venue: Venue, view: OrderView, *, wait: bool = True
) -> DetailCode | None:
    """Book all missed reports of the order; raises `VenueUnavailable`.

    Returns why it contradicts the known state that the venue never received the order; None if it does not,
    or if the venue did receive it. Without `wait`, a locked account raises `Busy` at once.
    """
    history = await venue.history(view.order.client_order_id)
    if history is None:
        return await _not_received(desk, view, wait=wait)
    known = await executions_of(view.order.id)
    aside = await set_aside_keys(view.order.id)
    for report in history:
        booked = known.get((report.venue, report.execution_id))
        # Known reports need no lock: an order may be asked about every few seconds.
        if booked is not None and contradicts(booked, report) is None:
            continue
        if key_of(report) not in aside:
            await record_execution(desk, report, wait=wait)
    return None


async def mark_silent(desk: DeskContext, view: OrderView, *, wait: bool = True) -> None:
    """Mark the order, about which the venue has sent nothing for too long."""
    await _step(desk, view, unanswered=True, wait=wait)


async def _not_received(desk: DeskContext, view: OrderView, *, wait: bool) -> DetailCode | None:
    refused = await _step(desk, view, unanswered=False, wait=wait)
    if refused is None:
        log.warning(
            "the venue reports that it never received the order",
            client_order_id=view.order.client_order_id,
            status=view.order.status,
        )
    return refused


async def _step(desk: DeskContext, seen: OrderView, *, unanswered: bool, wait: bool) -> DetailCode | None:
    """Why the step contradicts the known state of the order; None if it was made."""
    async with transaction():
        await lock_accounts([seen.order.account_id], wait=wait)
        await desk.leadership.check()
        view = await load_by_client_order_id(seen.order.client_order_id)
        assert view is not None
        now = desk.clock()
        change = mark_unanswered(view.order, now) if unanswered else mark_not_received(view.order, now)
        if isinstance(change, RefusedTransition):
            return change.code
        if not change.unchanged:
            await outbox.append([await store_step(desk, view, change, by=RECONCILER)])
    desk.on_commit()
    return None
