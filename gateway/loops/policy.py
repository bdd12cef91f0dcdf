"""The restart policy of the desk's loops."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from desk.fair_scheduler import FairScheduler, Work
from desk.leadership import NotLeading
from gateway.loops.supervisor import FaultKinds, RestartPolicy, Supervisor, Worker, attempted
from gateway.settings import Settings
from models.sql.faults import Busy, DatabaseUnavailable, PrivilegeMissing, StatementCutOff
from models.sql.forms import UnstorableText
from models.sql.unreadable import UnreadableRow
from subscriptions.stream.bus import BusUnavailable
from subscriptions.stream.outbox_relay import StreamDiverged
from venues.base import VenueUnavailable

PERSISTENT = RestartPolicy(max_crashes=None, max_wait_s=2)
"""A database that is unavailable for an hour must not end the desk: it keeps trying, is not ready meanwhile,
and continues soon after the database is back.
"""
OUTAGES = (BusUnavailable, DatabaseUnavailable, PrivilegeMissing, ConnectionError, NotLeading, StreamDiverged)
"""Exceptions of the bus and the database while their server is unavailable or refuses the desk's role, and of
the order path when another process leads; and a restored database that waits for its operator.
"""
HOLD_UPS = (Busy, StatementCutOff, PrivilegeMissing, VenueUnavailable)
"""Faults that end a loop and concern nothing else: a lock or statement that takes too long, a missing
privilege, and an unavailable venue.

If one item of a round raises one of these, the others continue, except that a privilege would be missing for
them as well; and a process with such a loop still answers its callers.
"""
DAMAGE = (UnreadableRow,)
"""Ends a loop that needs a damaged stored row: it concerns this loop alone."""
HINDRANCES = (*OUTAGES, *HOLD_UPS)
"""Faults that end a loop without being a fault of the loop."""
KINDS = FaultKinds(HINDRANCES, HOLD_UPS, DAMAGE)


def supervised(*workers: Worker) -> Supervisor:
    """A supervisor that is not started yet."""
    return Supervisor(workers, PERSISTENT, KINDS)


async def attempt(work: Work) -> Exception | None:
    """The fault of one item of a loop's work; an outage is raised."""
    return await attempted(work, OUTAGES)


async def attempt_item(work: Work) -> Exception | None:
    """The fault of one item of a request; a fault for which the whole request has to be sent again is
    raised.
    """
    return await attempted(work, (*OUTAGES, Busy, StatementCutOff, UnstorableText))


def liquidation_scheduler(
    settings: Settings, clock: Callable[[], datetime], on_fault: Callable[[], None] = lambda: None
) -> FairScheduler:
    """For the rounds of automatic liquidation."""
    return FairScheduler(
        attempt,
        clock,
        first_wait=timedelta(seconds=settings.auto_liquidation_retry_s),
        max_wait=timedelta(seconds=settings.auto_liquidation_fault_wait_max_s),
        on_fault=on_fault,
    )


ROUND_FIRST_WAIT, ROUND_MAX_WAIT = timedelta(seconds=1), timedelta(minutes=1)
"""The first and the longest wait of an item that failed in a round over many."""


def round_scheduler(on_fault: Callable[[], None] = lambda: None) -> FairScheduler:
    """For a round over accounts, cases or endpoints."""
    return FairScheduler(attempt, steady_clock(), ROUND_FIRST_WAIT, ROUND_MAX_WAIT, on_fault)


def steady_clock() -> Callable[[], datetime]:
    """A clock for durations: it advances evenly, even if the wall clock is corrected."""
    begun, since = datetime.now(UTC), time.monotonic()
    return lambda: begun + timedelta(seconds=time.monotonic() - since)
