"""PostgreSQL reads the lists of cases and orders by an index, whatever their order and filter, and likewise
what the metrics need, whatever the history has.
"""

import json
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from asyncpg.connection import LoggedQuery
from tortoise.connection import get_connection

from domain.case import AlertType, CaseStatus
from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.ids import CaseId, Symbol
from domain.margin import AccountType
from domain.money import Currency
from domain.order import OrderStatus
from domain.principal import EVERYTHING
from domain.reporting import AmountAtLeast, Worth
from models.case_list import page_case_rows, page_cases
from models.message import waiting_messages
from models.open_work import audit_tail, open_cases, open_orders
from models.order import OrderFilter, page_orders
from models.outbox import backlog
from models.sql.database import Database, fetch
from models.sql.where import PageRequest
from tests.kit.desk_kit import APPLE, DeskKit

LIVE, ENDED = 1_000, 10_000
NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
USD, HKD = Currency("USD"), Currency("HKD")
EITHER = (True, False)
FILTERS = {
    "none": CaseFilter(),
    "status": CaseFilter(status=(CaseStatus.OPEN, CaseStatus.LIQUIDATING)),
    "alert type": CaseFilter(alert_type=(AlertType.MAINTENANCE,)),
    "account type": CaseFilter(account_type=(AccountType.MARGIN,)),
    "account": CaseFilter(account_no="M1"),
    "search": CaseFilter(search="m1"),
    "symbol": CaseFilter(symbol=Symbol(APPLE)),
    "amount": CaseFilter(amount_at_least=AmountAtLeast(Decimal(1), USD, Worth(Decimal(8), HKD))),
    "overdue": CaseFilter(overdue=True),
    "not overdue": CaseFilter(overdue=False),
    "opened": CaseFilter(opened_after=NOW, opened_before=NOW),
}
ORDER_FILTERS = {
    "none": OrderFilter(),
    "status": OrderFilter(status=(OrderStatus.NEW,)),
    "case": OrderFilter(case_id=CaseId("x")),
    "account": OrderFilter(account_no="M1"),
    "symbol": OrderFilter(symbol=Symbol(APPLE)),
    "created": OrderFilter(created_after=NOW),
}


AN_ORDER = """INSERT INTO liquidation_order (id, client_order_id, case_id, account_id, symbol, side, type,
    time_in_force, session, quantity, limit_price, status, estimated_reduction, placed_by, created_at,
    updated_at, filled_quantity, filled_notional, acknowledged, cancel_requested, version)
  SELECT md5(c.id), c.case_no || '-1-1', c.id, c.account_id, 'AAPL', 'SELL', 'LIMIT', 'DAY', 'REGULAR', 1, 1,
    'NEW', 1, 'ann', c.opened_at, c.opened_at, 0, 0, true, false, 1 FROM margin_case c"""


SENT_MESSAGES = f"""INSERT INTO client_message (id, case_id, client_id, channel, template, language, title,
    body, recipient, placed_by, created_at, earliest_at, latest_at, status, attempts, settled_at)
  SELECT md5('m' || n), c.id, c.client_id, 'SMS', 'x', 'en', 'x', 'x', 'x', 'ann', now(), now(), now(),
    'SENT', 1, now()
  FROM (SELECT c.id, a.client_id FROM margin_case c JOIN account a ON a.id = c.account_id LIMIT 1) c
    CROSS JOIN generate_series(1, {ENDED}) n"""


async def copy_cases() -> None:
    """Each live one of an account of its own; of the ended ones many belong to one account."""
    columns = await columns_of("client", id="md5(n::text)", client_no="'C-' || n")
    await fetch(f"INSERT INTO client {columns} RETURNING 1 AS copied".format(LIVE))
    columns = await columns_of("account", id="md5(n::text)", client_id="md5(n::text)", account_no="'M-' || n")
    await fetch(f"INSERT INTO account {columns} RETURNING 1 AS copied".format(LIVE))
    new = {"id": "md5('live' || n)", "case_no": "'L' || n", "opened_at": "t.opened_at - n * interval '1 h'"}
    columns = await columns_of("margin_case", account_id="md5(n::text)", **new)
    await fetch(f"INSERT INTO margin_case {columns} RETURNING 1 AS copied".format(LIVE))
    ended = new | {"id": "md5('ended' || n)", "case_no": "'E' || n", "status": "'RESOLVED'"}
    ended |= {"closed_at": "t.opened_at", "close_reason": "'CURED'"}
    columns = await columns_of("margin_case", **ended)
    await fetch(
        f"INSERT INTO margin_case {columns} AND t.case_no LIKE 'MC%' RETURNING 1 AS copied".format(ENDED)
    )
    await fetch(f"{AN_ORDER} RETURNING 1 AS ordered")
    client: Any = get_connection("default")
    await client.execute_script("ANALYZE")


async def copy_history() -> None:
    """Ended orders, chained audit rows, published events and sent messages."""
    client: Any = get_connection("default")
    ended_order = AN_ORDER.replace("md5(c.id)", "md5(c.id || 'ended')").replace("'-1-1'", "'-1-2'")
    await client.execute_script(ended_order.replace("'NEW'", "'REJECTED'"))
    columns = await columns_of("audit", id="1000000 + n")
    await fetch(f"INSERT INTO audit {columns} RETURNING 1 AS copied".format(ENDED))
    await fetch(
        "INSERT INTO audit_link (sequence, audit_id, previous_hash, hash)"
        " SELECT 1000000 + id, id, 'x', 'x' || id FROM audit RETURNING 1 AS linked"
    )
    columns = await columns_of(
        "outbox", id="1000000 + n", event_id="md5(n::text)", stream_offset="1000000 + n"
    )
    await fetch(f"INSERT INTO outbox {columns} RETURNING 1 AS copied".format(ENDED))
    await client.execute_script(SENT_MESSAGES)
    await client.execute_script("ANALYZE")


async def columns_of(table: str, **changed: str) -> str:
    """Copies of the first row: `INSERT INTO table` goes before it, their number into the braces."""
    rows = await fetch("SELECT column_name FROM information_schema.columns WHERE table_name = $1", table)
    names = [row["column_name"] for row in rows]
    values = ", ".join(changed.get(name, f"t.{name}") for name in names)
    return (
        f"({', '.join(names)}) SELECT {values} FROM (SELECT * FROM {table} LIMIT 1) t"
        " CROSS JOIN generate_series(1, {}) n WHERE true"
    )


async def plan_of(ask: Awaitable[object]) -> dict[str, Any]:
    """The plan of the only statement that it sends."""
    seen: list[LoggedQuery] = []
    client: Any = get_connection("default")
    async with client._pool.acquire() as connection:
        connection.add_query_logger(seen.append)
    await ask
    async with client._pool.acquire() as connection:
        connection.remove_query_logger(seen.append)
        # asyncpg notes a statement in the next step of the event loop.
        await connection.fetch("SELECT 1")
        (asked,) = seen
        (row,) = await connection.fetch(f"EXPLAIN (FORMAT JSON) {asked.query}", *asked.args)
    plan: dict[str, Any] = json.loads(row[0])[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def reads_all(plan: dict[str, Any], table: str) -> bool:
    return any(node["Node Type"] == "Seq Scan" and node["Relation Name"] == table for node in nodes(plan))


def sorts(plan: dict[str, Any]) -> bool:
    return any("Sort" in node["Node Type"] for node in nodes(plan))


@pytest.mark.parametrize("migrated_url", ["postgres"], indirect=True)
async def test_lists_are_read_by_an_index(url: str) -> None:
    database = Database(url, pool_size=1)
    await database.open()
    wrong: list[str] = []
    with database.active():
        kit = DeskKit()
        await kit.instrument(APPLE)
        await kit.quote(APPLE, 100)
        await kit.assess(await kit.account("M1", -90_000, {APPLE: 1000}))
        await copy_cases()
        for field, descending, name, backward in product(CaseOrderField, EITHER, FILTERS, EITHER):
            order, request = CaseOrder(field, descending, HKD), PageRequest(50, backward=backward)
            plan = await plan_of(page_cases(EVERYTHING, FILTERS[name], order, request, NOW))
            of_rows = await plan_of(
                page_case_rows(EVERYTHING, FILTERS[name], order, request, NOW, ("case_no", "client_name"))
            )
            if reads_all(plan, "margin_case") or reads_all(of_rows, "margin_case"):
                wrong.append(f"cases by {field} with filter {name} read the whole table")
            if field is not CaseOrderField.AMOUNT and name == "none" and (sorts(plan) or sorts(of_rows)):
                wrong.append(f"cases by {field} are sorted")
        for (name, selection), backward in product(ORDER_FILTERS.items(), EITHER):
            plan = await plan_of(page_orders(EVERYTHING, selection, PageRequest(50, backward=backward)))
            if reads_all(plan, "liquidation_order"):
                wrong.append(f"orders with filter {name} read the whole table")
        metrics = {
            "margin_case": open_cases(NOW),
            "liquidation_order": open_orders(),
            "audit": audit_tail(NOW),
            "outbox": backlog(NOW),
            "client_message": waiting_messages(),
        }
        await copy_history()
        for table, figures in metrics.items():
            if reads_all(await plan_of(figures), table):
                wrong.append(f"the metrics read the whole table {table}")
    await database.close()
    assert not wrong
