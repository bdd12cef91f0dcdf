"""The leader's loops that talk to the venue: orders and cancels go out, reports come in."""

import asyncio

import structlog

from desk.orders.dispatch_orders import Dispatcher
from desk.orders.reconcile import question_silence, reconcile_all
from desk.orders.record_execution import record_execution
from gateway.resources import Resources
from gateway.workers.repeat import woken_within
from venues.base import Venue

RECONCILE_ORDERS_MAX = 10_000
DISPATCH_POLL_S = 0.5

log = structlog.get_logger()


async def dispatch_orders(resources: Resources, venue: Venue) -> None:
    """First compare with the venue; then send what is recorded and ask about what stays silent."""
    settings, wake = resources.settings, resources.signals.to_dispatch
    settled = await reconcile_all(resources.desk, venue, RECONCILE_ORDERS_MAX)
    log.info("orders compared with the venue", orders=settled)
    dispatcher = Dispatcher(
        resources.desk, venue, settings.dispatch_batch, clear_client_orders=settings.cancel_client_orders
    )
    clock = asyncio.get_running_loop().time
    questioned = clock()
    while True:
        wake.clear()
        sent = await dispatcher.dispatch()
        if clock() - questioned >= settings.order_ack_timeout_s / 2:
            questioned = clock()
            await question_silence(
                resources.desk, venue, settings.dispatch_batch, settings.order_ack_timeout_s
            )
        if sent < settings.dispatch_batch:
            await woken_within(wake, DISPATCH_POLL_S)


async def record_reports(resources: Resources, venue: Venue) -> None:
    """Each as it comes."""
    async for report in venue.reports():
        await record_execution(resources.desk, report)
