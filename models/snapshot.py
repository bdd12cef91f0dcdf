"""Snapshots of cases: stored once per occasion and never changed; the database refuses changes.

The column `content` is exactly the canonical text that was hashed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.ids import AccountId, CaseId
from domain.money import Currency
from domain.principal import Audience
from domain.snapshot import FORMAT, SnapshotContent, SnapshotKind, SnapshotOutputs
from models.book import base_currencies_from_rows
from models.case import LIVE_LIST
from models.case_records import newest_of_cases, newest_source
from models.sql.codec import Codec, UnknownFormat, dumps, loads
from models.sql.columns import Columns, columns_of
from models.sql.database import Row, fetch, fetch_one, placeholders, value_rows
from models.sql.parts import Part, selected
from models.sql.readable import first_rows
from models.sql.unreadable import reads
from models.sql.values import time
from models.sql.where import Page, PageRequest, Where, cut, in_order

_STORED = ("id", "case_id", "kind", "occasion", "at", "content", "hash")
_COLUMNS = ", ".join(f"s.{column}" for column in _STORED)
SNAPSHOT_COLUMNS = Columns(columns_of("r", "id case_id kind occasion at hash"), {}, {"at": "timestamptz"})
"""What may be read of a snapshot without its content."""
_FROM = "FROM snapshot s JOIN margin_case c ON c.id = s.case_id JOIN account a ON a.id = c.account_id"
_CONTENT: Codec[SnapshotContent] = Codec(SnapshotContent)
_OUTPUTS: Codec[SnapshotOutputs] = Codec(SnapshotOutputs)
_LIVE = f"c.status IN ({LIVE_LIST})"


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot as stored; decode `content` with `decoded`."""

    id: str
    case_id: CaseId
    kind: SnapshotKind
    occasion: str
    at: datetime
    content: str
    hash: str

    def decoded(self) -> SnapshotContent:
        """The content as values; ValueError if it is invalid, or of an unknown format."""
        content = _CONTENT.from_text(self.content)
        _require_known(content.format)
        return content

    def outputs(self) -> SnapshotOutputs:
        """The outputs of `decoded`, without decoding the inputs."""
        content = loads(self.content)
        _require_known(content["format"])
        return _OUTPUTS.from_text(dumps(content["outputs"]))


def _require_known(written: int) -> None:
    if written != FORMAT:
        raise UnknownFormat(f"a snapshot of format {written}")


async def insert_snapshots(snapshots: Sequence[StoredSnapshot]) -> list[StoredSnapshot]:
    """Store the snapshots in the caller's transaction, except those of occasions that the case has a snapshot
    of; returns the stored ones.
    """
    if not snapshots:
        return []
    rows = await fetch(
        f"INSERT INTO snapshot ({', '.join(_STORED)}) VALUES {value_rows(len(snapshots), len(_STORED))}"
        " ON CONFLICT (case_id, kind, occasion) DO NOTHING RETURNING id",
        *[
            value
            for s in snapshots
            for value in (s.id, s.case_id, s.kind, s.occasion, s.at, s.content, s.hash)
        ],
    )
    kept = {row["id"] for row in rows}
    return [each for each in snapshots if each.id in kept]


async def contents_of(snapshot_ids: Sequence[str]) -> dict[str, tuple[CaseId, str]]:
    """Case and stored content by id; unknown ids are left out."""
    rows = await fetch(
        f"SELECT id, case_id, content FROM snapshot WHERE id IN ({placeholders(snapshot_ids)})", *snapshot_ids
    )
    return {row["id"]: (CaseId(row["case_id"]), row["content"]) for row in rows}


async def count_all_snapshots() -> int:
    """The number of snapshots of all cases."""
    row = await fetch_one("SELECT COUNT(*) AS kept FROM snapshot")
    assert row is not None
    return int(row["kept"])


async def load_snapshot(audience: Audience, snapshot_id: str) -> StoredSnapshot | None:
    """One snapshot if the audience may see its case."""
    where = Where()
    where.add("s.id = ?", snapshot_id)
    where.sees(audience)
    row = await fetch_one(f"SELECT {_COLUMNS} {_FROM}{where}", *where.values)
    return _snapshot(row) if row else None


async def page_snapshots(audience: Audience, case_id: CaseId, request: PageRequest) -> Page[StoredSnapshot]:
    """One page of a case's snapshots, newest first; the key of a row is (at, id)."""
    where = _of_case(audience, case_id)
    sorted_ = in_order(where, request, "s.at, s.id", descending=True)
    newest = first_rows(f"SELECT {_COLUMNS} {_FROM}{sorted_}", where)
    return cut([_snapshot(row) for row in await newest(request.size + 1)], request)


async def newest_snapshots(
    audience: Audience, ids: Sequence[CaseId], first: int
) -> dict[CaseId, Page[StoredSnapshot]]:
    """The first page of each case's `page_snapshots`, in one statement."""
    return await newest_of_cases("snapshot", _STORED, _snapshot, audience, ids, first)


def newest_snapshot_rows(
    where: Where, audience: Audience, ids: Sequence[CaseId], first: int, columns: Collection[str]
) -> Part:
    """The rows of the same pages, with these of `SNAPSHOT_COLUMNS` alone and those of the key; `where` is
    empty.

    `row_pages_by_case` makes pages of them.
    """
    source = newest_source("snapshot", where, audience, ids, first)
    return selected(SNAPSHOT_COLUMNS, ("case_id", "at", "id", *columns), source, place="q.place")


async def snapshots_of(case_ids: Sequence[CaseId], kinds: Sequence[SnapshotKind]) -> list[StoredSnapshot]:
    """Snapshots of these cases and kinds, oldest first."""
    if not case_ids:
        return []
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM snapshot s WHERE s.case_id IN ({placeholders(case_ids)})"
        f" AND s.kind IN ({placeholders(kinds, start=len(case_ids) + 1)}) ORDER BY s.at, s.id",
        *case_ids,
        *kinds,
    )
    return [_snapshot(row) for row in rows]


async def currencies_of_live_cases() -> list[Currency]:
    """The base currencies of accounts with a live case."""
    rows = await fetch(
        "SELECT DISTINCT a.base_currency FROM margin_case c JOIN account a ON a.id = c.account_id"
        f" WHERE {_LIVE} ORDER BY a.base_currency"
    )
    return base_currencies_from_rows(rows)


async def accounts_without_daily(
    currency: Currency, occasion: str, opened_until: datetime, limit: int, after: AccountId | None = None
) -> list[AccountId]:
    """Accounts with a live case opened until `opened_until` that has no DAILY snapshot of this day; the first
    ones after `after`.
    """
    rows = await fetch(
        "SELECT DISTINCT c.account_id FROM margin_case c JOIN account a ON a.id = c.account_id"
        f" WHERE {_LIVE} AND a.base_currency = $1 AND c.opened_at <= $2 AND NOT EXISTS (SELECT 1"
        " FROM snapshot s WHERE s.case_id = c.id AND s.kind = 'DAILY' AND s.occasion = $3)"
        " AND c.account_id > $5 ORDER BY c.account_id LIMIT $4",
        currency,
        opened_until,
        occasion,
        limit,
        after or "",
    )
    return [AccountId(row["account_id"]) for row in rows]


def _of_case(audience: Audience, case_id: CaseId) -> Where:
    where = Where()
    where.add("s.case_id = ?", case_id)
    where.sees(audience)
    return where


@reads("snapshot")
def _snapshot(row: Row) -> StoredSnapshot:
    return StoredSnapshot(
        id=row["id"],
        case_id=CaseId(row["case_id"]),
        kind=SnapshotKind(row["kind"]),
        occasion=row["occasion"],
        at=time(row["at"]),
        content=row["content"],
        hash=row["hash"],
    )
