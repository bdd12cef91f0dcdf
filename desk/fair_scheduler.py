"""Rounds over many items, each independent of the others.

An item whose work raises is set aside and tried again after a wait that doubles with each fault in a row, up
to a limit: a lasting fault costs little, and a passing one delays little. An item whose row another
transaction locks is tried again sooner, which does not count as a fault. Several items may be processed
together; if that raises, the batch is halved until the failing items are alone. Each fault is logged once
when it begins and once when it ends, with its traceback unless stored data is damaged.

This state lives in memory: a new leader tries all items at once. An outage concerns all items and ends the
round.
"""

from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from domain.backoff import backoff
from models.sql.faults import Busy
from models.sql.unreadable import UnreadableRow

log = structlog.get_logger()

Work = Callable[[], Awaitable[object]]
Attempt = Callable[[Work], Awaitable[Exception | None]]
"""Runs the work and returns what it raised, except for an outage, which it raises."""

LOCK_FIRST_WAIT, LOCK_MAX_WAIT = timedelta(milliseconds=50), timedelta(seconds=2)
LOCKED_AFTER = timedelta(seconds=5)
"""A lock of this duration is ordinary work of another transaction. One that lasts longer is logged."""
_REMEMBERED_MAX_WAITS = 2
"""An item without a turn for this many of the longest waits is forgotten: it has left the rounds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """The `count`-th failure in a row of one item; `until`: when it is tried again."""

    error: Exception
    count: int
    until: datetime
    reported: bool = False
    """A failure of this series was reported where operators look."""
    since: datetime | None = None
    """When the first failure of the series happened."""
    lasted: timedelta = timedelta()
    """Time from the first failure of the series to this one."""

    @property
    def is_lock(self) -> bool:
        """Whether another transaction locked a row; the work itself did not fail."""
        return isinstance(self.error, Busy)

    @property
    def is_reportable(self) -> bool:
        """Whether it is reported: every failure but a lock held only for a moment."""
        return not self.is_lock or self.lasted >= LOCKED_AFTER


@dataclass(slots=True)
class FaultCount:
    """Number of faults since the process started, for the metrics."""

    faults: int = 0

    def count(self) -> None:
        """Count one fault."""
        self.faults += 1


class FairScheduler:
    """The state of one kind of round in the leader."""

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
        """Whether the item failed recently and is not tried yet."""
        fault = self._faults.get(who)
        return fault is not None and self._clock() < fault.until

    def fault_of(self, who: str) -> Fault | None:
        """The item's last failure; None if it succeeded or was never tried."""
        return self._faults.get(who)

    def pause(self, at_most: timedelta) -> timedelta:
        """Time until the next waiting item is tried: at most `at_most`, at least the shortest wait."""
        now = self._clock()
        soonest = min((fault.until for fault in self._faults.values() if fault.until > now), default=None)
        if soonest is None:
            return at_most
        return min(at_most, max(LOCK_FIRST_WAIT, soonest - now))

    def mark_reported(self, who: str) -> None:
        """Mark the fault as reported; this holds for the faults that follow it in a row."""
        fault = self._faults.get(who)
        if fault is not None:
            self._faults[who] = replace(fault, reported=True)

    async def run(self, who: str, what: str, work: Work) -> Fault | None:
        """Run the item's work, named `what` in the log; returns the fault, or None on success."""
        error = await self.attempt(work)
        if error is None:
            self.done(who, what)
            return None
        return self.note(who, what, error)

    async def run_all(
        self,
        items: Sequence[T],
        who: Callable[[T], str],
        what: str,
        work: Callable[[Sequence[T]], Awaitable[object]],
        left_out: Container[T] = (),
    ) -> list[T]:
        """Run the work of all items that are due, together; returns the items that waited or failed.

        `work` must be safe to repeat: after a failed batch it runs again for some of the items. It may add
        items that it did not process to `left_out`; these keep their faults.
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
        """Record that the item was processed."""
        fault = self._faults.pop(who, None)
        if fault is not None and fault.is_reportable:
            lasted = self._clock() - (fault.since or fault.until)
            facts = {"faults": fault.count, "lasted_s": round(lasted.total_seconds(), 1)}
            log.info("a held-up item is processed again", what=what, who=who, **facts)

    def note(self, who: str, what: str, error: Exception) -> Fault:
        """Record the failure of an item."""
        before = self._faults.get(who)
        fault = self._after(before, error)
        self._forget_old()
        self._faults[who] = fault
        if not fault.is_lock:
            self._on_fault()
        if fault.is_reportable and not _is_known(before, fault):
            _log(fault, what, who)
        return fault

    def _after(self, before: Fault | None, error: Exception) -> Fault:
        now, is_lock = self._clock(), isinstance(error, Busy)
        first, longest = (LOCK_FIRST_WAIT, LOCK_MAX_WAIT) if is_lock else (self._first_wait, self._max_wait)
        if before is None or before.is_lock is not is_lock:
            return Fault(error, 1, now + first, since=now)
        wait = backoff(first, longest, before.count + 1)
        since = before.since or now
        return Fault(error, before.count + 1, now + wait, before.reported, since, now - since)

    def _forget_old(self) -> None:
        """Drop items that have left the rounds, so that the state does not grow without bound."""
        now, keep_for = self._clock(), _REMEMBERED_MAX_WAITS * max(self._max_wait, LOCK_MAX_WAIT)
        if now - self._forgot_at < keep_for:
            return
        self._forgot_at = now
        self._faults = {who: fault for who, fault in self._faults.items() if now - fault.until < keep_for}


def _is_known(before: Fault | None, after: Fault) -> bool:
    """Whether an earlier failure of the same kind in this series was already logged."""
    if before is None or not before.is_reportable:
        return False
    return type(before.error) is type(after.error)


def _log(fault: Fault, what: str, who: str) -> None:
    facts = {"what": what, "who": who, "until": fault.until}
    if fault.is_lock:
        log.warning("an item is held up by a lock", **facts)
    elif isinstance(fault.error, UnreadableRow):
        log.error("an item is held up by damaged data", **facts, error=str(fault.error))
    else:
        log.error("an item is held up by a fault", **facts, exc_info=fault.error)
