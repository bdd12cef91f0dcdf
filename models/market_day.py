"""Market days entered by hand. Append-only: the newest row of a day applies."""

from dataclasses import dataclass
from datetime import date, datetime, time

from domain.calendar import MarketDay, MarketDayKind
from models.sql.database import Row, execute, fetch, fetch_one, insert_sql
from models.sql.readable import first_rows, readable_page
from models.sql.unreadable import UnreadableRow, reads
from models.sql.values import time as moment
from models.sql.where import Page, PageRequest, Where, in_order

_COLUMNS = ("id", "market", "day", "kind", "closes_at", "reason", "author", "at")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM market_day"


@dataclass(frozen=True, slots=True)
class RecordedMarketDay:
    """A market day with the person who entered it and the time."""

    id: str
    override: MarketDay
    author: str
    at: datetime


async def insert_market_day(recorded: RecordedMarketDay) -> None:
    """Append."""
    override = recorded.override
    closes_at = None if override.closes_at is None else f"{override.closes_at:%H:%M}"
    await execute(
        insert_sql("market_day", _COLUMNS),
        recorded.id,
        override.market,
        override.day.isoformat(),
        override.kind,
        closes_at,
        override.reason,
        recorded.author,
        recorded.at,
    )


@dataclass(frozen=True, slots=True)
class MarketDaysRead:
    """Market days, oldest first, and the ids of those that cannot be read."""

    overrides: list[MarketDay]
    unreadable: list[str]


async def load_market_days(since: date) -> MarketDaysRead:
    """All market days from `since` on. An unreadable one does not affect the others."""
    read = MarketDaysRead([], [])
    for row in await fetch(f"{_SELECT} WHERE day >= $1 ORDER BY at, id", since.isoformat()):
        try:
            read.overrides.append(_recorded(row).override)
        except UnreadableRow:
            read.unreadable.append(row["id"])
    return read


async def override_on(market: str, day: date) -> MarketDay | None:
    """The market day that applies on this day, if there is one."""
    row = await fetch_one(
        f"{_SELECT} WHERE market = $1 AND day = $2 ORDER BY at DESC, id DESC LIMIT 1", market, day.isoformat()
    )
    return _recorded(row).override if row else None


async def page_market_days(market: str | None, request: PageRequest) -> Page[RecordedMarketDay]:
    """Newest entry first; the key of a row is (its time, its id)."""
    where = Where()
    where.add_if("market = ?", market)
    sorted_ = in_order(where, request, "at, id", descending=True)
    newest = first_rows(f"{_SELECT}{sorted_}", where)
    return await readable_page(newest, _recorded, "market_day", request)


async def count_market_days(market: str | None) -> int:
    """The number of entries: since none is ever deleted, it changes with every one."""
    where = Where()
    where.add_if("market = ?", market)
    row = await fetch_one(f"SELECT COUNT(*) AS days FROM market_day{where}", *where.values)
    assert row is not None
    return int(row["days"])


async def load_recorded(ids: list[str]) -> dict[str, RecordedMarketDay]:
    """By id."""
    where = Where()
    where.add("id IN (?)", ids)
    return {row["id"]: _recorded(row) for row in await fetch(f"{_SELECT}{where}", *where.values)}


@reads("market_day")
def _recorded(row: Row) -> RecordedMarketDay:
    closes_at = None if row["closes_at"] is None else time.fromisoformat(row["closes_at"])
    override = MarketDay(
        row["market"], date.fromisoformat(row["day"]), MarketDayKind(row["kind"]), closes_at, row["reason"]
    )
    return RecordedMarketDay(row["id"], override, row["author"], moment(row["at"]))
