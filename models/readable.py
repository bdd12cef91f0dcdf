"""Reading many rows: one that is damaged is left out, logged once and counted, and the others are read.

For lists, reports and rounds over many. Where a decision about one account depends on its rows, they are read
strictly: the account is then set aside as a whole.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from models.database import Row, fetch, unreadable_rows
from models.unreadable import UNREADABLE
from models.where import Page, Where, cut

T = TypeVar("T")


def readable(rows: Sequence[Row], read: Callable[[Row], T], table: str, key: str = "id") -> list[T]:
    """What can be read of these rows. `key`: the column that names a row in the log."""
    found = []
    for row in rows:
        try:
            found.append(read(row))
        except UNREADABLE as error:
            unreadable_rows().note(table, str(row[key]), error)
    return found


Select = Callable[[int], Awaitable[Sequence[Row]]]
"""The first rows of a list, as many as it is asked for."""


def first_rows(sql: str, where: Where) -> Select:
    """The rows of a sorted SELECT without LIMIT, with the values of its conditions."""
    limited, values = f"{sql} LIMIT ${len(where.values) + 1}", list(where.values)
    return lambda limit: fetch(limited, *values, limit)


async def first_readable(
    select: Select, read: Callable[[Row], T], table: str, limit: int, key: str = "id"
) -> list[T]:
    """The first `limit` rows that can be read."""
    asked = limit
    while True:
        rows = await select(asked)
        found = readable(rows, read, table, key)
        if len(found) >= limit or len(rows) < asked:
            return found[:limit]
        asked += limit


async def readable_page(
    select: Select, read: Callable[[Row], T], table: str, first: int, key: str = "id"
) -> Page[T]:
    """A page of the rows that can be read."""
    return cut(await first_readable(select, read, table, first + 1, key), first)
