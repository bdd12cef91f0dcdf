"""The rounds of the monitor: an account, case, price or statement that fails holds up no other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise, permutations

import asyncpg
import pytest
from structlog.testing import capture_logs

from desk.assessment.assess_case import assess_account
from desk.fair_scheduler import LOCK_MAX_WAIT, LOCKED_AFTER
from desk.monitoring.watch_margin import Monitor
from domain.book_changes import CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.doubt import DoubtReason
from domain.ids import AccountId, Symbol
from domain.inputs import Message
from domain.market import FxRate, TradeStatus
from domain.money import Currency
from gateway.loops.policy import ROUND_FIRST_WAIT, ROUND_MAX_WAIT
from models.book import load_fx_rates, lock_accounts
from models.case import live_cases_of
from models.doubt import doubts_of
from models.market import load_quotes
from models.sql.configuration import SessionLimits
from models.sql.database import Database, fetch, transaction
from tests.kit.desk_kit import APPLE, USD, DeskKit, quoted
from tests.kit.patience import PATIENCE_S
from tests.kit.poison import heal, poison
from tests.kit.servers import fresh_database

HKD = Currency("HKD")
BIG = Symbol("BIG.US")
ENORMOUS = Decimal("-99999999999999999999")


@dataclass(slots=True)
class Scene:
    """Accounts that are watched and owe nothing as long as APPLE is at 100; at 60 each of them is called."""

    kit: DeskKit
    monitor: Monitor
    accounts: Sequence[AccountId]

    async def price(self, price: int) -> None:
        """A new quote, and the look that follows."""
        self.kit.clock.pass_(seconds=1)
        await self.take(quoted(APPLE, price, self.kit.clock()))
        await self.monitor.look()

    async def take(self, *messages: Message) -> None:
        taken = await self.monitor.take(messages)
        assert taken.refused == []

    async def time_passes(self, wait: timedelta) -> None:
        """And a round of the monitor, with fresh prices."""
        self.kit.clock.pass_(seconds=wait.total_seconds())
        await self.monitor.look()
        await self.monitor.refresh()

    async def called(self) -> list[bool]:
        """Whether each account has a case."""
        cases = await live_cases_of(self.accounts)
        return [any(view.case.account_id == each for view in cases) for each in self.accounts]

    async def doubts(self, number: int = 0) -> list[DoubtReason]:
        stored = (await doubts_of([self.accounts[number]])).get(self.accounts[number], [])
        return [each.doubt.reason for each in stored]


async def scene(kit: DeskKit, accounts: int = 3) -> Scene:
    for symbol in (APPLE, BIG):
        await kit.instrument(symbol)
        await kit.quote(symbol, 100)
    ids = [await kit.account(f"M{number}", -50_000, {APPLE: 1000}) for number in range(accounts)]
    made = Scene(kit, kit.monitor(), ids)
    await made.monitor.note_everything()
    await made.monitor.look()
    return made


async def test_an_amount_that_cannot_be_stored_sets_its_account_aside_and_no_other(kit: DeskKit) -> None:
    desk = await scene(kit)
    await desk.take(PositionStated("M0", BIG, ENORMOUS, kit.clock()))
    await desk.price(60)
    assert await desk.called() == [False, True, True]
    assert await desk.doubts() == [DoubtReason.TOO_LARGE]
    kit.clock.pass_(seconds=1)
    await desk.take(PositionStated("M0", BIG, Decimal(0), kit.clock()))
    await desk.time_passes(ROUND_FIRST_WAIT)
    assert await desk.called() == [True, True, True]
    assert await desk.doubts() == []


async def test_figures_of_a_case_that_can_no_longer_be_stored_stop_no_refresh(kit: DeskKit) -> None:
    desk = await scene(kit)
    await desk.price(60)
    before = await amounts(desk)
    await desk.take(PositionStated("M1", BIG, ENORMOUS, kit.clock()))
    await desk.price(59)
    await desk.monitor.refresh()
    after = await amounts(desk)
    assert [was != now_is for was, now_is in zip(before, after, strict=True)] == [True, False, True]
    assert await desk.doubts(1) == [DoubtReason.TOO_LARGE]


async def amounts(desk: Scene) -> list[Decimal]:
    return [
        view.case.figures.amount for account_id in desk.accounts for view in await live_cases_of([account_id])
    ]


Step = Callable[[Scene], Awaitable[None]]


async def _break_the_look(desk: Scene) -> None:
    await poison("margin_case", f"NEW.account_id = '{desk.accounts[0]}'")


async def _mend_the_look(desk: Scene) -> None:
    await heal("margin_case")


async def _break_the_reading(desk: Scene) -> None:
    await fetch(
        "UPDATE account SET written_off_alerts = 'NONSENSE' WHERE id = $1 RETURNING 1", desk.accounts[0]
    )
    await desk.monitor.note_everything()


async def _mend_the_reading(desk: Scene) -> None:
    await fetch("UPDATE account SET written_off_alerts = NULL WHERE id = $1 RETURNING 1", desk.accounts[0])


@pytest.mark.parametrize(
    ("break_", "mend"),
    [(_break_the_look, _mend_the_look), (_break_the_reading, _mend_the_reading)],
    ids=["look", "reading"],
)
async def test_a_fault_at_one_account_is_listed_and_logged_once_and_over_when_it_is_mended(
    kit: DeskKit, break_: Step, mend: Step
) -> None:
    desk = await scene(kit)
    await break_(desk)
    with capture_logs() as logs:
        await desk.price(60)
        assert (await desk.called())[1:] == [True, True]
        for _ in range(3):
            await desk.time_passes(ROUND_MAX_WAIT)
        assert await desk.doubts() == [DoubtReason.FAULT]
        assert [each["log_level"] for each in logs].count("error") == 1
        (stored,) = (await doubts_of([desk.accounts[0]]))[desk.accounts[0]]
        assert stored.attempts >= 3
        assert stored.doubt.since < kit.clock()
        await mend(desk)
        await desk.time_passes(ROUND_MAX_WAIT)
        await desk.price(60)
    assert await desk.called() == [True, True, True]
    assert await desk.doubts() == []
    assert [each["event"] for each in logs].count("a held-up item is processed again") == 1


async def test_a_case_that_cannot_be_read_takes_no_other_account_out_of_the_watching(kit: DeskKit) -> None:
    desk = await scene(kit)
    await desk.price(60)
    (view, *_) = await live_cases_of(desk.accounts[:1])
    await fetch("UPDATE margin_case SET figures = '{' WHERE id = $1 RETURNING 1", view.case.id)
    successor = Scene(kit, kit.monitor(), desk.accounts)
    await successor.monitor.note_everything()
    await successor.price(59)
    assert await desk.doubts() == [DoubtReason.FAULT]
    before = [(await live_cases_of([each]))[0].case.figures.amount for each in desk.accounts[1:]]
    await successor.price(58)
    await successor.monitor.refresh()
    after = [(await live_cases_of([each]))[0].case.figures.amount for each in desk.accounts[1:]]
    assert all(now_is > was for was, now_is in zip(before, after, strict=True))


async def test_a_doubt_of_an_earlier_leader_is_over_when_its_successor_succeeds(kit: DeskKit) -> None:
    desk = await scene(kit)
    await _break_the_look(desk)
    await desk.price(60)
    assert await desk.doubts() == [DoubtReason.FAULT]
    await _mend_the_look(desk)
    successor = Scene(kit, kit.monitor(), desk.accounts)
    await successor.monitor.note_everything()
    await successor.price(60)
    assert await successor.called() == [True, True, True]
    assert await successor.doubts() == []


async def test_a_refresh_that_fails_at_one_case_stores_the_others(kit: DeskKit) -> None:
    desk = await scene(kit)
    await desk.price(60)
    before = await amounts(desk)
    await poison("margin_case", f"NEW.account_id = '{desk.accounts[1]}'")
    await desk.price(59)
    await desk.monitor.refresh()
    after = await amounts(desk)
    assert [was != now_is for was, now_is in zip(before, after, strict=True)] == [True, False, True]
    assert await desk.doubts(1) == [DoubtReason.FAULT]
    await heal("margin_case")
    await desk.time_passes(ROUND_MAX_WAIT)
    assert len(set(await amounts(desk))) == 1
    assert await desk.doubts(1) == []


async def test_accounts_that_came_into_the_database_unheard_are_watched(kit: DeskKit) -> None:
    desk = await scene(kit)
    added = await kit.account("N1", -50_000, {APPLE: 1000})
    await desk.monitor.note_new_accounts()
    await desk.price(60)
    assert await live_cases_of([added])


# Locks, which SQLite does not have. Whoever waited for one would wait longer than the test may last.


@dataclass(slots=True)
class Lock:
    """What another session has locked."""

    session: asyncpg.Connection

    async def take(self, row: str) -> None:
        await self.session.execute("BEGIN")
        await self.session.execute(f"SELECT 1 FROM {row} FOR UPDATE")

    async def release(self) -> None:
        await self.session.execute("ROLLBACK")


@pytest.fixture
async def locking(postgres_url: str, migrated_postgres: str) -> AsyncIterator[tuple[Scene, Lock]]:
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        database, session = (
            Database(url, 2, limits=SessionLimits(lock_timeout_s=600)),
            await asyncpg.connect(url),
        )
        await database.open()
        with database.active():
            yield await scene(DeskKit()), Lock(session)
        await session.close()
        await database.close()


async def test_a_transaction_that_opened_a_case_and_stands_still_delays_no_other_case(
    locking: tuple[Scene, Lock],
) -> None:
    desk, _ = locking
    begun, ends = asyncio.Event(), asyncio.Event()
    await desk.kit.quote(APPLE, 60)

    async def stand_still() -> None:
        async with transaction():
            await lock_accounts(desk.accounts[:1])
            await assess_account(desk.kit.desk, desk.accounts[0], desk.kit.clock())
            begun.set()
            await ends.wait()

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(stand_still())
        await begun.wait()
        await desk.price(60)
        opened = await desk.called()
        ends.set()
    assert opened == [False, True, True]
    numbers = [view.case.case_no for view in await live_cases_of(desk.accounts)]
    assert len(set(numbers)) == 3


@pytest.mark.parametrize("row", ["counter", "client", "instrument", "fx_rate", "cash_balance", "lease"])
async def test_a_lock_on_rows_that_many_accounts_share_opens_cases_all_the_same(
    locking: tuple[Scene, Lock], row: str
) -> None:
    desk, lock = locking
    await desk.price(60)
    await desk.kit.quote(APPLE, 60)
    added = await desk.kit.account("N1", -50_000, {APPLE: 1000})
    await lock.take(f"{row} r")
    desk.monitor.note(added)
    await desk.monitor.look()
    assert await live_cases_of([added])
    await lock.release()


async def test_a_locked_account_delays_no_other_and_is_listed_when_the_lock_lasts(
    locking: tuple[Scene, Lock],
) -> None:
    desk, lock = locking
    await lock.take(f"account WHERE id = '{desk.accounts[0]}'")
    await desk.price(60)
    assert await desk.called() == [False, True, True]
    assert await desk.doubts() == []
    with capture_logs() as logs:
        for _ in range(4):
            await desk.time_passes(LOCKED_AFTER)
        assert await desk.doubts() == [DoubtReason.LOCKED]
        await lock.release()
        await desk.time_passes(LOCK_MAX_WAIT)
    assert await desk.called() == [True, True, True]
    assert await desk.doubts() == []
    events = [each["event"] for each in logs]
    assert events.count("an item is held up by a lock") == 1
    assert events.count("a held-up item is processed again") == 1


@pytest.mark.parametrize("table", ["account", "margin_case"])
async def test_a_locked_case_delays_no_refresh_of_another(locking: tuple[Scene, Lock], table: str) -> None:
    desk, lock = locking
    await desk.price(60)
    before = await amounts(desk)
    (view,) = await live_cases_of(desk.accounts[:1])
    await lock.take(f"{table} WHERE id = '{desk.accounts[0] if table == 'account' else view.case.id}'")
    await desk.price(59)
    await desk.monitor.refresh()
    after = await amounts(desk)
    assert [was != now_is for was, now_is in zip(before, after, strict=True)] == [False, True, True]
    for _ in range(4):
        await desk.time_passes(LOCKED_AFTER)
    assert await desk.doubts() == [DoubtReason.LOCKED]
    await lock.release()
    for _ in range(2):
        await desk.time_passes(LOCK_MAX_WAIT)
    assert len(set(await amounts(desk))) == 1
    assert await desk.doubts() == []


async def test_a_statement_about_a_locked_account_is_held_and_the_others_are_used(
    locking: tuple[Scene, Lock],
) -> None:
    desk, lock = locking
    await lock.take(f"account WHERE id = '{desk.accounts[0]}'")
    stated = [CashStated(f"M{number}", USD, Decimal(-90_000), desk.kit.clock()) for number in range(3)]
    taken = await desk.monitor.take(stated)
    assert (taken.refused, taken.held) == ([], stated[:1])
    await desk.price(100)
    assert await desk.called() == [False, True, True]
    await lock.release()
    await desk.time_passes(LOCK_MAX_WAIT)
    assert await desk.called() == [True, True, True]


@pytest.mark.parametrize("kind", ["instrument", "client_contact"])
async def test_a_statement_about_a_locked_row_is_held_and_stored_later(
    locking: tuple[Scene, Lock], kind: str
) -> None:
    desk, lock = locking
    first, later = (_statement(kind, desk.kit.clock() + timedelta(seconds=n)) for n in (0, 1))
    await desk.take(first)
    await lock.take(kind)
    taken = await desk.monitor.take([later])
    assert taken.held == [later]
    await lock.release()
    await desk.time_passes(LOCK_MAX_WAIT)
    column = "trade_status_at" if kind == "instrument" else "as_of"
    rows = await fetch(f"SELECT {column} AS at FROM {kind} ORDER BY {column} DESC LIMIT 1")
    assert rows[0]["at"] == desk.kit.clock() - LOCK_MAX_WAIT + timedelta(seconds=1)


def _statement(kind: str, at: datetime) -> Message:
    if kind == "instrument":
        return TradeStatusStated(APPLE, TradeStatus.HALTED, at)
    return ContactStated("CL-M0", at, phone="+12025550123")


async def test_a_locked_price_is_stored_later_and_the_others_at_once(locking: tuple[Scene, Lock]) -> None:
    desk, lock = locking
    at = desk.kit.clock()
    await desk.take(FxRate(HKD, USD, Decimal("0.128"), at))
    await lock.take(f"quote WHERE symbol = '{APPLE}'")
    await lock.session.execute("SELECT 1 FROM fx_rate FOR UPDATE")
    desk.kit.clock.pass_(seconds=1)
    later = desk.kit.clock()
    await desk.take(
        quoted(APPLE, 60, later), quoted(BIG, 60, later), FxRate(HKD, USD, Decimal("0.129"), later)
    )
    assert {each.symbol: each.last for each in (await load_quotes([APPLE, BIG])).values()} == {
        APPLE: Decimal(100),
        BIG: Decimal(60),
    }
    await lock.release()
    await desk.time_passes(LOCK_MAX_WAIT)
    assert (await load_quotes([APPLE]))[APPLE].last == Decimal(60)
    assert [each.rate for each in await load_fx_rates()] == [Decimal("0.129")]
    assert await desk.called() == [True, True, True]


# Prices in a batch.


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2)])
async def test_the_newest_price_wins_within_a_batch_as_between_batches(
    kit: DeskKit, order: tuple[int, ...], cuts: tuple[int, ...]
) -> None:
    desk, at = await scene(kit, accounts=1), kit.clock()
    said: list[Message] = []
    for age in order:
        then = at - timedelta(seconds=age)
        said += [quoted(APPLE, 101 + age, then), FxRate(HKD, USD, Decimal(age + 1), then)]
    bounds = [0, *(2 * cut for cut in cuts), len(said)]
    for start, end in pairwise(bounds):
        await desk.take(*said[start:end])
    assert (await load_quotes([APPLE]))[APPLE].last == Decimal(101)
    assert [each.rate for each in await load_fx_rates()] == [Decimal(1)]


async def test_a_price_that_cannot_be_stored_loses_no_other_and_is_tried_again(kit: DeskKit) -> None:
    desk = await scene(kit)
    await poison("quote", f"NEW.symbol = '{BIG}'")
    kit.clock.pass_(seconds=1)
    await desk.take(quoted(BIG, 60, kit.clock()), quoted(APPLE, 60, kit.clock()))
    await desk.monitor.look()
    assert await desk.called() == [True, True, True]
    kit.clock.pass_(seconds=0.1)
    await desk.take(quoted(BIG, 61, kit.clock()))
    await heal("quote")
    await desk.time_passes(ROUND_FIRST_WAIT)
    assert (await load_quotes([BIG]))[BIG].last == Decimal(61), "the newest of those that waited"


async def test_a_statement_that_cannot_be_stored_is_held_listed_and_tried_again(kit: DeskKit) -> None:
    desk = await scene(kit)
    await poison("cash_balance", f"NEW.account_id = '{desk.accounts[0]}' AND NEW.currency = 'HKD'")
    at = kit.clock()
    stated = [CashStated(f"M{number}", HKD, Decimal(5), at) for number in range(3)]
    await desk.monitor.take(stated)
    stored = [row["account_id"] for row in await fetch("SELECT * FROM cash_balance WHERE currency = 'HKD'")]
    assert sorted(stored) == sorted(desk.accounts[1:])
