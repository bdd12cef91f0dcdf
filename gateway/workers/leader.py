"""One process leads: it holds a lease in the database and does the desk's own work as long as it does.

Losing the lease stops its work; what two leaders might do at once for a moment is made harmless by the
database's constraints, not by the lease. A venue that cannot be opened stops the trading and nothing else:
what is committed is published all the same.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from gateway.resources import OpenVenue, Resources
from gateway.supervisor import Supervisor
from gateway.workers.table import of_the_leader, of_trading
from models.lease import Lease, acquire_lease, read_lease, release_lease, renew_lease
from models.market import load_instruments, load_quotes

LEASE = "desk"

log = structlog.get_logger()

T = TypeVar("T")


class Leader:
    """Waits for the lease, works while it holds it."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._work: Supervisor | None = None
        self._trading: Supervisor | None = None
        self._fence: int | None = None

    @property
    def fence(self) -> int | None:
        """The term of the lease in which it leads; None while it does not."""
        return self._fence

    @property
    def leading(self) -> bool:
        """It holds the lease."""
        return self._work is not None

    @property
    def ready(self) -> bool:
        """Nothing to do, or everything running."""
        if self._work is None:
            return True
        return self._work.ready and self._trading is not None and self._trading.ready

    async def run(self) -> None:
        """Until cancelled."""
        settings = self._resources.settings
        while True:
            asked = asyncio.get_running_loop().time()
            if lease := await self._acquire():
                await self._lead(lease.fence, asked + settings.lease_ttl_s)
            await asyncio.sleep(settings.lease_renew_s)

    async def _lead(self, fence: int, runs_out: float) -> None:
        resources = self._resources
        log.info("this process leads the desk", holder=resources.holder, fence=fence)
        self._fence, self._work = fence, (work := of_the_leader(resources, self._trade))
        work.start()
        try:
            await self._keep_lease(fence, runs_out)
            log.warning("the lease is lost, or the database silent", holder=resources.holder)
        finally:
            self._fence = self._work = None
            await work.stop(resources.settings.shutdown_timeout_s)
            # Last, for whoever gets it opens venue and feed at once.
            await _in_time(self._gives_lease_back(), resources.settings.shutdown_timeout_s)

    async def _trade(self) -> None:
        async with _trading(self._resources) as trading:
            self._trading = trading
            trading.start()
            try:
                await asyncio.Event().wait()
            finally:
                self._trading = None
                await trading.stop(self._resources.settings.shutdown_timeout_s)

    async def _keep_lease(self, fence: int, runs_out: float) -> None:
        """Until another process has it, or it has run out while the database failed or did not answer."""
        settings, clock = self._resources.settings, asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(settings.lease_renew_s)
            asked = clock()
            try:
                if not await _in_time(self._renew(fence), max(0.0, runs_out - asked)):
                    return
                runs_out = asked + settings.lease_ttl_s
            except OSError:
                if clock() >= runs_out:
                    raise

    async def _acquire(self) -> Lease | None:
        """The lease, if it is to be had."""
        resources, asked = self._resources, self._resources.desk.clock()
        lease = await acquire_lease(LEASE, resources.holder, self._ttl)
        self._compare_clocks(asked, lease or await read_lease(LEASE))
        return lease

    async def _renew(self, fence: int) -> bool:
        resources, asked = self._resources, self._resources.desk.clock()
        lease = await renew_lease(LEASE, resources.holder, fence, self._ttl)
        self._compare_clocks(asked, lease)
        return lease is not None

    def _compare_clocks(self, asked: datetime, lease: Lease | None) -> None:
        if lease is not None:
            self._resources.database_clock.compare(asked, lease.now, self._resources.desk.clock())

    async def _gives_lease_back(self) -> bool:
        return await release_lease(LEASE, self._resources.holder)

    @property
    def _ttl(self) -> timedelta:
        return timedelta(seconds=self._resources.settings.lease_ttl_s)


async def _in_time(asked: Coroutine[None, None, T], timeout_s: float | None) -> T | None:
    """The answer, or None when it takes longer; whoever is cancelled meanwhile does not wait for it.

    Asked in a task, since a driver whose server is silent waits even after it was cancelled.
    """
    task = asyncio.create_task(asked)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
        return task.result() if done else None
    finally:
        if task.cancel():
            task.add_done_callback(lambda late: late.cancelled() or late.exception())


@asynccontextmanager
async def _trading(resources: Resources) -> AsyncIterator[Supervisor]:
    """The loops that take a venue and a market, and both open for as long."""
    opened = resources.open_venue()
    feed = resources.open_feed()
    try:
        await resources.market_days.load()
        await _in_time(_tell_market(opened), None)
        yield of_trading(resources, opened, feed)
    finally:
        if feed is not None:
            await feed.close()
        await opened.venue.close()


async def _tell_market(opened: OpenVenue) -> None:
    """A simulated venue starts with what the database knows of the market."""
    symbols = list(await load_instruments())
    opened.hear(tuple((await load_quotes(symbols)).values()))
