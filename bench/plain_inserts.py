"""The peer of `liquidate`: the rows it wrote, written again by plain asyncpg with nothing to decide.

One transaction per case on one connection, prepared statements, values ready in memory: what is left is what
the database itself takes. The tables, columns, row counts and texts are those of the desk's own run.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import asyncpg
import orjson

from domain.ids import CaseId
from models.audit import SNAPSHOT_TAKEN

Values = tuple[Any, ...]

ORDER_COLUMNS = (
    "id, client_order_id, case_id, account_id, symbol, side, type, time_in_force, session, quantity,"
    " limit_price, status, estimated_reduction, placed_by, created_at, updated_at, filled_quantity,"
    " filled_notional, acknowledged, cancel_requested, reason, version, override, raw_status, cancel_cause"
)
CASE_COLUMNS = (
    "id, case_no, account_id, alert_type, status, amount, amount_at_open, uncovered_amount, figures,"
    " opened_at, deadline, force_eligible, plans, cured_since, auto_liquidate_at, auto_liquidate_trigger,"
    " remark, reopened_from, closed_at, close_reason, version, exempted_by, auto_liquidate_held,"
    " auto_liquidate_held_until, claim_expires_at, claimed_at, claimed_by, figures_at_open, follow_ups,"
    " original_deadline"
)
KEY_COLUMNS = "id, actor, idempotency_key, operation, request_hash, at"
ITEM_COLUMNS = "id, actor, idempotency_key, item, outcome, at"
AUDIT_COLUMNS = "at, actor, action, entity, entity_id, detail, before_state, after_state, request_id"
SNAPSHOT_COLUMNS = "id, case_id, kind, occasion, at, content, hash"


@dataclass(slots=True)
class CaseRows:
    """What the desk wrote for one case."""

    case: Values = ()
    orders: list[Values] = field(default_factory=list)
    changes: list[Values] = field(default_factory=list)
    audit: list[Values] = field(default_factory=list)
    """What was done, and that a snapshot was taken of it."""
    outbox: list[Values] = field(default_factory=list)
    item: Values = ()
    snapshot: Values = ()


async def read_rows(connection: asyncpg.Connection, cases: Sequence[CaseId]) -> list[CaseRows]:
    """The rows of each of these cases, in this order."""
    rows: dict[str, CaseRows] = defaultdict(CaseRows)
    for row in await connection.fetch(f"SELECT {CASE_COLUMNS} FROM margin_case"):
        rows[row["id"]].case = tuple(row)
    for row in await connection.fetch(f"SELECT {ORDER_COLUMNS} FROM liquidation_order ORDER BY id"):
        rows[row["case_id"]].orders.append(tuple(row))
    for row in await connection.fetch(
        "SELECT o.case_id, c.order_id, c.status, c.at, c.reason"
        " FROM order_change c JOIN liquidation_order o ON o.id = c.order_id ORDER BY c.id"
    ):
        rows[row["case_id"]].changes.append(tuple(row)[1:])
    for row in await connection.fetch(
        f"SELECT {AUDIT_COLUMNS} FROM audit"
        " WHERE action = 'liquidate' OR action = $1 AND after_state LIKE '%\"plan %' ORDER BY id",
        SNAPSHOT_TAKEN,
    ):
        rows[row["entity_id"]].audit.append(tuple(row))
    for row in await connection.fetch("SELECT event_id, payload, at FROM outbox ORDER BY id"):
        rows[_case_of(row["payload"])].outbox.append(tuple(row))
    for row in await connection.fetch(f"SELECT {ITEM_COLUMNS} FROM idempotency_item"):
        rows[row["item"]].item = tuple(row)
    for row in await connection.fetch(
        f"SELECT {SNAPSHOT_COLUMNS} FROM snapshot WHERE occasion LIKE 'plan %'"
    ):
        rows[row["case_id"]].snapshot = tuple(row)
    return [_without_opening(rows[case_id]) for case_id in cases]


async def write_rows(connection: asyncpg.Connection, key: Values, cases: Sequence[CaseRows]) -> float:
    """Write them; seconds from the first statement to the last commit, preparing not counted."""
    writer = await _Writer.prepare(connection)
    started = perf_counter()
    await writer.key.fetch(*key)
    for rows in cases:
        async with connection.transaction():
            await writer.write(rows)
    return perf_counter() - started


def _case_of(payload: str) -> str:
    message = orjson.loads(payload)
    view = message["event"]["view"]
    case_id: str = view["case"]["id"] if message["type"] == "CaseEvent" else view["order"]["case_id"]
    return case_id


def _without_opening(rows: CaseRows) -> CaseRows:
    """The first event is the case's opening, which happened before the measurement."""
    del rows.outbox[0]
    assert len(rows.audit) == 2, "one of the liquidation and one of its snapshot"
    assert len(rows.outbox) == len(rows.orders) + 1, "one event per order and one of the case"
    return rows


@dataclass(frozen=True, slots=True)
class _Writer:
    connection: asyncpg.Connection
    key: Any
    orders: Any
    changes: Any
    case: Any
    book: Any
    audit: Any
    outbox: Any
    item: Any
    snapshot: Any

    @classmethod
    async def prepare(cls, connection: asyncpg.Connection) -> "_Writer":
        case_columns = CASE_COLUMNS.split(", ")[1:]
        assignments = ", ".join(f"{column} = ${at}" for at, column in enumerate(case_columns, start=2))
        sql = (
            _insert("idempotency_key", KEY_COLUMNS),
            _insert("liquidation_order", ORDER_COLUMNS),
            _insert("order_change", "order_id, status, at, reason"),
            f"UPDATE margin_case SET {assignments} WHERE id = $1",
            "UPDATE account SET book_version = book_version + 1 WHERE id = $1",
            _insert("audit", AUDIT_COLUMNS),
            _insert("outbox", "event_id, payload, at"),
            _insert("idempotency_item", ITEM_COLUMNS),
            _insert("snapshot", SNAPSHOT_COLUMNS),
        )
        return cls(connection, *[await connection.prepare(statement) for statement in sql])

    async def write(self, rows: CaseRows) -> None:
        account_id = rows.case[2]
        await self.orders.executemany(rows.orders)
        await self.changes.executemany(rows.changes)
        await self.case.fetch(*rows.case)
        await self.book.fetch(account_id)
        await self.audit.executemany(rows.audit)
        await self.outbox.executemany(rows.outbox)
        await self.item.fetch(*rows.item)
        await self.snapshot.fetch(*rows.snapshot)


def _insert(table: str, columns: str) -> str:
    values = ", ".join(f"${number}" for number in range(1, columns.count(",") + 2))
    return f"INSERT INTO {table} ({columns}) VALUES ({values})"
