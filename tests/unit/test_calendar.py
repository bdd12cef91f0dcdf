"""The deadline of a margin call, on real exchange calendars."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import (
    MarketDay,
    MarketDayKind,
    TradingCalendar,
    after_trading_days,
    day_order_ends,
    deadline,
    in_last_minutes,
    is_assumed,
    is_open,
    last_minutes_begin,
    next_opening,
    session_at_or_after,
)
from gateway.watch.calendars import Calendars, OutOfCalendar, UnknownMarket

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
NEW_YORK = ZoneInfo("America/New_York")
TYPHOON = date(2020, 10, 13)


@pytest.fixture(scope="module")
def calendars() -> Calendars:
    return Calendars(2020, 2020, {"XHKG": frozenset({TYPHOON})})


@pytest.fixture
def hong_kong(calendars: Calendars) -> TradingCalendar:
    return calendars.of("XHKG")


@pytest.fixture
def new_york(calendars: Calendars) -> TradingCalendar:
    return calendars.of("XNYS")


def test_the_day_of_the_notice_counts_as_the_first_of_three(hong_kong: TradingCalendar) -> None:
    monday = datetime(2020, 3, 16, 9, 45, tzinfo=HONG_KONG)
    assert deadline(monday, hong_kong) == datetime(2020, 3, 18, 6, 0, tzinfo=UTC)


def test_a_notice_at_the_cut_off_counts_and_one_second_later_does_not(hong_kong: TradingCalendar) -> None:
    cut_off = datetime(2020, 3, 16, 14, 0, tzinfo=HONG_KONG)
    assert deadline(cut_off, hong_kong).date() == date(2020, 3, 18)
    assert deadline(cut_off.replace(second=1), hong_kong).date() == date(2020, 3, 19)


def test_friday_afternoon_before_a_holiday_starts_on_the_next_trading_day(new_york: TradingCalendar) -> None:
    friday = datetime(2020, 2, 14, 15, 59, tzinfo=NEW_YORK)
    presidents_day_is_monday = date(2020, 2, 17)
    assert not new_york.is_trading_day(presidents_day_is_monday)
    assert deadline(friday, new_york) == datetime(2020, 2, 20, 14, 0, tzinfo=NEW_YORK)


def test_a_notice_on_a_sunday_starts_on_monday(hong_kong: TradingCalendar) -> None:
    sunday = datetime(2020, 3, 15, 10, 0, tzinfo=HONG_KONG)
    assert deadline(sunday, hong_kong) == datetime(2020, 3, 18, 14, 0, tzinfo=HONG_KONG)


def test_the_close_of_a_half_day_is_its_cut_off(
    hong_kong: TradingCalendar, new_york: TradingCalendar
) -> None:
    before_christmas = datetime(2020, 12, 22, 10, 0, tzinfo=HONG_KONG)
    assert hong_kong.closing_time(date(2020, 12, 24)) == time(12, 0)
    assert deadline(before_christmas, hong_kong) == datetime(2020, 12, 24, 12, 0, tzinfo=HONG_KONG)
    before_thanksgiving = datetime(2020, 11, 24, 10, 0, tzinfo=NEW_YORK)
    assert deadline(before_thanksgiving, new_york) == datetime(2020, 11, 27, 13, 0, tzinfo=NEW_YORK)


def test_a_notice_after_the_close_of_a_half_day_counts_from_the_next_day(hong_kong: TradingCalendar) -> None:
    christmas_eve = datetime(2020, 12, 24, 12, 30, tzinfo=HONG_KONG)
    assert deadline(christmas_eve, hong_kong) == datetime(2020, 12, 30, 14, 0, tzinfo=HONG_KONG)


def test_the_cut_off_is_local_time_across_the_change_of_clocks(new_york: TradingCalendar) -> None:
    friday_in_winter_time = datetime(2020, 3, 6, 10, 0, tzinfo=NEW_YORK)
    tuesday_in_summer_time = deadline(friday_in_winter_time, new_york)
    assert tuesday_in_summer_time == datetime(2020, 3, 10, 18, 0, tzinfo=UTC)
    assert tuesday_in_summer_time.astimezone(NEW_YORK).time() == time(14, 0)


def test_the_day_is_the_markets_own_not_that_of_utc(hong_kong: TradingCalendar) -> None:
    monday_morning_in_hong_kong = datetime(2020, 3, 15, 23, 30, tzinfo=UTC)
    assert deadline(monday_morning_in_hong_kong, hong_kong) == datetime(2020, 3, 18, 6, 0, tzinfo=UTC)


def test_a_typhoon_day_is_no_trading_day(hong_kong: TradingCalendar) -> None:
    monday = datetime(2020, 10, 12, 10, 0, tzinfo=HONG_KONG)
    assert deadline(monday, hong_kong) == datetime(2020, 10, 15, 14, 0, tzinfo=HONG_KONG)
    during = datetime(2020, 10, 13, 10, 0, tzinfo=HONG_KONG)
    assert deadline(during, hong_kong) == datetime(2020, 10, 16, 14, 0, tzinfo=HONG_KONG)


def test_one_trading_day_ends_on_the_day_itself(hong_kong: TradingCalendar) -> None:
    monday = datetime(2020, 3, 16, 9, 45, tzinfo=HONG_KONG)
    ends = deadline(monday, hong_kong, trading_days=1, cut_off=time(13, 0))
    assert ends == datetime(2020, 3, 16, 13, 0, tzinfo=HONG_KONG)


def test_an_unknown_market_is_named_in_the_error(calendars: Calendars) -> None:
    with pytest.raises(UnknownMarket, match="'MOON'"):
        calendars.of("MOON")


def test_a_calendar_is_loaded_once(calendars: Calendars) -> None:
    assert calendars.of("XNYS") is calendars.of("XNYS")


def test_new_years_day_of_the_first_year_is_covered_and_the_day_before_is_not(
    hong_kong: TradingCalendar,
) -> None:
    assert not hong_kong.is_trading_day(date(2020, 1, 1))
    with pytest.raises(OutOfCalendar, match="2019-12-31"):
        hong_kong.is_trading_day(date(2019, 12, 31))


def test_after_the_last_known_day_the_usual_weekdays_and_hours_are_assumed() -> None:
    hong_kong = Calendars(2020, 2020).of("XHKG")
    assert hong_kong.last_known_day == date(2020, 12, 31)
    opened_at = datetime(2020, 12, 31, 10, 0, tzinfo=HONG_KONG)
    due = deadline(opened_at, hong_kong)
    assert due == datetime(2021, 1, 4, 14, 0, tzinfo=HONG_KONG)
    assert is_assumed(due, hong_kong)
    assert not is_assumed(opened_at, hong_kong)
    assert list(hong_kong.sessions(date(2021, 1, 4))) == [(time(9, 30), time(12)), (time(13), time(16))]
    assert not hong_kong.is_trading_day(date(2021, 1, 2))


@pytest.mark.parametrize("market", ["XSES", "XSHG", "XBOM"])
def test_a_calendar_is_loaded_as_far_as_the_library_knows_it(market: str) -> None:
    assert Calendars(2025, 2040).of(market).last_known_day < date(2040, 1, 1)
    assert Calendars(2060, 2061).of(market).is_trading_day(date(2060, 1, 5))


@pytest.mark.parametrize(
    ("market", "why"),
    [("CMES", "past midnight"), ("24/7", "past midnight"), ("XTAE", "cannot be used"), ("", "is named ''")],
)
def test_a_calendar_that_the_desk_cannot_reckon_with_is_refused_in_one_line(market: str, why: str) -> None:
    with pytest.raises(UnknownMarket, match=why) as refused:
        Calendars(2025, 2027).of(market)
    assert len(str(refused.value)) < 200


def test_new_york_opens_an_hour_earlier_in_utc_once_summer_time_begins(new_york: TradingCalendar) -> None:
    friday, sunday = datetime(2020, 3, 6, 22, 0, tzinfo=UTC), datetime(2020, 3, 8, 12, 0, tzinfo=UTC)
    before = datetime(2020, 3, 6, 14, 29, tzinfo=UTC)
    assert next_opening(new_york, before) == datetime(2020, 3, 6, 14, 30, tzinfo=UTC)
    assert next_opening(new_york, friday) == next_opening(new_york, sunday)
    assert next_opening(new_york, sunday) == datetime(2020, 3, 9, 13, 30, tzinfo=UTC)
    assert deadline(friday, new_york) == datetime(2020, 3, 11, 18, 0, tzinfo=UTC)


def test_a_market_that_pauses_at_noon_is_shut_meanwhile(hong_kong: TradingCalendar) -> None:
    at = datetime(2020, 3, 16, tzinfo=HONG_KONG)
    open_at = {hour: is_open(hong_kong, at.replace(hour=hour, minute=15)) for hour in (9, 10, 12, 13, 16)}
    assert open_at == {9: False, 10: True, 12: False, 13: True, 16: False}
    assert next_opening(hong_kong, at.replace(hour=12)) == at.replace(hour=13)


def test_the_session_is_the_current_one_or_the_next(hong_kong: TradingCalendar) -> None:
    monday = datetime(2020, 3, 16, tzinfo=HONG_KONG)
    morning, afternoon = ((9, 30), (12, 0)), ((13, 0), (16, 0))
    expected = {
        (0, 0): (monday, morning),
        (9, 30): (monday, morning),
        (11, 59): (monday, morning),
        (12, 0): (monday, afternoon),
        (15, 59): (monday, afternoon),
        (16, 0): (monday + timedelta(days=1), morning),
    }
    for (hour, minute), (day, session) in expected.items():
        found = session_at_or_after(hong_kong, monday.replace(hour=hour, minute=minute))
        assert found == tuple(day.replace(hour=at, minute=past) for at, past in session), (hour, minute)
    saturday = monday - timedelta(days=2)
    assert session_at_or_after(hong_kong, saturday)[0] == monday.replace(hour=9, minute=30)
    assert all(each.tzinfo is UTC for each in session_at_or_after(hong_kong, saturday))


def test_a_half_day_ends_the_last_minutes_early(hong_kong: TradingCalendar) -> None:
    quarter = timedelta(minutes=15)
    christmas_eve = datetime(2020, 12, 24, 11, 44, tzinfo=HONG_KONG)
    assert not in_last_minutes(hong_kong, christmas_eve, quarter)
    assert in_last_minutes(hong_kong, christmas_eve + timedelta(minutes=1), quarter)
    assert in_last_minutes(hong_kong, datetime(2020, 12, 25, 11, 0, tzinfo=HONG_KONG), quarter)
    assert in_last_minutes(hong_kong, datetime(2020, 12, 28, 9, 29, tzinfo=HONG_KONG), quarter)
    assert not in_last_minutes(hong_kong, datetime(2020, 12, 28, 9, 30, tzinfo=HONG_KONG), quarter)


def test_an_override_of_a_day_applies_at_once_and_can_be_withdrawn(calendars: Calendars) -> None:
    tokyo = calendars.of("XTKS")
    thursday = date(2020, 6, 11)
    noticed = datetime(2020, 6, 10, 10, 0, tzinfo=tokyo.zone)
    usual = deadline(noticed, tokyo)

    def say(kind: MarketDayKind, closes_at: time | None = None) -> None:
        calendars.amend([MarketDay("XTKS", thursday, kind, closes_at, "a typhoon")])

    say(MarketDayKind.CLOSED)
    assert not tokyo.is_trading_day(thursday)
    assert tokyo.next_trading_day(date(2020, 6, 10)) == date(2020, 6, 12)
    assert deadline(noticed, tokyo) == datetime(2020, 6, 15, 14, 0, tzinfo=tokyo.zone)
    say(MarketDayKind.HALF, time(11, 0))
    assert tokyo.closing_time(thursday) == time(11, 0)
    assert list(tokyo.sessions(thursday)) == [(time(9, 0), time(11, 0))]
    say(MarketDayKind.REGULAR)
    assert deadline(noticed, tokyo) == usual


def test_a_half_day_that_closes_before_it_opens_is_a_closed_day(calendars: Calendars) -> None:
    frankfurt = calendars.of("XFRA")
    thursday = date(2020, 6, 18)
    calendars.amend([MarketDay("XFRA", thursday, MarketDayKind.HALF, time(8, 30), "no power")])
    assert not frankfurt.is_trading_day(thursday)
    evening = datetime(2020, 6, 17, 20, 0, tzinfo=frankfurt.zone)
    assert next_opening(frankfurt, evening) == datetime(2020, 6, 19, 9, 0, tzinfo=frankfurt.zone)
    at_eight = datetime(2020, 6, 18, 8, 0, tzinfo=frankfurt.zone)
    assert in_last_minutes(frankfurt, at_eight, timedelta(minutes=15)), "still those of the day before"


def test_a_half_day_that_closes_within_the_pause_closes_with_the_session_before_it(
    calendars: Calendars,
) -> None:
    """Nothing trades from noon on: an account that has to be flat before the close is flat before noon."""
    hong_kong, tokyo = calendars.of("XHKG"), calendars.of("XTKS")
    day, quarter = date(2020, 7, 7), timedelta(minutes=15)
    for market, closes, last in (
        (hong_kong, time(12, 30), time(12, 0)),
        (hong_kong, time(13, 0), time(12, 0)),
        (hong_kong, time(13, 5), time(13, 5)),
        (tokyo, time(12, 0), time(11, 30)),
    ):
        calendars.amend(
            [MarketDay(name, day, MarketDayKind.HALF, closes, "rain") for name in ("XHKG", "XTKS")]
        )
        assert market.closing_time(day) == market.sessions(day)[-1][1] == last
        at_last = datetime.combine(day, last, market.zone)
        morning = datetime.combine(day, time(9, 45), market.zone)
        assert last_minutes_begin(market, morning, quarter) == at_last - quarter
        assert day_order_ends(market, morning) == at_last
        assert deadline(morning, market, trading_days=1) == at_last


def test_three_trading_days_later_skips_a_weekend_and_a_holiday(new_york: TradingCalendar) -> None:
    thursday = datetime(2020, 2, 13, 14, 0, tzinfo=NEW_YORK)
    limit = after_trading_days(thursday, new_york, 3)
    assert limit.astimezone(NEW_YORK).date() == date(2020, 2, 19)
