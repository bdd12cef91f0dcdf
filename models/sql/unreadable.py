"""Stored rows that cannot be read: the error that names one, and those that this process has met.

Each is logged when it is first met, and counted by its table. It counts as damaged until the same reader can
read it, or until it has not been met for a while.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from time import monotonic
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakSet

import structlog

DAMAGE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError)
"""Errors of converting a damaged row. Caught only around that, by `reading`: anywhere else they are bugs."""
REMEMBERED_ROWS_MAX = 10_000
"""Per table; beyond that the rows are forgotten, and logged again when they are met."""
DAMAGED_FOR_S = 900
"""Since it was last met: rows that the monitor needs are read more often."""
_ERROR_CHARACTERS = 300

UNKNOWN = "unknown"
"""The table's name if it is unknown."""

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class UnreadableRow(Exception):
    """Stored data is damaged: the row cannot be converted. `cause`: the exception.

    Code that converts a single column does not know the table: the reader of the row names an `unnamed`
    error. `reader`: the code that failed to read the row, and can when it is restored. `untracked`: another
    check reports the end of the damage.
    """

    def __init__(
        self, table: str, row_id: str, cause: Exception, reader: str = "", *, untracked: bool = False
    ) -> None:
        super().__init__(f"{table} {row_id} cannot be read: {described(cause)}")
        self.table = table
        self.row_id = row_id
        self.cause = cause
        self.reader = reader
        self.untracked = untracked

    def named(
        self, table: str, row_id: object, reader: str = "", *, untracked: bool = False
    ) -> "UnreadableRow":
        """The error itself, with this name unless it has one."""
        if self.table != UNKNOWN:
            return self
        return UnreadableRow(table, str(row_id), self.cause, reader, untracked=untracked)


def unnamed(cause: Exception) -> UnreadableRow:
    """A value of some row cannot be read."""
    return UnreadableRow(UNKNOWN, "?", cause)


def described(error: Exception) -> str:
    """Type and message in one short line."""
    return f"{type(error).__name__}: {error}"[:_ERROR_CHARACTERS]


@contextmanager
def reading(table: str, row_id: object) -> Iterator[None]:
    """Wrap only the conversion of one stored row: raises `UnreadableRow`."""
    try:
        yield
    except UnreadableRow as damaged:
        raise damaged.named(table, row_id) from damaged.cause
    except DAMAGE as damaged:
        raise UnreadableRow(table, str(row_id), damaged) from damaged
    if _damaged:
        _was_read("", table, str(row_id))


def reads(
    table: str, key: str = "id", *, untracked: bool = False
) -> Callable[[Callable[Concatenate[Any, P], T]], Callable[Concatenate[Any, P], T]]:
    """Decorate a function that converts a row, its first argument: it raises `UnreadableRow` on failure.

    `key`: the column that names the row. `untracked`: see `UnreadableRow`.
    """

    def decorated(read: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
        reader = f"{read.__module__}.{read.__qualname__}"

        @wraps(read)
        def reads_row(row: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                made = read(row, *args, **kwargs)
            except UnreadableRow as damaged:
                raise damaged.named(table, row.get(key, "?"), reader, untracked=untracked) from damaged.cause
            except DAMAGE as damaged:
                raise UnreadableRow(
                    table, str(row.get(key, "?")), damaged, reader, untracked=untracked
                ) from damaged
            if _damaged:
                _was_read(reader, table, str(row.get(key, "?")))
            return made

        return reads_row

    return decorated


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row that could not be read when it was last met."""

    table: str
    row_id: str
    reader: str
    met_at: float


class UnreadableRows:
    """The unreadable rows of one open database."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._known: defaultdict[str, set[str]] = defaultdict(set)
        self._damaged: dict[tuple[str, str], DamagedRow] = {}
        _registers.add(self)

    def damaged(self) -> list[DamagedRow]:
        """Rows that count as damaged now, by table and id."""
        for row in [row for row in self._damaged.values() if monotonic() - row.met_at > DAMAGED_FOR_S]:
            del self._damaged[row.table, row.row_id]
        return sorted(self._damaged.values(), key=lambda row: (row.table, row.row_id))

    def any_of(self, *tables: str) -> bool:
        """Whether a row of one of these tables counts as damaged now."""
        return any(row.table in tables for row in self.damaged())

    def note(self, unreadable: UnreadableRow) -> None:
        """Record a row that is left out."""
        table, row_id = unreadable.table, unreadable.row_id
        if not unreadable.untracked:
            self._remember(DamagedRow(table, row_id, unreadable.reader, monotonic()))
        known = self._known[table]
        if row_id in known:
            return
        if len(known) >= REMEMBERED_ROWS_MAX:
            known.clear()
        known.add(row_id)
        self.counts[table] += 1
        log.error(
            "a row cannot be read and is left out",
            table=table,
            id=row_id,
            error=described(unreadable.cause),
        )

    def was_read(self, reader: str, table: str, row_id: str) -> None:
        """The same reader could read the row again."""
        row = self._damaged.get((table, row_id))
        if row is not None and row.reader == reader:
            del self._damaged[table, row_id]
            self._known[table].discard(row_id)
            log.info("a row can be read again", table=table, id=row_id)

    def _remember(self, row: DamagedRow) -> None:
        if len(self._damaged) >= REMEMBERED_ROWS_MAX and (row.table, row.row_id) not in self._damaged:
            return
        self._damaged[row.table, row.row_id] = row
        if len(_damaged) >= REMEMBERED_ROWS_MAX:
            _damaged.clear()
        _damaged.add((row.reader, row.table, row.row_id))


_registers: "WeakSet[UnreadableRows]" = WeakSet()
_damaged: set[tuple[str, str, str]] = set()
"""Rows that any register of this process holds or held as damaged; checked after every row that is read."""


def _was_read(reader: str, table: str, row_id: str) -> None:
    if (reader, table, row_id) in _damaged:
        _damaged.discard((reader, table, row_id))
        for register in list(_registers):
            register.was_read(reader, table, row_id)
