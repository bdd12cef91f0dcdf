"""A round of automatic liquidations: a case that raises, or that is locked, holds up no other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from desk.fair_scheduler import Fault, FaultCount
from desk.liquidation.auto_liquidate import record_fault
from desk.liquidation.run_automatic import AutomaticLiquidations
from desk.liquidation.set_auto_liquidation import SetAutoLiquidation, set_auto_liquidation
from desk.orders.cancel import Cancel, cancel
from desk.orders.record_execution import record_execution
from desk.outcomes import Done
from domain.case import AutoLiquidation, AutoLiquidationTrigger
from domain.events import OrderView
from domain.execution import ExecType
from domain.ids import AccountId, CaseId, KillSwitchId
from domain.kill_switch import Frozen, KillSwitch, KillSwitchScope
from domain.order import OrderStatus
from domain.phrase import DetailCode, FollowUpCode, Phrase, phrase
from domain.principal import SYSTEM
from domain.refusals import RefusalCode
from gateway.loops.policy import liquidation_scheduler
from gateway.settings import load_settings
from models.book import lock_accounts
from models.case import live_cases_of
from models.idempotency import store_outcome
from models.kill_switch import end_switch, insert_switch
from models.order import orders_in, orders_of_cases
from models.sql.configuration import SessionLimits
from models.sql.database import Database, fetch, transaction
from models.sql.faults import DatabaseUnavailable
from tests.kit.desk_kit import APPLE, NOON, TRADER, DeskKit, case, order, report
from tests.kit.follow_ups import codes, desk_phrases
from tests.kit.servers import fresh_database
from tests.kit.slow_statements import FOREVER, cancel_sleeper

DUE = NOON + timedelta(minutes=5)


class Scene:
    """Three accounts whose automatic liquidations are due, one after the other."""

    def __init__(self, kit: DeskKit, accounts: Sequence[AccountId], cases: Sequence[CaseId]) -> None:
        self.kit, self.accounts, self.cases = kit, accounts, cases
        self.counted = FaultCount()

    def rounds(self, batch: int = 10) -> AutomaticLiquidations:
        scheduler = liquidation_scheduler(self.kit.settings, self.kit.clock, self.counted.count)
        return AutomaticLiquidations(self.kit.desk, scheduler, batch)

    async def orders(self) -> list[int]:
        """How many each account has."""
        rows = await fetch("SELECT account_id FROM liquidation_order")
        ids = [row["account_id"] for row in rows]
        return [ids.count(account_id) for account_id in self.accounts]

    async def notes(self, number: int) -> list[Phrase]:
        return await desk_phrases(self.cases[number])

    async def time_passes(self, seconds: float) -> None:
        self.kit.clock.pass_(seconds=seconds)
        await self.kit.quote(APPLE, 100)

    async def break_(self, number: int, run: int = 1) -> None:
        """Its run has an answer already: the database refuses to record it."""
        key = f"auto:{self.cases[number]}:{self.due(number).isoformat()}:{run}"
        await store_outcome(SYSTEM, key, self.cases[number], "{}", self.kit.clock())

    async def mend(self, number: int) -> None:
        await fetch("DELETE FROM idempotency_item WHERE item = $1 RETURNING 1", self.cases[number])

    def due(self, number: int) -> datetime:
        return DUE + timedelta(seconds=number)


async def scene(**settings: Any) -> Scene:
    kit = DeskKit(settings=load_settings(close_hold_s=0, **settings))
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    accounts = [await kit.account(f"M{number}", -75_000, {APPLE: 1000}) for number in range(3)]
    cases = []
    for number, account_id in enumerate(accounts):
        await kit.assess(account_id)
        (view,) = await live_cases_of([account_id])
        cases.append(view.case.id)
        at = DUE + timedelta(seconds=number)
        command = SetAutoLiquidation(uuid4().hex, (view.case.id,), at, at_deadline=False)
        (outcome,) = await set_auto_liquidation(kit.desk, TRADER, command)
        assert isinstance(outcome, Done), outcome
    made = Scene(kit, accounts, cases)
    await made.time_passes(seconds=310)
    return made


async def test_a_case_that_raises_holds_up_no_other_and_its_fault_is_recorded_once(
    database: Database,
) -> None:
    with database.active():
        desk = await scene()
        await desk.break_(0)
        rounds = desk.rounds(batch=1)
        with capture_logs() as logs:
            assert await rounds.run_due() == 3
        assert await desk.orders() == [0, 1, 1], "the fault of the first undid what it had begun"
        assert [entry["what"] for entry in logs if entry["log_level"] == "error"] == [
            "an automatic liquidation"
        ]
        assert desk.counted.faults == 1
        auto = (await case(desk.cases[0])).case.auto_liquidation
        assert auto is not None
        assert (auto.held, auto.held_until) == (
            RefusalCode.DESK_FAULT,
            desk.kit.clock() + timedelta(seconds=10),
        )
        (note,) = await desk.notes(0)
        assert note == phrase(
            FollowUpCode.AUTO_LIQUIDATION_WAITS,
            until=desk.kit.clock() + timedelta(seconds=10),
            reason=phrase(DetailCode.INTERNAL_FAULT),
        )


async def test_the_wait_after_a_fault_doubles_up_to_its_limit_and_ends_with_the_fault(
    database: Database,
) -> None:
    with database.active():
        desk = await scene()
        await desk.break_(0)
        rounds = desk.rounds()
        await rounds.run_due()
        for faults, wait in ((2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 300), (8, 300)):
            await desk.time_passes(seconds=wait - 1)
            await rounds.run_due()
            assert desk.counted.faults == faults - 1, f"tried again before {wait} s had passed"
            await desk.time_passes(seconds=1)
            await rounds.run_due()
            assert desk.counted.faults == faults
        assert len(await desk.notes(0)) == 1
        await desk.mend(0)
        await desk.time_passes(seconds=300)
        await rounds.run_due()
        assert await desk.orders() == [1, 1, 1]


async def test_a_case_that_cannot_even_be_read_holds_up_no_other(database: Database) -> None:
    with database.active():
        desk = await scene()
        await fetch("UPDATE margin_case SET figures = '{' WHERE id = $1 RETURNING 1", desk.cases[0])
        rounds = desk.rounds()
        await rounds.run_due()
        assert await desk.orders() == [0, 1, 1]
        await rounds.run_due()
        assert desk.counted.faults == 1, "it waits although nothing could be written down"


@pytest.mark.parametrize("migrated_url", ["postgres"], indirect=True)
async def test_locked_cases_hold_up_no_other_and_keep_no_round_busy(url: str) -> None:
    """The lock timeout is longer than the test: a wait for the lock would be found out."""
    async with _two(url) as (database, elsewhere):
        with database.active():
            desk = await scene()
            rounds = desk.rounds(batch=2)
            with elsewhere.active():
                async with transaction():
                    await lock_accounts(sorted(desk.accounts[:2]))
                    with database.active():
                        assert await rounds.run_due() == 3, "each is tried once, then the round is over"
                        assert await desk.orders() == [0, 0, 1]
            await rounds.run_due()
            assert await desk.orders() == [1, 1, 1]
            assert not desk.counted.faults, "a lock is no fault"


async def test_no_slice_follows_one_whose_cancel_was_asked_for_while_the_venue_was_silent(
    database: Database,
) -> None:
    """UNKNOWN orders keep their status when a cancel is requested; the market was faster."""
    with database.active():
        desk, rounds = await _sliced()
        assert await desk.orders() == [1, 1, 1]
        (view, other, _) = await orders_in([OrderStatus.QUEUED], 10)
        await _unknown(view)
        await _unknown(other)
        await cancel(desk.kit.desk, TRADER, Cancel("cancel", (view.order.id,), None))
        for number, sent in enumerate((view, other)):
            filled = report(sent.order, ExecType.TRADE, number, int(sent.order.quantity))
            await record_execution(desk.kit.desk, filled)
        await desk.time_passes(seconds=10)
        await rounds.run_due()
        by_case = {id_: len(orders) for id_, orders in (await orders_of_cases(desk.cases)).items()}
        assert (by_case[view.order.case_id], by_case[other.order.case_id]) == (1, 2)
        assert (await case(view.order.case_id)).case.auto_liquidation is None


async def test_an_order_that_the_venue_ends_after_it_refused_to_let_the_desk_call_it_off_is_the_last(
    database: Database,
) -> None:
    with database.active():
        desk, rounds = await _sliced()
        view = await _at_work(desk, 0)
        await desk.kit.quote(APPLE, 200)
        await desk.kit.assess(desk.accounts[0])
        assert (await order(view.order.id)).order.status is OrderStatus.PENDING_CANCEL
        await record_execution(desk.kit.desk, report(view.order, ExecType.CANCEL_REJECTED, 2))
        await desk.kit.quote(APPLE, 100)
        await record_execution(desk.kit.desk, report(view.order, ExecType.CANCELED, 3))
        await desk.time_passes(seconds=10)
        await rounds.run_due()
        assert (await desk.orders())[0] == 1
        assert (await desk.notes(0))[-1] == phrase(
            FollowUpCode.AUTO_LIQUIDATION_OFF, reason=phrase(DetailCode.SLICE_CANCELLED)
        )


async def test_no_slice_follows_one_during_which_a_kill_switch_came_and_went(database: Database) -> None:
    with database.active():
        desk, rounds = await _sliced()
        view = await _at_work(desk, 0)
        on = desk.kit.clock() + timedelta(seconds=2)
        switch = KillSwitch(
            KillSwitchId("k"), Frozen(KillSwitchScope.ACCOUNT, desk.accounts[0]), "trader", "odd prices", on
        )
        await insert_switch(switch)
        await end_switch(replace(switch, ended_at=on + timedelta(seconds=2), ended_by=("a", "b")))
        filled = report(view.order, ExecType.TRADE, 2, int(view.order.quantity))
        await record_execution(desk.kit.desk, filled)
        await desk.time_passes(seconds=10)
        await rounds.run_due()
        assert (await desk.orders())[0] == 1
        assert (await case(desk.cases[0])).case.auto_liquidation is None
        was_on = phrase(
            DetailCode.KILL_SWITCH_WAS_ON,
            scope=KillSwitchScope.ACCOUNT,
            since=on,
            until=on + timedelta(seconds=2),
            reason="odd prices",
        )
        off = phrase(FollowUpCode.AUTO_LIQUIDATION_OFF, reason=was_on)
        assert (await desk.notes(0))[-1] == off


async def test_a_fault_between_two_slices_is_recorded_once_as_soon_as_possible(
    database: Database,
) -> None:
    with database.active():
        desk, rounds = await _sliced()
        view = await _at_work(desk, 0)
        filled = report(view.order, ExecType.TRADE, 2, int(view.order.quantity))
        await record_execution(desk.kit.desk, filled)
        (row,) = await fetch("SELECT figures FROM margin_case WHERE id = $1", desk.cases[0])
        await _set_figures(desk.cases[0], "{")
        await desk.time_passes(seconds=10)
        await rounds.run_due()
        await _set_figures(desk.cases[0], row["figures"])
        assert len(await desk.notes(0)) == 1, "nothing of the fault could be written down"
        await desk.break_(0, run=2)
        for wait in (10, 20, 40):
            await desk.time_passes(seconds=wait)
            await rounds.run_due()
        assert desk.counted.faults == 4
        (_, note) = await desk.notes(0)
        assert [*codes(note)] == ["AUTO_LIQUIDATION_WAITS", "INTERNAL_FAULT"]
        await desk.mend(0)
        await desk.time_passes(seconds=80)
        await rounds.run_due()
        assert (await desk.orders())[0] == 2


async def _set_figures(case_id: CaseId, figures: str) -> None:
    await fetch("UPDATE margin_case SET figures = $2 WHERE id = $1 RETURNING 1", case_id, figures)


async def test_a_liquidation_set_before_the_fault_is_recorded_is_not_held(database: Database) -> None:
    with database.active():
        desk = await scene()
        now = desk.kit.clock()
        later = SetAutoLiquidation("later", (desk.cases[0],), now + timedelta(hours=1), at_deadline=False)
        (outcome,) = await set_auto_liquidation(desk.kit.desk, TRADER, later)
        assert isinstance(outcome, Done), outcome
        async with transaction():
            fault = Fault(ValueError("a bug"), 1, now + timedelta(seconds=10))
            await record_fault(desk.kit.desk, desk.cases[0], fault, now)
        auto = (await case(desk.cases[0])).case.auto_liquidation
        assert auto == AutoLiquidation(now + timedelta(hours=1), AutoLiquidationTrigger.FIXED_TIME)
        assert await desk.notes(0) == []


async def _sliced() -> tuple[Scene, AutomaticLiquidations]:
    """One order may trade USD 10,000, and the first slice of each is ordered."""
    desk = await scene(order_notional_max={"USD": "10000"})
    rounds = desk.rounds()
    await rounds.run_due()
    return desk, rounds


async def _at_work(desk: Scene, number: int) -> OrderView:
    """The case's order: it was sent, and the venue has acknowledged it."""
    (found,) = (await orders_of_cases([desk.cases[number]]))[desk.cases[number]]
    view = await order(found.id)
    await fetch("UPDATE liquidation_order SET status = 'PENDING_NEW' WHERE id = $1 RETURNING 1", found.id)
    await record_execution(desk.kit.desk, report(found, ExecType.NEW, 1))
    return view


async def _unknown(view: OrderView) -> None:
    """It was sent, and nothing was heard."""
    for status in (OrderStatus.PENDING_NEW, OrderStatus.UNKNOWN):
        await fetch(
            "UPDATE liquidation_order SET status = $2 WHERE id = $1 RETURNING 1", view.order.id, status
        )


async def test_a_statement_that_does_not_end_costs_one_case_its_turn_and_not_the_round(
    postgres_url: str, migrated_postgres: str
) -> None:
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url, _two(url) as (database, other):
        with database.active():
            desk = await scene()
            await fetch(
                "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$BEGIN PERFORM {FOREVER}; RETURN NEW; END$$"
            )
            await fetch(
                "CREATE TRIGGER asleep BEFORE INSERT ON follow_up FOR EACH ROW"
                f" WHEN (NEW.case_id = '{desk.cases[0]}') EXECUTE FUNCTION sleep()"
            )
            rounds = desk.rounds()
            running = asyncio.create_task(rounds.run_due())
            for _ in ("its run", "the record that tells of the fault"):
                await cancel_sleeper(other, "INSERT INTO follow_up")
            await running
            assert await desk.orders() == [0, 1, 1]
            assert desk.counted.faults == 1
            await fetch("DROP TRIGGER asleep ON follow_up")
            await desk.time_passes(seconds=10)
            await rounds.run_due()
            assert await desk.orders() == [1, 1, 1]


async def test_an_outage_is_no_fault_of_a_case_and_ends_the_round(url: str) -> None:
    database = Database(url, pool_size=1)
    await database.open()
    with database.active():
        desk = await scene()
        rounds = desk.rounds()

        async def cut() -> None:
            raise DatabaseUnavailable("cut")

        scheduler = liquidation_scheduler(desk.kit.settings, desk.kit.clock, desk.counted.count)
        with pytest.raises(DatabaseUnavailable):
            await scheduler.run("anybody", "anything", cut)
        assert not desk.counted.faults
        await rounds.run_due()
        assert await desk.orders() == [1, 1, 1]
    await database.close()


@asynccontextmanager
async def _two(url: str) -> AsyncIterator[tuple[Database, Database]]:
    database, elsewhere = Database(url, 2, SessionLimits(lock_timeout_s=600)), Database(url, 1)
    await database.open()
    await elsewhere.open()
    try:
        yield database, elsewhere
    finally:
        await database.close()
        await elsewhere.close()
