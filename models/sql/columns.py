"""Columns that a list selects by name: only those that its reader needs; and the values of a column."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from models.sql.database import Row, decimal_text, is_sqlite

STATEMENTS_KEPT = 256
"""Texts of statements that are kept, of each kind: one for each selection that clients use."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The SQL of each column by its name in the row. Decimals come as text, see `decimal_text`.

    `types`: PostgreSQL's, of those that are no texts; only `models.sql.parts` needs them.
    """

    sql: Mapping[str, str]
    decimals: Mapping[str, str]
    types: Mapping[str, str] = field(default_factory=dict)

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """The SQL of these columns, sorted by name, so that equal selections are equal statements."""
        return {name: self._value(name) for name in sorted(set(names))}

    def select(self, names: Iterable[str]) -> str:
        """The same as the list of a SELECT."""
        return _select(self, frozenset(names), is_sqlite())

    def _value(self, name: str) -> str:
        return decimal_text(self.decimals[name]) if name in self.decimals else self.sql[name]


def columns_of(alias: str, names: str) -> dict[str, str]:
    """Columns of one table, separated by blanks, under their own names."""
    return {name: f"{alias}.{name}" for name in names.split()}


def values_by_column(rows: Sequence[Row]) -> Mapping[str, Sequence[Any]]:
    """Of at least one row. A row of a driver states all its values for the price of two."""
    first = rows[0]
    if isinstance(first, dict):
        return {name: [row[name] for row in rows] for name in first}
    return dict(zip(first.keys(), zip(*rows, strict=True), strict=True))


@lru_cache(maxsize=STATEMENTS_KEPT)
def _select(columns: Columns, names: frozenset[str], on_sqlite: bool) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.named(names).items())
