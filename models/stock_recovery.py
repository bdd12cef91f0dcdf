"""Recalls of stock and the recoveries of accounts: store, load, list."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.case import AlertType, CaseStatus
from domain.events import AccountReference
from domain.ids import AccountId, CaseId, ClientId, RecoveryId, Symbol
from domain.principal import Audience
from domain.recall_allocation import AllocationRule
from domain.stock_recovery import RecallCause, Recovery, RecoveryStatus
from models.book import ACCOUNT_COLUMNS, account_reference
from models.case import LIVE, LIVE_LIST
from models.market import markets_from_rows
from models.sql.database import Row, execute, execute_many, fetch, fetch_one, insert_sql, placeholders
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.values import decimal, time, time_or_none
from models.sql.where import Page, PageRequest, Where, in_order

_COLUMNS = (
    "id",
    "account_id",
    "case_id",
    "instrument_id",
    "recall_id",
    "alert_type",
    "quantity",
    "outstanding",
    "short_may_stay",
    "due_at",
    "opened_at",
    "closed_at",
)
RECOVERY_TABLES = (
    "FROM stock_recovery r JOIN margin_case c ON c.id = r.case_id JOIN account a ON a.id = r.account_id"
    " JOIN client k ON k.id = a.client_id LEFT JOIN stock_recall s ON s.id = r.recall_id"
)
_SELECT = (
    f"SELECT {', '.join(f'r.{column}' for column in _COLUMNS if column != 'account_id')}, s.cause,"
    f" s.reason, c.status AS case_status, {ACCOUNT_COLUMNS} {RECOVERY_TABLES}"
)
_LIVE_CASE = f"c.status IN ({LIVE_LIST})"
_STATES: Mapping[RecoveryStatus, str] = {
    RecoveryStatus.OPEN: f"(r.closed_at IS NULL AND {_LIVE_CASE})",
    RecoveryStatus.RECOVERED: "(r.closed_at IS NOT NULL)",
    RecoveryStatus.CANCELED: f"(r.closed_at IS NULL AND NOT {_LIVE_CASE})",
}
OPEN_RECOVERY = _STATES[RecoveryStatus.OPEN]


@dataclass(frozen=True, slots=True)
class StockRecall:
    """A lender's recall of one stock. `allocated` is the quantity demanded from accounts."""

    id: str
    symbol: Symbol
    quantity: Decimal
    allocated: Decimal
    rule: AllocationRule
    cause: RecallCause
    due_at: datetime
    reason: str
    recalled_by: str
    recalled_at: datetime


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """A recovery with its account and its reason."""

    recovery: Recovery
    account: AccountReference
    status: RecoveryStatus
    reason: str | None


@dataclass(frozen=True, slots=True)
class RecoveryFilter:
    """Filter for recoveries; None matches any. `status` None: the open ones."""

    alert_type: AlertType
    status: tuple[RecoveryStatus, ...] | None = None
    symbol: Symbol | None = None
    client_id: ClientId | None = None
    account_no: str | None = None
    recall_id: str | None = None
    due_before: datetime | None = None


async def insert_recall(recall: StockRecall) -> None:
    """Store a new recall."""
    columns = (
        "id",
        "instrument_id",
        "quantity",
        "allocated",
        "rule",
        "cause",
        "due_at",
        "reason",
        "recalled_by",
        "recalled_at",
    )
    await execute(
        insert_sql("stock_recall", columns),
        recall.id,
        recall.symbol,
        recall.quantity,
        recall.allocated,
        recall.rule,
        recall.cause,
        recall.due_at,
        recall.reason,
        recall.recalled_by,
        recall.recalled_at,
    )


async def load_recall(recall_id: str) -> StockRecall | None:
    """The recall."""
    row = await fetch_one("SELECT * FROM stock_recall WHERE id = $1", recall_id)
    return None if row is None else _recall(row)


async def insert_recoveries(recoveries: Sequence[Recovery]) -> None:
    """Store new recoveries; their accounts are locked."""
    await execute_many(
        insert_sql("stock_recovery", _COLUMNS),
        [
            (
                each.id,
                each.account_id,
                each.case_id,
                each.symbol,
                each.recall_id,
                each.alert_type,
                each.quantity,
                each.outstanding,
                each.short_may_stay,
                each.due_at,
                each.opened_at,
                each.closed_at,
            )
            for each in recoveries
        ],
    )


async def save_recoveries(recoveries: Sequence[Recovery]) -> None:
    """Store what is outstanding and whether they are closed; their accounts are locked."""
    await execute_many(
        "UPDATE stock_recovery SET outstanding = $2, closed_at = $3 WHERE id = $1",
        [(each.id, each.outstanding, each.closed_at) for each in recoveries],
    )


async def save_moved(recoveries: Sequence[Recovery]) -> None:
    """Store how much of the short may stay; their accounts are locked."""
    await execute_many(
        "UPDATE stock_recovery SET short_may_stay = $2 WHERE id = $1",
        [(each.id, each.short_may_stay) for each in recoveries],
    )


async def open_recoveries_of(account_ids: Sequence[AccountId]) -> list[Recovery]:
    """Every open recovery of these accounts, oldest first."""
    rows = await fetch(
        f"{_SELECT} WHERE r.account_id IN ({placeholders(account_ids)}) AND {OPEN_RECOVERY}"
        " ORDER BY r.opened_at, r.id",
        *account_ids,
    )
    return [_view(row).recovery for row in rows]


async def opened_since(account_id: AccountId, alert_type: AlertType, since: datetime) -> set[Symbol]:
    """The stocks of which a recovery of this account was opened at or after `since`."""
    rows = await fetch(
        "SELECT instrument_id FROM stock_recovery"
        " WHERE account_id = $1 AND alert_type = $2 AND opened_at >= $3",
        account_id,
        alert_type,
        since,
    )
    return {Symbol(row["instrument_id"]) for row in rows}


async def load_recoveries(
    audience: Audience, ids: Sequence[RecoveryId], *, strict: bool = False
) -> dict[RecoveryId, RecoveryView]:
    """Those of these recoveries that the audience may see; `strict`: see `readable`."""
    where = Where()
    where.add("r.id IN (?)", list(ids))
    where.sees(audience)
    views = readable(await fetch(f"{_SELECT}{where}", *where.values), _view, "stock_recovery", strict=strict)
    return {view.recovery.id: view for view in views}


async def recoveries_of_cases(audience: Audience, ids: Sequence[CaseId]) -> dict[CaseId, list[RecoveryView]]:
    """Every recovery of each case, oldest first."""
    where = Where()
    where.add("r.case_id IN (?)", list(ids))
    where.sees(audience)
    recoveries: dict[CaseId, list[RecoveryView]] = defaultdict(list)
    for row in await fetch(f"{_SELECT}{where} ORDER BY r.opened_at, r.id", *where.values):
        recoveries[CaseId(row["case_id"])].append(_view(row))
    return recoveries


async def page_recoveries(
    audience: Audience, selection: RecoveryFilter, request: PageRequest
) -> Page[RecoveryView]:
    """One page, newest first; the key of a row is (opened_at, id)."""
    where = _where(audience, selection)
    sorted_ = in_order(where, request, "r.opened_at, r.id", descending=True)
    newest = first_rows(f"{_SELECT}{sorted_}", where)
    return await readable_page(newest, _view, "stock_recovery", request)


async def count_recoveries(audience: Audience, selection: RecoveryFilter) -> int:
    """The number of matching recoveries."""
    where = _where(audience, selection)
    row = await fetch_one(f"SELECT COUNT(*) AS recoveries {RECOVERY_TABLES}{where}", *where.values)
    assert row is not None
    return int(row["recoveries"])


async def last_collected(market: str) -> int:
    """The day, as its ordinal, on which stock for a market's written calls was last collected."""
    row = await fetch_one("SELECT value FROM counter WHERE name = $1", f"covered:{market}")
    return int(row["value"]) if row else 0


async def save_collected(market: str, day: int) -> None:
    """Store the day of the last collection."""
    await execute(
        "INSERT INTO counter (name, value) VALUES ($1, $2)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > counter.value",
        f"covered:{market}",
        day,
    )


async def markets_of_written_calls() -> list[str]:
    """Markets of calls in which some account is short."""
    rows = await fetch(
        "SELECT DISTINCT i.market FROM instrument i JOIN position p ON p.instrument_id = i.symbol"
        f" WHERE i.option_right = 'CALL' AND {_SHORT} ORDER BY i.market"
    )
    return markets_from_rows(rows)


async def writers_of_calls(market: str, after: AccountId, first: int) -> list[AccountId]:
    """Accounts that are short of a call of the market, by id: the first ones after `after`."""
    rows = await fetch(
        "SELECT DISTINCT p.account_id FROM instrument i JOIN position p ON p.instrument_id = i.symbol"
        f" WHERE i.market = $1 AND i.option_right = 'CALL' AND {_SHORT} AND p.account_id > $2"
        " ORDER BY p.account_id LIMIT $3",
        market,
        after,
        first,
    )
    return [AccountId(row["account_id"]) for row in rows]


_SHORT = "CAST(p.quantity AS NUMERIC) < 0"


@reads("stock_recall")
def _recall(row: Row) -> StockRecall:
    return StockRecall(
        id=row["id"],
        symbol=Symbol(row["instrument_id"]),
        quantity=decimal(row["quantity"]),
        allocated=decimal(row["allocated"]),
        rule=AllocationRule(row["rule"]),
        cause=RecallCause(row["cause"]),
        due_at=time(row["due_at"]),
        reason=row["reason"],
        recalled_by=row["recalled_by"],
        recalled_at=time(row["recalled_at"]),
    )


@reads("stock_recovery")
def _view(row: Row) -> RecoveryView:
    recovery = Recovery(
        id=RecoveryId(row["id"]),
        account_id=AccountId(row["account_id"]),
        case_id=CaseId(row["case_id"]),
        alert_type=AlertType(row["alert_type"]),
        symbol=Symbol(row["instrument_id"]),
        quantity=decimal(row["quantity"]),
        outstanding=decimal(row["outstanding"]),
        due_at=time(row["due_at"]),
        opened_at=time(row["opened_at"]),
        short_may_stay=decimal(row["short_may_stay"]),
        cause=RecallCause(row["cause"]) if row["cause"] else None,
        recall_id=row["recall_id"],
        closed_at=time_or_none(row["closed_at"]),
    )
    return RecoveryView(recovery, account_reference(row), _status(row, recovery), row["reason"])


def _status(row: Row, recovery: Recovery) -> RecoveryStatus:
    if recovery.closed_at is not None:
        return RecoveryStatus.RECOVERED
    return RecoveryStatus.OPEN if CaseStatus(row["case_status"]) in LIVE else RecoveryStatus.CANCELED


def _where(audience: Audience, selection: RecoveryFilter) -> Where:
    where = Where()
    where.sees(audience)
    where.add("r.alert_type = ?", selection.alert_type)
    states = (RecoveryStatus.OPEN,) if selection.status is None else dict.fromkeys(selection.status)
    where.add(f"({' OR '.join(_STATES[status] for status in states) or '1 = 0'})")
    where.add_if("r.instrument_id = ?", selection.symbol)
    where.add_if("a.client_id = ?", selection.client_id)
    where.add_if("a.account_no = ?", selection.account_no)
    where.add_if("r.recall_id = ?", selection.recall_id)
    where.add_if("r.due_at < ?", selection.due_before)
    return where
