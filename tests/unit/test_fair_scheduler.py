"""Many take their turn together: those that raise are found, wait, and hold up no other."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from desk.fair_scheduler import LOCK_FIRST_WAIT, LOCKED_AFTER, FairScheduler, FaultCount
from gateway.loops.policy import attempt
from gateway.loops.supervisor import attempted
from models.sql.faults import Busy, DatabaseUnavailable
from models.sql.unreadable import UnreadableRow

FIRST, LONGEST = timedelta(seconds=1), timedelta(seconds=60)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Round:
    """Shares that are done, unless they are bad."""

    def __init__(self, bad: set[int]) -> None:
        self.bad, self.done, self.attempts = bad, set[int](), 0

    async def run(self, some: Sequence[int]) -> None:
        """All of a batch or none, as in a transaction."""
        self.attempts += 1
        if self.bad & set(some):
            raise ValueError("a bad one is among them")
        self.done |= set(some)


def scheduler(clock: Clock, counted: FaultCount | None = None) -> FairScheduler:
    return FairScheduler(attempt, clock, FIRST, LONGEST, (counted or FaultCount()).count)


@given(st.integers(1, 200), st.sets(st.integers(0, 199), max_size=8))
async def test_all_but_the_bad_ones_are_done_in_few_attempts(number: int, drawn: set[int]) -> None:
    bad = {each for each in drawn if each < number}
    round_, counted = Round(bad), FaultCount()
    with capture_logs():
        failed = await scheduler(Clock(), counted).run_all(list(range(number)), str, "a share", round_.run)
    assert set(failed) == bad
    assert round_.done == set(range(number)) - bad
    assert counted.faults == len(bad)
    assert round_.attempts <= 1 + 2 * len(bad) * number.bit_length()


async def test_one_that_raised_waits_longer_each_time_and_is_logged_once() -> None:
    clock, round_ = Clock(), Round({3})
    taken = scheduler(clock)
    with capture_logs() as logs:
        for wait in (1, 2, 4, 8, 16, 32, 60, 60):
            await taken.run_all(range(5), str, "a share", round_.run)
            assert taken.waits("3")
            clock.now += timedelta(seconds=wait) - timedelta(milliseconds=1)
            assert taken.waits("3")
            clock.now += timedelta(milliseconds=1)
            assert not taken.waits("3")
        round_.bad.clear()
        assert await taken.run_all(range(5), str, "a share", round_.run) == []
    assert [each["log_level"] for each in logs] == ["error", "info"]
    assert taken.fault_of("3") is None


async def test_a_lock_is_no_fault_and_is_reported_when_it_lasts() -> None:
    clock, counted = Clock(), FaultCount()
    taken = scheduler(clock, counted)

    async def locked() -> None:
        raise Busy("locked")

    with capture_logs() as logs:
        fault = await taken.run("a", "a share", locked)
        assert fault is not None
        assert fault.until - clock() == LOCK_FIRST_WAIT
        clock.now += LOCKED_AFTER - timedelta(milliseconds=1)
        await taken.run("a", "a share", locked)
        assert logs == []
        clock.now += timedelta(milliseconds=1)
        for _ in range(3):
            await taken.run("a", "a share", locked)
    assert [each["log_level"] for each in logs] == ["warning"]
    assert counted.faults == 0


async def test_damage_is_logged_in_one_line_without_a_traceback() -> None:
    taken = scheduler(Clock())
    with capture_logs() as logs:
        for _ in range(2):
            taken.note("a", "a share", UnreadableRow("position", "7", ValueError("NaN")))
    (line,) = logs
    assert (line["event"], "exc_info" in line) == ("an item is held up by damaged data", False)
    assert "position 7" in line["error"]


async def test_an_item_that_a_batch_left_out_keeps_its_fault() -> None:
    taken, left_out = scheduler(Clock()), ["a"]
    taken.note("a", "a share", Busy("locked"))

    async def run(some: Sequence[str]) -> None:
        """Leaves the first one out."""

    await taken.run_all(["a", "b"], str, "a share", run, left_out)
    assert taken.fault_of("a") is not None


async def test_an_outage_ends_the_round_for_all() -> None:
    async def away(some: Sequence[int]) -> None:
        raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable):
        await scheduler(Clock()).run_all(range(3), str, "a share", away)
    assert isinstance(await attempted(lambda: away([])), DatabaseUnavailable)


async def test_faults_of_those_that_are_gone_are_forgotten() -> None:
    clock = Clock()
    taken = scheduler(clock)
    with capture_logs():
        for number in range(1000):
            clock.now += timedelta(seconds=10)
            taken.note(str(number), "a share", ValueError("gone"))
    remembered = [number for number in range(1000) if taken.fault_of(str(number))]
    assert len(remembered) <= 30
