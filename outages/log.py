"""An outage in the log: one line when it begins and one when it ends, however often it is met meanwhile.

Every loop tells of what it tries again and again by this one mechanism, so that a log of an outage of an hour
is as short as one of a second. While an outage lasts, a line with a growing interval says that it goes on,
and so does one for each further kind of error that is met in it.
"""

import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import structlog

GOES_ON = "an outage goes on"
FIRST_REMINDER_S, LAST_REMINDER_S = 600.0, 86_400.0
"""The interval of reminders at first; it doubles with each of them, up to the second."""
KINDS_MAX = 20
"""Kinds of errors told within one outage."""
NAMES_MAX = 10_000
"""Outages of one kind that are remembered at a time; one beyond them is not told."""

log = structlog.get_logger()


class OutageLog:
    """Of one thing that is tried again and again. `facts` are part of each line."""

    def __init__(
        self,
        begins: str,
        ends: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        level: str = "warning",
        **facts: object,
    ) -> None:
        """The two events of the log, and the level of the first."""
        self._begins, self._ends = begins, ends
        self._clock = clock
        self._level = level
        self._facts = facts
        self._failed = 0
        self._since = self._failed_at = self._remind_at = 0.0
        self.error = ""
        """What was told of it last."""
        self._interval_s = FIRST_REMINDER_S
        self._kinds: set[Hashable] = set()

    @property
    def lasts(self) -> bool:
        """It has begun and not ended."""
        return self._failed > 0

    @property
    def failed_for_s(self) -> float:
        """From when it failed first until it failed last; 0 while it does not last."""
        return self._failed_at - self._since if self._failed else 0.0

    def tell(self, error: BaseException | str, kind: Hashable = None, **facts: object) -> None:
        """It failed. `kind`: what is one kind of error; None: its type."""
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
        """It goes well, since `at` (None: since now): says so if it had failed before, how often, and how
        long that lasted."""
        if self._failed:
            ended = self._clock() if at is None else at
            lasted_s = round(max(0.0, ended - self._since), 1)
            log.info(self._ends, **self._facts, failed=self._failed, lasted_s=lasted_s)
        self._failed = 0


class OutageLogs:
    """Of many of a kind, each with its own outage; `naming` is the fact that names one."""

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
        """As `OutageLog`."""
        self._naming, self._begins, self._ends, self._clock, self._facts = naming, begins, ends, clock, facts
        self._level = level
        self._logs: dict[Hashable, OutageLog] = {}

    def __len__(self) -> int:
        """How many are out."""
        return len(self._logs)

    def tell(self, name: Hashable, error: BaseException | str, **facts: object) -> None:
        """That one failed."""
        known = self._logs.get(name)
        if known is None:
            if len(self._logs) >= NAMES_MAX:
                return
            naming: dict[str, object] = {self._naming: name}
            facts_of_all: dict[str, Any] = self._facts | naming
            known = OutageLog(self._begins, self._ends, clock=self._clock, level=self._level, **facts_of_all)
            self._logs[name] = known
        known.tell(error, None, **facts)

    def over(self, name: Hashable) -> None:
        """That one goes well."""
        if (known := self._logs.pop(name, None)) is not None:
            known.over()

    def only(self, names: Iterable[Hashable]) -> None:
        """The outages of all others are over."""
        for gone in self._logs.keys() - set(names):
            self.over(gone)
