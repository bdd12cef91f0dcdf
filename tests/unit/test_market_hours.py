"""Whether a market is in session: by its calendar, or because recorded prices are played."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from desk.context import DeskContext
from domain.market_hours import MarketState
from gateway.resources import make_desk
from gateway.settings import Feed, load_settings

SATURDAY = datetime(2020, 3, 7, 15, 0, tzinfo=UTC)
MONDAY = datetime(2020, 3, 9, 15, 0, tzinfo=UTC)
NIGHT = datetime(2020, 3, 10, 2, 0, tzinfo=UTC)


def a_desk(**settings: object) -> DeskContext:
    return make_desk(load_settings(**settings), lambda: MONDAY, lambda: None)


@pytest.mark.parametrize(
    ("now", "by_calendar"),
    [(MONDAY, MarketState.OPEN), (NIGHT, MarketState.SHUT), (SATURDAY, MarketState.SHUT)],
)
def test_played_prices_trade_at_any_hour_and_others_by_the_calendar(
    now: datetime, by_calendar: MarketState
) -> None:
    assert a_desk().market_hours(now).state_of("XNYS") is by_calendar
    played = a_desk(feed=Feed.REPLAY, replay_file=Path("demo/prices.csv"))
    assert played.market_hours(now).state_of("XNYS") is MarketState.OPEN
    assert played.market_hours(now).state_of("XNONE") is MarketState.UNKNOWN_CALENDAR
