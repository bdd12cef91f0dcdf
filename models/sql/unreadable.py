"""Stored rows that cannot be read: the error that names one, and which of them this process has met.

Each is logged when it is met first, and counted by its table. One counts as damaged until whoever could not
read it can, or until nobody has met it for a while.
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

_DAMAGE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError)
"""What making values of a damaged row raises. Caught around just that, by `reading`: anywhere else these are
bugs."""
REMEMBERED_ROWS_MAX = 10_000
"""Of one table; beyond that the rows are forgotten, and logged again when they are met."""
DAMAGED_FOR_S = 900
"""After it was met last: whatever the watching needs it reads more often."""
_ERROR_CHARACTERS = 300

UNKNOWN = "unknown"
"""In the place of a table."""

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class UnreadableRow(Exception):
    """Stored data is damaged: no values can be made of this row. `cause`: what was raised over it.

    Whoever reads a single column knows no table: `unnamed` is named by who reads the row. `reader`: who could
    not read it, and can when it is restored. `told`: another check tells for how long the damage counts.
    """

    def __init__(
        self, table: str, row_id: str, cause: Exception, reader: str = "", *, told: bool = False
    ) -> None:
        super().__init__(f"{table} {row_id} cannot be read: {described(cause)}")
        self.table = table
        self.row_id = row_id
        self.cause = cause
        self.reader = reader
        self.told = told

    def named(self, table: str, row_id: object, reader: str = "", *, told: bool = False) -> "UnreadableRow":
        """Itself, unless it has no name yet."""
        if self.table != UNKNOWN:
            return self
        return UnreadableRow(table, str(row_id), self.cause, reader, told=told)


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
    if _damaged:
        _was_read("", table, str(row_id))


def reads(
    table: str, key: str = "id", *, told: bool = False
) -> Callable[[Callable[Concatenate[Any, P], T]], Callable[Concatenate[Any, P], T]]:
    """Of a function that makes values of a row, its first argument: else it raises `UnreadableRow`.

    `key`: the column that names the row. `told`: see there.
    """

    def decorated(read: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
        reader = f"{read.__module__}.{read.__qualname__}"

        @wraps(read)
        def reads_row(row: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                made = read(row, *args, **kwargs)
            except UnreadableRow as damaged:
                raise damaged.named(table, row.get(key, "?"), reader, told=told) from damaged.cause
            except _DAMAGE as damaged:
                raise UnreadableRow(table, str(row.get(key, "?")), damaged, reader, told=told) from damaged
            if _damaged:
                _was_read(reader, table, str(row.get(key, "?")))
            return made

        return reads_row

    return decorated


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row that could not be read when it was met last."""

    table: str
    row_id: str
    reader: str
    met_at: float


class UnreadableRows:
    """One for each open database."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._known: defaultdict[str, set[str]] = defaultdict(set)
        self._damaged: dict[tuple[str, str], DamagedRow] = {}
        _registers.add(self)

    def damaged(self) -> list[DamagedRow]:
        """Those that count as damaged now, by table and id."""
        for row in [row for row in self._damaged.values() if monotonic() - row.met_at > DAMAGED_FOR_S]:
            del self._damaged[row.table, row.row_id]
        return sorted(self._damaged.values(), key=lambda row: (row.table, row.row_id))

    def note(self, unreadable: UnreadableRow) -> None:
        """The row is left out."""
        table, row_id = unreadable.table, unreadable.row_id
        if not unreadable.told:
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
        """By who could not read it before."""
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
"""What any register of this process holds as damaged, or held: asked after every row that was read."""


def _was_read(reader: str, table: str, row_id: str) -> None:
    if (reader, table, row_id) in _damaged:
        _damaged.discard((reader, table, row_id))
        for register in list(_registers):
            register.was_read(reader, table, row_id)
