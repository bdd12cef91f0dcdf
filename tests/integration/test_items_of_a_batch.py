"""Each item of a batch is answered by its own code, whatever keeps it from being decided."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from desk.command import CommandRequest, run_each
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.outcomes import Done, LiquidationStarted, Outcome, Refused
from desk.stock_recovery.recall_stock import RecallStock, recall_stock
from domain.calendar import TradingCalendar
from domain.ids import CaseId
from domain.liquidation_plan import PlanRequest
from domain.money import MAX_STORED, storable
from domain.principal import Capability
from domain.recall_allocation import AllocationRule
from domain.refusals import RefusalCode
from domain.stock_recovery import RecallCause
from models.case import live_cases_of
from models.sql.database import fetch
from models.sql.faults import Busy, DatabaseUnavailable
from models.sql.unreadable import reading
from models.sql.values import decimal
from tests.kit.damage import damage
from tests.kit.desk_kit import APPLE, BOEING, TRADER, DeskKit, count

BATCH = ("first", "second", "third")


def _no_number() -> None:
    with reading("margin_case", "second"):
        decimal("1abc")


def _too_large() -> None:
    storable(MAX_STORED + 1)


def _bug() -> None:
    raise KeyError("a bug")


def _locked() -> None:
    raise Busy


FAULTS: dict[Callable[[], None], tuple[RefusalCode, list[str]]] = {
    _no_number: (RefusalCode.UNREADABLE, ["a row cannot be read and is left out"]),
    _too_large: (RefusalCode.TOO_LARGE, []),
    _bug: (RefusalCode.DESK_FAULT, ["an item of a batch failed"]),
    _locked: (RefusalCode.VERSION_CONFLICT, []),
}


async def _batch(kit: DeskKit, fault: Callable[[], None]) -> list[Outcome]:
    async def decide(item: str) -> Outcome:
        if item == "second":
            fault()
        return Done(item)

    request = CommandRequest(TRADER, "test", "key", {"items": list(BATCH)}, (Capability.LIQUIDATE,))
    return await run_each(kit.desk, request, BATCH, decide)


@pytest.mark.parametrize("fault", FAULTS)
async def test_one_item_is_refused_by_its_own_code_and_can_be_sent_again(
    kit: DeskKit, fault: Callable[[], None]
) -> None:
    code, told = FAULTS[fault]
    with capture_logs() as logs:
        first, second, third = await _batch(kit, fault)
    assert (first, third) == (Done("first"), Done("third"))
    assert isinstance(second, Refused)
    assert second.code is code
    assert [each["event"] for each in logs] == told
    if fault is _bug:
        assert isinstance(logs[0]["exc_info"], KeyError), "the traceback is in the log"
        assert logs[0]["reference"] in second.message
    assert await _batch(kit, lambda: None) == [Done(each) for each in BATCH]


async def test_an_outage_ends_the_batch_and_is_no_answer_of_an_item(kit: DeskKit) -> None:
    def outage() -> None:
        raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        await _batch(kit, outage)


async def test_an_item_whose_stored_answer_is_damaged_is_not_done_again(kit: DeskKit) -> None:
    await _batch(kit, lambda: None)
    await damage("idempotency_item", "outcome", "item = 'second'", "{")
    first, second, third = await _batch(kit, lambda: None)
    assert (first, third) == (Done("first"), Done("third"))
    assert isinstance(second, Refused)
    assert second.code is RefusalCode.UNREADABLE


async def _called(kit: DeskKit, *account_nos: str) -> list[CaseId]:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    accounts = [await kit.account(each, -90_000, {APPLE: 1000}) for each in account_nos]
    for account_id in accounts:
        await kit.assess(account_id)
    return [view.case.id for account_id in accounts for view in await live_cases_of([account_id])]


async def test_a_bug_at_one_case_is_no_damaged_data_and_the_others_are_liquidated(kit: DeskKit) -> None:
    """The calendars fail for the market of one account's stock, with what a damaged row raises too."""
    cases = await _called(kit, "M1", "M2")
    await kit.instrument(BOEING, market="XTSE")
    await kit.quote(BOEING, 100)
    broken = await kit.account("M3", -90_000, {BOEING: 1000})
    await kit.assess(broken)
    (view,) = await live_cases_of([broken])

    def calendar_of(market: str) -> TradingCalendar:
        if market == "XTSE":
            raise TypeError("a bug")
        return kit.desk.calendar_of(market)

    asked = tuple(LiquidateCase(id_, None, PlanRequest()) for id_ in (view.case.id, *cases))
    with capture_logs() as logs:
        refused, *others = await liquidate(
            replace(kit.desk, calendar_of=calendar_of), TRADER, Liquidate("k", asked, None)
        )
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.DESK_FAULT
    assert all(isinstance(each, LiquidationStarted) for each in others)
    assert [each["event"] for each in logs if each["log_level"] == "error"] == ["an item of a batch failed"]


async def test_a_recall_leaves_out_an_account_whose_data_is_damaged(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    damaged = await kit.account("S1", 500_000, {APPLE: -300})
    sound = await kit.account("S2", 500_000, {APPLE: -300})
    await damage("cash_balance", "balance", f"account_id = '{damaged}'")
    due = kit.clock() + timedelta(days=2)
    command = RecallStock(
        "k", APPLE, Decimal(500), due, RecallCause.RECALLED, AllocationRule.PRO_RATA, "they want it"
    )
    assert isinstance(await recall_stock(kit.desk, TRADER, command), Done)
    rows = await fetch("SELECT account_id, quantity FROM stock_recovery")
    assert [(row["account_id"], decimal(row["quantity"])) for row in rows] == [(sound, Decimal(300))]
    assert await count("audit", f"action = 'recallStock' AND detail LIKE '%{damaged}%'") == 1
    again = await recall_stock(kit.desk, TRADER, replace(command, idempotency_key="k2"))
    assert isinstance(again, Refused)
    assert again.code is RefusalCode.UNREADABLE
