"""The leader's loops that use the venue: they send orders and cancels, read reports, and ask questions."""

import asyncio
from datetime import timedelta

import structlog

from desk.orders.dispatch_orders import Dispatcher
from desk.orders.reconcile import reconcile_all
from desk.orders.report_lanes import ReportLanes
from desk.orders.working_orders import Questions, WorkingOrders
from gateway.loops.policy import round_scheduler
from gateway.loops.repeat import woken_within
from gateway.resources import OpenVenue, Resources
from outages.log import OutageLog
from venues.base import Venue, VenueUnavailable

RECONCILE_ORDERS_MAX = 10_000
DISPATCH_POLL_S = 0.5
WAITING_REPORTS_POLL_S = 0.05
DAYS_POLL_S = 0.5

log = structlog.get_logger()


async def dispatch_orders(resources: Resources, venue: Venue) -> None:
    """First compare orders with the venue; then send recorded ones."""
    settings, wake = resources.settings, resources.signals.to_dispatch
    scheduler = round_scheduler(resources.round_faults.count)
    settled = await reconcile_all(resources.desk, venue, RECONCILE_ORDERS_MAX, scheduler)
    log.info("orders compared with the venue", orders=settled)
    dispatcher = Dispatcher(
        resources.desk,
        venue,
        settings.dispatch_batch,
        scheduler,
        clear_client_orders=settings.cancel_client_orders,
    )
    while True:
        wake.clear()
        sent = await dispatcher.dispatch()
        resources.order_path.dispatcher = len(dispatcher.held_up)
        if sent < settings.dispatch_batch:
            await woken_within(wake, DISPATCH_POLL_S)


async def ask_about_orders(resources: Resources, venue: Venue) -> None:
    """Ask about silent orders, and at intervals about every order that the venue works."""
    settings = resources.settings
    questions = Questions(
        timedelta(seconds=settings.working_order_check_s),
        timedelta(seconds=settings.order_ack_timeout_s),
        settings.dispatch_batch,
    )
    working = WorkingOrders(resources.desk, venue, round_scheduler(resources.round_faults.count), questions)
    while True:
        await asyncio.sleep(questions.round_every.total_seconds())
        await working.ask_all()


async def end_days(resources: Resources, opened: OpenVenue) -> None:
    """A simulated venue expires day orders by the desk's calendars."""
    outage = OutageLog(
        "the trading days of the venue cannot be ended", "the trading days of the venue are ended again"
    )
    while True:
        try:
            opened.end_days(resources.desk.calendar_of)
            outage.over()
        except VenueUnavailable as unavailable:
            outage.report(unavailable)
        await asyncio.sleep(DAYS_POLL_S)


def report_lanes(resources: Resources, venue: Venue) -> ReportLanes:
    """Shared by two loops: one reads reports, the other retries those that could not be booked."""
    scheduler = round_scheduler(resources.round_faults.count)
    return ReportLanes(resources.desk, venue, scheduler, resources.settings.waiting_reports_max)


async def book_waiting_reports(resources: Resources, lanes: ReportLanes) -> None:
    """Until cancelled; counts the waiting reports."""
    while True:
        await lanes.some_wait()
        await asyncio.sleep(WAITING_REPORTS_POLL_S)
        await lanes.book_waiting()
        resources.order_path.reports = len(lanes.accounts)
