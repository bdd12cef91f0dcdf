"""The audit trail: append-only, written in the transaction of each action; the database refuses to change it.

The leader chains rows afterwards, in the order in which it finds them committed, so that no writing
transaction waits for another's hash. Rows that are not chained yet are the tail.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from domain.audit_chain import GENESIS, AuditRow, ChainHead, Link, link_hash
from domain.principal import Audience
from domain.text import lenient_subject_form
from models.sql.codec import dumps, loads
from models.sql.database import (
    Row,
    current_tracer,
    execute,
    execute_many,
    fetch,
    fetch_one,
    for_update,
    noted,
    transaction,
)
from models.sql.readable import first_rows
from models.sql.unreadable import UnreadableRow, reading, reads
from models.sql.values import time, time_or_none
from models.sql.where import Page, PageRequest, Where, cut, in_order

CHAIN = "audit"
SNAPSHOT_TAKEN = "snapshot"
"""The action of the row that holds the hash of a snapshot of its case."""
_TEXTS = ("actor", "action", "entity", "entity_id", "detail", "before", "after", "request_id")
_COLUMNS = "id, at, actor, action, entity, entity_id, detail, before_state, after_state, request_id"
_SELECT = ", ".join(f"a.{column}" for column in _COLUMNS.split(", "))
_SELECT_CHAINED = (
    f"SELECT l.sequence, l.hash, {_SELECT} FROM audit a LEFT JOIN audit_link l ON l.audit_id = a.id"
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action; `detail`, `before` and `after` are plain data, decimals as text.

    `before` None: the object did not exist; `after` None: the action changed nothing. Both contain only the
    differences.
    """

    at: datetime
    actor: str
    action: str
    entity: str
    entity_id: str
    detail: dict[str, Any]
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    request_id: str | None = None

    def changing(
        self, *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
    ) -> "AuditEntry":
        """The entry with what the action changed."""
        return replace(self, before=before, after=after)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Filter for audit rows; None matches any."""

    entity: str | None = None
    entity_id: str | None = None
    actor: str | None = None
    action: str | None = None
    at_or_after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """A row with its place in the chain; None: it is in the tail."""

    row: AuditRow
    sequence: int | None
    hash: str | None


@dataclass(frozen=True, slots=True)
class Tail:
    """Rows that are not chained yet, and the time of the oldest."""

    rows: int
    oldest: datetime | None


async def write_audit(entries: Sequence[AuditEntry]) -> None:
    """Append the entries; in a traced operation their details name the trace."""
    tracer = current_tracer()
    trace_id = None if tracer is None else tracer.trace_id
    traced = {} if trace_id is None else {"traceId": trace_id}
    await execute_many(
        "INSERT INTO audit (at, actor, action, entity, entity_id, detail, before_state, after_state,"
        " request_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (
                entry.at,
                entry.actor,
                entry.action,
                entry.entity,
                entry.entity_id,
                dumps(entry.detail | traced),
                _text(entry.before),
                _text(entry.after),
                entry.request_id,
            )
            for entry in entries
        ],
    )


async def extend_chain(above_id: int, limit: int) -> list[int]:
    """Chain the oldest unchained rows whose id is above `above_id`, at most `limit`; returns their ids.

    Two processes that do it at once wait for each other at the head's row.
    """
    async with transaction():
        head = await _lock_head()
        rows = await fetch(
            f"SELECT {_SELECT} FROM audit a WHERE a.id > $1 AND NOT EXISTS"
            " (SELECT 1 FROM audit_link l WHERE l.audit_id = a.id) ORDER BY a.id LIMIT $2",
            above_id,
            limit,
        )
        if not rows:
            return []
        links = []
        await _require_end(head)
        for row in map(row_of, rows):
            chained = link_hash(head.sequence + 1, head.hash, row)
            links.append((head.sequence + 1, row.id, head.hash, chained))
            head = ChainHead(head.sequence + 1, chained)
        await execute_many(
            "INSERT INTO audit_link (sequence, audit_id, previous_hash, hash) VALUES ($1, $2, $3, $4)", links
        )
        await execute(
            "UPDATE audit_head SET sequence = $1, hash = $2 WHERE name = $3", head.sequence, head.hash, CHAIN
        )
    return [audit_id for _, audit_id, _, _ in links]


async def chain_head() -> ChainHead:
    """The head, stored apart from the links."""
    row = await fetch_one("SELECT sequence, hash FROM audit_head WHERE name = $1", CHAIN)
    return ChainHead(row["sequence"], row["hash"]) if row else ChainHead(0, GENESIS)


async def links(page_rows: int) -> AsyncIterator[Link]:
    """Every link with its row, in order, read page by page; including links before the first one."""
    rows: Sequence[Row] = []
    while True:
        where = Where()
        if rows:
            where.add("l.sequence > ?", rows[-1]["sequence"])
        limit = where.value(page_rows)
        rows = await fetch(
            f"SELECT l.sequence, l.audit_id, l.previous_hash, l.hash, {_SELECT} FROM audit_link l"
            f" LEFT JOIN audit a ON a.id = l.audit_id{where} ORDER BY l.sequence LIMIT {limit}",
            *where.values,
        )
        for row in rows:
            yield _link(row)
        if len(rows) < page_rows:
            return


def _link(row: Row) -> Link:
    """Accepts any tampered content: SQLite stores anything in any column, and PostgreSQL has infinite
    times.
    """
    named = (row["sequence"], row["audit_id"], row["previous_hash"], row["hash"])
    if row["id"] is None:
        return Link(*named, None)
    try:
        with reading("audit", row["id"]):
            audit_row = row_of(row)
            audit_row.at.astimezone(UTC)
    except UnreadableRow:
        return Link(*named, None, unreadable=True)
    texts = (getattr(audit_row, name) for name in _TEXTS)
    unreadable = not all(isinstance(text, str | None) for text in texts)
    return Link(*named, None if unreadable else audit_row, unreadable)


async def tail() -> Tail:
    """The rows that are not chained yet."""
    row = await fetch_one(
        "SELECT COUNT(*) AS waiting, MIN(a.at) AS oldest FROM audit a"
        " WHERE NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.audit_id = a.id)"
    )
    assert row is not None
    return Tail(row["waiting"], time_or_none(row["oldest"]))


async def has_acted(actor: str) -> bool:
    """Whether the audit has anything that the actor did."""
    return await fetch_one("SELECT 1 AS one FROM audit WHERE actor = $1 LIMIT 1", actor) is not None


async def is_noted(entry: AuditEntry) -> bool:
    """Whether the audit has the same entry about the same object, by any actor at any time."""
    row = await fetch_one(
        "SELECT a.id FROM audit a WHERE a.entity = $1 AND a.entity_id = $2 AND a.action = $3"
        " AND a.after_state = $4",
        entry.entity,
        entry.entity_id,
        entry.action,
        _text(entry.after),
    )
    return row is not None


async def details_of(entity: str, entity_id: str, action: str) -> list[Mapping[str, Any]]:
    """The details of entries with this action about the same object, oldest first."""
    rows = await fetch(
        "SELECT a.detail FROM audit a WHERE a.entity = $1 AND a.entity_id = $2 AND a.action = $3"
        " ORDER BY a.id",
        entity,
        entity_id,
        action,
    )
    return [loads(row["detail"]) for row in rows]


async def count_snapshots_noted() -> int:
    """The number of audit rows about taken snapshots."""
    row = await fetch_one(
        "SELECT COUNT(*) AS taken FROM audit WHERE entity = 'case' AND action = $1", SNAPSHOT_TAKEN
    )
    assert row is not None
    return int(row["taken"])


async def page_audit(audience: Audience, selection: AuditFilter, request: PageRequest) -> Page[ChainedRow]:
    """One page, newest first; the key of a row is (its id,)."""
    where = _where(audience, selection)
    newest = first_rows(f"{_SELECT_CHAINED}{in_order(where, request, 'a.id', descending=True)}", where)
    return cut([_chained(row) for row in await newest(request.size + 1)], request)


async def count_audit(audience: Audience, selection: AuditFilter) -> int:
    """The number of matching rows."""
    where = _where(audience, selection)
    row = await fetch_one(f"SELECT COUNT(*) AS entries FROM audit a{where}", *where.values)
    assert row is not None
    return int(row["entries"])


async def load_audit_row(audience: Audience, audit_id: int) -> ChainedRow | None:
    """One row if the audience may see it."""
    where = _where(audience, AuditFilter())
    where.add("a.id = ?", audit_id)
    row = await fetch_one(
        f"{_SELECT_CHAINED}{where}",
        *where.values,
    )
    return _chained(row) if row else None


@reads("audit")
def row_of(row: Row) -> AuditRow:
    """The audit row from a database row."""
    return AuditRow(
        row["id"],
        time(row["at"]),
        row["actor"],
        row["action"],
        row["entity"],
        row["entity_id"],
        row["detail"],
        row["before_state"],
        row["after_state"],
        row["request_id"],
    )


def _chained(row: Row) -> ChainedRow:
    return ChainedRow(row_of(row), row["sequence"], row["hash"])


async def _lock_head() -> ChainHead:
    await execute(
        "INSERT INTO audit_head (name, sequence, hash) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING",
        CHAIN,
        GENESIS,
    )
    row = await fetch_one(
        f"SELECT h.name, h.sequence, h.hash FROM audit_head h WHERE h.name = $1{for_update('h')}", CHAIN
    )
    assert row is not None
    with noted():
        return _head(row)


@reads("audit_head", "name")
def _head(row: Row) -> ChainHead:
    if not isinstance(row["hash"], str):
        raise ValueError(f"{row['hash']!r} is no hash")
    return ChainHead(int(row["sequence"]), row["hash"])


async def _require_end(head: ChainHead) -> None:
    """Links after a head that is not the end of the chain would split the chain."""
    row = await fetch_one("SELECT l.sequence, l.hash FROM audit_link l ORDER BY l.sequence DESC LIMIT 1")
    end = ChainHead(0, GENESIS) if row is None else ChainHead(row["sequence"], row["hash"])
    with noted(), reading("audit_head", CHAIN):
        if head != end:
            raise ValueError(f"it says {head}, and the last row of audit_link says {end}")


def _text(state: dict[str, Any] | None) -> str | None:
    return None if state is None else dumps(state)


_OF_ACCOUNTS = {
    "account": "SELECT id FROM account a2 WHERE a2.id = a.entity_id",
    "case": "SELECT c.id FROM margin_case c JOIN account a2 ON a2.id = c.account_id WHERE c.id = a.entity_id",
    "order": "SELECT o.id FROM liquidation_order o JOIN account a2 ON a2.id = o.account_id"
    " WHERE o.id = a.entity_id",
}
"""By kind of entity, the account that decides whether a caller with a scope may see the row."""


def _where(audience: Audience, selection: AuditFilter) -> Where:
    """With a limited scope, actions on the accounts in it, their cases and orders are visible."""
    where = Where()
    if not audience.may_see:
        where.add("1 = 0")
    elif audience.account_scope is not None:
        scope = sorted(audience.account_scope)
        seen = [
            f"(a.entity = '{entity}' AND EXISTS ({rows} AND a2.account_no IN (?)))"
            for entity, rows in _OF_ACCOUNTS.items()
        ]
        where.add(f"({' OR '.join(seen)})", *[scope] * len(seen))
    where.add_if("a.entity = ?", selection.entity)
    where.add_if("a.entity_id = ?", selection.entity_id)
    if selection.actor is not None:
        # Entries from before subjects had one form have the spelling used then.
        where.add("a.actor IN (?)", sorted({selection.actor, lenient_subject_form(selection.actor)}))
    where.add_if("a.action = ?", selection.action)
    where.add_if("a.at >= ?", selection.at_or_after)
    where.add_if("a.at < ?", selection.before)
    return where
