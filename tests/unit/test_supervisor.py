"""The supervisor: restarts, gives up, reports and stops. Time passes only where a test lets it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.loops.policy import KINDS
from gateway.loops.supervisor import (
    RUNS_WELL_AFTER_S,
    FaultKinds,
    RestartPolicy,
    Supervisor,
    Worker,
    WorkerState,
    attempted,
)
from models.sql.faults import Busy, DatabaseUnavailable
from models.sql.unreadable import UnreadableRow
from tests.kit.patience import PATIENCE_S, pauses

POLICY = RestartPolicy(first_wait_s=1, max_wait_s=4, max_crashes=5, window_s=100)


class Time:
    """A clock that moves only when a task waits; every wait is recorded."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Loop:
    """A loop that does what `steps` say, one step per start, and then runs for ever."""

    def __init__(self, *steps: Callable[[], Awaitable[None]]) -> None:
        self._steps = list(steps)
        self.settled = asyncio.Event()
        self.cancelled = False

    async def run(self) -> None:
        if self._steps:
            await self._steps.pop(0)()
            return
        self.settled.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


async def crash() -> None:
    raise RuntimeError("boom")


async def end() -> None:
    return


async def wait_for_something_cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


def supervise(*workers: Worker, time: Time | None = None, policy: RestartPolicy = POLICY) -> Supervisor:
    time = time or Time()
    return Supervisor(workers, policy, wait=time.wait, clock=lambda: time.now)


def is_ready(supervisor: Supervisor) -> bool:
    """Read again each time, which a type checker does not expect of a property."""
    return supervisor.ready


async def reached(state: WorkerState, supervisor: Supervisor, index: int = 0) -> None:
    """Return once the worker is in `state`."""
    for _ in range(1000):
        if supervisor.statuses[index].state is state:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"never {state}: {supervisor.statuses[index]}")


async def test_supervisor_is_ready_while_every_needed_loop_runs() -> None:
    loop = Loop()
    supervisor = supervise(Worker("relay", loop.run))
    assert not is_ready(supervisor)

    supervisor.start()
    await loop.settled.wait()
    assert is_ready(supervisor)

    assert await supervisor.stop(timeout_s=5) == ()
    assert loop.cancelled
    assert not is_ready(supervisor)


async def test_crashed_loop_is_logged_counted_and_restarted() -> None:
    loop = Loop(crash)
    supervisor = supervise(Worker("relay", loop.run))

    with capture_logs() as logs:
        supervisor.start()
        await loop.settled.wait()

    assert is_ready(supervisor)
    assert supervisor.statuses[0].crashes == 1
    assert [(entry["event"], entry["worker"], entry["exc_info"]) for entry in logs] == [
        ("worker crashed", "relay", True)
    ]
    await supervisor.stop(timeout_s=5)


async def test_a_loop_is_failing_from_a_while_after_its_first_failure_until_it_runs_well() -> None:
    seen = []

    async def failed() -> None:
        seen.append(bool(supervisor.failing(for_s=0.3)))
        await crash()

    loop, time = Loop(crash, failed, failed, failed), Time()
    supervisor = Supervisor(
        [Worker("relay", loop.run), Worker("other", Loop().run)],
        RestartPolicy(max_crashes=None),
        wait=time.wait,
        clock=lambda: time.now,
        runs_well_after_s=0.01,
    )
    assert supervisor.failing(for_s=0) == []
    supervisor.start()
    await loop.settled.wait()
    assert seen == [False, False, True]
    assert supervisor.failing(for_s=0.3) == ["relay: boom"]
    async with asyncio.timeout(PATIENCE_S):
        for pause in pauses():
            if not supervisor.failing(for_s=0):
                break
            await asyncio.sleep(pause)
    await supervisor.stop(timeout_s=5)


async def test_a_loop_that_failed_for_a_moment_and_runs_since_then_is_not_failing() -> None:
    time, loop = Time(), Loop(crash, crash)
    supervisor = supervise(Worker("relay", loop.run), time=time)
    with capture_logs():
        supervisor.start()
        await loop.settled.wait()
    time.now += RUNS_WELL_AFTER_S
    assert supervisor.failing(for_s=RUNS_WELL_AFTER_S) == []
    assert supervisor.failing(for_s=1) == ["relay: boom"]
    await supervisor.stop(timeout_s=5)


DAMAGED = UnreadableRow("audit_head", "audit", ValueError("it is not the end"))


@pytest.mark.parametrize(
    ("fault", "ready", "event"),
    [
        (Busy("locked"), True, "worker waits for a server"),
        (DatabaseUnavailable("away"), False, "worker waits for a server"),
        (DAMAGED, True, "a loop is held up by damaged data"),
        (ExceptionGroup("tasks", [DAMAGED]), True, "a loop is held up by damaged data"),
    ],
)
async def test_neither_a_lock_nor_a_damaged_row_turns_callers_away(
    fault: Exception, ready: bool, event: str
) -> None:
    waiting = asyncio.Event()

    async def fail() -> None:
        raise fault

    async def wait(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    supervisor = Supervisor([Worker("relay", fail)], POLICY, KINDS, wait=wait)
    with capture_logs() as logs:
        supervisor.start()
        await waiting.wait()
    assert (is_ready(supervisor), supervisor.running) == (ready, False)
    assert [(each["event"], "exc_info" in each) for each in logs] == [(event, False)]
    await supervisor.stop(timeout_s=5)


async def test_outage_of_a_server_is_one_line_without_a_traceback() -> None:
    async def refused() -> None:
        raise ConnectionRefusedError("connection refused")

    loop, time = Loop(refused), Time()
    worker = Worker("relay", loop.run)
    supervisor = Supervisor([worker], POLICY, FaultKinds(outages=(ConnectionError,)), wait=time.wait)

    with capture_logs() as logs:
        supervisor.start()
        await loop.settled.wait()

    assert logs == [
        {
            "event": "worker waits for a server",
            "log_level": "warning",
            "worker": "relay",
            "error": "connection refused",
        }
    ]
    await supervisor.stop(timeout_s=5)


async def test_supervisor_is_not_ready_while_a_needed_loop_waits_for_its_restart() -> None:
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def wait(seconds: float) -> None:
        waiting.set()
        await go_on.wait()

    loop = Loop(crash)
    supervisor = Supervisor([Worker("relay", loop.run)], POLICY, wait=wait)
    supervisor.start()

    await waiting.wait()
    assert not is_ready(supervisor)
    go_on.set()
    await loop.settled.wait()
    assert is_ready(supervisor)
    await supervisor.stop(timeout_s=5)


async def test_wait_doubles_up_to_its_bound_and_then_the_loop_is_given_up() -> None:
    time, loop = Time(), Loop(*[crash] * 5)
    supervisor = supervise(Worker("relay", loop.run), time=time)

    supervisor.start()
    await reached(WorkerState.FAILED, supervisor)

    assert time.waits == [1, 2, 4, 4]
    assert not is_ready(supervisor)
    assert not loop.settled.is_set()
    await supervisor.stop(timeout_s=5)
    assert supervisor.statuses[0].state is WorkerState.FAILED


async def test_loop_without_a_crash_limit_is_never_given_up() -> None:
    crashes = 0
    enough = asyncio.Event()

    async def crash() -> None:
        nonlocal crashes
        crashes += 1
        if crashes == 50:
            enough.set()
        raise ValueError("again")

    async def no_wait(_: float) -> None:
        await asyncio.sleep(0)

    supervisor = Supervisor([Worker("loop", crash)], RestartPolicy(max_crashes=None), wait=no_wait)
    supervisor.start()
    await enough.wait()
    await supervisor.stop(1)
    assert supervisor.statuses[0].state is not WorkerState.FAILED


async def test_crashes_outside_the_window_are_forgotten() -> None:
    time, loop = Time(), Loop(*[crash] * 50)
    policy = RestartPolicy(first_wait_s=3, max_wait_s=60, max_crashes=3, window_s=3)
    supervisor = supervise(Worker("relay", loop.run), time=time, policy=policy)

    supervisor.start()
    await loop.settled.wait()

    assert time.waits == [3] * 50
    assert supervisor.statuses[0].crashes == 50
    await supervisor.stop(timeout_s=5)


async def test_one_crashing_loop_does_not_disturb_the_others() -> None:
    good, bad = Loop(), Loop(*[crash] * 5)
    supervisor = supervise(Worker("good", good.run), Worker("bad", bad.run, needed=False))

    supervisor.start()
    await good.settled.wait()
    await reached(WorkerState.FAILED, supervisor, index=1)

    assert is_ready(supervisor)
    await supervisor.stop(timeout_s=5)


async def test_loop_that_is_not_needed_may_finish() -> None:
    loop = Loop(end)
    supervisor = supervise(Worker("replay", loop.run, needed=False))

    supervisor.start()
    await reached(WorkerState.FINISHED, supervisor)

    assert is_ready(supervisor)
    await supervisor.stop(timeout_s=5)


@pytest.mark.parametrize("mishap", [end, wait_for_something_cancelled])
async def test_needed_loop_that_just_ends_is_restarted(mishap: Callable[[], Awaitable[None]]) -> None:
    loop = Loop(mishap)
    supervisor = supervise(Worker("relay", loop.run))

    supervisor.start()
    await loop.settled.wait()

    assert is_ready(supervisor)
    assert supervisor.statuses[0].crashes == 1
    await supervisor.stop(timeout_s=5)


async def test_stop_waits_a_limited_time_and_names_workers_that_did_not_stop() -> None:
    running, release = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        running.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    supervisor = supervise(Worker("stubborn", stubborn, needed=False))
    supervisor.start()
    await running.wait()

    assert await supervisor.stop(timeout_s=0.01) == ("stubborn",)
    release.set()
    await supervisor.stop(timeout_s=5)


async def test_supervisor_without_workers_is_ready_and_stops() -> None:
    supervisor = supervise()
    supervisor.start()
    assert is_ready(supervisor)
    assert await supervisor.stop(timeout_s=5) == ()


@pytest.mark.parametrize("ending", [crash, end])
async def test_a_loop_that_ends_otherwise_when_it_is_stopped_is_not_started_again(
    ending: Callable[[], Awaitable[None]],
) -> None:
    """A driver may answer a cancellation with an error of its own: no loop may outlive its resources."""
    starts, began = 0, asyncio.Event()

    async def run() -> None:
        nonlocal starts
        starts += 1
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await ending()

    supervisor = supervise(Worker("feed", run))
    supervisor.start()
    await began.wait()
    assert await supervisor.stop(1) == ()
    assert starts == 1
    assert supervisor.statuses[0].state is WorkerState.STOPPED


class Away(Exception):
    """A server."""


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        (Away(), "worker waits for a server"),
        (ExceptionGroup("tasks", [Away()]), "worker waits for a server"),
        (ExceptionGroup("tasks", [Away(), ExceptionGroup("more", [Away()])]), "worker waits for a server"),
        (ExceptionGroup("tasks", [Away(), RuntimeError("boom")]), "worker crashed"),
        (RuntimeError("boom"), "worker crashed"),
    ],
    ids=repr,
)
async def test_an_outage_is_logged_once_however_many_tasks_it_ended(fault: Exception, event: str) -> None:
    async def fail() -> None:
        raise fault

    loop, time = Loop(fail), Time()
    supervisor = Supervisor(
        [Worker("loop", loop.run)],
        POLICY,
        FaultKinds((Away,)),
        wait=time.wait,
        clock=lambda: time.now,
    )
    with capture_logs() as logs:
        supervisor.start()
        await loop.settled.wait()
        await supervisor.stop(1)
    (line,) = [each for each in logs if each["log_level"] in ("warning", "error")]
    assert line["event"] == event
    assert ("exc_info" in line) is (event == "worker crashed")
    assert (line["error"] == "boom") is (event == "worker crashed")


async def test_a_share_of_work_that_an_outage_ended_raises_it() -> None:
    async def fail() -> None:
        raise ExceptionGroup("tasks", [Away("gone")])

    with pytest.raises(Away, match="gone"):
        await attempted(fail, (Away,))
    assert isinstance(await attempted(crash, (Away,)), RuntimeError)


async def test_a_loop_whose_tasks_failed_is_started_again() -> None:
    """Python 3.11: such a TaskGroup leaves its own task looking as if it were being cancelled."""

    async def tasks_fail() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(crash())
            group.create_task(asyncio.Event().wait())

    loop, time = Loop(tasks_fail, tasks_fail), Time()
    supervisor = supervise(Worker("bus", loop.run), time=time)
    supervisor.start()
    async with asyncio.timeout(PATIENCE_S):
        await loop.settled.wait()
    assert supervisor.statuses[0].crashes == 2
    assert is_ready(supervisor)
    assert await supervisor.stop(PATIENCE_S) == ()
    assert loop.cancelled


async def test_an_outage_is_logged_once_while_it_lasts_and_again_when_it_returns() -> None:
    time = Time()

    async def away() -> None:
        raise Away("gone")

    async def other() -> None:
        raise ConnectionError("refused")

    async def runs_well_first() -> None:
        time.now += RUNS_WELL_AFTER_S
        raise Away("gone again")

    loop = Loop(away, away, away, other, other, away, runs_well_first, away)
    endless = RestartPolicy(first_wait_s=1, max_wait_s=4, max_crashes=None, window_s=100)
    supervisor = Supervisor(
        [Worker("loop", loop.run)],
        endless,
        FaultKinds(outages=(Away, ConnectionError)),
        wait=time.wait,
        clock=lambda: time.now,
    )
    with capture_logs() as logs:
        supervisor.start()
        await loop.settled.wait()
        await supervisor.stop(PATIENCE_S)
    told = [(each["event"], each.get("error"), each.get("failed"), each.get("lasted_s")) for each in logs]
    assert told == [
        ("worker waits for a server", "gone", None, None),
        ("an outage continues", "refused", 4, None),
        ("worker recovered", None, 6, 19.0),
        ("worker waits for a server", "gone again", None, None),
    ]


async def test_a_loop_that_has_run_well_says_that_its_outage_is_over() -> None:
    async def away() -> None:
        raise Away("gone")

    loop, time, over = Loop(away, away), Time(), asyncio.Event()

    def heard(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event["event"] == "worker recovered":
            over.set()
        return event

    supervisor = Supervisor(
        [Worker("loop", loop.run)],
        POLICY,
        FaultKinds((Away,)),
        wait=time.wait,
        runs_well_after_s=0.01,
    )
    with capture_logs(processors=[heard]) as logs:
        supervisor.start()
        async with asyncio.timeout(PATIENCE_S):
            await over.wait()
        await supervisor.stop(PATIENCE_S)
    assert [(each["event"], each.get("failed")) for each in logs] == [
        ("worker waits for a server", None),
        ("worker recovered", 2),
    ]


async def test_a_repeated_crash_is_logged_once_and_so_is_another_one() -> None:
    async def other() -> None:
        raise RuntimeError("elsewhere")

    loop, time = Loop(crash, other, crash, end, crash, other, end), Time()
    endless = RestartPolicy(first_wait_s=1, max_wait_s=4, max_crashes=None, window_s=100)
    supervisor = supervise(Worker("loop", loop.run), time=time, policy=endless)
    with capture_logs() as logs:
        supervisor.start()
        await loop.settled.wait()
        await supervisor.stop(PATIENCE_S)
    assert [(each["event"], each["error"]) for each in logs] == [
        ("worker crashed", "boom"),
        ("worker crashed", "elsewhere"),
        ("worker exited unexpectedly", ""),
    ]
