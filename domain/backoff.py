"""The pause before a failed attempt is repeated: it doubles with each failure, up to a longest one."""

from datetime import timedelta
from typing import TypeVar

Wait = TypeVar("Wait", float, timedelta)

_DOUBLINGS_MAX = 30
"""More would only make a number that no longest wait lets through, and at last one that does not fit."""


def backoff(first: Wait, longest: Wait, failures: int) -> Wait:
    """The pause after so many failures in a row: `first` after one, or before any was counted."""
    return min(first * (1 << min(max(failures, 1) - 1, _DOUBLINGS_MAX)), longest)
