"""The pause before a failed attempt is repeated: it doubles with each failure, up to a limit."""

from datetime import timedelta
from typing import TypeVar

Wait = TypeVar("Wait", float, timedelta)

_DOUBLINGS_MAX = 30
"""Further doublings exceed any limit, and would finally overflow."""


def backoff(first: Wait, longest: Wait, failures: int) -> Wait:
    """The pause after so many failures in a row: `first` after one failure or none."""
    return min(first * (1 << min(max(failures, 1) - 1, _DOUBLINGS_MAX)), longest)
