"""The data of the reports: cases of a period, the desk's executions, and the marks when orders were sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.case import RECOVERY_ALERTS, Case
from domain.cure import BookedFill
from domain.events import CaseView
from domain.ids import AccountId, CaseId, OrderId, Symbol
from domain.order import OrderSide
from domain.principal import Audience
from models.case import SELECT_CASE, case_from_row
from models.sql.database import Row, execute, fetch, fetch_one, placeholders
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.values import decimal, decimal_or_none, time, time_or_none
from models.sql.where import Page, PageRequest, Where, in_order


@dataclass(frozen=True, slots=True)
class Period:
    """From `start`, until before `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class RecordedFill:
    """An execution, when it was recorded, and for which case."""

    fill: BookedFill
    case_id: CaseId
    recorded_at: datetime


async def page_called(audience: Audience, period: Period, request: PageRequest) -> Page[CaseView]:
    """Cases for money opened in the period, oldest first; the key of a row is (opened_at, id)."""
    return await _page(_called(audience, period), request)


async def count_called(audience: Audience, period: Period) -> int:
    """The number of matching cases."""
    return await _count(_called(audience, period))


async def page_liquidated(audience: Audience, period: Period, request: PageRequest) -> Page[CaseView]:
    """Cases for which an order was recorded in the period, oldest first; the key is (opened_at, id)."""
    return await _page(_liquidated(audience, period), request)


async def count_liquidated(audience: Audience, period: Period) -> int:
    """The number of matching cases."""
    return await _count(_liquidated(audience, period))


async def fills_during(cases: Sequence[Case]) -> dict[AccountId, list[RecordedFill]]:
    """Executions of these cases, and others on their accounts since the first of these cases was opened, in
    the order in which they were recorded.

    Accounts with an unreadable execution are absent.
    """
    fills: dict[AccountId, list[RecordedFill]] = {case.account_id: [] for case in cases}
    if not cases:
        return fills
    where = Where()
    where.add("e.exec_type = 'TRADE'")
    where.add("o.account_id IN (?)", sorted({case.account_id for case in cases}))
    since = min(case.opened_at for case in cases)
    where.add("(e.recorded_at >= ? OR o.case_id IN (?))", since, [case.id for case in cases])
    rows = await fetch(
        "SELECT e.id, o.account_id, o.case_id, o.symbol, o.side, e.quantity, e.cash_effect, e.recorded_at"
        f" FROM execution e JOIN liquidation_order o ON o.id = e.order_id{where}"
        " ORDER BY e.recorded_at, e.id",
        *where.values,
    )
    for row in rows:
        account_id = AccountId(row["account_id"])
        if account_id not in fills:
            continue
        recorded = readable([row], _recorded_fill, "execution")
        if recorded:
            fills[account_id] += recorded
        else:
            del fills[account_id]
    return fills


@reads("execution")
def _recorded_fill(row: Row) -> RecordedFill:
    fill = BookedFill(
        Symbol(row["symbol"]),
        OrderSide(row["side"]),
        decimal(row["quantity"]),
        decimal(row["cash_effect"]),
    )
    return RecordedFill(fill, CaseId(row["case_id"]), time(row["recorded_at"]))


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """A call for money that may have been open when another call of the account was triggered."""

    case_id: CaseId
    account_id: AccountId
    opened_at: datetime
    closed_at: datetime | None
    amount_at_open: Decimal

    def is_open_at(self, case: Case) -> bool:
        """Whether it was open when the case, another one of the same account, was opened."""
        if self.account_id != case.account_id or (self.opened_at, self.case_id) >= (case.opened_at, case.id):
            return False
        return self.closed_at is None or self.closed_at > case.opened_at


async def calls_beside(cases: Sequence[Case]) -> list[EarlierCall]:
    """Calls for money of the same accounts that were open when one of these cases was opened."""
    if not cases:
        return []
    where = Where()
    where.add("c.alert_type NOT IN (?)", sorted(RECOVERY_ALERTS))
    where.add("c.account_id IN (?)", sorted({case.account_id for case in cases}))
    where.add("c.opened_at <= ?", max(case.opened_at for case in cases))
    where.add("(c.closed_at IS NULL OR c.closed_at > ?)", min(case.opened_at for case in cases))
    rows = await fetch(
        f"SELECT c.id, c.account_id, c.opened_at, c.closed_at, c.amount_at_open FROM margin_case c{where}",
        *where.values,
    )
    return readable(rows, _earlier, "margin_case")


@reads("margin_case")
def _earlier(row: Row) -> EarlierCall:
    return EarlierCall(
        CaseId(row["id"]),
        AccountId(row["account_id"]),
        time(row["opened_at"]),
        time_or_none(row["closed_at"]),
        decimal(row["amount_at_open"]),
    )


async def note_mark(order_id: OrderId, at: datetime, mark: Decimal | None) -> None:
    """Store the mark when the order was sent; of several sendings the last counts."""
    await execute(
        "INSERT INTO order_mark (order_id, at, mark) VALUES ($1, $2, $3)"
        " ON CONFLICT (order_id) DO UPDATE SET at = excluded.at, mark = excluded.mark",
        order_id,
        at,
        mark,
    )


async def marks_at_send(order_ids: Sequence[OrderId]) -> dict[OrderId, Decimal | None]:
    """Marks by order; an order that was never sent has none."""
    rows = await fetch(
        f"SELECT order_id, mark FROM order_mark WHERE order_id IN ({placeholders(order_ids)})", *order_ids
    )
    marks = readable(
        rows, lambda row: (OrderId(row["order_id"]), decimal_or_none(row["mark"])), "order_mark", "order_id"
    )
    return dict(marks)


def _called(audience: Audience, period: Period) -> Where:
    where = Where()
    where.sees(audience)
    where.add("c.alert_type NOT IN (?)", sorted(RECOVERY_ALERTS))
    where.add("c.opened_at >= ?", period.start)
    where.add("c.opened_at < ?", period.end)
    return where


def _liquidated(audience: Audience, period: Period) -> Where:
    where = Where()
    where.sees(audience)
    where.add(
        "EXISTS (SELECT 1 FROM liquidation_order o WHERE o.case_id = c.id"
        " AND o.created_at >= ? AND o.created_at < ?)",
        period.start,
        period.end,
    )
    return where


async def _page(where: Where, request: PageRequest) -> Page[CaseView]:
    sorted_ = in_order(where, request, "c.opened_at, c.id")
    oldest = first_rows(f"{SELECT_CASE}{sorted_}", where)
    return await readable_page(oldest, case_from_row, "margin_case", request)


async def _count(where: Where) -> int:
    row = await fetch_one(
        f"SELECT COUNT(*) AS cases FROM margin_case c JOIN account a ON a.id = c.account_id{where}",
        *where.values,
    )
    assert row is not None
    return int(row["cases"])
