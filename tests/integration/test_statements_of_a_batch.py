"""Each further case of a batch costs the same few statements, and reads no orders of the cases before it."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from asyncpg.connection import LoggedQuery
from tortoise.connection import get_connection

from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.outcomes import LiquidationStarted
from domain.ids import CaseId
from domain.liquidation_plan import PlanRequest
from models.case import live_cases_of
from models.sql.database import Database
from tests.kit.desk_kit import APPLE, BOEING, TRADER, DeskKit

STATEMENTS_OF_A_CASE_MAX = 17
"""From BEGIN to COMMIT."""


async def open_cases(kit: DeskKit, number: int) -> list[CaseId]:
    """One case for each of so many accounts."""
    for symbol in (APPLE, BOEING):
        await kit.instrument(symbol)
        await kit.quote(symbol, 100)
    accounts = [await kit.account(f"M{n}", -150_000, {APPLE: 1000, BOEING: 1000}) for n in range(number)]
    for account_id in accounts:
        await kit.assess(account_id)
    return [view.case.id for view in await live_cases_of(accounts)]


async def asked_by(kit: DeskKit, cases: Sequence[CaseId]) -> list[str]:
    """What the only connection is asked for one batch."""
    seen: list[str] = []

    def note(record: LoggedQuery) -> None:
        seen.append(record.query)

    client: Any = get_connection("default")
    items = tuple(LiquidateCase(case_id, None, PlanRequest()) for case_id in cases)
    async with client._pool.acquire() as connection:
        connection.add_query_logger(note)
    outcomes = await liquidate(kit.desk, TRADER, Liquidate(uuid4().hex, items, None))
    async with client._pool.acquire() as connection:
        connection.remove_query_logger(note)
    assert all(isinstance(outcome, LiquidationStarted) for outcome in outcomes), outcomes
    return seen


@pytest.mark.parametrize("migrated_url", ["postgres"], indirect=True)
async def test_each_further_case_of_a_batch_costs_the_same_few_statements(url: str) -> None:
    database = Database(url, pool_size=1)
    await database.open()
    with database.active():
        kit = DeskKit()
        cases = await open_cases(kit, 9)
        first = await asked_by(kit, cases[:2])
        second = await asked_by(kit, cases[2:4])
        larger = await asked_by(kit, cases[4:])
    await database.close()
    assert len(first) == len(second)
    assert len(larger) - len(second) <= 3 * STATEMENTS_OF_A_CASE_MAX, "\n".join(larger)
