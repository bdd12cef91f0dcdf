"""Follow-up records and moves of deadlines: append-only, newest first."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from domain.case_records import DeadlineChange, DeadlineChangeKind, FollowUp
from domain.ids import CaseId
from domain.phrase import FollowUpCode, Phrase, phrase_from_plain, plain_parameters
from domain.phrase_texts import can_be_rendered
from domain.principal import Audience
from models.sql.codec import dumps, loads
from models.sql.database import Row, execute, execute_many, fetch, fetch_records, insert_sql
from models.sql.first_pages import newest_of_each, readable_pages, row_pages_by_case
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.values import time
from models.sql.where import Page, PageRequest, Where, in_order

R = TypeVar("R")

_FOLLOW_UP = ("id", "case_id", "at", "author", "by_desk", "note", "code", "parameters")
_CHANGE = ("id", "case_id", "at", "author", "kind", "before", "after", "reason", "approved_by")


async def insert_follow_up(record: FollowUp) -> None:
    """Append; the caller's transaction also counts it in the case."""
    await execute(
        insert_sql("follow_up", _FOLLOW_UP),
        record.id,
        record.case_id,
        record.at,
        record.author,
        record.by_desk,
        record.note,
        *(_stored(record.phrase) if record.phrase is not None else (None, None)),
    )


async def insert_deadline_changes(changes: Sequence[DeadlineChange]) -> None:
    """Append."""
    await execute_many(
        insert_sql("deadline_change", _CHANGE),
        [
            (
                each.id,
                each.case_id,
                each.at,
                each.author,
                each.kind,
                each.before,
                each.after,
                each.reason,
                each.approved_by,
            )
            for each in changes
        ],
    )


async def deadline_set_by_person(case_id: CaseId) -> datetime | None:
    """The deadline that a person set last for the case; None if none did, or if it cannot be read."""
    rows = await fetch(
        f"SELECT {_listed(_CHANGE)} FROM deadline_change r WHERE r.case_id = $1 AND r.kind = $2"
        " ORDER BY r.at DESC, r.id DESC LIMIT 1",
        case_id,
        DeadlineChangeKind.PERSON,
    )
    changes = readable(rows, _change, "deadline_change")
    return changes[0].after if changes else None


async def page_follow_ups(audience: Audience, case_id: CaseId, request: PageRequest) -> Page[FollowUp]:
    """Records of one case; the key of a row is (its time, its id)."""
    return await _page("follow_up", _FOLLOW_UP, _follow_up, audience, case_id, request)


async def page_deadline_changes(
    audience: Audience, case_id: CaseId, request: PageRequest
) -> Page[DeadlineChange]:
    """Moves of one case's deadline; the key of a row is (its time, its id)."""
    return await _page("deadline_change", _CHANGE, _change, audience, case_id, request)


async def newest_follow_ups(
    audience: Audience, ids: Sequence[CaseId], first: int
) -> dict[CaseId, Page[FollowUp]]:
    """The first page of each case's `page_follow_ups`, in one statement."""
    return await newest_of_cases("follow_up", _FOLLOW_UP, _follow_up, audience, ids, first)


async def newest_deadline_changes(
    audience: Audience, ids: Sequence[CaseId], first: int
) -> dict[CaseId, Page[DeadlineChange]]:
    """The first page of each case's `page_deadline_changes`, in one statement."""
    return await newest_of_cases("deadline_change", _CHANGE, _change, audience, ids, first)


async def newest_of_cases(
    table: str,
    columns: Sequence[str],
    read: Callable[[Row], R],
    audience: Audience,
    ids: Sequence[CaseId],
    first: int,
) -> dict[CaseId, Page[R]]:
    """The first page of each case's rows of a table that has `case_id`, `at` and `id`, newest first."""
    where = Where()
    source = newest_source(table, where, audience, ids, first)
    rows = await fetch_records(
        f"SELECT {_listed(columns)} {source} ORDER BY r.at DESC, r.id DESC", *where.values
    )
    return readable_pages(row_pages_by_case(rows, ids, first), read, table)


def newest_source(table: str, where: Where, audience: Audience, ids: Sequence[CaseId], first: int) -> str:
    """FROM and WHERE of the same pages, the table as `r`; `q.place` numbers the rows of a case. `where` is
    empty.
    """
    source = f"{_from(table)} {newest_of_each(where, table, 'at', ids, first)} ON q.id = r.id"
    where.sees(audience)
    return f"{source}{where}"


async def count_of_cases(table: str, audience: Audience, ids: Sequence[CaseId]) -> dict[CaseId, int]:
    """The number of rows of `follow_up`, `deadline_change` or `snapshot` of each case; cases without any are
    left out.
    """
    where = Where()
    where.add("r.case_id IN (?)", list(ids))
    where.sees(audience)
    rows = await fetch(
        f"SELECT r.case_id, COUNT(*) AS records {_from(table)}{where} GROUP BY r.case_id", *where.values
    )
    return {CaseId(row["case_id"]): int(row["records"]) for row in rows}


async def follow_ups_of(audience: Audience, ids: Sequence[str]) -> dict[str, FollowUp]:
    """Those of these records that the audience may see."""
    return await _by_id("follow_up", _FOLLOW_UP, _follow_up, audience, ids)


async def _by_id(
    table: str, columns: Sequence[str], read: Callable[[Row], R], audience: Audience, ids: Sequence[str]
) -> dict[str, R]:
    where = Where()
    where.add("r.id IN (?)", list(ids))
    where.sees(audience)
    rows = await fetch(f"SELECT {_listed(columns)} {_from(table)}{where}", *where.values)
    return {row["id"]: read(row) for row in rows}


async def _page(
    table: str,
    columns: Sequence[str],
    read: Callable[[Row], R],
    audience: Audience,
    case_id: CaseId,
    request: PageRequest,
) -> Page[R]:
    where = _of_case(audience, case_id)
    sorted_ = in_order(where, request, "r.at, r.id", descending=True)
    newest = first_rows(f"SELECT {_listed(columns)} {_from(table)}{sorted_}", where)
    return await readable_page(newest, read, table, request)


def _of_case(audience: Audience, case_id: CaseId) -> Where:
    where = Where()
    where.add("r.case_id = ?", case_id)
    where.sees(audience)
    return where


def _from(table: str) -> str:
    return f"FROM {table} r JOIN margin_case c ON c.id = r.case_id JOIN account a ON a.id = c.account_id"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f"r.{column}" for column in columns)


@reads("follow_up")
def _follow_up(row: Row) -> FollowUp:
    return FollowUp(
        row["id"],
        CaseId(row["case_id"]),
        time(row["at"]),
        row["author"],
        bool(row["by_desk"]),
        row["note"],
        _phrase_of(row["code"], row["parameters"]),
    )


def _stored(phrase: Phrase) -> tuple[str, str]:
    """The columns `code` and `parameters`."""
    return phrase.code.value, dumps(plain_parameters(phrase))


def _phrase_of(code: str | None, parameters: str | None) -> Phrase | None:
    """The inverse of `_stored`. None for damaged parameters and for a code of a newer version: the stored
    text is shown.
    """
    if code is None or parameters is None or code not in FollowUpCode.__members__:
        return None
    try:
        phrase = phrase_from_plain(code, loads(parameters))
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return None
    return phrase if can_be_rendered(phrase) else None


@reads("deadline_change")
def _change(row: Row) -> DeadlineChange:
    return DeadlineChange(
        row["id"],
        CaseId(row["case_id"]),
        time(row["at"]),
        row["author"],
        DeadlineChangeKind(row["kind"]),
        time(row["before"]),
        time(row["after"]),
        row["reason"],
        row["approved_by"],
    )
