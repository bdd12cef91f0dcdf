"""Which of two facts is the newer one, and which is too old: by their own times and the desk's clock.

A clock may have been wrong: of the desk, or of the source. A fact that is later than now is no reason to
refuse the facts of today, and its price is no fresh price.
"""

from datetime import datetime, timedelta

CLOCKS_DIFFER_BY = timedelta(seconds=5)
"""How far apart the clocks of a desk's own processes may be: a time ahead by no more is a time of now."""


def is_superseded(at: datetime, known: datetime | None, now: datetime) -> bool:
    """Whether a fact of `at` is older than the known one. A known one from the future gives way to any."""
    return known is not None and at < known <= now


def is_old(at: datetime, now: datetime, max_age: timedelta) -> bool:
    """Older than allowed, or later than any right clock can show."""
    return now - at > max_age or is_from_the_future(at, now)


def is_from_the_future(at: datetime, now: datetime) -> bool:
    """Later than any clock of the desk shows at `now`, if it is right."""
    return at - now > CLOCKS_DIFFER_BY
