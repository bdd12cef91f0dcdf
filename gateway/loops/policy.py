"""How the desk's loops are kept running."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from desk.leadership import NotLeading
from desk.turns import Turns, Work
from gateway.loops.supervisor import RestartPolicy, Supervisor, Worker, attempted
from gateway.settings import Settings
from models.sql.database import Busy, DatabaseUnavailable, StatementCutOff, UnstorableText
from models.sql.unreadable import UnreadableRow
from subscriptions.bus import BusUnavailable
from venues.base import VenueUnavailable

PERSISTENT = RestartPolicy(max_crashes=None, max_wait_s=2)
"""A database that is away for an hour must not end the desk: it tries on, is not ready meanwhile, and back at
work soon after the database is."""
OUTAGES = (BusUnavailable, DatabaseUnavailable, ConnectionError, NotLeading)
"""What bus and database raise while their server is away, and the order path where another process leads."""
HOLD_UPS = (Busy, StatementCutOff, VenueUnavailable)
"""What ends a loop and concerns nothing else: a lock or a statement that takes too long, and a venue that is
away. Where one share of a round raises one of these, the others go on; and a process with such a loop answers
its callers as before."""
DAMAGE = (UnreadableRow,)
"""What ends a loop that needs a stored row which is damaged: it concerns this loop alone."""
HINDRANCES = (*OUTAGES, *HOLD_UPS)
"""What ends a loop without being a fault of it."""


def supervised(*workers: Worker) -> Supervisor:
    """Not started yet."""
    return Supervisor(workers, PERSISTENT, outages=HINDRANCES, hold_ups=HOLD_UPS, damage=DAMAGE)


async def attempt(work: Work) -> Exception | None:
    """What one share of a loop's work raised; an outage is raised."""
    return await attempted(work, OUTAGES)


async def attempt_item(work: Work) -> Exception | None:
    """What one item of a request raised; what the whole request has to be sent again for is raised."""
    return await attempted(work, (*OUTAGES, Busy, StatementCutOff, UnstorableText))


def liquidation_turns(
    settings: Settings, clock: Callable[[], datetime], on_fault: Callable[[], None] = lambda: None
) -> Turns:
    """Of the rounds in which the desk liquidates by itself."""
    return Turns(
        attempt,
        clock,
        first_wait=timedelta(seconds=settings.auto_liquidation_retry_s),
        max_wait=timedelta(seconds=settings.auto_liquidation_fault_wait_max_s),
        on_fault=on_fault,
    )


ROUND_FIRST_WAIT, ROUND_MAX_WAIT = timedelta(seconds=1), timedelta(minutes=1)
"""After a fault in a round over many: how long the one that failed waits at first, and at most."""


def round_turns(on_fault: Callable[[], None] = lambda: None) -> Turns:
    """Of a round over accounts, cases or endpoints."""
    return Turns(attempt, steady_clock(), ROUND_FIRST_WAIT, ROUND_MAX_WAIT, on_fault)


def steady_clock() -> Callable[[], datetime]:
    """Of how long something waits: it goes on evenly, also when the wall clock is put right."""
    begun, since = datetime.now(UTC), time.monotonic()
    return lambda: begun + timedelta(seconds=time.monotonic() - since)
