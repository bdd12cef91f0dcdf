"""The first page of each of many cases, in one statement."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from domain.ids import CaseId
from models.sql.database import Row
from models.sql.readable import readable
from models.sql.where import Page, PageRequest, Where, cut

R = TypeVar("R")


def newest_of_each(where: Where, table: str, sorted_by: str, ids: Sequence[CaseId], first: int) -> str:
    """JOIN with the ids of each case's newest rows as `q`, one more than a page."""
    numbered = (
        f"SELECT n.id, ROW_NUMBER() OVER (PARTITION BY n.case_id ORDER BY n.{sorted_by} DESC, n.id DESC)"
        f" AS place FROM {table} n WHERE n.case_id IN ({where.value(list(ids))})"
    )
    where.add("q.place <= ?", first + 1)
    return f"JOIN ({numbered}) q"


def pages_by_case(
    rows: Sequence[Row], ids: Sequence[CaseId], first: int, read: Callable[[Row], R], table: str
) -> dict[CaseId, Page[R]]:
    """A page for every case, even if empty; without unreadable rows of the table."""
    return readable_pages(row_pages_by_case(rows, ids, first), read, table)


def row_pages_by_case(rows: Sequence[Row], ids: Sequence[CaseId], first: int) -> dict[CaseId, Page[Row]]:
    """The pages of rows with `case_id`; one for every case."""
    of_each: dict[CaseId, list[Row]] = defaultdict(list)
    for row in rows:
        of_each[CaseId(row["case_id"])].append(row)
    return {id_: cut(of_each[id_], PageRequest(first)) for id_ in ids}


def readable_pages(
    pages: Mapping[CaseId, Page[Row]], read: Callable[[Row], R], table: str
) -> dict[CaseId, Page[R]]:
    """The same pages, read; without unreadable rows of the table."""
    return {id_: Page(readable(page.rows, read, table), page.more) for id_, page in pages.items()}
