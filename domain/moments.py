"""Moments, days and times of day as text: one parser for feeds, book files, API, settings and command line.

A moment is RFC 3339 and no other form of ISO 8601: week dates, basic format, a missing offset or missing
seconds are refused, since programs interpret them differently. Moments and days are of the years 1900 to
9998: no fact lies outside, and at the limits of Python's calendar neither time zones nor days can be added,
and PostgreSQL stores the first moment as minus infinity. Each function raises ValueError with a reason that
follows "must be".
"""

import re
from datetime import UTC, date, datetime, time

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MICROSECOND_DIGITS = 6
FIRST_YEAR, LAST_YEAR = 1900, 9998
_OUTSIDE = f"of the years {FIRST_YEAR} to {LAST_YEAR}"


def parse_moment(text: str) -> datetime:
    """An RFC 3339 moment, in UTC. It may have nine digits of a second, of which those after the sixth are cut
    off.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError("an RFC 3339 time with seconds and offset, such as 2020-03-09T14:30:00.250Z")
    day, hours, minutes, seconds, fraction, offset = match.groups()
    if seconds == "60":
        raise ValueError("a time without leap second: state :59 or the following :00")
    microseconds = (fraction or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")
    zone = "+00:00" if offset in "Zz" else offset
    try:
        local = datetime.fromisoformat(f"{day}T{hours}:{minutes}:{seconds}.{microseconds}{zone}")
        moment = local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("a time that exists, such as 2020-03-09T14:30:00Z") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"a time {_OUTSIDE}")
    return moment


def parse_day(text: str) -> date:
    """A day such as ``2020-03-09``."""
    if not _DAY.fullmatch(text):
        raise ValueError("a day such as 2020-03-20")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("a day that exists, such as 2020-03-20") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"a day {_OUTSIDE}")
    return day


def parse_time_of_day(text: str) -> time:
    """Hours and minutes such as ``15:30``."""
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        raise ValueError("a time of day such as 15:30")
    return time(int(match[1]), int(match[2]))
