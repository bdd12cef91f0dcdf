"""Each of many gets its turn in a round, whatever the others raise.

Who raised is tried again after a wait that doubles with each fault in a row, up to a limit, so that a fault
that lasts costs little and one that passes little time. What is remembered of faults lives in memory: a new
leader tries at once. An outage concerns everybody: it ends the round and flies on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger()

Work = Callable[[], Awaitable[object]]
Attempt = Callable[[Work], Awaitable[Exception | None]]
"""Runs it and gives back what it raised; lets an outage fly."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What somebody's turn raised: the `count`-th time in a row; `until`: when the next turn is."""

    error: Exception
    count: int
    until: datetime
    told: bool = False
    """One of them was told of, where people look."""


@dataclass(slots=True)
class FaultCount:
    """How many there were since the process started; for those who watch it."""

    faults: int = 0

    def count(self) -> None:
        """One more."""
        self.faults += 1


class Turns:
    """One per leader and kind of round."""

    def __init__(
        self,
        attempt: Attempt,
        clock: Callable[[], datetime],
        first_wait: timedelta,
        max_wait: timedelta,
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        self.attempt = attempt
        self._clock = clock
        self._first_wait = first_wait
        self._max_wait = max_wait
        self._on_fault = on_fault
        self._faults: dict[str, Fault] = {}

    def waits(self, who: str) -> bool:
        """It raised not long ago: its turn is later."""
        fault = self._faults.get(who)
        return fault is not None and self._clock() < fault.until

    def told(self, who: str) -> None:
        """The fault was told of; so are those that follow it in a row."""
        fault = self._faults.get(who)
        if fault is not None:
            self._faults[who] = replace(fault, told=True)

    async def take(self, who: str, what: str, work: Work) -> Fault | None:
        """Run its share, named `what` in the log; the fault, or None when it was done."""
        error = await self.attempt(work)
        if error is None:
            self._faults.pop(who, None)
            return None
        self._on_fault()
        fault = self._noted(who, error)
        log.error("a fault held up one of many", what=what, who=who, until=fault.until, exc_info=error)
        return fault

    def _noted(self, who: str, error: Exception) -> Fault:
        now = self._clock()
        # Who has not come back for so long is not in the rounds any more: nothing grows for ever.
        self._faults = {
            key: fault for key, fault in self._faults.items() if now - fault.until < 2 * self._max_wait
        }
        before = self._faults.get(who)
        count, told = (before.count + 1, before.told) if before else (1, False)
        wait = min(self._first_wait * (1 << min(count - 1, 30)), self._max_wait)
        self._faults[who] = fault = Fault(error, count, now + wait, told)
        return fault
