"""The monitor stores refreshed figures only where they still belong: of a live case, on an unchanged book."""

from dataclasses import replace
from decimal import Decimal

from domain.case import Case
from domain.events import CaseView
from domain.ids import AccountId
from models.case import live_cases_of, save_figures
from models.holding import bump_book
from models.sql.database import execute, transaction
from tests.kit.desk_kit import APPLE, BOEING, DeskKit, case, count, quoted


async def _called(kit: DeskKit, *account_nos: str) -> list[CaseView]:
    ids: list[AccountId] = [await kit.indebted_account(account_no) for account_no in account_nos]
    return await live_cases_of(ids)


def _owing_less(before: Case) -> Case:
    return replace(before, figures=replace(before.figures, amount=Decimal(5)), uncovered_amount=Decimal(4))


async def test_figures_of_many_cases_are_stored(kit: DeskKit) -> None:
    views = await _called(kit, "M1", "M2")
    async with transaction():
        saved = await save_figures([(_owing_less(view.case), 0) for view in views], skip_locked=True)
    assert saved.stored == {view.case.id for view in views}
    for view in views:
        now = (await case(view.case.id)).case
        assert (now.figures.amount, now.uncovered_amount) == (Decimal(5), Decimal(4))


async def test_figures_on_a_book_that_moved_on_are_not_stored(kit: DeskKit) -> None:
    moved, same = await _called(kit, "M1", "M2")
    await bump_book(moved.case.account_id)
    async with transaction():
        saved = await save_figures([(_owing_less(view.case), 0) for view in (moved, same)], skip_locked=True)
    assert saved.stored == {same.case.id}
    assert (await case(moved.case.id)).case == moved.case


async def test_figures_of_a_case_that_moved_on_are_not_stored(kit: DeskKit) -> None:
    edited, same = await _called(kit, "M1", "M2")
    await execute("UPDATE margin_case SET version = version + 1 WHERE id = $1", edited.case.id)
    async with transaction():
        saved = await save_figures([(_owing_less(v.case), 0) for v in (edited, same)], skip_locked=True)
    assert saved.stored == {same.case.id}
    assert (await case(edited.case.id)).case.figures == edited.case.figures


async def test_a_tick_refreshes_the_case_and_tells_once(kit: DeskKit) -> None:
    (view,) = await _called(kit, "M1")
    monitor = kit.monitor()
    await monitor.note_everything()
    await monitor.take([quoted(APPLE, 101, kit.clock()), quoted(BOEING, 100, kit.clock())])
    await monitor.look()
    told = await count("outbox")
    await monitor.refresh()
    await monitor.refresh()
    assert await count("outbox") == told + 1
    assert (await case(view.case.id)).case.figures.amount < view.case.figures.amount


async def test_an_account_assessed_in_a_look_is_read_again_after_it(kit: DeskKit) -> None:
    (view,) = await _called(kit, "M1")
    monitor = kit.monitor()
    await monitor.note_everything()
    await monitor.take([quoted(APPLE, 200, kit.clock()), quoted(BOEING, 200, kit.clock())])
    await monitor.look()
    await monitor.refresh()
    kit.clock.pass_(seconds=1)
    await monitor.look()
    assert (await case(view.case.id)).case.closed_at == kit.clock()
