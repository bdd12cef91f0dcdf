"""Stored rows that cannot be read: the error that names one, and which of them this process has met.

Each is logged when it is met first, and counted by its table.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

_DAMAGE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError)
"""What making values of a damaged row raises. Caught around just that, by `reading`: anywhere else these are
bugs."""
REMEMBERED_ROWS_MAX = 10_000
"""Of one table; beyond that the rows are forgotten, and logged again when they are met."""
_ERROR_CHARACTERS = 300

UNKNOWN = "unknown"
"""In the place of a table."""

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class UnreadableRow(Exception):
    """Stored data is damaged: no values can be made of this row. `cause`: what was raised over it.

    Whoever reads a single column knows no table: `unnamed` is named by who reads the row.
    """

    def __init__(self, table: str, row_id: str, cause: Exception) -> None:
        super().__init__(f"{table} {row_id} cannot be read: {described(cause)}")
        self.table = table
        self.row_id = row_id
        self.cause = cause

    def __reduce__(self) -> tuple[type["UnreadableRow"], tuple[str, str, Exception]]:
        return UnreadableRow, (self.table, self.row_id, self.cause)

    def named(self, table: str, row_id: object) -> "UnreadableRow":
        """Itself, unless it has no name yet."""
        return self if self.table != UNKNOWN else UnreadableRow(table, str(row_id), self.cause)


def unnamed(cause: Exception) -> UnreadableRow:
    """A value cannot be read, of whatever row."""
    return UnreadableRow(UNKNOWN, "?", cause)


def described(error: Exception) -> str:
    """Type and words, in one short line."""
    return f"{type(error).__name__}: {error}"[:_ERROR_CHARACTERS]


@contextmanager
def reading(table: str, row_id: object) -> Iterator[None]:
    """Around what makes values of one stored row, and around nothing else: raises `UnreadableRow`."""
    try:
        yield
    except UnreadableRow as damaged:
        raise damaged.named(table, row_id) from damaged.cause
    except _DAMAGE as damaged:
        raise UnreadableRow(table, str(row_id), damaged) from damaged


def reads(
    table: str, key: str = "id"
) -> Callable[[Callable[Concatenate[Any, P], T]], Callable[Concatenate[Any, P], T]]:
    """Of a function that makes values of a row, its first argument: else it raises `UnreadableRow`.

    `key`: the column that names the row.
    """

    def decorated(read: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
        @wraps(read)
        def reads_row(row: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return read(row, *args, **kwargs)
            except UnreadableRow as damaged:
                raise damaged.named(table, row.get(key, "?")) from damaged.cause
            except _DAMAGE as damaged:
                raise UnreadableRow(table, str(row.get(key, "?")), damaged) from damaged

        return reads_row

    return decorated


class UnreadableRows:
    """One for each open database."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._known: defaultdict[str, set[str]] = defaultdict(set)

    def note(self, unreadable: UnreadableRow) -> None:
        """The row is left out."""
        known = self._known[unreadable.table]
        if unreadable.row_id in known:
            return
        if len(known) >= REMEMBERED_ROWS_MAX:
            known.clear()
        known.add(unreadable.row_id)
        self.counts[unreadable.table] += 1
        log.error(
            "a row cannot be read and is left out",
            table=unreadable.table,
            id=unreadable.row_id,
            error=described(unreadable.cause),
        )
