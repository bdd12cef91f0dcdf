"""A stored row that cannot be read stops no reader of many rows: it is left out, logged and counted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from desk.evidence.aging import aging
from desk.evidence.reports import liquidation_records, margin_records
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.outcomes import LiquidationStarted, Refused
from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.doubt import DoubtReason
from domain.events import CaseView
from domain.ids import AccountId
from domain.liquidation_plan import PlanRequest
from domain.order import OrderStatus
from domain.principal import EVERYTHING
from domain.refusals import RefusalCode
from domain.risk_settings import ApprovalLimits
from models.book import load_base_currencies
from models.case import live_cases_of
from models.case_list import case_totals, page_cases
from models.client import ClientFilter, page_clients
from models.doubt import doubts_of
from models.market import held_markets, markets_of_instruments
from models.order import OrderFilter, orders_in, page_orders
from models.report import Period
from models.snapshot import currencies_of_live_cases
from models.sql.database import Database, fetch
from models.sql.where import PageRequest
from tests.kit.damage import damage
from tests.kit.desk_kit import APPLE, BOEING, NOON, TRADER, USD, DeskKit, quoted

EVERYTHING_SINCE = Period(NOON - timedelta(days=30), NOON + timedelta(days=30))
ALL = PageRequest(100)
LOG = "a row cannot be read and is left out"


@dataclass(slots=True)
class Scene:
    """Three accounts that are called, each with an order that waits for the venue."""

    kit: DeskKit
    accounts: list[AccountId]
    cases: list[CaseView]


async def scene(kit: DeskKit) -> Scene:
    await kit.instrument(APPLE)
    await kit.instrument(BOEING)
    await kit.quote(APPLE, 100)
    await kit.quote(BOEING, 100)
    accounts = [
        await kit.account(f"M{number}", -90_000, {symbol: 1000})
        for number, symbol in enumerate((BOEING, APPLE, APPLE))
    ]
    cases = []
    for account_id in accounts:
        await kit.assess(account_id)
        (view,) = await live_cases_of([account_id])
        await kit.liquidate(view.case.id)
        cases.append(view)
    return Scene(kit, accounts, cases)


async def _pages_of_cases(desk: Scene) -> list[str]:
    newest_first = CaseOrder(CaseOrderField.OPENED_AT, True, USD)
    page = await page_cases(EVERYTHING, CaseFilter(), newest_first, ALL, desk.kit.clock())
    return [view.case.account_id for view in page.rows]


async def _totals(desk: Scene) -> list[str]:
    return [each.account_id for each in await case_totals(EVERYTHING, CaseFilter(), desk.kit.clock())]


async def _margin_records(desk: Scene) -> list[str]:
    page = await margin_records(EVERYTHING, EVERYTHING_SINCE, ALL)
    return [record.view.case.account_id for record in page.rows]


async def _liquidation_records(desk: Scene) -> list[str]:
    page = await liquidation_records(EVERYTHING, EVERYTHING_SINCE, ALL)
    return [record.view.case.account_id for record in page.rows]


async def _aging(desk: Scene) -> list[str]:
    """Of which the report does not say whose they are."""
    cases = sum(bucket.cases for bucket in await aging(desk.kit.desk, EVERYTHING))
    return [str(each) for each in desk.accounts[-cases:]]


async def _pages_of_orders(desk: Scene) -> list[str]:
    page = await page_orders(EVERYTHING, OrderFilter(), ALL)
    return [view.order.account_id for view in page.rows]


async def _queued(desk: Scene) -> list[str]:
    return [view.order.account_id for view in await orders_in([OrderStatus.QUEUED], 2)]


Damage = Callable[[Scene], Awaitable[None]]


async def _case_json(desk: Scene) -> None:
    await damage("margin_case", "figures", f"account_id = '{desk.accounts[0]}'", "{")


async def _case_amount(desk: Scene) -> None:
    for column in ("amount", "amount_at_open"):
        await damage("margin_case", column, f"account_id = '{desk.accounts[0]}'")


async def _order(desk: Scene) -> None:
    await damage("liquidation_order", "estimated_reduction", f"account_id = '{desk.accounts[0]}'")


async def _order_id(desk: Scene) -> None:
    """A text that the desk does not make."""
    await damage("liquidation_order", "client_order_id", f"account_id = '{desk.accounts[0]}'", "NO SUCH")


@pytest.mark.parametrize(
    ("hurt", "read"),
    [
        (_order_id, _liquidation_records),
        (_order_id, _pages_of_orders),
        (_case_json, _pages_of_cases),
        (_case_json, _margin_records),
        (_case_json, _liquidation_records),
        (_order, _liquidation_records),
        (_case_amount, _totals),
        (_case_amount, _aging),
        (_order, _pages_of_orders),
        (_order, _queued),
    ],
    ids=lambda each: each.__name__.strip("_").replace("_", " "),
)
async def test_a_reader_of_many_rows_leaves_the_damaged_one_out_and_the_log_names_it_once(
    kit: DeskKit, database: Database, hurt: Damage, read: Callable[[Scene], Awaitable[list[str]]]
) -> None:
    desk = await scene(kit)
    await hurt(desk)
    with capture_logs() as logs:
        found = [await read(desk) for _ in range(2)]
    assert [sorted(each) for each in found] == [sorted(desk.accounts[1:])] * 2
    assert [each["event"] for each in logs] == [LOG]
    assert sum(database.unreadable.counts.values()) == 1


BLOBS = {
    "client": ("name", "id = (SELECT client_id FROM account WHERE id = '{account}')"),
    "account": ("account_no", "id = '{account}'"),
    "margin_case": ("case_no", "account_id = '{account}'"),
}
"""A text column of a table, and the condition of its row."""


@pytest.mark.only("sqlite")  # PostgreSQL stores no BLOB in a column of text.
@pytest.mark.parametrize("table", BLOBS)
@pytest.mark.parametrize("read", [_pages_of_cases, _margin_records, _liquidation_records])
async def test_a_blob_in_a_column_of_text_is_damage_of_its_row(
    kit: DeskKit, database: Database, table: str, read: Callable[[Scene], Awaitable[list[str]]]
) -> None:
    desk = await scene(kit)
    column, condition = BLOBS[table]
    await fetch(
        f"UPDATE {table} SET {column} = x'ff00' WHERE {condition.format(account=desk.accounts[0])}"
        " RETURNING 1 AS changed"
    )
    assert sorted(await read(desk)) == sorted(desk.accounts[1:])
    assert sum(database.unreadable.counts.values()) == 1


@pytest.mark.only("sqlite")
async def test_markets_currencies_and_clients_of_damaged_rows_are_left_out(kit: DeskKit) -> None:
    desk = await scene(kit)
    assert await held_markets() == await markets_of_instruments() == ["XNYS"]
    await fetch(f"UPDATE instrument SET market = x'ff00' WHERE symbol = '{BOEING}' RETURNING 1 AS changed")
    await fetch(
        "UPDATE account SET base_currency = x'ff00' WHERE id = $1 RETURNING 1 AS changed", desk.accounts[0]
    )
    await fetch(
        "UPDATE client SET client_no = x'ff00' WHERE id = (SELECT client_id FROM account WHERE id = $1)"
        " RETURNING 1 AS changed",
        desk.accounts[0],
    )
    assert await held_markets() == await markets_of_instruments() == ["XNYS"]
    assert await load_base_currencies() == await currencies_of_live_cases() == [USD]
    clients = (await page_clients(EVERYTHING, ClientFilter(), ALL)).rows
    assert len(clients) == len(desk.accounts) - 1


async def test_pages_go_on_behind_damaged_rows(kit: DeskKit) -> None:
    desk = await scene(kit)
    await _case_json(desk)
    oldest_first = CaseOrder(CaseOrderField.OPENED_AT, False, USD)
    seen, after = [], None
    while True:
        page = await page_cases(EVERYTHING, CaseFilter(), oldest_first, PageRequest(1, after), kit.clock())
        assert page.rows, "no page is empty while others follow"
        seen += [view.case.account_id for view in page.rows]
        after = (page.rows[-1].case.opened_at, page.rows[-1].case.id)
        if not page.more:
            break
    assert sorted(seen) == sorted(desk.accounts[1:])


READINGS = {
    "case": ("margin_case", "figures", "account_id = '{account}'", "{"),
    "case amount": ("margin_case", "uncovered_amount", "account_id = '{account}'", None),
    "order": ("liquidation_order", "estimated_reduction", "account_id = '{account}'", None),
    "account": ("account", "financing_limit", "id = '{account}'", None),
    "position": ("position", "quantity", "account_id = '{account}'", None),
    "cash": ("cash_balance", "balance", "account_id = '{account}'", None),
    "quote": ("quote", "last_price", "symbol = 'BA.US'", None),
}


@pytest.mark.parametrize("what", READINGS)
async def test_the_monitor_sets_the_account_of_a_damaged_row_aside_and_continues(
    kit: DeskKit, what: str
) -> None:
    desk = await scene(kit)
    table, column, condition, value = READINGS[what]
    await damage(table, column, condition.format(account=desk.accounts[0]), value)
    monitor = kit.monitor()
    await monitor.note_everything()
    await monitor.look()
    (stored,) = (await doubts_of([desk.accounts[0]]))[desk.accounts[0]]
    assert stored.doubt.reason is DoubtReason.FAULT
    before = [view.case.figures.amount for view in await live_cases_of(desk.accounts[1:])]
    kit.clock.pass_(seconds=1)
    taken = await monitor.take([quoted(APPLE, 99, kit.clock())])
    assert taken.refused == []
    await monitor.look()
    await monitor.refresh()
    after = [view.case.figures.amount for view in await live_cases_of(desk.accounts[1:])]
    assert all(now_is > was for was, now_is in zip(before, after, strict=True))


@pytest.mark.parametrize("what", ["case", "account", "position", "cash"])
async def test_a_damaged_case_of_a_batch_is_refused_and_the_others_are_liquidated(
    kit: DeskKit, what: str
) -> None:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    accounts = [await kit.account(f"M{number}", -90_000, {APPLE: 1000}) for number in range(3)]
    for account_id in accounts:
        await kit.assess(account_id)
    cases = [view.case.id for account_id in accounts for view in await live_cases_of([account_id])]
    table, column, condition, value = READINGS[what]
    await damage(table, column, condition.format(account=accounts[0]), value)
    command = Liquidate("k", tuple(LiquidateCase(id_, None, PlanRequest()) for id_ in cases), None)
    for _ in range(2):
        refused, *others = await liquidate(kit.desk, TRADER, command)
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.UNREADABLE
        assert all(isinstance(each, LiquidationStarted) for each in others)


@pytest.mark.parametrize(
    ("most", "code"),
    [(None, None), (Decimal(10**12), RefusalCode.APPROVAL_REQUIRED)],
    ids=["free", "limited"],
)
async def test_a_damaged_order_of_one_account_prevents_no_liquidation_of_another(
    kit: DeskKit, most: Decimal | None, code: RefusalCode | None
) -> None:
    """What a person has ordered alone within a day cannot be told then: it takes a second one."""
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    first, second = [await kit.account(f"M{number}", -90_000, {APPLE: 1000}) for number in range(2)]
    for account_id in (first, second):
        await kit.assess(account_id)
    ids = [view.case.id for account_id in (first, second) for view in await live_cases_of([account_id])]
    await kit.liquidate(ids[0])
    await damage("liquidation_order", "estimated_reduction", f"account_id = '{first}'")
    policy = replace(kit.desk.policy, approval_limits=ApprovalLimits(notional=most))
    command = Liquidate("k", (LiquidateCase(ids[1], None, PlanRequest()),), None)
    (outcome,) = await liquidate(replace(kit.desk, policy=policy), TRADER, command)
    assert getattr(outcome, "code", None) is code, outcome


async def test_a_damaged_rate_leaves_accounts_without_it_alone(kit: DeskKit) -> None:
    desk = await scene(kit)
    await fetch(
        "INSERT INTO fx_rate (pair, base_currency, quote_currency, rate, at)"
        " VALUES ('HKDUSD', 'HKD', 'USD', $1, $2) RETURNING 1",
        Decimal("0.128"),
        kit.clock(),
    )
    await damage("fx_rate", "rate", "pair = 'HKDUSD'")
    monitor = kit.monitor()
    await monitor.note_everything()
    await monitor.look()
    assert await doubts_of(desk.accounts) == {}
