"""RFC 3339 and nothing else, at every door: API, feed and book file, command line, settings, reports."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from strawberry.exceptions import StrawberryInputCoercionError

from domain.moments import parse_day, parse_moment, parse_time_of_day
from feeds import fields
from gateway.cli.terminal import read_day, read_time_of_day
from gateway.settings import SettingsError, load_settings
from resolvers.kit.scalars import DATE, DATE_TIME

AT = datetime(2026, 11, 28, 11, 0, tzinfo=UTC)
MOMENT_DOORS: list[Any] = [parse_moment, fields.utc_time, DATE_TIME.parse_value]
DAY_DOORS: list[Any] = [parse_day, fields.day, DATE.parse_value, read_day]
REFUSALS = (ValueError, StrawberryInputCoercionError, typer.BadParameter)


@pytest.mark.parametrize("door", MOMENT_DOORS)
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-28T11:00:00Z", AT),
        ("2026-11-28t11:00:00z", AT),
        ("2026-11-28T12:00:00+01:00", AT),
        ("2026-11-28T05:30:00-05:30", AT),
        ("2026-11-28T11:00:00-00:00", AT),
        ("2026-11-28T11:00:00.5Z", AT + timedelta(milliseconds=500)),
        ("2026-11-28T11:00:00.123456789Z", AT + timedelta(microseconds=123456)),
        ("2026-11-28T11:00:00.000000999Z", AT),
        ("2024-02-29T11:00:00Z", datetime(2024, 2, 29, 11, tzinfo=UTC)),
    ],
)
def test_rfc_3339_times_are_read(door: Callable[[str], object], text: str, moment: datetime) -> None:
    assert door(text) == moment


@pytest.mark.parametrize("door", MOMENT_DOORS)
@pytest.mark.parametrize(
    "text",
    [
        "2026-W48-6T11:00:00Z",
        "20261128T110000Z",
        "2026-11-28T11Z",
        "2026-11-28T11:00Z",
        "2026-11-28 11:00:00Z",
        "2026-11-28T11:00:00",
        "2026-11-28",
        "2026-11-28T11:00:00,5Z",
        "2026-11-28T11:00:00.Z",
        "2026-11-28T11:00:00.1234567890Z",
        "2026-11-28T11:00:00+0100",
        "2026-11-28T11:00:00+01",
        "2026-11-28T11:00:00+24:00",
        "2026-11-28T11:00:00+01:60",
        "2026-11-28T11:00:00+01:00:30",
        "2026-11-28T24:00:00Z",
        "2026-11-28T11:60:00Z",
        "2026-11-28T11:00:61Z",
        "2026-02-29T11:00:00Z",
        "2026-332T11:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-28T11:00:00Z ",
        "2026-11-28T11:00:00Z\n",
        " 2026-11-28T11:00:00Z",
        "+2026-11-28T11:00:00Z",
        "\uff12\uff10\uff12\uff16-11-28T11:00:00Z",
        "1795863600",
        "now",
        "",
    ],
)
def test_times_outside_rfc_3339_are_refused(door: Callable[[str], object], text: str) -> None:
    with pytest.raises(REFUSALS, match=r"RFC 3339|exists"):
        door(text)


@pytest.mark.parametrize("door", MOMENT_DOORS)
@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2026-11-28T11:00:60Z"])
def test_a_leap_second_is_refused_in_words(door: Callable[[str], object], text: str) -> None:
    with pytest.raises(REFUSALS, match="without leap second: state :59 or the following :00"):
        door(text)


@pytest.mark.parametrize("door", MOMENT_DOORS)
@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "1900-01-01T00:00:00+00:01",
        "9998-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59.999999Z",
    ],
)
def test_a_moment_at_the_ends_of_the_calendar_is_refused(door: Callable[[str], object], text: str) -> None:
    """PostgreSQL stores the first one as minus infinity, which comes back without a time zone."""
    assert door("1900-01-01T00:00:00Z") == datetime(1900, 1, 1, tzinfo=UTC)
    assert door("9998-12-31T23:59:59Z") == datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)
    with pytest.raises(REFUSALS, match="a time of the years 1900 to 9998"):
        door(text)


@pytest.mark.parametrize("door", DAY_DOORS)
@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "9999-01-01", "9999-12-31"])
def test_a_day_at_the_ends_of_the_calendar_is_refused(door: Callable[[str], object], text: str) -> None:
    with pytest.raises(REFUSALS, match="a day of the years 1900 to 9998"):
        door(text)


@given(
    st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(9998, 12, 30)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_every_moment_that_python_writes_is_read(local: datetime, offset: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert parse_moment(moment.isoformat()) == moment
    assert parse_moment(moment.isoformat()).tzinfo is UTC


@pytest.mark.parametrize("door", DAY_DOORS)
@pytest.mark.parametrize(
    "text", ["2026-W48-6", "20261128", "2026-11-8", "2026-02-29", "2026-332", "28.11.2026", "2026-11-28 ", ""]
)
def test_a_day_is_written_in_one_way(door: Callable[[str], object], text: str) -> None:
    assert door("2026-11-28") == AT.date()
    with pytest.raises(REFUSALS, match="a day"):
        door(text)


@pytest.mark.parametrize("text", ["9:05", "24:00", "12:60", "12:00:00", "1200", "\uff11\uff12:00", ""])
def test_a_time_of_day_is_written_in_one_way(text: str) -> None:
    for door in (parse_time_of_day, read_time_of_day):
        assert door("15:30") == time(15, 30)
        with pytest.raises(REFUSALS, match="a time of day such as 15:30"):
            door(text)


@pytest.mark.parametrize("text", ["50400", "14:00:30", "2pm"])
def test_a_setting_is_a_time_of_day(text: str) -> None:
    assert load_settings(deadline_cutoff="13:15").deadline_cutoff == time(13, 15)
    with pytest.raises(SettingsError):
        load_settings(deadline_cutoff=text)
