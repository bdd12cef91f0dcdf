"""Every round over many: one account, case or request that fails is set aside, and the others are done."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from desk.approvals import expire_approvals
from desk.case_work.market_days import SetMarketDay, set_market_day, shift_deadlines
from desk.evidence.daily_snapshots import take_daily_snapshots
from desk.fair_scheduler import LOCK_MAX_WAIT, FairScheduler
from desk.four_eyes.request_approval import ApprovalDraft, request_approval
from desk.outbound.daily_messages import sweep_messages
from desk.stock_recovery.collect_stock import collect_stock, unknown_markets
from domain.approval import ApprovalKind
from domain.calendar import MarketDay, MarketDayKind
from domain.ids import AccountId, Symbol
from domain.market import (
    FactorSource,
    Instrument,
    InstrumentKind,
    MarginFactors,
    OptionRight,
    OptionTerms,
    TradeStatus,
)
from gateway.loops.policy import ROUND_MAX_WAIT
from gateway.settings import load_settings
from gateway.watch.market_days import MarketDays
from models.book import lock_accounts
from models.case import live_cases_of
from models.market import save_instrument
from models.sql.configuration import SessionLimits
from models.sql.database import Database, fetch, transaction
from tests.kit.desk_kit import APPLE, TRADER, USD, DeskKit
from tests.kit.poison import heal, poison
from tests.kit.servers import fresh_database

CALL = Symbol("AAPL-C100.US")
NAMES = ("M0", "M1", "M2")


@dataclass(slots=True)
class Scene:
    """Three accounts that are called."""

    kit: DeskKit
    accounts: Sequence[AccountId]
    scheduler: FairScheduler


async def scene() -> Scene:
    kit = DeskKit(
        settings=load_settings(
            close_hold_s=0,
            message_sms_url="json://127.0.0.1:9/?:to={to}",
            message_automatic_channels="SMS",
            covered_options_trigger_time="00:00",
        )
    )
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    ids = [await kit.account(name, -90_000, {APPLE: 1000}) for name in NAMES]
    for account_id in ids:
        await kit.assess(account_id)
    return Scene(kit, ids, kit.scheduler())


@dataclass(frozen=True, slots=True)
class Round:
    """A round, what of it is written where, and which accounts were done."""

    table: str
    condition: str
    """Of the row of one account, named by `account` or `case`."""
    prepare: Callable[[Scene], Awaitable[None]]
    run: Callable[[Scene], Awaitable[object]]
    done: str
    """The account ids of those that were done."""
    lock: str = "account WHERE id = '{account}'"


async def _nothing(desk: Scene) -> None:
    """It is prepared."""


async def _requests(desk: Scene) -> None:
    for account_id in desk.accounts:
        async with transaction():
            await lock_accounts([account_id])
            asked = ApprovalDraft(
                ApprovalKind.VOID,
                "case",
                uuid4().hex,
                account_id,
                "bad price",
                {"status": "OPEN"},
                {"status": "VOID"},
                "{}",
            )
            await request_approval(desk.kit.desk, TRADER, asked, "a void", desk.kit.clock())
    desk.kit.clock.pass_(seconds=desk.kit.settings.approval_ttl_s)


async def _after_the_close(desk: Scene) -> None:
    desk.kit.clock.pass_(hours=6)


async def _a_holiday(desk: Scene) -> None:
    override = MarketDay("XNYS", date(2020, 3, 10), MarketDayKind.CLOSED, None, "flood")
    await set_market_day(desk.kit.desk, TRADER, SetMarketDay(uuid4().hex, override))
    await MarketDays(desk.kit.calendars, desk.kit.clock, 1).load()


async def _written_calls(desk: Scene) -> None:
    option = Instrument(
        CALL,
        CALL,
        "XNYS",
        USD,
        InstrumentKind.OPTION,
        Decimal(1),
        Decimal(100),
        Decimal(0),
        TradeStatus.TRADING,
        option=OptionTerms(APPLE, OptionRight.CALL, Decimal(100), date(2020, 12, 18)),
    )
    half = Decimal("0.5")
    await save_instrument(
        option, MarginFactors(half, half, half, half, FactorSource.INSTRUMENT), desk.kit.clock()
    )
    await desk.kit.quote(CALL, 1)
    for account_id in desk.accounts:
        await fetch(
            "INSERT INTO position (id, account_id, instrument_id, quantity, as_of)"
            " VALUES ($1, $2, $3, $4, $5) RETURNING 1",
            uuid4().hex,
            account_id,
            CALL,
            Decimal(-20),
            desk.kit.clock(),
        )


ROUNDS = {
    "requests": Round(
        "approval",
        "NEW.account_id = '{account}'",
        _requests,
        lambda desk: expire_approvals(desk.kit.desk, 2, desk.scheduler),
        "SELECT account_id FROM approval WHERE status = 'EXPIRED'",
        "approval WHERE account_id = '{account}'",
    ),
    "daily snapshots": Round(
        "snapshot",
        "NEW.kind = 'DAILY' AND NEW.case_id = '{case}'",
        _after_the_close,
        lambda desk: take_daily_snapshots(desk.kit.desk, 10, desk.scheduler),
        "SELECT c.account_id FROM snapshot s JOIN margin_case c ON c.id = s.case_id WHERE s.kind = 'DAILY'",
    ),
    "deadlines": Round(
        "margin_case",
        "NEW.id = '{case}'",
        _a_holiday,
        lambda desk: shift_deadlines(desk.kit.desk, desk.scheduler),
        "SELECT c.account_id FROM deadline_change d JOIN margin_case c ON c.id = d.case_id",
    ),
    "automatic messages": Round(
        "client_message",
        "NEW.case_id = '{case}'",
        _nothing,
        lambda desk: sweep_messages(desk.kit.desk, desk.scheduler),
        "SELECT c.account_id FROM client_message m JOIN margin_case c ON c.id = m.case_id",
    ),
    "covered calls": Round(
        "stock_recovery",
        "NEW.account_id = '{account}'",
        _written_calls,
        lambda desk: collect_stock(desk.kit.desk, desk.scheduler, unknown_markets()),
        "SELECT account_id FROM stock_recovery",
    ),
}


async def _done(of: Round) -> set[str]:
    return {row["account_id"] for row in await fetch(of.done)}


@pytest.fixture(params=list(ROUNDS))
def of(request: pytest.FixtureRequest) -> Round:
    return ROUNDS[request.param]


async def test_one_that_fails_holds_up_no_other_and_is_done_when_it_is_mended(
    database: Database, of: Round
) -> None:
    with database.active():
        desk = await scene()
        await of.prepare(desk)
        (view,) = await live_cases_of(desk.accounts[1:2])
        await poison(of.table, of.condition.format(account=desk.accounts[1], case=view.case.id))
        await of.run(desk)
        assert await _done(of) == {desk.accounts[0], desk.accounts[2]}
        await of.run(desk)
        assert await _done(of) == {desk.accounts[0], desk.accounts[2]}
        await heal(of.table)
        desk.kit.clock.pass_(seconds=ROUND_MAX_WAIT.total_seconds())
        await of.run(desk)
        assert await _done(of) == set(desk.accounts)


async def test_one_that_is_locked_holds_up_no_other(
    postgres_url: str, migrated_postgres: str, of: Round
) -> None:
    """The lock timeout is longer than the test."""
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        database, session = Database(url, 2, SessionLimits(lock_timeout_s=600)), await asyncpg.connect(url)
        await database.open()
        with database.active():
            desk = await scene()
            await of.prepare(desk)
            await session.execute("BEGIN")
            await session.execute(f"SELECT 1 FROM {of.lock.format(account=desk.accounts[1])} FOR UPDATE")
            await of.run(desk)
            assert await _done(of) == {desk.accounts[0], desk.accounts[2]}
            await session.execute("ROLLBACK")
            desk.kit.clock.pass_(seconds=LOCK_MAX_WAIT.total_seconds())
            await of.run(desk)
            assert await _done(of) == set(desk.accounts)
        await session.close()
        await database.close()


async def test_a_market_day_that_cannot_be_read_costs_the_others_nothing(database: Database) -> None:
    with database.active():
        kit = DeskKit()
        for day in (date(2020, 3, 10), date(2020, 3, 11)):
            override = MarketDay("XNYS", day, MarketDayKind.HALF, time(12, 0), "flood")
            await set_market_day(kit.desk, TRADER, SetMarketDay(uuid4().hex, override))
        await fetch("UPDATE market_day SET closes_at = 'noon' WHERE day = '2020-03-10' RETURNING 1")
        with capture_logs() as logs:
            await MarketDays(kit.calendars, kit.clock, 1).load()
        assert [each["event"] for each in logs] == ["market days cannot be read and are ignored"]
        assert kit.calendars.of("XNYS").closing_time(date(2020, 3, 10)) == time(16, 0)
        assert kit.calendars.of("XNYS").closing_time(date(2020, 3, 11)) == time(12, 0)
