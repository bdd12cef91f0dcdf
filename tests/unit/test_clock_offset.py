"""How far a clock is from another one, of which it hears only after a while."""

from datetime import UTC, datetime, timedelta

import pytest
import structlog

from gateway.watch.clock_offset import ClockOffset

NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
MOST = timedelta(seconds=10)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    ("ahead_s", "took_s", "offset_s", "too_large"),
    [
        (0, 0, 0, False),
        (600, 0, 600, True),
        (-600, 0, -600, True),
        (10, 0, 10, False),
        (0, 60, 0, False),
        (600, 60, 600, True),
        (-600, 60, -540, True),
        (-30, 60, 0, False),
    ],
    ids=lambda value: str(value),
)
def test_of_the_possible_offsets_the_smallest_counts(
    ahead_s: float, took_s: float, offset_s: float, too_large: bool
) -> None:
    """The other clock showed noon when the question came, and the answer took a while."""
    clock = ClockOffset("database", MOST)
    asked = NOON + seconds(ahead_s)
    clock.compare(asked, NOON, asked + seconds(took_s))
    assert clock.offset == seconds(offset_s)
    assert clock.too_large is too_large


def test_a_wrong_clock_is_logged_once_when_it_begins_and_once_when_it_ends() -> None:
    clock = ClockOffset("database", MOST)
    assert (clock.offset, clock.too_large) == (None, False)
    with structlog.testing.capture_logs() as logs:
        for ahead_s in (600, 601, 602, 1, 0, -600, 0):
            at = NOON + seconds(ahead_s)
            clock.compare(at, NOON, at)
    wrong, right = "the clock of this process is wrong", "the clock of this process is right again"
    assert [each["event"] for each in logs] == [wrong, right, wrong, right]
