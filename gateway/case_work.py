"""The leader's loops that act on cases by themselves: automatic liquidations, intraday days, deadlines."""

import asyncio
from contextlib import suppress

from desk.auto_liquidate import run_due
from desk.flatten_intraday import IntradayDay
from desk.market_days import shift_deadlines
from gateway.resources import Resources
from venues.base import Venue


async def liquidate_automatically(resources: Resources, venue: Venue) -> None:
    """See to intraday accounts, then begin what is due."""
    settings = resources.settings
    day = IntradayDay(resources.desk, venue, clear_client_orders=settings.cancel_client_orders)
    while True:
        await day.look()
        while (
            await run_due(resources.desk, settings.auto_liquidation_batch) == settings.auto_liquidation_batch
        ):
            pass
        await asyncio.sleep(settings.auto_liquidation_poll_s)


async def follow_market_days(resources: Resources) -> None:
    """Move deadlines at the start, after every word on a market day, and now and then for good measure."""
    changed, every_s = resources.market_days.changed, resources.settings.market_day_recheck_s
    while True:
        changed.clear()
        await shift_deadlines(resources.desk)
        with suppress(TimeoutError):
            async with asyncio.timeout(every_s):
                await changed.wait()
