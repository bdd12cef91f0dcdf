"""Execution reports are booked in lanes, one per account: a locked account delays no other.

Reports of one account are booked in the order of arrival. A report that cannot be booked now, because the
account's row is locked or the desk fails at it, waits in its lane with those behind it and is tried again
after a growing wait. A report is confirmed to the venue only after it was booked, so that a crash loses none:
the venue repeats unconfirmed reports. At most `held_max` reports wait; then no more are read.
"""

import asyncio
from collections import deque
from functools import partial

from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.orders.record_execution import record_execution
from domain.execution import ExecutionReport
from domain.execution_check import names_an_order
from domain.ids import AccountId
from models.order import account_of
from venues.base import Venue

_LANES_WITHOUT_ORDER = "an unknown order"


class ReportLanes:
    """The waiting reports; one per leader and venue. `read` and `book_waiting` may run concurrently."""

    def __init__(self, desk: DeskContext, venue: Venue, scheduler: FairScheduler, held_max: int) -> None:
        self._desk = desk
        self._venue = venue
        self._scheduler = scheduler
        self._held_max = held_max
        self._lanes: dict[str, deque[ExecutionReport]] = {}
        self._room = asyncio.Event()
        self._some = asyncio.Event()

    @property
    def held(self) -> int:
        """The number of waiting reports."""
        return sum(map(len, self._lanes.values()))

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts with waiting reports."""
        return tuple(self._lanes)

    async def some_wait(self) -> None:
        """Until a report waits."""
        while not self._lanes:
            self._some.clear()
            await self._some.wait()

    async def read(self) -> None:
        """Read the venue's reports until it is closed. Unconfirmed reports are delivered again."""
        self._lanes.clear()
        async for report in self._venue.reports():
            await self.take(report)
            while self.held >= self._held_max:
                self._room.clear()
                await self._room.wait()

    async def take(self, report: ExecutionReport) -> None:
        """Book the report; if reports of its account wait, it is queued behind them."""
        who: AccountId | str = await _whose(report) or _LANES_WITHOUT_ORDER
        lane = self._lanes.get(who)
        if lane is not None:
            lane.append(report)
        elif not await self._book(who, report):
            self._lanes[who] = deque([report])
            self._some.set()

    async def book_waiting(self) -> None:
        """Try every lane whose wait is over, as far as it can be booked."""
        for who, lane in list(self._lanes.items()):
            while lane and self._lanes.get(who) is lane and await self._book(who, lane[0]):
                lane.popleft()
            if not lane and self._lanes.get(who) is lane:
                del self._lanes[who]
        self._room.set()

    async def _book(self, who: str, report: ExecutionReport) -> bool:
        if self._scheduler.waits(who):
            return False
        # Without waiting for the lock, which would delay the other lanes.
        book = partial(record_execution, self._desk, report, wait=False)
        if await self._scheduler.run(who, "an execution report", book) is not None:
            return False
        await self._venue.confirm(report)
        return True


async def _whose(report: ExecutionReport) -> AccountId | None:
    name = report.client_order_id
    return await account_of(name) if names_an_order(name) else None
