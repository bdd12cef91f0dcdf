"""Trading days, and the deadline of a margin call derived from them.

The day of the notice counts as day 1. A notice after the cut-off, or on a day without trading, counts from
the next trading day. The deadline is the cut-off of the last day, in the market's local time, or the close if
the market closes earlier that day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

TRADING_DAYS_TO_CURE = 3
CUT_OFF = time(14, 0)


class TradingCalendar(Protocol):
    """The trading times of one market. Days and times of day are local to `zone`."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the market."""
        ...

    @property
    def last_known_day(self) -> date:
        """The last day of the calendar. Later trading days are assumed: the usual weekdays at the usual
        hours.
        """
        ...

    def is_trading_day(self, day: date) -> bool:
        """Whether the market opens that day, if only for half of it."""
        ...

    def next_trading_day(self, after: date) -> date:
        """The first trading day later than `after`."""
        ...

    def closing_time(self, day: date) -> time:
        """The local time at which the regular session of a trading day ends; earlier than usual on a half
        day.
        """
        ...

    def foreseen_closing_time(self, day: date) -> time:
        """The closing time without market days entered by hand."""
        ...

    def sessions(self, day: date) -> Sequence[tuple[time, time]]:
        """The local times between which the market trades on a trading day; two sessions if it pauses at
        noon.
        """
        ...


class NoCalendar(LookupError):
    """No calendar is known for this market or this day."""


class MarketDayKind(StrEnum):
    """How a market day differs from the exchange calendar."""

    CLOSED = "CLOSED"
    HALF = "HALF"
    REGULAR = "REGULAR"
    """It does not differ: an earlier override is removed."""


@dataclass(frozen=True, slots=True)
class MarketDay:
    """A market day that no calendar foresaw, entered by hand: a typhoon, an early close."""

    market: str
    day: date
    kind: MarketDayKind
    closes_at: time | None
    """Local time, for a HALF day only."""
    reason: str

    def __post_init__(self) -> None:
        if (self.kind is MarketDayKind.HALF) != (self.closes_at is not None):
            raise ValueError("a half day, and only a half day, has its own closing time")


class AmendedCalendar:
    """A calendar with market days entered by hand, which may change while it is in use."""

    def __init__(self, base: TradingCalendar, amendments: Mapping[date, MarketDay]) -> None:
        self._base = base
        self._amendments = amendments

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the base calendar."""
        return self._base.zone

    @property
    def last_known_day(self) -> date:
        """The last day of the base calendar."""
        return self._base.last_known_day

    def is_trading_day(self, day: date) -> bool:
        """False for a day entered as CLOSED, or as closing before it opens; an override never turns a holiday
        into a trading day.
        """
        if not self._base.is_trading_day(day) or self._is(day, MarketDayKind.CLOSED):
            return False
        return bool(self.sessions(day))

    def next_trading_day(self, after: date) -> date:
        """Skips days on which the market is closed by an override."""
        day = self._base.next_trading_day(after)
        while not self.is_trading_day(day):
            day = self._base.next_trading_day(day)
        return day

    def closing_time(self, day: date) -> time:
        """On a HALF day the end of its last session; a closing time within the pause means the close before
        the pause.
        """
        left = self.sessions(day)
        return left[-1][1] if left else self._end(day)

    def foreseen_closing_time(self, day: date) -> time:
        """The closing time of the base calendar."""
        return self._base.closing_time(day)

    def sessions(self, day: date) -> Sequence[tuple[time, time]]:
        """The sessions, cut off at the entered closing time."""
        end = self._end(day)
        return [(opens, min(closes, end)) for opens, closes in self._base.sessions(day) if opens < end]

    def _end(self, day: date) -> time:
        """The entered closing time, unless the calendar closes even earlier."""
        usual = self._base.closing_time(day)
        amendment = self._amendments.get(day)
        return usual if amendment is None or amendment.closes_at is None else min(usual, amendment.closes_at)

    def _is(self, day: date, kind: MarketDayKind) -> bool:
        amendment = self._amendments.get(day)
        return amendment is not None and amendment.kind is kind


def deadline(
    opened_at: datetime,
    calendar: TradingCalendar,
    trading_days: int = TRADING_DAYS_TO_CURE,
    cut_off: time = CUT_OFF,
) -> datetime:
    """The deadline, in UTC, of a call noticed at `opened_at` (aware); `trading_days` >= 1."""
    assert trading_days >= 1
    noticed = opened_at.astimezone(calendar.zone)
    day = noticed.date()
    if not calendar.is_trading_day(day) or noticed.time() > _cut_off_on(day, calendar, cut_off):
        day = calendar.next_trading_day(day)
    for _ in range(trading_days - 1):
        day = calendar.next_trading_day(day)
    last_moment = datetime.combine(day, _cut_off_on(day, calendar, cut_off), calendar.zone)
    return last_moment.astimezone(UTC)


def is_assumed(moment: datetime, calendar: TradingCalendar) -> bool:
    """Whether the moment lies after the last day of the calendar."""
    return moment.astimezone(calendar.zone).date() > calendar.last_known_day


def _cut_off_on(day: date, calendar: TradingCalendar, cut_off: time) -> time:
    return min(cut_off, calendar.closing_time(day))


def is_open(calendar: TradingCalendar, now: datetime) -> bool:
    """Whether the market is in its regular session."""
    local = now.astimezone(calendar.zone)
    if not calendar.is_trading_day(local.date()):
        return False
    return any(opens <= local.time() < closes for opens, closes in calendar.sessions(local.date()))


def next_opening(calendar: TradingCalendar, now: datetime) -> datetime:
    """When the next session after `now` begins, in UTC."""
    local = now.astimezone(calendar.zone)
    day = local.date()
    if calendar.is_trading_day(day):
        for opens, _ in calendar.sessions(day):
            if opens > local.time():
                return _at(day, opens, calendar)
    day = calendar.next_trading_day(day)
    return _at(day, calendar.sessions(day)[0][0], calendar)


def session_at_or_after(calendar: TradingCalendar, now: datetime) -> tuple[datetime, datetime]:
    """The start and the end, in UTC, of the session in which `now` lies, or else of the next one."""
    day = now.astimezone(calendar.zone).date()
    if not calendar.is_trading_day(day):
        day = calendar.next_trading_day(day)
    while True:
        for opens, closes in calendar.sessions(day):
            if now < (ends := _at(day, closes, calendar)):
                return _at(day, opens, calendar), ends
        day = calendar.next_trading_day(day)


def day_order_ends(calendar: TradingCalendar, placed_at: datetime, *, any_session: bool = False) -> datetime:
    """When a day order placed at that time ends: with the first session in which it could trade.

    `any_session`: it may also trade before and after the regular hours, and ends with the day.
    """
    local = placed_at.astimezone(calendar.zone)
    day = local.date()
    if any_session and calendar.is_trading_day(day):
        return _at(day, time.max, calendar)
    if not calendar.is_trading_day(day) or local.time() >= calendar.closing_time(day):
        day = calendar.next_trading_day(day)
    return _at(day, time.max if any_session else calendar.closing_time(day), calendar)


def traded_between(
    calendar: TradingCalendar, since: datetime, until: datetime, enough: timedelta
) -> timedelta:
    """How long the market was in session between these moments, counted up to `enough`."""
    total, day = timedelta(), since.astimezone(calendar.zone).date()
    last = until.astimezone(calendar.zone).date()
    while day <= last and total < enough:
        if calendar.is_trading_day(day):
            for opens, closes in calendar.sessions(day):
                begins, ends = max(_at(day, opens, calendar), since), min(_at(day, closes, calendar), until)
                total += max(timedelta(), ends - begins)
        day += timedelta(days=1)
    return total


def in_last_minutes(calendar: TradingCalendar, now: datetime, before_close: timedelta) -> bool:
    """Whether `now` lies between so long before the close and the next session."""
    local = now.astimezone(calendar.zone)
    day = local.date()
    if not calendar.is_trading_day(day):
        return True
    if now >= _last_minutes(day, calendar, before_close):
        return True
    return local.time() < calendar.sessions(day)[0][0]


def last_minutes_begin(calendar: TradingCalendar, now: datetime, before_close: timedelta) -> datetime:
    """When the last minutes of the trading day of `now` begin, in UTC."""
    return _last_minutes(now.astimezone(calendar.zone).date(), calendar, before_close)


def last_minutes_began(calendar: TradingCalendar, now: datetime, before_close: timedelta) -> datetime:
    """When the last minutes that contain `now` began, or those of the session before."""
    day = now.astimezone(calendar.zone).date()
    while not (calendar.is_trading_day(day) and _last_minutes(day, calendar, before_close) <= now):
        day -= timedelta(days=1)
    return _last_minutes(day, calendar, before_close)


def after_trading_days(moment: datetime, calendar: TradingCalendar, trading_days: int) -> datetime:
    """The end, in UTC, of the local day so many trading days after that of `moment`."""
    day = moment.astimezone(calendar.zone).date()
    for _ in range(trading_days):
        day = calendar.next_trading_day(day)
    return _at(day, time.max, calendar)


def move_to_trading_time(moment: datetime, calendar: TradingCalendar) -> datetime:
    """The moment, or, if its day is no trading day, the same time on the next trading day.

    A time after the close that the calendar foresees for its day was chosen on purpose, and stays.
    """
    local = moment.astimezone(calendar.zone)
    day, time_of_day = local.date(), local.time()
    if not calendar.is_trading_day(day):
        day = calendar.next_trading_day(day)
    elif time_of_day > calendar.foreseen_closing_time(day):
        return moment
    return _at(day, min(time_of_day, calendar.closing_time(day)), calendar)


def _last_minutes(day: date, calendar: TradingCalendar, before_close: timedelta) -> datetime:
    return _at(day, calendar.closing_time(day), calendar) - before_close


def _at(day: date, moment: time, calendar: TradingCalendar) -> datetime:
    return datetime.combine(day, moment, calendar.zone).astimezone(UTC)
