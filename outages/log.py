"""Outages in the log: one line when an outage begins and one when it ends, however often it is met meanwhile.

Every loop reports repeated failures by this one mechanism, so that the log of an outage of an hour is as
short as one of a second. While an outage lasts, a line at growing intervals says so, and so does one for each
further kind of error.
"""

import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import structlog

GOES_ON = "an outage continues"
FIRST_REMINDER_S, LAST_REMINDER_S = 600.0, 86_400.0
"""The first interval of reminders, which doubles with each of them, and the longest."""
KINDS_MAX = 20
"""The most kinds of errors logged within one outage."""
NAMES_MAX = 10_000
"""The most outages of one kind remembered at a time; further ones are not logged."""

log = structlog.get_logger()


class OutageLog:
    """The outage of one thing that is tried repeatedly. `facts` are part of each line."""

    def __init__(
        self,
        begins: str,
        ends: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        level: str = "warning",
        **facts: object,
    ) -> None:
        """The two log events, and the level of the first."""
        self._begins, self._ends = begins, ends
        self._clock = clock
        self._level = level
        self._facts = facts
        self._failed = 0
        self._since = self._failed_at = self._remind_at = 0.0
        self.error = ""
        """The last error."""
        self._interval_s = FIRST_REMINDER_S
        self._kinds: set[Hashable] = set()

    @property
    def lasts(self) -> bool:
        """Whether the outage has begun and not ended."""
        return self._failed > 0

    @property
    def failed_for_s(self) -> float:
        """Seconds from the first failure to the last; 0 if no outage lasts."""
        return self._failed_at - self._since if self._failed else 0.0

    def report(self, error: BaseException | str, kind: Hashable = None, **facts: object) -> None:
        """Record a failure. `kind` groups errors; None: by their type."""
        now, kind = self._clock(), kind or type(error).__name__
        self._failed += 1
        self._failed_at, self.error = now, str(error)
        facts |= self._facts | {"error": str(error)}
        if self._failed == 1:
            self._since, self._interval_s = now, FIRST_REMINDER_S
            self._remind_at = now + FIRST_REMINDER_S
            self._kinds = {kind}
            getattr(log, self._level)(self._begins, **facts)
            return
        is_new = kind not in self._kinds and len(self._kinds) < KINDS_MAX
        self._kinds |= {kind} if is_new else set()
        if not is_new and now < self._remind_at:
            return
        if now >= self._remind_at:
            self._interval_s = min(2 * self._interval_s, LAST_REMINDER_S)
            self._remind_at = now + self._interval_s
        so_far = {"failed": self._failed, "lasts_s": round(now - self._since, 1)}
        log.warning(GOES_ON, outage=self._begins, **facts, **so_far)

    def over(self, at: float | None = None) -> None:
        """Record success since `at` (None: since now); after failures, logs their number and duration."""
        if self._failed:
            ended = self._clock() if at is None else at
            lasted_s = round(max(0.0, ended - self._since), 1)
            log.info(self._ends, **self._facts, failed=self._failed, lasted_s=lasted_s)
        self._failed = 0


class OutageLogs:
    """The outages of many things of a kind; `naming` is the fact that names one."""

    def __init__(
        self,
        naming: str,
        begins: str,
        ends: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        level: str = "warning",
        **facts: object,
    ) -> None:
        """See `OutageLog`."""
        self._naming, self._begins, self._ends, self._clock, self._facts = naming, begins, ends, clock, facts
        self._level = level
        self._logs: dict[Hashable, OutageLog] = {}

    def __len__(self) -> int:
        """The number of current outages."""
        return len(self._logs)

    def report(self, name: Hashable, error: BaseException | str, **facts: object) -> None:
        """Record a failure of this one."""
        known = self._logs.get(name)
        if known is None:
            if len(self._logs) >= NAMES_MAX:
                return
            naming: dict[str, object] = {self._naming: name}
            facts_of_all: dict[str, Any] = self._facts | naming
            known = OutageLog(self._begins, self._ends, clock=self._clock, level=self._level, **facts_of_all)
            self._logs[name] = known
        known.report(error, None, **facts)

    def over(self, name: Hashable) -> None:
        """Record success of this one."""
        if (known := self._logs.pop(name, None)) is not None:
            known.over()

    def only(self, names: Iterable[Hashable]) -> None:
        """End the outages of all others."""
        for gone in self._logs.keys() - set(names):
            self.over(gone)
