"""Values of stored columns, for both databases: SQLite stores decimals and times as text."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.money import Currency, plain_text
from models.sql.unreadable import unnamed


def with_values(row: Any, **values: Any) -> Any:
    """A copy of the row in which these columns have other values."""
    copied = type(row)(row)
    copied.update(values)
    return copied


def decimal_or_none(value: Any) -> Decimal | None:
    """The value of a nullable decimal column, see `decimal`."""
    return None if value is None else decimal(value)


def decimal(value: Any) -> Decimal:
    """The value of a decimal column that is never null; SQLite returns text.

    Raises `UnreadableRow` for other values, including NaN and infinity, which PostgreSQL can store.
    """
    try:
        number = value if isinstance(value, Decimal) else Decimal(value)
    except (ArithmeticError, TypeError, ValueError) as damaged:
        raise unnamed(damaged) from damaged
    if not number.is_finite():
        raise unnamed(ValueError(f"{number} is not a number"))
    return number


_are_digits = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII).fullmatch
_are_lines_of_digits = re.compile(r"(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\n)+", re.ASCII).fullmatch
_are_plain_lines = re.compile(r"(?:(?!-0\n)-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?\n)+", re.ASCII).fullmatch
"""As `plain_decimal` writes them: without zeros at the end, and no minus before zero."""
_is_number = re.compile(r"-?[0-9]+(\.[0-9]+)?(E[-+]?[0-9]+)?", re.ASCII).fullmatch


def plain_decimal(value: Any) -> str:
    """The text of a stored decimal as `plain_text` writes it, mostly without making a Decimal of it.

    Raises `UnreadableRow` for other values, also for forms that only a Decimal would accept.
    """
    if not isinstance(value, str):
        raise unnamed(TypeError(f"{value!r} is not a text"))
    if not _are_digits(value):
        if not _is_number(value):
            raise unnamed(ValueError(f"{value!r} is not a number"))
        return plain_text(decimal(value))
    if "." in value:
        value = value.rstrip("0").rstrip(".")
    return value if value != "-0" else "0"


def plain_decimals(values: Sequence[Any]) -> Sequence[str]:
    """`plain_decimal` of each of them. Most texts are digits: they are checked together, in a third of the
    time.
    """
    try:
        lines = "\n".join((*values, ""))
    except TypeError:
        lines = ""
    is_one_line_each = lines.count("\n") == len(values)
    if is_one_line_each and _are_plain_lines(lines):
        return values
    if not is_one_line_each or not _are_lines_of_digits(lines):
        return [plain_decimal(value) for value in values]
    plain = [value.rstrip("0").rstrip(".") if "." in value else value for value in values]
    return ["0" if value == "-0" else value for value in plain] if "-0" in plain else plain


def whole(value: Any) -> int:
    """The value of a column of whole numbers; SQLite stores a text there too. Raises `UnreadableRow`."""
    if not isinstance(value, int):
        raise unnamed(TypeError(f"{value!r} is not a whole number"))
    return value


def currency(value: Any) -> Currency:
    """The value of a currency column that is never null.

    Raises `UnreadableRow` unless it is three capital letters; a code no longer in use stays readable.
    """
    if not (isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()):
        raise unnamed(ValueError(f"{value!r} is not a currency"))
    return Currency(value)


def times(values: Sequence[Any]) -> Sequence[datetime]:
    """`time` of each of them; PostgreSQL has them as they are."""
    return values if set(map(type, values)) == {datetime} else [time(value) for value in values]


def truths(values: Sequence[Any]) -> Sequence[bool]:
    """Of a column of truth values, which SQLite stores as numbers."""
    return values if set(map(type, values)) <= {bool} else [bool(value) for value in values]


def time_or_none(value: Any) -> datetime | None:
    """The value of a nullable time column, aware UTC, see `time`."""
    return None if value is None else time(value)


def time(value: Any) -> datetime:
    """The value of a time column that is never null; SQLite returns text.

    Raises `UnreadableRow` for other values, and for a time without a zone.
    """
    if isinstance(value, datetime):
        return value
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError) as damaged:
        raise unnamed(damaged) from damaged
    if read.tzinfo is None:
        raise unnamed(ValueError(f"{value!r} has no time zone"))
    return read
