"""Requests that find no database: one outage in the log, however many requests meet it.

A line when it begins, and one with the count when no request has failed for `QUIET_S`. Whether the database
answers says nothing about that: one that is read-only answers, and refuses to write.
"""

import asyncio
import time

from outages.log import OutageLog

QUIET_S = 5
"""After so long without a request that fails the outage is over."""


class RequestOutage:
    """One for each open database."""

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._failed_at_s: float = 0
        self._outage = OutageLog("a request found no database", "requests find the database again")

    def note(self, path: str, error: BaseException) -> None:
        """A request to `path` (of the answer or the URL) failed. To be called in the event loop."""
        loop = asyncio.get_running_loop()
        self._failed_at_s = loop.time()
        if not self._outage.lasts:
            loop.call_later(self._quiet_s, self._look)
        self._outage.tell(error, path=path)

    def _look(self) -> None:
        """Say that it is over, or look again when it could be."""
        loop = asyncio.get_running_loop()
        left = self._failed_at_s + self._quiet_s - loop.time()
        if left > 0:
            loop.call_later(left, self._look)
            return
        self._outage.over(time.monotonic() - self._quiet_s)
