"""Each of many gets its turn in a round, whatever becomes of the others.

One that raises is set aside and tried again after a wait that doubles with each fault in a row, up to a
limit: a fault that lasts costs little, one that passes little time. A row that another transaction keeps
locked is tried again sooner, and counts as no fault. Many may take their turn together; where that raises,
they are halved until the ones that raise are alone. Each fault is logged once when it appears and once when
it is over, with its traceback unless stored data is damaged.

What is remembered lives in memory: a new leader tries at once. An outage concerns all: it ends the round.
"""

from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from domain.backoff import backoff
from models.sql.database import Busy
from models.sql.unreadable import UnreadableRow

log = structlog.get_logger()

Work = Callable[[], Awaitable[object]]
Attempt = Callable[[Work], Awaitable[Exception | None]]
"""Runs it and gives back what it raised; lets an outage fly."""

LOCK_FIRST_WAIT, LOCK_MAX_WAIT = timedelta(milliseconds=50), timedelta(seconds=2)
LOCKED_AFTER = timedelta(seconds=5)
"""For so long a lock is somebody's ordinary work. One that lasts longer is reported."""
_REMEMBERED_MAX_WAITS = 2
"""After so many of the longest wait without a turn, the one that failed is no longer in the rounds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """What somebody's turn raised: the `count`-th time in a row; `until`: when the next turn is."""

    error: Exception
    count: int
    until: datetime
    told: bool = False
    """One of them was told of, where people look."""
    since: datetime | None = None
    """When the first in the row was."""
    lasted: timedelta = timedelta()
    """From the first in the row to this one."""

    @property
    def is_lock(self) -> bool:
        """A row was locked by another transaction: nothing is wrong with the work itself."""
        return isinstance(self.error, Busy)

    @property
    def is_worth_telling(self) -> bool:
        """Not a lock that others have held for a moment only."""
        return not self.is_lock or self.lasted >= LOCKED_AFTER


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
        self._forgot_at = clock()

    def waits(self, who: str) -> bool:
        """It raised not long ago: its turn is later."""
        fault = self._faults.get(who)
        return fault is not None and self._clock() < fault.until

    def fault_of(self, who: str) -> Fault | None:
        """What its last turn raised; None when that was done, or never taken."""
        return self._faults.get(who)

    def pause(self, at_most: timedelta) -> timedelta:
        """Until the next turn of one that waits, but no longer than that, and at least the shortest wait."""
        now = self._clock()
        soonest = min((fault.until for fault in self._faults.values() if fault.until > now), default=None)
        if soonest is None:
            return at_most
        return min(at_most, max(LOCK_FIRST_WAIT, soonest - now))

    def told(self, who: str) -> None:
        """The fault was told of; so are those that follow it in a row."""
        fault = self._faults.get(who)
        if fault is not None:
            self._faults[who] = replace(fault, told=True)

    async def take(self, who: str, what: str, work: Work) -> Fault | None:
        """Run its share, named `what` in the log; the fault, or None when it was done."""
        error = await self.attempt(work)
        if error is None:
            self.done(who, what)
            return None
        return self.note(who, what, error)

    async def take_all(
        self,
        items: Sequence[T],
        who: Callable[[T], str],
        what: str,
        work: Callable[[Sequence[T]], Awaitable[object]],
        left_out: Container[T] = (),
    ) -> list[T]:
        """Run the shares of all whose turn it is together; those that waited or raised.

        `work` must be harmless to repeat: what it did for some of a batch that raised is done again. It may
        add to `left_out` what it did not do, which keeps its faults.
        """
        ready = [item for item in items if not self.waits(who(item))] if self._faults else list(items)
        waiting = [item for item in items if self.waits(who(item))] if len(ready) < len(items) else []
        return waiting + await self._together(ready, who, what, work, left_out)

    async def _together(
        self,
        items: Sequence[T],
        who: Callable[[T], str],
        what: str,
        work: Callable[[Sequence[T]], Awaitable[object]],
        left_out: Container[T],
    ) -> list[T]:
        if not items:
            return []
        error = await self.attempt(partial(work, items))
        if error is None:
            for item in items if self._faults else ():
                if item not in left_out:
                    self.done(who(item), what)
            return []
        if len(items) == 1:
            self.note(who(items[0]), what, error)
            return list(items)
        half = len(items) // 2
        first = await self._together(items[:half], who, what, work, left_out)
        return first + await self._together(items[half:], who, what, work, left_out)

    def done(self, who: str, what: str) -> None:
        """Its turn went well."""
        fault = self._faults.pop(who, None)
        if fault is not None and fault.is_worth_telling:
            lasted = self._clock() - (fault.since or fault.until)
            facts = {"faults": fault.count, "lasted_s": round(lasted.total_seconds(), 1)}
            log.info("one of many that was held up goes on", what=what, who=who, **facts)

    def note(self, who: str, what: str, error: Exception) -> Fault:
        """Its turn raised this."""
        before = self._faults.get(who)
        fault = self._after(before, error)
        self._forget_old()
        self._faults[who] = fault
        if not fault.is_lock:
            self._on_fault()
        if fault.is_worth_telling and not _was_told_of(before, fault):
            _tell(fault, what, who)
        return fault

    def _after(self, before: Fault | None, error: Exception) -> Fault:
        now, is_lock = self._clock(), isinstance(error, Busy)
        first, longest = (LOCK_FIRST_WAIT, LOCK_MAX_WAIT) if is_lock else (self._first_wait, self._max_wait)
        if before is None or before.is_lock is not is_lock:
            return Fault(error, 1, now + first, since=now)
        wait = backoff(first, longest, before.count + 1)
        since = before.since or now
        return Fault(error, before.count + 1, now + wait, before.told, since, now - since)

    def _forget_old(self) -> None:
        """Who has not come back for so long is not in the rounds any more: nothing grows for ever."""
        now, keep_for = self._clock(), _REMEMBERED_MAX_WAITS * max(self._max_wait, LOCK_MAX_WAIT)
        if now - self._forgot_at < keep_for:
            return
        self._forgot_at = now
        self._faults = {who: fault for who, fault in self._faults.items() if now - fault.until < keep_for}


def _was_told_of(before: Fault | None, after: Fault) -> bool:
    """The log has it already, for it is the same kind of fault that goes on."""
    if before is None or not before.is_worth_telling:
        return False
    return type(before.error) is type(after.error)


def _tell(fault: Fault, what: str, who: str) -> None:
    facts = {"what": what, "who": who, "until": fault.until}
    if fault.is_lock:
        log.warning("a lock holds up one of many", **facts)
    elif isinstance(fault.error, UnreadableRow):
        log.error("damaged data holds up one of many", **facts, error=str(fault.error))
    else:
        log.error("a fault held up one of many", **facts, exc_info=fault.error)
