"""Whether any process leads, as far as this one can tell; reported in the log and by `/readyz`.

A row lock on the lease, held by a session forgotten in a transaction, prevents all leading: no lease can be
renewed or acquired, while every process by itself is well. So does a lease of a dead process that is damaged
and ends in a far future.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from models.lease import Lease
from outages.log import OutageLog

LOCKED = "the lease is locked by another session of the database"
SILENT = "no process holds the lease"


class SomebodyLeads:
    """Used by `/readyz`, updated by the loop that waits for the lease."""

    def __init__(self, after_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`after_s`: how long no process may lead before it is reported; a change of leaders takes a
        moment.
        """
        self._after_s = after_s
        self._clock = clock
        self._seen_at = clock()
        self._until: datetime | None = None
        self._why = SILENT
        self._outage = OutageLog("no process leads the desk", "a process leads the desk again", level="error")

    @property
    def trouble(self) -> str | None:
        """Why no process leads; None while one does."""
        if self._clock() - self._seen_at <= self._after_s:
            return None
        return f"no process leads: {self._why}"

    def saw(self, lease: Lease | None) -> None:
        """The lease was read from the database."""
        if lease is None or not lease.held:
            self._note(SILENT)
        elif self._is_left_alone(lease):
            self._note(
                f"the lease ends only at {lease.until.isoformat()}, and {lease.holder} does not renew it"
            )
        else:
            self.leads()

    def leads(self) -> None:
        """Some process leads."""
        self._seen_at = self._clock()
        self._outage.over()

    def locked(self, pids: list[int], lease: Lease | None) -> None:
        """The lease could neither be acquired nor renewed; `lease` as it was read, if possible."""
        by = f" (pid {', '.join(map(str, pids))})" if pids else ""
        if lease is not None and lease.held and not self._is_left_alone(lease):
            self._why = f"{LOCKED}{by}"
            self.leads()
        else:
            self._note(f"{LOCKED}{by}")

    def _is_left_alone(self, lease: Lease) -> bool:
        """Its end is further away than a renewal sets it, and is the one that was seen before.

        A process that lives would have renewed it.
        """
        before, self._until = self._until, lease.until
        return lease.until == before and lease.until - lease.now > timedelta(seconds=self._after_s)

    def _note(self, why: str) -> None:
        self._why = why
        if (trouble := self.trouble) is not None:
            self._outage.report(trouble, kind="no leader")
