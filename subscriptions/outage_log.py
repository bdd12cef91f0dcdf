"""An outage in the log: one line when it begins and one when it ends, however often it is met meanwhile."""

import structlog

log = structlog.get_logger()


class OutageLog:
    """Of one thing that is tried again and again."""

    def __init__(self, begins: str, ends: str) -> None:
        """The two events of the log."""
        self._begins = begins
        self._ends = ends
        self._failed = 0

    def tell(self, error: BaseException) -> None:
        """It failed."""
        self._failed += 1
        if self._failed == 1:
            log.warning(self._begins, error=str(error))

    def over(self) -> None:
        """It went well: says so if it had failed before, and how often."""
        if self._failed:
            log.info(self._ends, failed=self._failed)
        self._failed = 0
