"""The exchange calendars behind `domain.calendar`, by market name (XHKG, XNYS, ...).

A calendar is loaded on first use and kept by the `Calendars` object in `gateway.resources`. Loading reads
years of holidays, so the years are limited, and also by the library's data: of some exchanges no holidays are
recorded beyond this year. After the last known day a market is assumed to trade on its usual weekdays at its
usual hours, so that a missing calendar never makes a deadline too late; `last_known_day` says which days are
known. A day before the first known one raises.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from domain.calendar import AmendedCalendar, MarketDay, NoCalendar, TradingCalendar
from domain.intraday import IntradayPhase, IntradayPolicy, intraday_phase
from domain.money import Currency

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar


class UnknownMarket(NoCalendar):
    """No exchange calendar has this name."""


class OutOfCalendar(NoCalendar):
    """A day that the loaded years do not cover."""


SEARCHED_DAYS = 400
"""Longer than any market closes."""
_REASON_CHARACTERS = 100
_UNUSABLE = (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError)
"""Exceptions of the library for unknown years, and for calendars that contradict themselves."""
_USUAL_OF_DAYS = 366
"""Usual hours and weekdays are those of so many days before the last known one."""


class ExchangeDays:
    """One market's trading days. `closed_days` are closures that no calendar foresees, such as a typhoon."""

    def __init__(
        self, calendar: "ExchangeCalendar", covered: tuple[date, date], closed_days: frozenset[date]
    ) -> None:
        """Raises `UnknownMarket` if sessions extend past midnight, which a time of day cannot express."""
        self._zone = ZoneInfo(str(calendar.tz))
        self._opening = self._times(calendar.opens, closed_days)
        self._closing = self._times(calendar.closes, closed_days)
        self._pause_starts = self._times(calendar.break_starts, closed_days)
        self._pause_ends = self._times(calendar.break_ends, closed_days)
        self._first, self._last = covered
        self._closed_days = closed_days
        since = self._last - timedelta(days=_USUAL_OF_DAYS)
        recent = [day for day in self._closing if since < day <= self._last]
        hours = Counter(self._known_sessions(day) for day in recent).most_common(1)
        if not hours or any(opens >= closes for opens, closes in hours[0][0]):
            raise UnknownMarket(
                f"the sessions of {calendar.name} extend past midnight, which is not supported"
            )
        self._usual_sessions = hours[0][0]
        weekdays = Counter(day.weekday() for day in recent)
        most = weekdays.most_common(1)[0][1]
        self._usual_weekdays = {weekday for weekday, days in weekdays.items() if 2 * days > most}

    @property
    def zone(self) -> ZoneInfo:
        return self._zone

    @property
    def last_known_day(self) -> date:
        return self._last

    def is_trading_day(self, day: date) -> bool:
        if self._is_known(day):
            return day in self._closing
        return day.weekday() in self._usual_weekdays and day not in self._closed_days

    def next_trading_day(self, after: date) -> date:
        for days in range(1, SEARCHED_DAYS):
            if self.is_trading_day(day := after + timedelta(days=days)):
                return day
        raise OutOfCalendar(f"no trading day within {SEARCHED_DAYS} days after {after}")

    def closing_time(self, day: date) -> time:
        return self._closing[day] if self._is_known(day) else self._usual_sessions[-1][1]

    def foreseen_closing_time(self, day: date) -> time:
        return self.closing_time(day)

    def sessions(self, day: date) -> Sequence[tuple[time, time]]:
        return self._known_sessions(day) if self._is_known(day) else self._usual_sessions

    def _known_sessions(self, day: date) -> tuple[tuple[time, time], ...]:
        opens, closes = self._opening[day], self._closing[day]
        if day not in self._pause_starts:
            return ((opens, closes),)
        return (opens, self._pause_starts[day]), (self._pause_ends[day], closes)

    def _times(self, moments: Any, closed_days: frozenset[date]) -> dict[date, time]:
        """Local times of day, for the days that have one."""
        known = moments.dropna()
        return {
            day.date(): moment.tz_convert(self._zone).time()
            for day, moment in known.items()
            if day.date() not in closed_days
        }

    def _is_known(self, day: date) -> bool:
        if day < self._first:
            raise OutOfCalendar(f"{day} is outside the loaded calendar, {self._first} to {self._last}")
        return day <= self._last


class Calendars:
    """Calendars by market name, each loaded once (0.1 s, and the library itself 0.7 s the first time)."""

    def __init__(
        self,
        first_year: int,
        last_year: int,
        closed_days: Mapping[str, frozenset[date]] | None = None,
    ) -> None:
        """Both years are covered as far as the library knows them; `closed_days` are by market."""
        self._years = (date(first_year, 1, 1), date(last_year, 12, 31))
        self._closed_days = dict(closed_days or {})
        self._loaded: dict[str, TradingCalendar] = {}
        self._amendments: dict[str, dict[date, MarketDay]] = defaultdict(dict)

    def of(self, market: str) -> TradingCalendar:
        """The market's calendar with the overrides entered by hand; raises `UnknownMarket`."""
        if market not in self._loaded:
            closed_days = self._closed_days.get(market, frozenset())
            days = _exchange_days(market, self._years, closed_days)
            self._loaded[market] = AmendedCalendar(days, self._amendments[market])
        return self._loaded[market]

    def amend(self, days: Iterable[MarketDay]) -> None:
        """Set the overrides entered by hand, in the order of entry: every calendar in use follows at once."""
        for day in days:
            self._amendments[day.market][day.day] = day


@lru_cache(maxsize=64)
def _exchange_days(market: str, covered: tuple[date, date], closed_days: frozenset[date]) -> ExchangeDays:
    """Immutable, so one serves every `Calendars` of the process."""
    with warnings.catch_warnings():
        # The library uses features that pandas has deprecated, which does not concern the desk.
        warnings.simplefilter("ignore", DeprecationWarning)
        calendar = _loaded(market, covered)
        known_until = calendar.bound_max()
    last = covered[1] if known_until is None else min(covered[1], known_until.date())
    return ExchangeDays(calendar, (covered[0], last), closed_days)


def _loaded(market: str, covered: tuple[date, date]) -> "ExchangeCalendar":
    """These years, or those of them that the library knows; if it knows none of them, its last year."""
    from exchange_calendars import get_calendar
    from exchange_calendars.errors import InvalidCalendarName

    start, end = covered
    try:
        return get_calendar(market, start=start.isoformat(), end=end.isoformat())
    except InvalidCalendarName:
        raise UnknownMarket(f"no exchange calendar is named {market!r}; try XHKG or XNYS") from None
    except _UNUSABLE:
        # Mostly the years exceed the data of this exchange: only a loaded calendar shows how far that goes.
        return _loaded_as_far_as_known(market, start, end)


def _loaded_as_far_as_known(market: str, start: date, end: date) -> "ExchangeCalendar":
    from exchange_calendars import get_calendar

    try:
        known = get_calendar(market)
        first, last = known.bound_min(), known.bound_max()
        end = end if last is None else min(end, last.date())
        start = min(start, end - timedelta(days=_USUAL_OF_DAYS))
        start = start if first is None else max(start, first.date())
        return get_calendar(market, start=start.isoformat(), end=end.isoformat())
    except _UNUSABLE as broken:
        why = str(broken)[:_REASON_CHARACTERS]
        raise UnknownMarket(f"the exchange calendar {market!r} cannot be used: {why}") from None


class MarketClocks:
    """The time zone of a market; for one without a calendar that of the default market.

    An object and not a closure, because it is passed to the process that values the whole book.
    """

    def __init__(self, calendars: Calendars, default: str) -> None:
        self._calendars = calendars
        self._default = default

    def __call__(self, market: str) -> tzinfo:
        try:
            return self._calendars.of(market).zone
        except NoCalendar:
            # A misspelt market must not hold up the account.
            return self._calendars.of(self._default).zone


class MustBeFlat:
    """Whether intraday accounts in a base currency must be flat at a moment.

    An object and not a closure, because it is passed to the process that values the whole book.
    """

    def __init__(
        self, calendars: Calendars, markets: Mapping[Currency, str], default: str, policy: IntradayPolicy
    ) -> None:
        self._calendars = calendars
        self._markets = dict(markets)
        self._default = default
        self._policy = policy

    def __call__(self, base_currency: Currency, now: datetime) -> bool:
        calendar = self._calendars.of(self._markets.get(base_currency, self._default))
        return intraday_phase(calendar, self._policy, now) is IntradayPhase.FLAT
