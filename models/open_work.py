"""How much is open: cases that wait for people, orders that wait for the venue, audit rows that wait for the
chain.

For metrics: cheap, and damaged times count as none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.case import LIVE, CaseStatus
from domain.order_states import TERMINAL, OrderStatus
from models.outbox import age_of
from models.sql.database import fetch, fetch_one
from models.sql.where import Where

OPEN_ORDERS = frozenset(OrderStatus) - TERMINAL


@dataclass(frozen=True, slots=True)
class OpenCases:
    """Live cases."""

    by_status: Mapping[CaseStatus, int]
    """Every live status, including those with 0."""
    overdue: int
    """Those whose deadline has passed."""
    unclaimed_for: timedelta
    """The age of the oldest without a claim in force; zero if there is none."""


async def open_cases(now: datetime) -> OpenCases:
    """The live cases as of now."""
    where = Where()
    where.add("status IN (?)", sorted(LIVE))
    at = where.value(now)
    rows = await fetch(
        "SELECT status, COUNT(*) AS cases, MIN(opened_at) AS opened_at,"
        f" CASE WHEN deadline < {at} THEN 1 ELSE 0 END AS overdue,"
        f" CASE WHEN claimed_by IS NULL OR claim_expires_at <= {at} THEN 1 ELSE 0 END AS unclaimed"
        f" FROM margin_case{where} GROUP BY 1, 4, 5",
        *where.values,
    )
    counts = dict.fromkeys(LIVE, 0)
    for row in rows:
        counts[CaseStatus(row["status"])] += int(row["cases"])
    ages = [age_of(row["opened_at"], now) for row in rows if row["unclaimed"]]
    overdue = sum(int(row["cases"]) for row in rows if row["overdue"])
    return OpenCases(counts, overdue, max(ages, default=timedelta()))


@dataclass(frozen=True, slots=True)
class AuditTail:
    """Rows after the last chained one, and the age of the oldest; zero if there is none."""

    rows: int
    age: timedelta


async def audit_tail(now: datetime) -> AuditTail:
    """As of now. It costs the rows of the tail alone, and does not see a row inserted among the chained."""
    row = await fetch_one(
        "SELECT COUNT(*) AS waiting, MIN(at) AS oldest FROM audit"
        " WHERE id > (SELECT COALESCE(MAX(audit_id), 0) FROM audit_link)"
    )
    assert row is not None
    return AuditTail(int(row["waiting"]), age_of(row["oldest"], now))


async def open_orders() -> Mapping[OrderStatus, int]:
    """The number of orders of each status that is not final, including 0."""
    where = Where()
    where.add("status IN (?)", sorted(OPEN_ORDERS))
    rows = await fetch(
        f"SELECT status, COUNT(*) AS orders FROM liquidation_order{where} GROUP BY status", *where.values
    )
    return dict.fromkeys(OPEN_ORDERS, 0) | {OrderStatus(row["status"]): int(row["orders"]) for row in rows}
