"""Whenever an assessment would change the state of a case or an order, the monitor asks for it.

A small desk lives through random days; after each moment every account is asked, then assessed.
"""

from pathlib import Path

import pytest

from desk.assessment.assessment_due import Known, Reason, assessment_due
from domain.ids import AccountId, CaseId
from domain.judgement import judge
from models.book import load_all_account_ids, load_books
from models.case import live_cases_of
from models.order import open_orders_of
from models.sql.database import fetch
from tests.integration.test_monitor import SmallDesk, small_desk
from tests.kit.desk_kit import DeskKit

STEPS = 60


async def due(kit: DeskKit, account_id: AccountId) -> Reason | None:
    now = kit.clock()
    account = (await load_books([account_id], kit.desk.policy.books, now))[account_id]
    figures = await kit.figures(account_id)
    known = Known(
        account,
        figures,
        judge(account.book, figures, kit.desk.policy.judgement),
        [view.case for view in await live_cases_of([account_id])],
        await open_orders_of([account_id]),
    )
    return assessment_due(known, now, kit.desk.policy.close_hold)


async def state(account_id: AccountId) -> list[tuple[object, ...]]:
    """What decides of the account: its figures are refreshed without an assessment."""
    cases = await fetch(
        "SELECT id, status, close_reason FROM margin_case WHERE account_id = $1 ORDER BY id",
        account_id,
    )
    orders = await fetch(
        "SELECT id, status, cancel_requested FROM liquidation_order WHERE account_id = $1 ORDER BY id",
        account_id,
    )
    doubts = await fetch(
        "SELECT reason, subject FROM account_doubt WHERE account_id = $1 ORDER BY reason, subject", account_id
    )
    return [tuple(row.values()) for row in (*cases, *orders, *doubts)]


async def forced(account_id: AccountId) -> set[CaseId]:
    """Cases that the desk may sell for. A refresh may also end that, without an assessment."""
    return {view.case.id for view in await live_cases_of([account_id]) if view.case.force_eligible}


async def every_change_is_due(desk: SmallDesk) -> set[Reason]:
    reasons = set()
    for account_id in await load_all_account_ids():
        reason = await due(desk.kit, account_id)
        before, forced_before = await state(account_id), await forced(account_id)
        await desk.kit.assess(account_id)
        if reason is None:
            assert await state(account_id) == before
            assert await forced(account_id) <= forced_before
        else:
            reasons.add(reason)
            assert await due(desk.kit, account_id) is not reason, "an assessment settles its reason"
    return reasons


@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 6), marks=pytest.mark.faults)])
async def test_whenever_an_assessment_would_change_something_it_is_asked_for(
    seeds: range, migrated_sqlite: Path, tmp_path: Path
) -> None:
    reasons: set[Reason] = set()
    for seed in seeds:
        async with small_desk(migrated_sqlite, tmp_path, seed) as desk:
            for _ in range(STEPS):
                await desk.step()
                await desk.monitor.refresh()
                reasons |= await every_change_is_due(desk)
    assert len(reasons) > 1, "hardly anything was due in these lives"
