"""Rows of several tables from one statement: each round trip to the database costs more than to read a row.

All parts are of the same moment. A row has the columns of every part, with null in those of the others; parts
share a column of the same name, which therefore has the same type in each of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from models.sql.columns import STATEMENTS_KEPT, Columns
from models.sql.database import Row, fetch_records, is_sqlite
from models.sql.where import Where

TEXT = "text"
"""The type of a column for which no other is stated."""


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """What is selected: columns by name, FROM and WHERE, and by which text or number the rows are sorted.

    Equal only to itself, so that a statement is found quickly: a function that makes parts keeps them.
    """

    columns: Mapping[str, str]
    source: str
    sorted_by: str = "NULL"
    place: str = "NULL"
    types: Mapping[str, str] | None = None
    """PostgreSQL's, of the columns that are no texts."""


class Parts:
    """Collects what one statement reads."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._parts: list[Part] = []

    def where(self) -> Where:
        """The conditions of a part, to be made before the next part."""
        return Where(self._values)

    def add(self, part: Part) -> int:
        """One more; returns its number."""
        self._parts.append(part)
        return len(self._parts) - 1

    async def fetch(self) -> list[list[Row]]:
        """The rows of each part, by its number."""
        if not self._parts:
            return []
        rows: list[list[Row]] = [[] for _ in self._parts]
        for row in await fetch_records(_statement(tuple(self._parts)), *self._values):
            rows[row["part"]].append(row)
        return rows


def selected(
    columns: Columns, names: Iterable[str], source: str, sorted_by: str = "NULL", place: str = "NULL"
) -> Part:
    """A part with these of the columns; the same one for the same arguments."""
    return _selected(columns, frozenset(names), source, (sorted_by, place), is_sqlite())


@lru_cache(maxsize=STATEMENTS_KEPT)
def _selected(
    columns: Columns, names: frozenset[str], source: str, order: tuple[str, str], on_sqlite: bool
) -> Part:
    return Part(columns.named(names), source, *order, columns.types)


@lru_cache(maxsize=STATEMENTS_KEPT)
def _statement(parts: Sequence[Part]) -> str:
    """The first SELECT has no row: PostgreSQL takes the types of the columns from it."""
    types = {"part": "integer", "sorted_by": TEXT, "place": "bigint"}
    for part in parts:
        known = part.types or {}
        types |= {name: known.get(name, TEXT) for name in part.columns}
    typed = ", ".join(f"CAST(NULL AS {type_}) AS {name}" for name, type_ in types.items())
    selects = [f"SELECT {typed} WHERE 1 = 0"]
    for number, part in enumerate(parts):
        values = {"part": str(number), "sorted_by": part.sorted_by, "place": part.place, **part.columns}
        listed = ", ".join(values.get(name, "NULL") for name in types)
        selects.append(f"SELECT {listed} {part.source}")
    return f"{' UNION ALL '.join(selects)} ORDER BY sorted_by, place"
