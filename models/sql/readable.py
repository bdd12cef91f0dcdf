"""Reading many rows: a damaged one is left out, logged once and counted, and the others are read.

For lists, reports and rounds over many items. If a decision about one account depends on its rows, they are
read strictly: the account is then set aside as a whole.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from models.sql.database import Row, fetch, unreadable_rows
from models.sql.pace import Pace
from models.sql.unreadable import UnreadableRow, reads
from models.sql.where import Page, PageRequest, Where, cut

K = TypeVar("K")
T = TypeVar("T")

ROWS_IN_A_TURN = 200


def readable(
    rows: Sequence[Row], read: Callable[[Row], T], table: str, key: str = "id", *, strict: bool = False
) -> list[T]:
    """The readable ones of these rows. `key`: the column that names a row in the log.

    `strict`: for a decision about just these rows. An unreadable row then raises `UnreadableRow`: it does not
    count as absent.
    """
    read_row, values = reads(table, key)(read), []
    for row in rows:
        try:
            values.append(read_row(row))
        except UnreadableRow as damaged:
            if strict:
                raise
            unreadable_rows().note(damaged)
    return values


async def readable_in_turns(
    rows: Sequence[Row], read: Callable[[Row], T], table: str, key: str = "id"
) -> list[T]:
    """The same for any number of rows: others have their turn meanwhile."""
    pace, values = Pace(), list[T]()
    for begin in range(0, len(rows), ROWS_IN_A_TURN):
        await pace.turn()
        values += readable(rows[begin : begin + ROWS_IN_A_TURN], read, table, key)
    return values


async def all_or_each(
    load: Callable[[Sequence[K]], Awaitable[Mapping[K, T]]], keys: Sequence[K]
) -> tuple[dict[K, T], dict[K, UnreadableRow]]:
    """The values of these keys, read together if all are readable; and the unreadable keys, each noted.

    `load` reads strictly.
    """
    if not keys:
        return {}, {}
    try:
        return dict(await load(keys)), {}
    except UnreadableRow as damaged:
        if len(keys) == 1:
            unreadable_rows().note(damaged)
            return {}, {keys[0]: damaged}
    half = len(keys) // 2
    first, first_damaged = await all_or_each(load, keys[:half])
    rest, rest_damaged = await all_or_each(load, keys[half:])
    return first | rest, first_damaged | rest_damaged


Select = Callable[[int], Awaitable[Sequence[Row]]]
"""Returns so many first rows of a list."""


def first_rows(sql: str, where: Where) -> Select:
    """The first rows of a sorted SELECT without LIMIT, with the values of its conditions."""
    limited, values = f"{sql} LIMIT ${len(where.values) + 1}", list(where.values)
    return lambda limit: fetch(limited, *values, limit)


async def first_readable(
    select: Select, read: Callable[[Row], T], table: str, limit: int, key: str = "id"
) -> list[T]:
    """The first `limit` readable rows."""
    requested = limit
    while True:
        rows = await select(requested)
        values = readable(rows, read, table, key)
        if len(values) >= limit or len(rows) < requested:
            return values[:limit]
        requested += limit


async def readable_page(
    select: Select, read: Callable[[Row], T], table: str, request: PageRequest, key: str = "id"
) -> Page[T]:
    """A page of the readable rows."""
    return cut(await first_readable(select, read, table, request.size + 1, key), request)
