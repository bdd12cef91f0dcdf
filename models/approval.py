"""Approval requests: store, lock, load, list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.approval import Approval, ApprovalKind, ApprovalStatus, ApprovalView, visible_kinds
from domain.ids import AccountId, ApprovalId
from domain.principal import Audience, Capability
from models.book import ACCOUNT_COLUMNS, account_reference
from models.sql.database import Row, execute, fetch, fetch_one, for_update, insert_sql
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.values import time, time_or_none
from models.sql.where import Page, PageRequest, Where, in_order

_COLUMNS = (
    "id",
    "kind",
    "entity",
    "entity_id",
    "account_id",
    "approver",
    "maker",
    "reason",
    "before_text",
    "after_text",
    "command",
    "created_at",
    "expires_at",
    "status",
    "decided_by",
    "decided_at",
    "decision_reason",
    "difference",
)
_FROM = "FROM approval r LEFT JOIN account a ON a.id = r.account_id LEFT JOIN client k ON k.id = a.client_id"
_SELECT = (
    f"SELECT {', '.join(f'r.{column}' for column in _COLUMNS if column != 'account_id')}, "
    f"{ACCOUNT_COLUMNS} {_FROM}"
)


@dataclass(frozen=True, slots=True)
class ApprovalFilter:
    """Filter for approval requests; None matches any."""

    status: tuple[ApprovalStatus, ...] | None = None
    kind: tuple[ApprovalKind, ...] | None = None
    entity: str | None = None
    entity_id: str | None = None
    maker: str | None = None


async def insert_approval(approval: Approval) -> bool:
    """Store a new request; False if one of this kind is already pending for the same object."""
    sql = f"{insert_sql('approval', _COLUMNS)} ON CONFLICT DO NOTHING"
    return await execute(sql, *_values(approval)) == 1


async def save_approval(approval: Approval) -> None:
    """Store a decided request, which is locked."""
    columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(_COLUMNS[1:], start=2))
    await execute(f"UPDATE approval SET {columns} WHERE id = $1", *_values(approval))


async def load_approvals(
    audience: Audience, ids: Sequence[ApprovalId], *, strict: bool = False
) -> dict[ApprovalId, ApprovalView]:
    """Those of these requests that the audience may see; `strict`: see `readable`."""
    where = _visible(audience)
    where.add("r.id IN (?)", list(ids))
    views = readable(await fetch(f"{_SELECT}{where}", *where.values), _view, "approval", strict=strict)
    return {view.approval.id: view for view in views}


async def lock_approval(approval_id: ApprovalId, *, wait: bool = True) -> ApprovalView:
    """Lock the request; its account was locked before. Without `wait`, `Busy` at once if another transaction
    holds it.
    """
    await fetch(f"SELECT r.id FROM approval r WHERE r.id = $1{for_update('r', wait=wait)}", approval_id)
    row = await fetch_one(f"{_SELECT} WHERE r.id = $1", approval_id)
    assert row is not None
    return _view(row)


async def view_of(approval: Approval) -> ApprovalView:
    """A request with the account that it concerns."""
    if approval.account_id is None:
        return ApprovalView(approval, None)
    row = await fetch_one(
        f"SELECT {ACCOUNT_COLUMNS} FROM account a JOIN client k ON k.id = a.client_id WHERE a.id = $1",
        approval.account_id,
    )
    assert row is not None
    return ApprovalView(approval, account_reference(row))


async def pending_approval(kind: ApprovalKind, entity: str, entity_id: str) -> Approval | None:
    """The pending request of this kind about this object."""
    row = await fetch_one(
        f"{_SELECT} WHERE r.kind = $1 AND r.entity = $2 AND r.entity_id = $3 AND r.status = 'PENDING'",
        kind,
        entity,
        entity_id,
    )
    return _view(row).approval if row else None


async def overdue_approvals(now: datetime, limit: int, after: ApprovalId | None = None) -> list[ApprovalId]:
    """Pending requests that have expired, by id, after `after`."""
    rows = await fetch(
        "SELECT r.id FROM approval r WHERE r.status = 'PENDING' AND r.expires_at <= $1 AND r.id > $3"
        " ORDER BY r.id LIMIT $2",
        now,
        limit,
        after or "",
    )
    return [ApprovalId(row["id"]) for row in rows]


async def page_approvals(
    audience: Audience, selection: ApprovalFilter, request: PageRequest
) -> Page[ApprovalView]:
    """One page, newest first; the key of a row is (created_at, id)."""
    where = _where(audience, selection)
    sorted_ = in_order(where, request, "r.created_at, r.id", descending=True)
    newest = first_rows(f"{_SELECT}{sorted_}", where)
    return await readable_page(newest, _view, "approval", request)


async def count_approvals(audience: Audience, selection: ApprovalFilter) -> int:
    """The number of matching requests."""
    where = _where(audience, selection)
    row = await fetch_one(f"SELECT COUNT(*) AS approvals {_FROM}{where}", *where.values)
    assert row is not None
    return int(row["approvals"])


def _where(audience: Audience, selection: ApprovalFilter) -> Where:
    where = _visible(audience)
    where.add_if("r.status IN (?)", selection.status)
    where.add_if("r.kind IN (?)", selection.kind)
    where.add_if("r.entity = ?", selection.entity)
    where.add_if("r.entity_id = ?", selection.entity_id)
    where.add_if("r.maker = ?", selection.maker)
    return where


def _visible(audience: Audience) -> Where:
    """Requests about the whole desk are visible with access to all accounts."""
    where = Where()
    where.sees(audience)
    where.add("r.kind IN (?)", visible_kinds(audience))
    return where


@reads("approval")
def _view(row: Row) -> ApprovalView:
    account = account_reference(row) if row["account_id"] else None
    approval = Approval(
        id=ApprovalId(row["id"]),
        kind=ApprovalKind(row["kind"]),
        entity=row["entity"],
        entity_id=row["entity_id"],
        account_id=AccountId(row["account_id"]) if account else None,
        approver=tuple(Capability(name) for name in row["approver"].split()),
        maker=row["maker"],
        reason=row["reason"],
        before=row["before_text"],
        after=row["after_text"],
        command=row["command"],
        created_at=time(row["created_at"]),
        expires_at=time(row["expires_at"]),
        status=ApprovalStatus(row["status"]),
        decided_by=row["decided_by"],
        decided_at=time_or_none(row["decided_at"]),
        decision_reason=row["decision_reason"],
        difference=row["difference"],
    )
    return ApprovalView(approval, account)


def _values(approval: Approval) -> list[Any]:
    return [
        approval.id,
        approval.kind,
        approval.entity,
        approval.entity_id,
        approval.account_id,
        " ".join(approval.approver),
        approval.maker,
        approval.reason,
        approval.before,
        approval.after,
        approval.command,
        approval.created_at,
        approval.expires_at,
        approval.status,
        approval.decided_by,
        approval.decided_at,
        approval.decision_reason,
        approval.difference,
    ]
