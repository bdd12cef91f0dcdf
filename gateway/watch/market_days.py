"""Market days entered by hand, as this process knows them: at most one poll interval old.

Polled from the database rather than broadcast, so that they apply while Redis is unavailable.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from gateway.watch.calendars import Calendars
from models.market_day import count_market_days, load_market_days

log = structlog.get_logger()

LOOK_BACK = timedelta(days=366)
"""Older days no longer affect the deadline of a live case."""


class MarketDays:
    """Call `load` before any decision; `run` keeps the calendars current."""

    def __init__(self, calendars: Calendars, clock: Callable[[], datetime], poll_interval_s: float) -> None:
        self._calendars = calendars
        self._clock = clock
        self._poll_interval_s = poll_interval_s
        self._known = 0
        self.unreadable: Sequence[str] = ()
        """The ids of those left out, which are read again until they can be."""
        self.changed = asyncio.Event()
        """Set when something changed; the consumer clears it."""

    async def load(self) -> None:
        """Read what is new."""
        number = await count_market_days(None)
        if number == self._known and not self.unreadable:
            return
        read = await load_market_days((self._clock() - LOOK_BACK).date())
        if number == self._known and read.unreadable == self.unreadable:
            return
        self._calendars.amend(read.overrides)
        if read.unreadable:
            log.warning("market days cannot be read and are ignored", ids=read.unreadable)
        elif self.unreadable:
            log.info("market days can be read again", ids=self.unreadable)
        self._known, self.unreadable = number, read.unreadable
        self.changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.load()
            await asyncio.sleep(self._poll_interval_s)
