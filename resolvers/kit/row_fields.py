"""How the fields of a type are read from rows of the database, without objects between.

A module beside the type states it, such as `resolvers.types.case_rows`; `resolvers.execution.row_selection`
compiles a selection of such fields into one function, and calls it inside `domain.money.exact()`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from models.sql.values import plain_decimal, plain_decimals, time, times, truths
from resolvers.kit.node import global_id, global_ids

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A field whose value is the column's, as an object of the type would have it."""

    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Converted:
    """A field whose value is made of one column alone. `is_text`: it is as the response states it already.
    `convert_all`: the same function for the values of all rows, where that costs less.
    """

    name: str
    convert: Callable[[Any], Any]
    is_text: bool = False
    convert_all: Callable[[Sequence[Any]], Sequence[Any]] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Shared:
    """A value that several fields are computed of, once for each row. It may be computed of others: `compute`
    gets the row, the context of the rows, and those.
    """

    own_columns: tuple[str, ...]
    compute: Callable[..., Any]
    of: tuple["Shared", ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return (*self.own_columns, *_columns_of(self.of))


@dataclass(frozen=True, slots=True)
class Computed:
    """A field whose value is made of several columns, of the context of the rows and of shared values.
    `is_text`: as of `Converted`.
    """

    own_columns: tuple[str, ...]
    compute: Callable[..., Any]
    of: tuple[Shared, ...] = ()
    is_text: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return (*self.own_columns, *_columns_of(self.of))


@dataclass(frozen=True, slots=True)
class Together:
    """A field whose values are computed for all rows at once: `compute` gets the context of the rows and the
    values of each column. `is_text`: as of `Converted`.
    """

    columns: tuple[str, ...]
    compute: Callable[..., Sequence[Any]]
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class RowObject:
    """An object whose fields are read from the row too.

    `opened` gets the context of the rows and the values of the columns in all rows. Unless its fields are
    columns of the row itself (`is_row`), it returns what they read, for each row.
    """

    columns: tuple[str, ...]
    opened: Callable[..., Any]
    fields: "RowFields"
    is_row: bool = True


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field with a resolver: a coroutine that gets the row, `info` and the arguments of the field, and
    returns what the resolver of an object would.
    """

    columns: tuple[str, ...]
    resolve: Callable[..., Any]


RowValue: TypeAlias = Column | Converted | Computed | Together
RowField: TypeAlias = RowValue | RowObject | Resolved
RowFields: TypeAlias = Mapping[str, RowField]
"""By the Python names of a type's fields."""


def row_itself(at: Any) -> None:
    """For an object whose columns need no preparation."""


def an_id(type_name: str, column: str) -> Converted:
    """The global id of an object of the type."""
    return Converted(
        column, partial(global_id, type_name), is_text=True, convert_all=partial(global_ids, type_name)
    )


def a_time(column: str) -> Converted:
    """A time that is never null."""
    return Converted(column, time, convert_all=times)


def a_truth(column: str) -> Converted:
    """A truth value that is never null."""
    return Converted(column, bool, convert_all=truths)


def a_decimal(column: str) -> Converted:
    """A decimal that is never null."""
    return Converted(column, plain_decimal, is_text=True, convert_all=plain_decimals)


def a_decimal_or_none(column: str) -> Converted:
    """A nullable decimal."""
    return Converted(column, _plain_decimal_or_none, is_text=True)


def _plain_decimal_or_none(value: Any) -> str | None:
    return None if value is None else plain_decimal(value)


def _columns_of(values: tuple[Shared, ...]) -> Iterator[str]:
    for value in values:
        yield from value.columns
