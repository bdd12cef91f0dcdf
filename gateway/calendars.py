"""The exchange calendars behind `domain.calendar`, by market name (XHKG, XNYS, ...).

A calendar is loaded when first asked for and kept by the `Calendars` object that the composition root holds.
Loading reads years of holidays, so the years are limited; a day outside them is a fault that says so.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from domain.calendar import AmendedCalendar, MarketDay, NoCalendar, TradingCalendar
from domain.intraday import IntradayPhase, IntradayRules, intraday_phase
from domain.money import Currency

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar


class UnknownMarket(NoCalendar):
    """No exchange calendar has this name."""


class OutOfCalendar(NoCalendar):
    """A day that the loaded years do not cover."""


class ExchangeDays:
    """One market's trading days. `closed_days` are closures no calendar foresees, such as a typhoon."""

    def __init__(
        self, calendar: "ExchangeCalendar", covered: tuple[date, date], closed_days: frozenset[date]
    ) -> None:
        self._zone = ZoneInfo(str(calendar.tz))
        self._opening = self._times(calendar.opens, closed_days)
        self._closing = self._times(calendar.closes, closed_days)
        self._pause_starts = self._times(calendar.break_starts, closed_days)
        self._pause_ends = self._times(calendar.break_ends, closed_days)
        self._first, self._last = covered

    @property
    def zone(self) -> ZoneInfo:
        return self._zone

    def is_trading_day(self, day: date) -> bool:
        self._check(day)
        return day in self._closing

    def next_trading_day(self, after: date) -> date:
        day = after + timedelta(days=1)
        while not self.is_trading_day(day):
            day += timedelta(days=1)
        return day

    def closing_time(self, day: date) -> time:
        self._check(day)
        return self._closing[day]

    def sessions(self, day: date) -> Sequence[tuple[time, time]]:
        self._check(day)
        opens, closes = self._opening[day], self._closing[day]
        if day not in self._pause_starts:
            return [(opens, closes)]
        return [(opens, self._pause_starts[day]), (self._pause_ends[day], closes)]

    def _times(self, moments: Any, closed_days: frozenset[date]) -> dict[date, time]:
        """Local times of day, of the days that have one."""
        known = moments.dropna()
        return {
            day.date(): moment.tz_convert(self._zone).time()
            for day, moment in known.items()
            if day.date() not in closed_days
        }

    def _check(self, day: date) -> None:
        if not self._first <= day <= self._last:
            raise OutOfCalendar(f"{day} is outside the loaded calendar, {self._first} to {self._last}")


class Calendars:
    """Calendars by market name, each loaded once (0.1 s, and the library itself 0.7 s the first time)."""

    def __init__(
        self,
        first_year: int,
        last_year: int,
        closed_days: Mapping[str, frozenset[date]] | None = None,
    ) -> None:
        """Both years are covered whole; `closed_days` are by market.

        Loading raises ValueError for years that the library knows nothing of.
        """
        self._years = (date(first_year, 1, 1), date(last_year, 12, 31))
        self._closed_days = dict(closed_days or {})
        self._loaded: dict[str, TradingCalendar] = {}
        self._amendments: dict[str, dict[date, MarketDay]] = defaultdict(dict)

    def of(self, market: str) -> TradingCalendar:
        """The market's calendar, with what was put in by hand; raises `UnknownMarket`."""
        if market not in self._loaded:
            closed_days = self._closed_days.get(market, frozenset())
            days = _exchange_days(market, self._years, closed_days)
            self._loaded[market] = AmendedCalendar(days, self._amendments[market])
        return self._loaded[market]

    def amend(self, days: Iterable[MarketDay]) -> None:
        """What was put in by hand, in the order it was put in: every calendar given out follows at once."""
        for day in days:
            self._amendments[day.market][day.day] = day


@lru_cache(maxsize=64)
def _exchange_days(market: str, covered: tuple[date, date], closed_days: frozenset[date]) -> ExchangeDays:
    """It never changes: one serves every `Calendars` of the process."""
    from exchange_calendars import get_calendar
    from exchange_calendars.errors import InvalidCalendarName

    start, end = covered
    try:
        with warnings.catch_warnings():
            # The library calls pandas in ways that pandas announces to retire: nothing to us.
            warnings.simplefilter("ignore", DeprecationWarning)
            calendar = get_calendar(market, start=start.isoformat(), end=end.isoformat())
    except InvalidCalendarName:
        raise UnknownMarket(f"no exchange calendar is called {market!r}; try XHKG or XNYS") from None
    return ExchangeDays(calendar, covered, closed_days)


class MustBeFlat:
    """Whether intraday accounts in a base currency may owe nothing at a moment.

    An object and not a closure, because it is handed to the process that values the whole book.
    """

    def __init__(
        self, calendars: Calendars, markets: Mapping[Currency, str], default: str, rules: IntradayRules
    ) -> None:
        self._calendars = calendars
        self._markets = dict(markets)
        self._default = default
        self._rules = rules

    def __call__(self, base_currency: Currency, now: datetime) -> bool:
        calendar = self._calendars.of(self._markets.get(base_currency, self._default))
        return intraday_phase(calendar, self._rules, now) is IntradayPhase.FLAT
