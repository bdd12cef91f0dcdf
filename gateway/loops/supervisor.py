"""Keep the desk's endless loops running, and log when they do not.

A crash is logged with its traceback, counted, and followed by a restart after a growing wait; a loop that
crashes too often within a window becomes FAILED and is not restarted. A needed loop must never return: that
counts as a crash. Each loop that an outage of a server ends logs it once when it begins and once when the
loop has recovered, however often the loop is restarted meanwhile; so it does with a repeated crash. A loop
that raises while it is being stopped is not restarted. This is the only place that catches every exception,
so a loop may raise any exception and never has to hide a fault to stay alive. A loop over many items lets
`attempted` catch the fault of one of them.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from traceback import extract_tb

import structlog

from domain.backoff import backoff
from outages.log import OutageLog

RUNS_WELL_AFTER_S = 30.0
"""After running for so long since its last start, a loop has recovered: the next outage is a new one."""
TROUBLES_MAX = 20
"""The most kinds of crashes logged for one loop before it has recovered."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A loop to keep running. `run` is called again for every start; one that is not `needed` may return when
    done.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The wait doubles with each crash in the window; after `max_crashes` of them the loop is not restarted.

    None: it is always restarted.
    """

    first_wait_s: float = 0.1
    max_wait_s: float = 10
    max_crashes: int | None = 10
    window_s: float = 120

    def wait_s(self, crashes: int) -> float:
        """The wait before the restart that follows the `crashes`-th crash in the window."""
        return backoff(self.first_wait_s, self.max_wait_s, crashes)


@dataclass(frozen=True, slots=True)
class FaultKinds:
    """Exceptions that are no fault of a loop; each is logged in one line without a traceback."""

    outages: tuple[type[Exception], ...] = ()
    """A server is unavailable."""
    hold_ups: tuple[type[Exception], ...] = ()
    """Outages that concern one loop alone, such as a lock: it counts as running while it waits for its
    restart.
    """
    damage: tuple[type[Exception], ...] = ()
    """A loop needs damaged stored data; otherwise like a hold-up."""


NO_KINDS = FaultKinds()


class WorkerState(StrEnum):
    """The state of a worker."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


@dataclass(slots=True)
class WorkerStatus:
    """The status of a worker; `crashes` counts since the start of the process."""

    worker: Worker
    state: WorkerState = WorkerState.STARTING
    crashes: int = 0
    recent: deque[float] = field(default_factory=deque)
    troubles: dict[tuple[object, ...], OutageLog] = field(default_factory=dict)
    """The faults that have ended it since it last recovered, by kind: an outage, or a crash at some place."""
    started_at: float = 0
    held_up: bool = False
    """Its last end concerns only this loop, and no other part of the process."""


class Supervisor:
    """Runs workers from `start` to `stop`; time passes by `wait` and `clock` (monotonic seconds)."""

    def __init__(
        self,
        workers: Sequence[Worker],
        policy: RestartPolicy,
        kinds: FaultKinds = NO_KINDS,
        *,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        runs_well_after_s: float = RUNS_WELL_AFTER_S,
    ) -> None:
        self.statuses = tuple(WorkerStatus(worker) for worker in workers)
        self._policy = policy
        self._kinds = kinds
        self._wait = wait
        self._clock = clock
        self._runs_well_after_s = runs_well_after_s
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._log = structlog.get_logger(__name__)

    @property
    def running(self) -> bool:
        """Whether every needed loop runs."""
        return all(status.state is WorkerState.RUNNING for status in self.statuses if status.worker.needed)

    @property
    def ready(self) -> bool:
        """Whether every needed loop runs, or is held up by a fault that concerns it alone."""
        return all(_is_at_work(status) for status in self.statuses if status.worker.needed)

    def failing(self, for_s: float) -> list[str]:
        """Loops that have failed repeatedly for so long, with their last errors.

        A loop that failed once, or for less time, and runs since then is not included.
        """
        return [
            f"{status.worker.name}: {longest.error or 'it ended'}"
            for status in self.statuses
            if (longest := max(status.troubles.values(), key=_failed_for_s, default=None)) is not None
            and longest.failed_for_s >= for_s
        ]

    def start(self) -> None:
        """Start every worker as a task of the running event loop."""
        assert not self._tasks, "started twice"
        self._tasks = tuple(
            asyncio.create_task(self._keep_running(status), name=status.worker.name)
            for status in self.statuses
        )

    async def stop(self, timeout_s: float) -> tuple[str, ...]:
        """Cancel every worker and wait for its end; returns the names of those that did not end in
        `timeout_s`.
        """
        for task in self._tasks:
            task.cancel()
        pending = (await asyncio.wait(self._tasks, timeout=timeout_s))[1] if self._tasks else set()
        for status in self.statuses:
            if status.state is not WorkerState.FAILED:
                status.state = WorkerState.STOPPED
        stuck = tuple(sorted(task.get_name() for task in pending))
        if stuck:
            self._log.error("workers did not stop in time", workers=stuck, timeout_s=timeout_s)
        return stuck

    async def _keep_running(self, status: WorkerStatus) -> None:
        while await self._run_once(status) and not _being_cancelled():
            crashes = self._count_crash(status)
            if self._policy.max_crashes is not None and crashes >= self._policy.max_crashes:
                status.state = WorkerState.FAILED
                self._log.critical(
                    "worker crashed too often and is not restarted",
                    worker=status.worker.name,
                    crashes=crashes,
                )
                return
            status.state = WorkerState.WAITING
            await self._wait(self._policy.wait_s(crashes))

    async def _run_once(self, status: WorkerStatus) -> bool:
        """Run the loop until it ends; returns whether that was a crash."""
        status.state, status.started_at, status.held_up = WorkerState.RUNNING, self._clock(), False
        well = asyncio.get_running_loop().call_later(self._runs_well_after_s, self._runs_well, status)
        try:
            # In a task of its own: on Python 3.11 a TaskGroup that ends by a fault can leave its task looking
            # as if it were being cancelled, and then the loop would never be restarted.
            await asyncio.create_task(_to_its_end(status.worker), name=status.worker.name)
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
            event = "worker crashed: an awaited task was cancelled"
            self._trouble(status, (event,), event).report("", exc_info=True)
            return True
        except Exception as fault:
            self._report(fault, status)
            return True
        finally:
            well.cancel()
        if status.worker.needed:
            event = "worker exited unexpectedly"
            self._trouble(status, (event,), event).report("")
            return True
        status.state = WorkerState.FINISHED
        return False

    def _report(self, fault: Exception, status: WorkerStatus) -> None:
        if (damaged := outage_in(fault, self._kinds.damage)) is not None:
            event = "a loop is held up by damaged data"
            status.held_up = True
            self._trouble(status, (event,), event).report(damaged)
            return
        outage = outage_in(fault, self._kinds.outages)
        if outage is None:
            event = "worker crashed"
            self._trouble(status, (event, *_place(fault)), event).report(self._named(fault), exc_info=True)
            return
        status.held_up = outage_in(fault, self._kinds.hold_ups) is not None
        self._trouble(status, (), "worker waits for a server", level="warning").report(outage)

    def _named(self, fault: Exception) -> Exception:
        """The first fault of a group of tasks that is no outage; the group itself says nothing."""
        while isinstance(fault, ExceptionGroup):
            faults = [each for each in fault.exceptions if outage_in(each, self._kinds.outages) is None]
            fault = (faults or fault.exceptions)[0]
        return fault

    def _trouble(
        self, status: WorkerStatus, kind: tuple[object, ...], event: str, *, level: str = "error"
    ) -> OutageLog:
        if self._clock() - status.started_at >= self._runs_well_after_s:
            self._runs_well(status)
        if kind not in status.troubles and len(status.troubles) == TROUBLES_MAX:
            kind = next(iter(status.troubles))
        facts = {"worker": status.worker.name}
        return status.troubles.setdefault(
            kind, OutageLog(event, "worker recovered", clock=self._clock, level=level, **facts)
        )

    def _runs_well(self, status: WorkerStatus) -> None:
        for trouble in status.troubles.values():
            trouble.over(status.started_at)
        status.troubles.clear()

    def _count_crash(self, status: WorkerStatus) -> int:
        """Count a crash; returns how many are in the window."""
        now = self._clock()
        status.crashes += 1
        status.recent.append(now)
        while status.recent[0] <= now - self._policy.window_s:
            status.recent.popleft()
        return len(status.recent)


async def attempted(
    work: Callable[[], Awaitable[object]], outages: tuple[type[Exception], ...] = ()
) -> Exception | None:
    """Run one item of a loop's work; returns its fault, so that the next item gets its turn. An outage
    concerns all items and is raised.
    """
    try:
        await work()
    except Exception as fault:
        if (outage := outage_in(fault, outages)) is not None:
            raise outage from fault
        return fault
    return None


def outage_in(fault: Exception, outages: tuple[type[Exception], ...]) -> Exception | None:
    """The outage in a fault, or in a group of tasks that all ended by one; None if anything else failed as
    well.
    """
    if not isinstance(fault, ExceptionGroup):
        return fault if isinstance(fault, outages) else None
    causes = [outage_in(each, outages) for each in fault.exceptions]
    return None if None in causes else causes[0]


def _failed_for_s(trouble: OutageLog) -> float:
    return trouble.failed_for_s


def _is_at_work(status: WorkerStatus) -> bool:
    return status.state is WorkerState.RUNNING or (status.state is WorkerState.WAITING and status.held_up)


def _place(fault: Exception) -> tuple[object, ...]:
    """The place where it was raised: the same fault at the same place is logged once."""
    while isinstance(fault, ExceptionGroup):
        fault = fault.exceptions[0]
    frames = extract_tb(fault.__traceback__)
    return (type(fault).__name__, frames[-1].filename, frames[-1].lineno) if frames else (type(fault),)


async def _to_its_end(worker: Worker) -> None:
    await worker.run()


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
