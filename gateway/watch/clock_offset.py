"""The offset of this process's clock from another clock.

An answer takes time, so the offset is known only up to the duration of the question. The smallest possible
offset counts, so that a slow database is not mistaken for a wrong clock.
"""

from datetime import datetime, timedelta

import structlog

log = structlog.get_logger()


class ClockOffset:
    """The offset against the clock `against`; more than `most` is too large."""

    def __init__(self, against: str, most: timedelta) -> None:
        self.against = against
        self._most = most
        self.offset: timedelta | None = None
        """This process's clock less the other; positive: this one is ahead. None: not compared yet."""

    @property
    def too_large(self) -> bool:
        """Whether the two clocks differ by more than allowed."""
        return self.offset is not None and abs(self.offset) > self._most

    def compare(self, asked: datetime, other: datetime, answered: datetime) -> None:
        """The other clock showed `other` at a moment between `asked` and `answered` of this one."""
        before = self.too_large
        self.offset = _smallest(asked - other, answered - other)
        if self.too_large and not before:
            log.error(
                "the clock of this process is wrong",
                against=self.against,
                offset_s=self.offset.total_seconds(),
            )
        elif before and not self.too_large:
            log.info("the clock of this process is right again", against=self.against)


def _smallest(least: timedelta, most: timedelta) -> timedelta:
    if least <= timedelta() <= most:
        return timedelta()
    return min(least, most, key=abs)
