"""What only the paper venue has: its journal file, its latency, its bounds."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.calendar import NoCalendar, TradingCalendar
from domain.execution import ExecType
from domain.ids import ClientOrderId
from domain.market import Quote, TradeStatus
from domain.order import TimeInForce, TradingSession
from gateway.watch.calendars import Calendars
from tests.kit.venue_harness import TENCENT, Ticks, new_order
from venues.base import VenueUnavailable
from venues.paper import PaperBehaviour, PaperSettings, PaperVenue
from venues.paper_journal import JournalCorrupt, JournalInUse

A, B = ClientOrderId("A"), ClientOrderId("B")


def quoted(venue: PaperVenue, clock: Ticks, bid_size: int | None = None) -> PaperVenue:
    size = None if bid_size is None else Decimal(bid_size)
    bid, ask = Decimal("399.80"), Decimal("400.00")
    venue.on_quote(Quote(TENCENT.symbol, clock(), bid, ask, last=ask, bid_size=size))
    return venue


async def journal_with_two_orders(path: Path) -> None:
    clock = Ticks()
    venue = quoted(PaperVenue(clock, path), clock)
    await venue.submit(new_order("A"))
    await venue.submit(new_order("B"))
    await venue.close()


async def test_a_torn_last_line_never_happened(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    await journal_with_two_orders(path)
    path.write_bytes(path.read_bytes()[:-20])
    venue = PaperVenue(Ticks(), path)
    assert await venue.history(A) is not None
    assert await venue.history(B) is None
    await venue.close()


async def test_writing_continues_behind_a_torn_line(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal.jsonl", Ticks()
    await journal_with_two_orders(path)
    path.write_bytes(path.read_bytes()[:-20])
    venue = quoted(PaperVenue(clock, path), clock)
    await venue.submit(new_order("B"))
    history = await venue.history(B)
    await venue.close()
    again = PaperVenue(Ticks(), path)
    assert history is not None
    assert await again.history(B) == history
    await again.close()


@pytest.mark.parametrize("keep", [0, 10])
async def test_a_journal_torn_in_its_first_line_is_started_again(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "journal.jsonl"
    await journal_with_two_orders(path)
    path.write_bytes(path.read_bytes()[:keep])
    venue = PaperVenue(Ticks(), path)
    assert await venue.history(A) is None
    await venue.close()


async def test_a_journal_with_an_unreadable_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    await journal_with_two_orders(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{broken\n" + lines[2])
    with pytest.raises(JournalCorrupt, match="line 2"):
        PaperVenue(Ticks(), path)


async def test_the_journal_of_another_venue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    await journal_with_two_orders(path)
    with pytest.raises(JournalCorrupt, match="PAPER"):
        PaperVenue(Ticks(), path, settings=PaperSettings(name="OTHER"))


async def test_two_venues_cannot_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = PaperVenue(Ticks(), path)
    with pytest.raises(JournalInUse):
        PaperVenue(Ticks(), path)
    await first.close()
    second = PaperVenue(Ticks(), path)
    await second.close()


async def test_the_same_calls_at_the_same_times_make_the_same_reports() -> None:
    said = []
    for _ in range(2):
        clock = Ticks()
        venue = quoted(PaperVenue(clock), clock, bid_size=1500)
        await venue.submit(new_order("A"))
        await venue.submit(new_order("B"))
        said.append((await venue.history(A), await venue.history(B)))
    assert said[0] == said[1]


async def test_latency_delays_reports_and_keeps_the_order_of_one_order() -> None:
    clock = Ticks()
    behaviour = PaperBehaviour(ack_latency_s=0.02, fill_latency_s=0.001)
    venue = quoted(PaperVenue(clock, behaviour=behaviour), clock)
    asked_at = asyncio.get_running_loop().time()
    await venue.submit(new_order("A"))
    reports = venue.reports()
    first, second = await anext(reports), await anext(reports)
    assert (first.exec_type, second.exec_type) == (ExecType.NEW, ExecType.TRADE)
    assert asyncio.get_running_loop().time() - asked_at >= 0.02
    await venue.close()


async def test_latency_does_not_add_up_over_orders() -> None:
    clock = Ticks()
    venue = PaperVenue(clock, behaviour=PaperBehaviour(ack_latency_s=0.5))
    quoted(venue, clock, bid_size=0)
    asked_at = asyncio.get_running_loop().time()
    for number in range(100):
        await venue.submit(new_order(f"A{number}"))
    reports = venue.reports()
    heard = [await anext(reports) for _ in range(100)]
    assert len({report.client_order_id for report in heard}) == 100
    assert asyncio.get_running_loop().time() - asked_at < 100 * 0.5
    await venue.close()


async def test_a_venue_whose_reports_are_not_read_accepts_no_more_orders() -> None:
    clock = Ticks()
    venue = quoted(PaperVenue(clock, settings=PaperSettings(max_waiting_reports=3)), clock)
    await venue.submit(new_order("A"))
    await venue.submit(new_order("B"))
    with pytest.raises(VenueUnavailable, match="read"):
        await venue.submit(new_order("C"))
    assert await venue.history(B) is not None


async def test_a_displayed_size_off_the_lot_is_filled_in_whole_lots() -> None:
    clock = Ticks()
    venue = quoted(PaperVenue(clock), clock, bid_size=250)
    await venue.submit(new_order("A"))
    history = await venue.history(A)
    assert history is not None
    assert history[1].last_quantity == 200


@contextmanager
def disk_full_behind(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_venue_that_cannot_write_accepts_nothing_more_and_restarts_with_its_journal(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "journal.jsonl", Ticks()
    venue = quoted(PaperVenue(clock, path), clock)
    await venue.submit(new_order("A"))
    size = len(path.read_bytes())
    with disk_full_behind(size + 20), pytest.raises(VenueUnavailable, match="journal"):
        await venue.submit(new_order("B"))
    with pytest.raises(VenueUnavailable, match="journal"):
        await venue.submit(new_order("C"))
    await venue.close()
    again = PaperVenue(clock, path)
    assert await again.history(A) is not None
    assert await again.history(B) is None
    await again.close()


async def test_an_older_quote_than_the_known_one_is_no_market_to_trade_on() -> None:
    clock = Ticks()
    venue = PaperVenue(clock)
    known = quote_of("399.00", "400.00", clock())
    venue.on_quote(known)
    await venue.submit(new_order("A"))
    venue.on_quote(replace(quote_of("399.80", "400.00", clock()), at=known.at - timedelta(seconds=5)))
    history = await venue.history(A)
    assert history is not None
    assert [report.exec_type for report in history] == [ExecType.NEW]


@pytest.mark.parametrize(("age_s", "fills"), [(59, True), (61, False)])
async def test_a_quote_that_is_too_old_fills_nothing_until_the_next_one(age_s: int, fills: bool) -> None:
    """As after a change of the leader, when the venue starts with what the database knows of the market."""
    now = datetime(2020, 3, 9, 12, 0, tzinfo=UTC)
    settings = PaperSettings(max_quote_age=timedelta(seconds=60))
    venue = PaperVenue(lambda: now, settings=settings)
    venue.on_quote(quote_of("399.80", "400.00", now - timedelta(seconds=age_s)))
    await venue.submit(new_order("A"))
    assert (venue.unconfirmed == 2) is fills
    venue.on_quote(quote_of("399.80", "400.00", now))
    assert venue.unconfirmed == 2


async def test_an_older_trade_status_changes_nothing() -> None:
    now = datetime(2020, 3, 9, 12, 0, tzinfo=UTC)
    venue = PaperVenue(lambda: now)
    venue.on_trade_status(TENCENT.symbol, TradeStatus.HALTED, now)
    venue.on_trade_status(TENCENT.symbol, TradeStatus.TRADING, now - timedelta(seconds=1))
    venue.on_quote(quote_of("399.80", "400.00", now))
    await venue.submit(new_order("A"))
    history = await venue.history(A)
    assert history is not None
    assert [report.exec_type for report in history] == [ExecType.REJECTED]


def quote_of(bid: str, ask: str, at: datetime) -> Quote:
    return Quote(TENCENT.symbol, at, bid=Decimal(bid), ask=Decimal(ask), last=Decimal(ask))


HONG_KONG = Calendars(2019, 2020).of("XHKG")
"""Its session ends at 16:00, which is 08:00 UTC."""
TEN = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)
DAY_ENDS: dict[str, tuple[datetime, dict[str, Any], datetime | None]] = {
    "placed in the session": (TEN, {}, TEN.replace(hour=8)),
    "placed before it": (TEN.replace(hour=0), {}, TEN.replace(hour=8)),
    "placed in the pause": (TEN.replace(hour=4, minute=30), {}, TEN.replace(hour=8)),
    "placed at the close": (TEN.replace(hour=8), {}, TEN.replace(day=17, hour=8)),
    "placed on a Saturday": (TEN.replace(day=14), {}, TEN.replace(hour=8)),
    "good till cancelled": (TEN, {"time_in_force": TimeInForce.GTC}, None),
    "for any session": (TEN, {"session": TradingSession.ANY}, TEN.replace(hour=16)),
    "in a market without a calendar": (TEN, {"instrument": replace(TENCENT, market="NOPE")}, None),
}


def calendar_of(market: str) -> TradingCalendar:
    if market != "XHKG":
        raise NoCalendar(market)
    return HONG_KONG


@pytest.mark.parametrize("name", DAY_ENDS)
async def test_a_day_order_ends_with_its_day_also_after_a_restart(tmp_path: Path, name: str) -> None:
    placed_at, changes, ends = DAY_ENDS[name]
    now = [placed_at]
    venue = PaperVenue(lambda: now[0], tmp_path / "journal.jsonl")
    venue.on_quote(Quote(TENCENT.symbol, placed_at, Decimal(1), Decimal(2), last=Decimal(1)))
    await venue.submit(replace(new_order("A"), **({"time_in_force": TimeInForce.DAY} | changes)))
    now[0] = (ends or placed_at + timedelta(days=30)) - timedelta(seconds=1)
    venue.end_days(calendar_of)
    assert [each.exec_type for each in await venue.history(A) or ()] == [ExecType.NEW]
    await venue.close()
    again = PaperVenue(lambda: now[0], tmp_path / "journal.jsonl")
    now[0] += timedelta(seconds=1)
    for _ in range(2):
        again.end_days(calendar_of)
    found = [each.exec_type for each in await again.history(A) or ()]
    assert found == [ExecType.NEW, *([] if ends is None else [ExecType.EXPIRED])]
    await again.close()
