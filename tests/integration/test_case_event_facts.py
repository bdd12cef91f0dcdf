"""Every change of a property by which cases can be selected sends an event, with the value before."""

from datetime import timedelta
from decimal import Decimal

import pytest

from desk.orders.record_execution import record_execution
from desk.statements.apply_book import apply_statement
from domain.book_changes import PositionStated
from domain.case import CaseStatus
from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.events import BookChanged, CaseEvent, CaseEventKind, CaseView, Event
from domain.execution import ExecType, ExecutionReport
from domain.ids import ExecutionId
from domain.liquidation_plan import LegRequest
from domain.money import Currency
from domain.principal import EVERYTHING
from models.case import live_cases_of
from models.case_list import page_cases
from models.sql.codec import event_from_text
from models.sql.database import fetch
from models.sql.where import PageRequest
from tests.kit.desk_kit import APPLE, BOEING, DeskKit, case, quoted


async def called(kit: DeskKit) -> CaseView:
    """The case of a new account that holds APPLE."""
    (view,) = await live_cases_of([await kit.indebted_account()])
    return view


async def events() -> list[Event]:
    return [event_from_text(row["payload"]) for row in await fetch("SELECT payload FROM outbox ORDER BY id")]


async def last_case_event() -> CaseEvent:
    return [event for event in await events() if isinstance(event, CaseEvent)][-1]


async def state(kit: DeskKit, account_no: str, quantity: int) -> None:
    kit.clock.pass_(seconds=1)
    await apply_statement(kit.desk, PositionStated(account_no, BOEING, Decimal(quantity), kit.clock()))


async def test_a_statement_that_makes_an_instrument_come_or_go_tells_of_the_case(kit: DeskKit) -> None:
    view = await called(kit)
    first = await last_case_event()
    before = tuple(symbol for symbol in first.view.symbols if symbol != BOEING)
    await state(kit, view.account.account_no, 0)
    await state(kit, view.account.account_no, 5)
    told = [event for event in await events() if isinstance(event, CaseEvent)][-1]
    assert (told.kind, told.view.case) == (CaseEventKind.UPDATED, (await case(view.case.id)).case)
    assert (told.previous_symbols, told.view.symbols) == (before, tuple(sorted({*before, BOEING})))
    await state(kit, view.account.account_no, 0)
    told = await last_case_event()
    assert (told.previous_symbols, told.view.symbols) == (tuple(sorted({*before, BOEING})), before)


async def test_a_statement_of_another_quantity_tells_only_of_the_book(kit: DeskKit) -> None:
    view = await called(kit)
    await state(kit, view.account.account_no, 5)
    await state(kit, view.account.account_no, 6)
    assert isinstance((await events())[-1], BookChanged)
    assert isinstance((await events())[-2], BookChanged)


async def test_a_fill_that_closes_a_position_tells_that_it_was_held(kit: DeskKit) -> None:
    view = await called(kit)
    held = (await last_case_event()).view.symbols
    (order,) = await kit.liquidate(view.case.id, LegRequest(APPLE, Decimal(1000), None))
    told = await last_case_event()
    assert (told.previous_status, told.previous_symbols, told.view.symbols) == (CaseStatus.OPEN, held, held)
    position = await fetch("SELECT quantity FROM position WHERE instrument_id = $1", APPLE)
    fill = ExecutionReport(
        "X",
        ExecutionId("1"),
        order.order.client_order_id,
        ExecType.TRADE,
        kit.clock(),
        Decimal(position[0]["quantity"]),
        Decimal(100),
        Decimal(0),
        None,
    )
    await record_execution(kit.desk, fill)
    told = await last_case_event()
    assert APPLE in (told.previous_symbols or ())
    assert APPLE not in told.view.symbols


async def test_new_figures_tell_the_amount_before(kit: DeskKit) -> None:
    view = await called(kit)
    await kit.quote(APPLE, 99)
    await kit.assess(view.case.account_id)
    told = await last_case_event()
    assert told.previous_amount == view.case.figures.amount
    assert told.view.case.figures.amount > view.case.figures.amount


async def test_refreshed_figures_are_an_event_of_figures_alone_and_nothing_else_is(kit: DeskKit) -> None:
    view = await called(kit)
    assert not (await last_case_event()).figures_only
    monitor = kit.monitor()
    await monitor.note_everything()
    for price in (98, 97):
        kit.clock.pass_(seconds=1)
        await monitor.take([quoted(APPLE, price, kit.clock()), quoted(BOEING, 100, kit.clock())])
        await monitor.look()
        await monitor.refresh()
    told = await last_case_event()
    assert (told.kind, told.figures_only) == (CaseEventKind.UPDATED, True)
    assert told.view.case.figures.amount > view.case.figures.amount
    await state(kit, view.account.account_no, 0)
    assert not (await last_case_event()).figures_only


async def test_a_deadline_that_passes_sends_one_event_even_if_it_changes_nothing(kit: DeskKit) -> None:
    """A case that may be force-closed for its figures already has no other change at its deadline."""
    view = await called(kit)
    await kit.quote(APPLE, 40)
    await kit.assess(view.case.account_id)
    assert (await case(view.case.id)).case.force_eligible
    kit.clock.now = view.case.deadline
    monitor = kit.monitor()
    await monitor.note_everything()
    seen = []
    for _ in range(3):
        await monitor.take([quoted(APPLE, 40, kit.clock()), quoted(BOEING, 100, kit.clock())])
        await monitor.look()
        await monitor.refresh()
        seen.append(len([event for event in await events() if isinstance(event, CaseEvent)]))
        kit.clock.pass_(seconds=1)
    assert seen[1] == seen[2] == seen[0] + 1
    told = await last_case_event()
    assert (told.previous_overdue, told.view.case.overdue(told.at)) == (False, True)
    assert not told.figures_only


@pytest.mark.parametrize("overdue", [True, False])
async def test_a_case_that_has_ended_is_not_overdue_in_the_list_either(kit: DeskKit, overdue: bool) -> None:
    view = await called(kit)
    kit.clock.now = view.case.deadline + timedelta(seconds=1)
    for price in (500, 500):
        await kit.quote(APPLE, price)
        await kit.quote(BOEING, price)
        await kit.assess(view.case.account_id)
        kit.clock.pass_(seconds=1)
    ended = (await case(view.case.id)).case
    assert ended.status is CaseStatus.RESOLVED
    wanted = CaseFilter(status=(CaseStatus.RESOLVED,), overdue=overdue)
    order = CaseOrder(CaseOrderField.OPENED_AT, False, Currency("HKD"))
    page = await page_cases(EVERYTHING, wanted, order, PageRequest(10), kit.clock())
    assert [each.case.id for each in page.rows] == ([] if overdue else [ended.id])
