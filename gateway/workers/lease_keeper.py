"""Renews the lease during one term, from outside of the loop that answers requests.

A loop in which one call computes for seconds renews nothing meanwhile, and a desk that is well would lose the
lease. So a thread renews it, with an event loop and a connection of its own. It does so only as long as the
other loop shows life: a leader whose loop stands still for longer gives the lease back, since it watches and
sends nothing. Guarantee: before that the term is ended, so that nothing is sent in it any more.

On SQLite the loop itself renews it. A second connection that writes makes the transactions of the first one
fail (SQLITE_BUSY_SNAPSHOT), and there is no other process that could take the lease.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

import structlog

from gateway.loops.patience import in_time
from gateway.workers.loop_life import LoopLife
from gateway.workers.term import LEASE, Term
from messages.threads import Threads
from models.lease import Lease, read_lease, release_lease, renew_lease, sessions_locking_leases
from models.sql.database import Database
from models.sql.faults import Busy

log = structlog.get_logger()

CLOSE_TIMEOUT_S = 5.0
"""For the connection of the thread, which delays nothing else: a silent server does not confirm its end."""


class LeaseListener(Protocol):
    """Hears of the lease in the loop that answers requests."""

    def renewed(self, asked: datetime, lease: Lease, answered: datetime) -> None:
        """The lease was renewed between these two times of the process."""

    def locked(self, pids: list[int], lease: Lease | None) -> None:
        """It could not be renewed because of a lock; `lease` as it was read, if possible."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """The settings, in seconds."""

    ttl_s: float
    renew_s: float
    without_loop_s: float


class LeaseKeeper:
    """Keeps the lease of one term."""

    def __init__(
        self,
        term: Term,
        times: LeaseTimes,
        clock: Callable[[], datetime],
        listener: LeaseListener,
        open_database: Callable[[], Database] | None,
    ) -> None:
        """`open_database`: the one for the thread, not opened yet; None: the loop itself renews."""
        self._term, self._times, self._clock, self._listener = term, times, clock, listener
        self._open_database = open_database
        self._loop = asyncio.get_running_loop()
        self._life = None if open_database is None else LoopLife(times.ttl_s)
        self._stopped = False
        self._stopping: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._ended: asyncio.Future[None] | None = None

    @property
    def standstills(self) -> int:
        """How often the loop that answers requests stood still in this term."""
        return 0 if self._life is None else self._life.standstills

    async def begin(self) -> "asyncio.Future[None]":
        """Begin to renew; done when the lease is lost, and raises OSError when the database was unavailable
        for as long as the lease lasts.
        """
        if self._open_database is None:
            self._ended = asyncio.ensure_future(self._work())
            return self._ended
        lost: asyncio.Future[None] = self._loop.create_future()
        # It need not be awaited.
        lost.add_done_callback(lambda each: each.cancelled() or each.exception())
        open_database = self._open_database
        self._ended = await Threads(1, "lease").begin(lambda: asyncio.run(self._beside(open_database, lost)))
        return lost

    async def stop(self) -> None:
        """Renew no more. Waits for the end of a renewal under way, but not for a database that is silent."""
        self._stopped = True
        if self._stopping is not None:
            loop, stopping = self._stopping
            # The thread may have ended by itself.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(stopping.set)
        if self._ended is not None:
            await asyncio.wait({self._ended}, timeout=self._times.renew_s)

    async def _beside(self, open_database: Callable[[], Database], lost: "asyncio.Future[None]") -> None:
        """In the thread. What happened is said before the connection is closed, which may take long."""
        opened: dict[Database, asyncio.Task[None]] = {}
        work = asyncio.create_task(self._work_with(open_database, opened))
        work.add_done_callback(lambda done: self._tell(lambda: _pass_on(done, lost)))
        await asyncio.wait({work})
        for database, opening in opened.items():
            # A connection that is cancelled while it is being opened would stay open.
            await asyncio.wait({opening}, timeout=CLOSE_TIMEOUT_S)
            if opening.done() and opening.exception() is None:
                await in_time(database.close(), CLOSE_TIMEOUT_S)

    async def _work_with(
        self, open_database: Callable[[], Database], opened: dict[Database, asyncio.Task[None]]
    ) -> None:
        if (database := await self._opened(open_database, opened)) is not None:
            with database.active():
                await self._work()

    async def _opened(
        self, open_database: Callable[[], Database], opened: dict[Database, asyncio.Task[None]]
    ) -> Database | None:
        """None: not before the lease ended. A database that failed to open is not opened again."""
        while True:
            database = open_database()
            opening = asyncio.create_task(database.open())
            await asyncio.wait({opening}, timeout=max(0.0, self._term.runs_out - monotonic()))
            if not opening.done():
                opened[database] = opening
                return None
            try:
                opening.result()
            except OSError:
                if self._term.expired:
                    raise
                await asyncio.sleep(self._times.renew_s)
            else:
                opened[database] = opening
                return database

    async def _work(self) -> None:
        stopping = asyncio.Event()
        self._stopping = asyncio.get_running_loop(), stopping
        while not self._stopped:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._times.renew_s):
                    await stopping.wait()
                    return
            if self._loop_is_dead():
                await self._give_back()
                return
            if not await self._keeps():
                return

    def _loop_is_dead(self) -> bool:
        return self._life is not None and self._life.look() > self._times.without_loop_s

    async def _give_back(self) -> None:
        """The other loop may come back at any moment: nothing may be sent by then."""
        self._term.end()
        log.error("a loop that stands still for too long costs this process the lease")
        # If it cannot be released, it expires.
        with suppress(OSError, Busy):
            await in_time(release_lease(LEASE, self._term.holder), self._times.renew_s)

    async def _keeps(self) -> bool:
        """Whether the term goes on."""
        asked, asked_at = monotonic(), self._clock()
        # A process that was frozen tries once more, although its time is over: no other term may have begun.
        patience_s = self._times.ttl_s if self._term.expired else self._term.runs_out - asked
        try:
            lease = await in_time(self._renew(), patience_s)
            if lease is None:
                return False
            self._term.runs_out = asked + self._times.ttl_s
            answered_at = self._clock()
            self._tell(lambda: self._listener.renewed(asked_at, lease, answered_at))
        except OSError:
            if self._term.expired:
                raise
        except Busy:
            await self._note_lock()
            return not self._term.expired
        return True

    async def _renew(self) -> Lease | None:
        ttl = timedelta(seconds=self._times.ttl_s)
        return await renew_lease(LEASE, self._term.holder, self._term.fence, ttl)

    async def _note_lock(self) -> None:
        pids, lease = await locks_on_lease()
        self._tell(lambda: self._listener.locked(pids, lease))

    def _tell(self, news: Callable[[], None]) -> None:
        """A closed loop hears nothing more. For one that stands still, at most as many news wait as there are
        renewals until it counts as dead.
        """
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(news)


async def locks_on_lease() -> tuple[list[int], Lease | None]:
    """The sessions that lock it, and the lease: a lock on its row does not keep processes from reading it."""
    pids, lease = await sessions_locking_leases(), None
    with suppress(Busy):
        lease = await read_lease(LEASE)
    return pids, lease


def _pass_on(done: "asyncio.Task[None]", to: "asyncio.Future[None]") -> None:
    if to.done():
        return
    if (fault := done.exception()) is not None:
        to.set_exception(fault)
    else:
        to.set_result(None)
