"""Flat before the close: an account that is worked on holds up no other, and a new leader cancels nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from desk.case_work.market_days import shift_deadlines
from desk.liquidation.flatten_intraday import IntradayDay
from desk.liquidation.run_automatic import AutomaticLiquidations
from desk.liquidation.set_auto_liquidation import SetAutoLiquidation, set_auto_liquidation
from desk.outcomes import Done
from desk.stock_recovery.cover_intraday import recall
from desk.stock_recovery.recall_stock import RecallStock, recall_stock
from domain.calendar import AmendedCalendar, MarketDay, MarketDayKind
from domain.ids import AccountId
from domain.liquidation_plan import LegRequest
from domain.margin import AccountType
from domain.recall_allocation import AllocationRule
from domain.stock_recovery import RecallCause
from gateway.loops.policy import liquidation_scheduler
from models.book import lock_accounts
from models.case import live_cases_of
from models.sql.configuration import SessionLimits
from models.sql.database import Database, execute, fetch, transaction
from models.stock_recovery import open_recoveries_of
from tests.kit.damage import damage
from tests.kit.desk_kit import APPLE, TRADER, Clock, DeskKit
from tests.kit.poison import heal, poison
from venues.paper import PaperVenue

BEFORE = datetime(2020, 3, 9, 19, 40, tzinfo=UTC)
"""20 minutes before the close in New York: no more new orders."""
FLAT = datetime(2020, 3, 9, 19, 45, tzinfo=UTC)
"""15 minutes before the close in New York."""
DAY = date(2020, 3, 9)
ONE_ACCOUNT_LOCKED = pytest.mark.parametrize("migrated_url", ["postgres"], indirect=True)
"""SQLite has one writer, who locks everything."""


async def a_desk() -> DeskKit:
    kit = DeskKit(Clock(BEFORE))
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    return kit


async def intraday(kit: DeskKit, account_no: str, debt: int = 40_000) -> AccountId:
    account_id = await kit.account(account_no, -debt, {APPLE: 1000}, AccountType.INTRADAY)
    await kit.assess(account_id)
    return account_id


def a_day(kit: DeskKit) -> IntradayDay:
    """As a new leader begins it."""
    return IntradayDay(kit.desk, PaperVenue(kit.clock, None), liquidation_scheduler(kit.settings, kit.clock))


async def run_due(kit: DeskKit) -> None:
    await AutomaticLiquidations(kit.desk, liquidation_scheduler(kit.settings, kit.clock), 10).run_due()


async def orders_of(account_id: AccountId) -> list[tuple[str, str, str]]:
    rows = await fetch(
        "SELECT o.status, o.type, o.placed_by FROM liquidation_order o WHERE o.account_id = $1"
        " ORDER BY o.created_at, o.id",
        account_id,
    )
    return [(row["status"], row["type"], row["placed_by"]) for row in rows]


async def closed_to_orders() -> list[str]:
    return [row["id"] for row in await fetch("SELECT id FROM account WHERE close_only ORDER BY id")]


async def test_a_new_leader_cancels_orders_open_before_and_none_placed_since(
    database: Database,
) -> None:
    with database.active():
        kit = await a_desk()
        account_id = await intraday(kit, "I1", debt=80_000)
        (view,) = await live_cases_of([account_id])
        await kit.liquidate(view.case.id, LegRequest(APPLE, Decimal(100)))
        kit.clock.now = FLAT
        await kit.quote(APPLE, 100)
        await a_day(kit).look()
        assert await orders_of(account_id) == [("CANCELED", "LIMIT", "trader")]
        await a_day(kit).look()
        await run_due(kit)
        sold = [("CANCELED", "LIMIT", "trader"), ("QUEUED", "MARKET", "system")]
        assert await orders_of(account_id) == sold
        for at in (FLAT + timedelta(minutes=1), FLAT + timedelta(hours=5), FLAT + timedelta(hours=16)):
            kit.clock.now = at
            await a_day(kit).look()
            await run_due(kit)
            assert await orders_of(account_id) == sold


DAMAGED = {
    "its case": ("margin_case", "figures", "{"),
    "its position": ("position", "quantity", None),
    "its cash": ("cash_balance", "balance", None),
    "its order": ("liquidation_order", "estimated_reduction", None),
}


@pytest.mark.parametrize("at", [BEFORE, FLAT], ids=["new orders end", "flat"])
@pytest.mark.parametrize("what", DAMAGED)
async def test_an_account_of_which_something_cannot_be_read_stops_no_other(
    kit: DeskKit, what: str, at: datetime
) -> None:
    kit.clock.now = BEFORE - timedelta(hours=1)
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    ids = sorted([await intraday(kit, number, debt=80_000) for number in ("I1", "I2", "I3")])
    for view in await live_cases_of(ids):
        await kit.liquidate(view.case.id, LegRequest(APPLE, Decimal(100)), key=view.case.id)
    table, column, value = DAMAGED[what]
    await damage(table, column, f"account_id = '{ids[0]}'", value)
    kit.clock.now = at
    await kit.quote(APPLE, 100)
    await a_day(kit).look()
    await run_due(kit)
    if at == FLAT:
        sold = [("CANCELED", "LIMIT", "trader"), ("QUEUED", "MARKET", "system")]
        assert [await orders_of(id_) for id_ in ids[1:]] == [sold] * 2
    assert set(ids[1:]) <= set(await closed_to_orders())


async def test_an_account_that_the_desk_fails_at_is_flat_as_soon_as_the_fault_is_over(kit: DeskKit) -> None:
    kit.clock.now = BEFORE
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    ids = sorted([await intraday(kit, number) for number in ("I1", "I2", "I3")])
    kit.clock.now = FLAT
    await kit.quote(APPLE, 100)
    await poison("margin_case", f"NEW.account_id = '{ids[0]}'")
    day = a_day(kit)
    with capture_logs() as logs:
        for _ in range(2):
            await day.look()
            await run_due(kit)
    assert [len(await orders_of(id_)) for id_ in ids] == [0, 1, 1]
    told = [each["event"] for each in logs if each["log_level"] == "error"]
    assert told == ["an item is held up by a fault"]
    await heal("margin_case")
    kit.clock.pass_(seconds=kit.settings.auto_liquidation_fault_wait_max_s)
    await kit.quote(APPLE, 100)
    await day.look()
    await run_due(kit)
    assert [len(await orders_of(id_)) for id_ in ids] == [1, 1, 1]


@ONE_ACCOUNT_LOCKED
async def test_a_locked_account_holds_up_no_other_and_is_done_afterwards(url: str) -> None:
    database, elsewhere = Database(url, 2, SessionLimits(lock_timeout_s=0.05)), Database(url, 1)
    await database.open()
    await elsewhere.open()
    try:
        with database.active():
            kit = await a_desk()
            ids = sorted([await intraday(kit, number) for number in ("I1", "I2", "I3")])
            kit.clock.now = FLAT
            await kit.quote(APPLE, 100)
            day = a_day(kit)
            with elsewhere.active():
                async with transaction():
                    await lock_accounts([ids[0]])
                    with database.active():
                        await day.look()
                        await run_due(kit)
                        assert [len(await orders_of(id_)) for id_ in ids] == [0, 1, 1]
            await day.look()
            await run_due(kit)
            assert [len(await orders_of(id_)) for id_ in ids] == [1, 1, 1]
    finally:
        await database.close()
        await elsewhere.close()


@ONE_ACCOUNT_LOCKED
async def test_an_account_worked_on_when_new_orders_end_is_looked_at_afterwards(url: str) -> None:
    database, elsewhere = Database(url, 2, SessionLimits(lock_timeout_s=0.05)), Database(url, 1)
    await database.open()
    await elsewhere.open()
    try:
        with database.active():
            kit = await a_desk()
            kit.clock.now = BEFORE - timedelta(minutes=1)
            ids = sorted([await intraday(kit, number, debt=0) for number in ("I1", "I2")])
            day = a_day(kit)
            await day.look()
            assert await closed_to_orders() == []
            kit.clock.now = BEFORE
            with elsewhere.active():
                async with transaction():
                    await lock_accounts([ids[0]])
                    with database.active():
                        await day.look()
                        assert await closed_to_orders() == ids[1:]
            await day.look()
            assert await closed_to_orders() == ids
    finally:
        await database.close()
        await elsewhere.close()


class OddVenue(PaperVenue):
    """Gives an unknown answer about clients' own orders."""

    async def cancel_client_orders(self, account_no: str) -> int:
        raise ValueError(account_no)


async def test_an_account_that_fails_in_one_step_has_its_turn_in_the_next(database: Database) -> None:
    with database.active():
        kit = await a_desk()
        account_id = await intraday(kit, "I1", debt=80_000)
        kit.clock.now = FLAT
        await kit.quote(APPLE, 100)
        venue = OddVenue(kit.clock, None)
        await IntradayDay(kit.desk, venue, liquidation_scheduler(kit.settings, kit.clock)).look()
        await run_due(kit)
        assert await orders_of(account_id) == [("QUEUED", "MARKET", "system")]


async def test_a_later_time_set_by_an_operator_keeps_no_account_from_being_flat_before_the_close(
    database: Database,
) -> None:
    with database.active():
        kit = await a_desk()
        account_id = await intraday(kit, "I1", debt=80_000)
        (view,) = await live_cases_of([account_id])
        tomorrow = SetAutoLiquidation("later", (view.case.id,), FLAT + timedelta(days=1), at_deadline=False)
        (outcome,) = await set_auto_liquidation(kit.desk, TRADER, tomorrow)
        assert isinstance(outcome, Done), outcome
        kit.clock.now = FLAT
        await kit.quote(APPLE, 100)
        await a_day(kit).look()
        await run_due(kit)
        assert await orders_of(account_id) == [("QUEUED", "MARKET", "system")]


async def test_an_account_that_the_desk_fails_at_holds_up_no_other(database: Database) -> None:
    with database.active():
        kit = await a_desk()
        ids = sorted([await intraday(kit, number) for number in ("I1", "I2", "I3")])
        await fetch("UPDATE cash_balance SET balance = 'NaN' WHERE account_id = $1 RETURNING 1", ids[0])
        kit.clock.now = FLAT
        await kit.quote(APPLE, 100)
        day = a_day(kit)
        await day.look()
        await run_due(kit)
        assert [len(await orders_of(id_)) for id_ in ids] == [0, 1, 1]
        await fetch("UPDATE cash_balance SET balance = '-40000' WHERE account_id = $1 RETURNING 1", ids[0])
        await day.look()
        await run_due(kit)
        assert len(await orders_of(ids[0])) == 0, "not before its wait is over"
        kit.clock.pass_(seconds=kit.settings.auto_liquidation_retry_s)
        await kit.quote(APPLE, 100)
        await day.look()
        await run_due(kit)
        assert [len(await orders_of(id_)) for id_ in ids] == [1, 1, 1]


NEW_YORK = ZoneInfo("America/New_York")


def in_new_york(local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("called_at", "due"),
    [
        ("2020-03-09 09:31", "2020-03-09 15:45"),
        ("2020-03-09 15:44", "2020-03-09 15:45"),
        ("2020-03-09 15:45", "2020-03-09 15:45"),
        ("2020-03-09 15:50", "2020-03-09 15:50"),
        ("2020-03-09 20:00", "2020-03-09 20:00"),
        ("2020-03-09 08:00", "2020-03-09 08:00"),
        ("2020-03-08 12:00", "2020-03-08 12:00"),
        ("2020-11-27 10:00", "2020-11-27 12:45"),
    ],
    ids=[
        "morning",
        "a minute before",
        "then",
        "after",
        "after the close",
        "before it opens",
        "Sunday",
        "half day",
    ],
)
async def test_a_case_of_an_intraday_account_is_due_when_the_account_has_to_be_flat(
    database: Database, called_at: str, due: str
) -> None:
    with database.active():
        kit = DeskKit(Clock(in_new_york(called_at)))
        await kit.instrument(APPLE)
        await kit.quote(APPLE, 100)
        account_id = await kit.account("A", -90_000, {APPLE: 1000}, AccountType.INTRADAY)
        await kit.assess(account_id)
        (view,) = await live_cases_of([account_id])
        assert view.case.deadline == in_new_york(due)


async def test_a_case_of_a_margin_account_keeps_its_three_days(database: Database) -> None:
    with database.active():
        kit = DeskKit(Clock(datetime(2020, 3, 9, 10, 0, tzinfo=NEW_YORK)))
        (view,) = await live_cases_of([await kit.indebted_account()])
        assert view.case.deadline == datetime(2020, 3, 11, 14, 0, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("now", "word", "due"),
    [
        (10, MarketDay("XNYS", DAY, MarketDayKind.HALF, clock_time(13, 0), "storm"), (12, 45)),
        (14, MarketDay("XNYS", DAY, MarketDayKind.HALF, clock_time(13, 0), "storm"), (14, 0)),
        (11, MarketDay("XNYS", DAY, MarketDayKind.CLOSED, None, "storm"), (11, 0)),
    ],
    ids=["known before", "known after its close", "closed"],
)
async def test_a_market_day_entered_by_hand_moves_the_flat_time(
    database: Database, now: int, word: MarketDay, due: tuple[int, int]
) -> None:
    with database.active():
        words: dict[str, dict[date, MarketDay]] = {}
        kit = DeskKit(Clock(datetime(2020, 3, 9, 9, 40, tzinfo=NEW_YORK)))
        base = kit.desk.calendar_of
        kit.desk = replace(
            kit.desk, calendar_of=lambda market: AmendedCalendar(base(market), words.get(market, {}))
        )
        await kit.instrument(APPLE)
        await kit.quote(APPLE, 100)
        account_id = await kit.account("A", -90_000, {APPLE: 1000}, AccountType.INTRADAY)
        await kit.assess(account_id)
        kit.clock.now = datetime(2020, 3, 9, now, 0, tzinfo=NEW_YORK)
        words["XNYS"] = {DAY: word}
        assert await shift_deadlines(kit.desk, liquidation_scheduler(kit.settings, kit.clock)) == 1
        (view,) = await live_cases_of([account_id])
        assert view.case.deadline == datetime(2020, 3, 9, *due, tzinfo=NEW_YORK)
        assert await shift_deadlines(kit.desk, liquidation_scheduler(kit.settings, kit.clock)) == 0, (
            "a second look moves nothing"
        )


async def test_an_intraday_recall_ranks_below_the_recall_of_a_lender(
    database: Database,
) -> None:
    """Together they ask for all of the short, also when a part of it has come back."""
    with database.active():
        kit = await a_desk()
        account_id = await kit.account("I1", 500_000, {APPLE: -1000}, AccountType.INTRADAY)
        due = kit.clock() + timedelta(days=1)
        how = (RecallCause.RECALLED, AllocationRule.FIFO, "lender")
        asked = RecallStock("r", APPLE, Decimal(300), due, *how)
        assert isinstance(await recall_stock(kit.desk, TRADER, asked), Done)
        kit.clock.pass_(seconds=1)
        async with transaction():
            await lock_accounts([account_id])
            await recall(kit.desk, account_id)
        for short, outstanding in ((1000, [300, 700]), (800, [100, 700]), (600, [600])):
            await execute("UPDATE position SET quantity = $1 WHERE account_id = $2", -short, account_id)
            await kit.assess(account_id)
            left = [each.outstanding for each in await open_recoveries_of([account_id])]
            assert left == outstanding, short
