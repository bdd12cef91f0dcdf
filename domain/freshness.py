"""Which of two facts is newer, and which is too old, by their own times and the desk's clock.

The clock of the desk or of the source may have been wrong. A known fact with a future time does not block
today's facts, and its price is not fresh.
"""

from datetime import datetime, timedelta

CLOCKS_DIFFER_BY = timedelta(seconds=5)
"""The largest difference between the clocks of the desk's own processes: a time ahead by no more counts as
now.
"""


def is_superseded(at: datetime, known: datetime | None, now: datetime) -> bool:
    """Whether a fact of `at` is older than the known one. A known fact from the future never supersedes."""
    return known is not None and at < known <= now


def is_old(at: datetime, now: datetime, max_age: timedelta) -> bool:
    """Whether it is older than allowed, or later than any correct clock can show."""
    return now - at > max_age or is_from_the_future(at, now)


def is_from_the_future(at: datetime, now: datetime) -> bool:
    """Whether it is later than any correct clock of the desk shows at `now`."""
    return at - now > CLOCKS_DIFFER_BY
