"""The pause between attempts."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.backoff import backoff


def test_the_pause_doubles_up_to_the_longest() -> None:
    assert [backoff(0.5, 3.0, failures) for failures in range(6)] == [0.5, 0.5, 1.0, 2.0, 3.0, 3.0]


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_the_pause_never_shrinks_nor_leaves_its_bounds(failures: int, longest_s: int) -> None:
    first, longest = timedelta(milliseconds=1), timedelta(seconds=longest_s)
    pause = backoff(first, longest, failures)
    assert first <= pause <= backoff(first, longest, failures + 1) <= longest
