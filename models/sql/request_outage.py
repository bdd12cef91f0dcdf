"""Requests that the database does not serve: one outage in the log, however many requests meet it.

One line when it begins, and one with the count when no request has failed for `QUIET_S`. An answer of the
database proves nothing: a read-only one answers, and refuses writes.
"""

import asyncio
import time

from outages.log import OutageLog

QUIET_S = 5
"""After so long without a failed request the outage is over."""


class RequestOutage:
    """The outage of one open database."""

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._failed_at_s: float = 0
        self._outage = OutageLog(
            "the database is unavailable to requests", "the database is available to requests again"
        )

    def note(self, path: str, error: BaseException) -> None:
        """Record a failed request to `path` (of the answer or the URL). Call it in the event loop."""
        loop = asyncio.get_running_loop()
        self._failed_at_s = loop.time()
        if not self._outage.lasts:
            loop.call_later(self._quiet_s, self._look)
        self._outage.report(error, path=path)

    def _look(self) -> None:
        """Log the end of the outage, or schedule the next check."""
        loop = asyncio.get_running_loop()
        left = self._failed_at_s + self._quiet_s - loop.time()
        if left > 0:
            loop.call_later(left, self._look)
            return
        self._outage.over(time.monotonic() - self._quiet_s)
