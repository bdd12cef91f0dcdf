"""Requests that find no database: one outage in the log, however many requests meet it.

A line when it begins, and one with the count when no request has failed for `QUIET_S`. Whether the database
answers says nothing about that: one that is read-only answers, and refuses to write.
"""

import asyncio

import structlog

QUIET_S = 5
"""After so long without a request that fails the outage is over."""

log = structlog.get_logger()


class RequestOutage:
    """One for each open database."""

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._failed = 0
        self._failed_at_s: float = 0

    def note(self, path: str, error: BaseException) -> None:
        """A request to `path` (of the answer or the URL) failed. To be called in the event loop."""
        loop = asyncio.get_running_loop()
        self._failed += 1
        self._failed_at_s = loop.time()
        if self._failed == 1:
            log.warning("a request found no database", path=path, error=str(error))
            loop.call_later(self._quiet_s, self._look)

    def _look(self) -> None:
        """Say that it is over, or look again when it could be."""
        loop = asyncio.get_running_loop()
        left = self._failed_at_s + self._quiet_s - loop.time()
        if left > 0:
            loop.call_later(left, self._look)
            return
        log.info("requests find the database again", failed=self._failed)
        self._failed = 0
