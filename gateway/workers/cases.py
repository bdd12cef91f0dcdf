"""The leader's loops that act on cases automatically, and on the requests and recalls around them."""

import structlog

from desk.approvals import expire_approvals
from desk.case_work.market_days import shift_deadlines
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.liquidation.flatten_intraday import IntradayDay
from desk.liquidation.run_automatic import AutomaticLiquidations
from desk.stock_recovery.collect_stock import collect_stock, unknown_markets
from domain.money import Currency
from gateway.loops.policy import liquidation_scheduler, round_scheduler
from gateway.loops.repeat import every, woken_within
from gateway.resources import Resources
from models.book import load_base_currencies
from venues.base import Venue

EXPIRE_APPROVALS_MAX = 100

log = structlog.get_logger()


async def liquidate_automatically(resources: Resources) -> None:
    """Run the automatic liquidations that are due."""
    settings, desk = resources.settings, resources.desk
    rounds = AutomaticLiquidations(desk, _scheduler(resources), settings.auto_liquidation_batch)
    await every(settings.auto_liquidation_poll_s, rounds.run_due)


async def flatten_intraday(resources: Resources, venue: Venue) -> None:
    """Flatten intraday accounts; the other loop runs the liquidations."""
    settings = resources.settings
    day = IntradayDay(
        resources.desk, venue, _scheduler(resources), clear_client_orders=settings.cancel_client_orders
    )
    await every(settings.auto_liquidation_poll_s, day.look)


def _scheduler(resources: Resources) -> FairScheduler:
    return liquidation_scheduler(resources.settings, resources.desk.clock, resources.liquidation_faults.count)


async def follow_market_days(resources: Resources) -> None:
    """Move deadlines at the start, after every change of market days, and at intervals as a safeguard."""
    changed, scheduler = resources.market_days.changed, round_scheduler(resources.round_faults.count)
    logged: set[Currency] = set()
    while True:
        changed.clear()
        await _log_default_markets(resources.desk, logged)
        await shift_deadlines(resources.desk, scheduler)
        await woken_within(changed, resources.settings.market_day_recheck_s)


async def _log_default_markets(desk: DeskContext, logged: set[Currency]) -> None:
    """Log each currency of an account for which no market is configured, once."""
    for currency in await load_base_currencies():
        if currency not in desk.policy.base_markets and currency not in logged:
            logged.add(currency)
            log.warning(
                "no market is configured for a currency: its deadlines follow the default market",
                currency=currency,
                market=desk.market_of(currency),
            )


async def collect_options_stock(resources: Resources) -> None:
    """Once a trading day, when its time has come."""
    scheduler = round_scheduler(resources.round_faults.count)
    unknown = unknown_markets()
    await every(
        resources.settings.covered_options_check_interval_s,
        lambda: collect_stock(resources.desk, scheduler, unknown),
    )


async def expire_requests(resources: Resources) -> None:
    """Expire requests that were not decided in time."""
    scheduler = round_scheduler(resources.round_faults.count)
    await every(
        resources.settings.approval_poll_interval_s,
        lambda: expire_approvals(resources.desk, EXPIRE_APPROVALS_MAX, scheduler),
    )
