"""Statements, parameters and rows in the form that each driver accepts."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from domain.money import storable
from models.sql.unreadable import unnamed

_SENDING_BYTES, _ROW_BYTES, _VALUE_BYTES = 96 * 1024, 96, 48
"""The most that asyncpg sends at once, the overhead of a row besides its values, and of a value besides its
text.
"""


class UnstorableText(ValueError):
    """A text with a NUL character, which PostgreSQL cannot store, so that no stored text matches it."""


_PLACEHOLDER = re.compile(r"\$(\d+)")


class RowWithBlob(dict[str, Any]):
    """A row of SQLite, whose columns accept a BLOB whatever their type is.

    The desk stores none: it is damage, which must not reach code that compares or writes the value.
    """

    def __getitem__(self, column: str) -> Any:
        value = super().__getitem__(column)
        if isinstance(value, bytes):
            raise unnamed(ValueError(f"{column} is a BLOB"))
        return value


def packets(rows: Iterable[Sequence[Any]]) -> Iterator[list[list[Any]]]:
    """Rows that fit into one send: asyncpg 0.32 hangs for ever when it is cancelled between two."""
    packet: list[list[Any]] = []
    size = 0
    for row in rows:
        length = _ROW_BYTES + sum(_bytes_at_most(value) for value in row)
        if packet and size + length > _SENDING_BYTES:
            yield packet
            packet, size = [], 0
        packet.append(list(row))
        size += length
    yield packet


def _bytes_at_most(value: Any) -> int:
    if not isinstance(value, str):
        return _VALUE_BYTES
    return _VALUE_BYTES + len(value) * (1 if value.isascii() else 4)


def require_storable(parameters: Sequence[Any]) -> None:
    """Raises `UnstorableText`, or `AmountTooLarge` for an amount that no column holds."""
    for value in parameters:
        if isinstance(value, str) and "\x00" in value:
            raise UnstorableText("text must not contain the NUL character")
        if isinstance(value, Decimal):
            # PostgreSQL would refuse it; SQLite, which stores decimals as text, would not.
            storable(value)


@lru_cache(maxsize=1024)
def sqlite_text(sql: str) -> str:
    """The statement with SQLite's placeholders."""
    return _PLACEHOLDER.sub(r"?\1", sql)


def sqlite_values(parameters: Sequence[Any]) -> list[Any]:
    """The parameters as SQLite stores them: decimals and times as text."""
    return [_sqlite_value(value) for value in parameters]


def _sqlite_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ", timespec="microseconds")
    return value
