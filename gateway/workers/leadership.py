"""Whether any process leads, as far as this one can tell; it says so in the log and to `/readyz`.

A row lock on the lease, held by a session that is forgotten in a transaction, lets nobody lead: no lease can
be renewed or taken, while every process by itself is well.
"""

import time
from collections.abc import Callable

from models.lease import Lease
from outages.log import OutageLog

LOCKED = "the lease is locked by another session of the database"
SILENT = "no process holds the lease"


class SomebodyLeads:
    """Asked of by `/readyz`, told by the loop that waits for the lease."""

    def __init__(self, after_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`after_s`: how long nobody may lead before that is told; from one leader to the next it takes a
        moment."""
        self._after_s = after_s
        self._clock = clock
        self._seen_at = clock()
        self._why = SILENT
        self._told = OutageLog("no process leads the desk", "a process leads the desk again", level="error")

    @property
    def trouble(self) -> str | None:
        """Why no process leads; None while one does."""
        if self._clock() - self._seen_at <= self._after_s:
            return None
        return f"no process leads: {self._why}"

    def saw(self, lease: Lease | None) -> None:
        """What the database says of the lease."""
        if lease is not None and lease.held:
            self.leads()
        else:
            self._note(SILENT)

    def leads(self) -> None:
        """Some process does."""
        self._seen_at = self._clock()
        self._told.over()

    def locked(self, pids: list[int], lease: Lease | None) -> None:
        """The lease could neither be taken nor renewed; as it was read, where that could be done."""
        by = f" (pid {', '.join(map(str, pids))})" if pids else ""
        if lease is not None and lease.held:
            self._why = f"{LOCKED}{by}"
            self.leads()
        else:
            self._note(f"{LOCKED}{by}")

    def _note(self, why: str) -> None:
        self._why = why
        if (trouble := self.trouble) is not None:
            self._told.tell(trouble, kind="no leader")
