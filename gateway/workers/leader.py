"""The leader: the process that holds the lease in the database does the desk's own work.

Losing the lease stops its work; what two leaders might do at once for a moment is made harmless by the
database's constraints, not by the lease. A venue that cannot be opened stops the trading and nothing else:
prices are stored, margin is watched, cases open, and committed events are published all the same.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from domain.book_changes import TradeStatusStated
from feeds.base import FeedMessage
from gateway.loops.patience import in_time
from gateway.loops.policy import HOLD_UPS, attempt
from gateway.loops.settled import Settled
from gateway.loops.supervisor import Supervisor
from gateway.resources import OpenVenue, Resources, lease_database
from gateway.workers.leadership import SomebodyLeads
from gateway.workers.lease_keeper import LeaseKeeper, LeaseTimes, locks_on_lease
from gateway.workers.market import MarketWire
from gateway.workers.outbound import of_outbound
from gateway.workers.table import of_the_leader, of_trading, of_watching
from gateway.workers.term import LEASE, Term
from models.lease import (
    Lease,
    acquire_lease,
    read_lease,
    release_lease,
)
from models.market import load_instruments, load_quotes
from models.sql.faults import Busy
from outages.log import OutageLog
from venues.bounded import BoundedVenue, bounded

SUCCESSOR = "successor"
"""The lease of a process that does not lead but reaches Redis: a leader that does not can yield to it."""
VENUE_RETRY_S = 1.0
"""The interval at which a venue that could not be opened is tried again."""

log = structlog.get_logger()


class Leader:
    """Waits for the lease, and works while it holds it."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._work: Supervisor | None = None
        self._watching: Supervisor | None = None
        self._held_up = False
        """The watching waits for a lock, which turns no caller away."""
        self._trading: Supervisor | None = None
        self._outbound: Supervisor | None = None
        self._venue: BoundedVenue | None = None
        self._wire = MarketWire()
        self._fence: int | None = None
        self._term: Term | None = None
        self._keeper: LeaseKeeper | None = None
        self._standstills = 0
        self.somebody = SomebodyLeads(resources.settings.lease_ttl_s)
        """Whether this or another process leads."""
        self._redis = Settled(resources.settings.lease_without_redis_s, time.monotonic)

    @property
    def fence(self) -> int | None:
        """The term of the lease in which it leads; None while it does not."""
        return self._fence

    @property
    def leading(self) -> bool:
        """Whether it holds the lease, as far as it knows: not once the lease ran out, although its work may
        still be stopping.
        """
        return self._term is not None and not self._term.expired

    @property
    def lease_age_s(self) -> float | None:
        """Seconds since it asked for the lease or for its last renewal; None while it does not lead."""
        if (term := self._term) is None:
            return None
        return self._resources.settings.lease_ttl_s - (term.runs_out - time.monotonic())

    @property
    def standstills(self) -> int:
        """How often the loop that answers requests stood still while this process led."""
        return self._standstills + (0 if self._keeper is None else self._keeper.standstills)

    @property
    def ready(self) -> bool:
        """Whether it does not lead, or all its loops that need no venue run."""
        if self._work is None:
            return True
        if self._watching is None:
            return self._work.ready and self._held_up
        return self._work.ready and self._watching.ready

    @property
    def trading(self) -> bool:
        """Whether it does not lead, or the venue is open and answers and all its loops that need the venue
        run.
        """
        if self._work is None:
            return True
        if self._trading is None or self._venue is None:
            return False
        return self._trading.running and self._venue.available

    def failing(self, for_s: float) -> list[str]:
        """See `Supervisor.failing`, for the leader's loops."""
        running = (self._work, self._watching, self._trading, self._outbound)
        return [trouble for each in running if each is not None for trouble in each.failing(for_s)]

    async def run(self) -> None:
        """Until cancelled."""
        settings = self._resources.settings
        while True:
            asked = time.monotonic()
            if lease := await self._acquire_unless_locked():
                await self._lead(lease.fence, asked + settings.lease_ttl_s)
            await asyncio.sleep(settings.lease_renew_s)

    async def _lead(self, fence: int, runs_out: float) -> None:
        resources = self._resources
        log.info("this process leads the desk", holder=resources.holder, fence=fence)
        self._term = term = Term(resources.holder, fence, runs_out)
        self._keeper = keeper = self._keeper_of(term)
        self._fence, self._work = (
            fence,
            (work := of_the_leader(resources, self._watch, self._trade, self._reach_out)),
        )
        try:
            lost = await keeper.begin()
            work.start()
            await self._until_over(lost)
        finally:
            self._fence = self._work = self._term = None
            # Renewed until the work has stopped, since the next leader opens venue and feed at once.
            await work.stop(resources.settings.shutdown_timeout_s)
            self._standstills += keeper.standstills
            self._keeper = None
            await keeper.stop()
            await in_time(self._gives_lease_back(), resources.settings.shutdown_timeout_s)

    def _keeper_of(self, term: Term) -> LeaseKeeper:
        resources, settings = self._resources, self._resources.settings
        times = LeaseTimes(settings.lease_ttl_s, settings.lease_renew_s, settings.lease_without_loop_s)
        is_sqlite = settings.database_url.startswith("sqlite:")
        beside = None if is_sqlite else partial(lease_database, settings)
        return LeaseKeeper(term, times, resources.desk.clock, self, beside)

    async def _until_over(self, lost: "asyncio.Future[None]") -> None:
        """Until another process has the lease, or is to have it, or the lease has expired while the database
        failed or did not answer.
        """
        yields = asyncio.create_task(self._until_yielding())
        try:
            done, _ = await asyncio.wait({lost, yields}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            yields.cancel()
        for each in done:
            each.result()
        if lost in done:
            log.warning("the lease is lost or the database does not answer", holder=self._resources.holder)

    async def _until_yielding(self) -> None:
        while True:
            await asyncio.sleep(self._resources.settings.lease_renew_s)
            with suppress(OSError, Busy):
                if not self._reaches_redis() and await self._has_successor():
                    log.warning("the leader cannot reach Redis and yields to a process that can")
                    return

    def renewed(self, asked: datetime, lease: Lease, answered: datetime) -> None:
        """See `LeaseListener`."""
        self._resources.database_clock.compare(asked, lease.now, answered)
        self.somebody.leads()

    def locked(self, pids: list[int], lease: Lease | None) -> None:
        """See `LeaseListener`."""
        self.somebody.locked(pids, lease)

    async def _watch(self) -> None:
        try:
            async with _watching(self._resources, self._wire) as watching:
                self._watching, self._held_up = watching, False
                try:
                    await _run(watching, self._resources)
                finally:
                    self._watching = None
        except HOLD_UPS:
            # A lock on market days: the supervisor logs it and tries again.
            self._held_up = True
            raise

    async def _trade(self) -> None:
        opened = await self._open_venue()
        venue = bounded(opened.venue, self._resources.settings.venue_answer_timeout_s)
        opened = replace(opened, venue=venue)
        try:
            # Before it gets a price of today, which would fill orders for another day.
            opened.end_days(self._resources.desk.calendar_of)
            await self._wire.connect(opened, _known_market)
            self._trading = trading = of_trading(self._led(), opened)
            self._venue = venue
            await _run(trading, self._resources)
        finally:
            self._trading = self._venue = None
            self._wire.disconnect()
            await opened.venue.close()

    async def _reach_out(self) -> None:
        self._outbound = outbound = of_outbound(self._resources)
        try:
            await _run(outbound, self._resources)
        finally:
            self._outbound = None

    def _led(self) -> Resources:
        """Resources with a desk whose order path knows its term."""
        assert self._term is not None, "only the leader trades"
        desk = replace(self._resources.desk, leadership=self._term)
        return replace(self._resources, desk=desk)

    async def _open_venue(self) -> OpenVenue:
        """Try until it opens."""
        opened: list[OpenVenue] = []
        outage = OutageLog(
            "the venue cannot be opened: nothing is traded", "the venue is open", level="error"
        )

        async def open_() -> None:
            opened.append(self._resources.open_venue())

        while (error := await attempt(open_)) is not None:
            outage.report(repr(error))
            await asyncio.sleep(VENUE_RETRY_S)
        outage.over()
        return opened[0]

    async def _acquire_unless_locked(self) -> Lease | None:
        try:
            return await self._acquire()
        except Busy:
            self.somebody.locked(*await locks_on_lease())
            return None

    async def _acquire(self) -> Lease | None:
        """The lease, if it can be acquired."""
        resources, asked = self._resources, self._resources.desk.clock()
        if self._reaches_redis():
            # A failure to be known as a successor must not keep it from leading.
            with suppress(Busy):
                await acquire_lease(SUCCESSOR, resources.holder, self._ttl)
        elif await self._has_successor():
            self.somebody.saw(await read_lease(LEASE))
            return None
        lease = await acquire_lease(LEASE, resources.holder, self._ttl)
        if lease is not None:
            with suppress(Busy):
                await release_lease(SUCCESSOR, resources.holder)
        seen = lease or await read_lease(LEASE)
        self._compare_clocks(asked, seen)
        self.somebody.saw(seen)
        return lease

    def _reaches_redis(self) -> bool:
        return self._redis.look(self._resources.bus.reachable)

    async def _has_successor(self) -> bool:
        """Whether another process runs that reaches Redis."""
        lease = await read_lease(SUCCESSOR)
        return lease is not None and lease.held and lease.holder != self._resources.holder

    def _compare_clocks(self, asked: datetime, lease: Lease | None) -> None:
        if lease is not None:
            self._resources.database_clock.compare(asked, lease.now, self._resources.desk.clock())

    async def _gives_lease_back(self) -> bool:
        """Release the lease; a locked one expires by itself."""
        with suppress(Busy):
            return await release_lease(LEASE, self._resources.holder)
        return False

    @property
    def _ttl(self) -> timedelta:
        return timedelta(seconds=self._resources.settings.lease_ttl_s)


async def _run(supervisor: Supervisor, resources: Resources) -> None:
    """Until cancelled."""
    supervisor.start()
    try:
        await asyncio.Event().wait()
    finally:
        await supervisor.stop(resources.settings.shutdown_timeout_s)


@asynccontextmanager
async def _watching(resources: Resources, wire: MarketWire) -> AsyncIterator[Supervisor]:
    """The loops that need a feed, with the feed open meanwhile."""
    feed = resources.open_feed()
    try:
        await in_time(resources.market_days.load(), None)
        yield of_watching(resources, wire.hear, feed)
    finally:
        resources.feed_watch.ends()
        if feed is not None:
            await feed.close()


async def _known_market() -> Sequence[FeedMessage]:
    """The market data in the database, with which a simulated venue starts.

    A silent database must not delay the closing of a venue.
    """
    known = await in_time(_load_market(), None)
    assert known is not None
    return known


async def _load_market() -> Sequence[FeedMessage]:
    instruments = await load_instruments()
    # As of any time, so that the feed's status is newer in any case.
    statuses = [
        TradeStatusStated(symbol, instrument.trade_status, datetime.min.replace(tzinfo=UTC))
        for symbol, instrument in instruments.items()
    ]
    return (*statuses, *(await load_quotes(list(instruments))).values())
