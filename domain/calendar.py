"""Trading days, and from them the deadline of a margin call.

The day of the notice counts as day 1. A notice after the cut-off, or on a day without trading, counts from
the next trading day. The last moment to cure is the cut-off of the last day, local time of the market, or
the close if the market closes earlier that day.
"""

from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

TRADING_DAYS_TO_CURE = 3
CUT_OFF = time(14, 0)


class TradingCalendar(Protocol):
    """When one market trades. Days and times of day are local to `zone`."""

    @property
    def zone(self) -> ZoneInfo:
        """Where the market is."""
        ...

    def is_trading_day(self, day: date) -> bool:
        """Whether the market opens at all that day, if only for half of it."""
        ...

    def next_trading_day(self, after: date) -> date:
        """The first trading day later than `after`."""
        ...

    def closing_time(self, day: date) -> time:
        """When the regular session of a trading day ends, local time; earlier than usual on a half day."""
        ...


def deadline(
    opened_at: datetime,
    calendar: TradingCalendar,
    trading_days: int = TRADING_DAYS_TO_CURE,
    cut_off: time = CUT_OFF,
) -> datetime:
    """The last moment to cure a call noticed at `opened_at` (aware), in UTC; `trading_days` >= 1."""
    assert trading_days >= 1
    noticed = opened_at.astimezone(calendar.zone)
    day = noticed.date()
    if not calendar.is_trading_day(day) or noticed.time() > _cut_off_on(day, calendar, cut_off):
        day = calendar.next_trading_day(day)
    for _ in range(trading_days - 1):
        day = calendar.next_trading_day(day)
    last_moment = datetime.combine(day, _cut_off_on(day, calendar, cut_off), calendar.zone)
    return last_moment.astimezone(UTC)


def _cut_off_on(day: date, calendar: TradingCalendar, cut_off: time) -> time:
    return min(cut_off, calendar.closing_time(day))
