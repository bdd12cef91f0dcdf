"""What one person liquidates alone is summed over a batch, a day and all accounts, also at the same time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from desk.liquidation.auto_liquidate import run_case
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.liquidation.set_auto_liquidation import SetAutoLiquidation, set_auto_liquidation
from desk.outcomes import AwaitingApproval, LiquidationOutcome, LiquidationStarted
from domain.events import CaseView
from domain.ids import CaseId
from domain.liquidation_plan import LegRequest, PlanRequest
from domain.market import FxRate
from domain.money import Currency
from domain.principal import EVERYTHING, Principal
from gateway.settings import load_settings
from models.case import live_cases_of, load_cases
from models.case_records import newest_follow_ups
from models.market import save_fx_rates
from models.sql.database import Database, transaction
from tests.kit.desk_kit import APPLE, BOEING, TRADER, USD, DeskKit
from tests.kit.follow_ups import codes


@pytest.fixture
async def kit(database: Database) -> AsyncIterator[DeskKit]:
    """One person alone may liquidate USD 25,000."""
    with database.active():
        kit = DeskKit(settings=load_settings(close_hold_s=0, approval_notional=25_000))
        for symbol in (APPLE, BOEING):
            await kit.instrument(symbol)
            await kit.quote(symbol, 100)
        yield kit


async def cases(kit: DeskKit, count: int) -> list[CaseId]:
    """In call over USD 20,000 each, of clients of their own."""
    ids = [await kit.account(f"M{n}", -150_000, {APPLE: 1000, BOEING: 1000}) for n in range(count)]
    found = []
    for account_id in ids:
        await kit.assess(account_id)
        (view,) = await live_cases_of([account_id])
        found.append(view.case.id)
    return found


async def sell(
    kit: DeskKit, ids: Sequence[CaseId], quantity: int = 100, by: Principal = TRADER
) -> list[LiquidationOutcome]:
    """So many shares at 100 dollars of each."""
    request = PlanRequest(legs=(LegRequest(APPLE, Decimal(quantity)),))
    items = tuple(LiquidateCase(id_, None, request) for id_ in ids)
    return await liquidate(kit.desk, by, Liquidate(uuid4().hex, items, "as agreed"))


def taken(outcomes: Sequence[LiquidationOutcome]) -> list[str]:
    return ["alone" if isinstance(each, LiquidationStarted) else each.code for each in outcomes]


def another(name: str) -> Principal:
    return replace(TRADER, subject=name)


async def test_cases_below_the_limit_need_a_second_person_if_they_exceed_it_together(kit: DeskKit) -> None:
    outcomes = await sell(kit, await cases(kit, 4))
    assert taken(outcomes) == ["alone", "alone", "APPROVAL_REQUIRED", "APPROVAL_REQUIRED"]
    refused = outcomes[2]
    assert isinstance(refused, AwaitingApproval)
    assert "over all accounts" in refused.message


async def test_requests_one_after_the_other_add_up_for_a_day(kit: DeskKit) -> None:
    first, second, third, fourth = await cases(kit, 4)
    assert taken(await sell(kit, [first])) == ["alone"]
    kit.clock.pass_(hours=12)
    await kit.quote(APPLE, 100)
    assert taken(await sell(kit, [second])) == ["alone"]
    assert taken(await sell(kit, [third])) == ["APPROVAL_REQUIRED"]
    assert taken(await sell(kit, [fourth], by=another("tessa"))) == ["alone"]
    kit.clock.pass_(hours=13)
    await kit.quote(APPLE, 100)
    assert taken(await sell(kit, [fourth], 10)) == ["alone"]


async def test_two_batches_at_once_do_not_pass_it_together(kit: DeskKit) -> None:
    ids = await cases(kit, 6)
    both = await asyncio.gather(sell(kit, ids[:3]), sell(kit, ids[3:]))
    assert sorted(taken([*both[0], *both[1]])) == ["APPROVAL_REQUIRED"] * 4 + ["alone"] * 2


async def test_a_notional_that_cannot_be_converted_needs_a_second_person(kit: DeskKit) -> None:
    """The limit is in another currency, of which no rate is known any more."""
    kit = DeskKit(
        clock=kit.clock,
        settings=load_settings(close_hold_s=0, approval_notional=25_000, reporting_currency="EUR"),
    )
    ids = await cases(kit, 2)
    assert taken(await sell(kit, ids[:1])) == ["APPROVAL_REQUIRED"]
    await save_fx_rates([FxRate(Currency("EUR"), USD, Decimal("1.1"), kit.clock())])
    assert taken(await sell(kit, ids[1:])) == ["alone"]


async def test_automatic_liquidations_count_against_the_person_who_set_them(kit: DeskKit) -> None:
    """Each sells 571 shares at 100: two of them are below USD 120,000, three are not."""
    kit = DeskKit(clock=kit.clock, settings=load_settings(close_hold_s=0, approval_notional=120_000))
    ids = await cases(kit, 3)
    at = kit.clock() + timedelta(minutes=5)
    await set_auto_liquidation(kit.desk, TRADER, SetAutoLiquidation(uuid4().hex, tuple(ids), at, False))
    kit.clock.pass_(minutes=5)
    for symbol in (APPLE, BOEING):
        await kit.quote(symbol, 100)
    for id_ in ids:
        async with transaction():
            await run_case(kit.desk, id_, kit.clock())
    views = await load_cases(EVERYTHING, ids)
    assert [_sold(views[id_]) for id_ in ids] == [True, True, False]
    assert views[ids[2]].case.auto_liquidation is None
    page = await newest_follow_ups(EVERYTHING, ids, 1)
    said = page[ids[2]].rows[0].phrase
    assert said is not None
    assert [*codes(said)] == ["AUTO_LIQUIDATION_OFF", "SECOND_PERSON", "ALONE_ABOVE"]


def _sold(view: CaseView) -> bool:
    return view.case.plans > 0
