"""What a loop needs and cannot read is named, costs no more than that, and is read when it is restored."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from desk.evidence.chain_audit import AuditChainer
from domain.calendar import MarketDay, MarketDayKind
from domain.doubt import Doubt, DoubtReason
from domain.ids import AccountId
from domain.principal import EVERYTHING
from gateway.watch.calendars import Calendars
from gateway.watch.market_days import MarketDays
from gateway.watch.revocation import FOR_EVER, Revocations
from models.audit import AuditEntry, write_audit
from models.doubt import note_doubts, unwatched_by_reason
from models.market_day import RecordedMarketDay, insert_market_day
from models.outbox import assign_positions, stream_head
from models.revocation import revoke_subject
from models.sql.database import fetch, is_sqlite, unreadable_rows
from models.sql.unreadable import UnreadableRow
from models.whole_book import every_book, load_market
from tests.kit.damage import damage
from tests.kit.desk_kit import APPLE, NOON, DeskKit

FOREVER = {True: "soon", False: "infinity"}
"""A time that is none; by whether the database is SQLite."""


async def test_a_revocation_that_is_ahead_of_the_clock_hides_no_later_one(kit: DeskKit) -> None:
    known = Revocations(poll_interval_s=1)
    await revoke_subject("early", datetime(2990, 1, 1, tzinfo=UTC))
    await known.load()
    now = datetime.now(UTC)
    await revoke_subject("late", now)
    assert "late" in await known.load()
    assert known.revoked_at("late") == now


async def test_a_revocation_with_a_damaged_time_holds_until_it_is_restored(kit: DeskKit) -> None:
    known = Revocations(poll_interval_s=1)
    for subject in ("damaged", "sound"):
        await revoke_subject(subject, NOON)
    await damage("revocation", "at", "subject = 'damaged'", FOREVER[is_sqlite()])
    with capture_logs() as logs:
        assert sorted(await known.load()) == ["damaged", "sound"]
        assert (known.revoked_at("damaged"), known.revoked_at("sound")) == (FOR_EVER, NOON)
        assert await known.load() == [], "each is told once"
        await fetch("UPDATE revocation SET at = $1 WHERE subject = 'damaged' RETURNING 1 AS changed", NOON)
        await known.load()
    assert known.revoked_at("damaged") == NOON
    assert [(each["event"], each["id"]) for each in logs] == [
        ("a row cannot be read and is left out", "damaged"),
        ("a row can be read again", "damaged"),
    ]


async def test_a_market_day_counts_as_soon_as_it_is_restored(kit: DeskKit) -> None:
    word = MarketDay("XHKG", NOON.date(), MarketDayKind.CLOSED, None, "typhoon")
    await insert_market_day(RecordedMarketDay("d" * 32, word, "ann", NOON))
    await fetch("UPDATE market_day SET day = '2026-99-99' RETURNING 1 AS changed")
    calendars = Calendars(NOON.year - 1, NOON.year + 1)
    days = MarketDays(calendars, kit.clock, poll_interval_s=1)
    with capture_logs() as logs:
        for _ in range(3):
            await days.load()
        assert days.unreadable == ["d" * 32]
        assert calendars.of("XHKG").is_trading_day(NOON.date())
        await fetch("UPDATE market_day SET day = $1 RETURNING 1 AS changed", NOON.date().isoformat())
        await days.load()
    assert days.unreadable == []
    assert not calendars.of("XHKG").is_trading_day(NOON.date())
    assert [each["event"] for each in logs] == [
        "market days cannot be read and are ignored",
        "market days can be read again",
    ]


@pytest.mark.parametrize(("column", "value"), [("sequence", -5), ("sequence", 10**9), ("hash", "x" * 64)])
async def test_a_head_that_is_not_the_end_of_the_audit_chain_is_named(
    kit: DeskKit, column: str, value: object
) -> None:
    chainer = AuditChainer(kit.desk, 10)

    async def acted() -> None:
        await write_audit([AuditEntry(NOON, "ann", "acts", "case", "1", {})])

    await acted()
    assert await chainer.chain() == 1
    (before,) = await fetch(f"SELECT {column} AS value FROM audit_head")
    await fetch(f"UPDATE audit_head SET {column} = $1 RETURNING 1 AS changed", value)
    await acted()
    for _ in range(2):
        with pytest.raises(UnreadableRow, match="audit_head audit cannot be read"):
            await chainer.chain()
    assert [(row.table, row.row_id) for row in unreadable_rows().damaged()] == [("audit_head", "audit")]
    await fetch(f"UPDATE audit_head SET {column} = $1 RETURNING 1 AS changed", before["value"])
    assert await chainer.chain() == 1
    assert unreadable_rows().damaged() == []


async def test_an_end_of_the_stream_that_is_behind_its_events_is_named(kit: DeskKit) -> None:
    await stream_head()
    for number in range(2):
        await _append(number)
    assert [row.offset for row in await assign_positions(10)] == [1, 2]
    await _append(3)
    for damaged in (-5, 1):
        await fetch("UPDATE stream SET last_offset = $1 RETURNING 1 AS changed", damaged)
        for read in (stream_head(), assign_positions(10)):
            with pytest.raises(UnreadableRow, match="stream desk cannot be read"):
                await read
    await fetch("UPDATE stream SET last_offset = 2 RETURNING 1 AS changed")
    assert [row.offset for row in await assign_positions(10)] == [3]
    await stream_head()
    assert unreadable_rows().damaged() == []


async def _append(number: int) -> None:
    await fetch(
        "INSERT INTO outbox (event_id, payload, at) VALUES ($1, '{}', $2) RETURNING 1 AS made",
        f"e{number}",
        NOON,
    )


async def test_a_damaged_doubt_takes_neither_the_metrics_nor_the_other_accounts_away(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    accounts = [await kit.account(f"M{number}", 0, {APPLE: 10}) for number in range(2)]
    for account_id in accounts:
        await note_doubts(account_id, [Doubt(DoubtReason.INCOMPLETE, "NEW.US", "unknown", NOON)], NOON)
    await fetch(
        "UPDATE account_doubt SET reason = 'NO SUCH' WHERE account_id = $1 RETURNING 1 AS changed",
        accounts[0],
    )
    counted = await unwatched_by_reason()
    assert counted[DoubtReason.INCOMPLETE] == 1
    assert sum(counted.values()) == 1
    market = await load_market(kit.desk.policy.books, NOON + timedelta(minutes=1))
    found: list[AccountId] = []
    left_out: list[str] = []
    async for chunk in every_book(EVERYTHING, market, 3):
        found += [book.account.account_id for book in chunk.books]
        left_out += chunk.left_out
    assert (len(found), left_out) == (1, ["M0"])
