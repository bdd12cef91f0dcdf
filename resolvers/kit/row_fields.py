"""How the fields of a type are read from rows of the database, without objects between.

A module beside the type states it, such as `resolvers.types.case_rows`; `resolvers.execution.row_selection`
compiles a selection of such fields into one function, and calls it inside `domain.money.exact()`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from models.sql.values import plain_decimal, plain_decimals
from resolvers.kit.node import global_id

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
class RowObject:
    """An object whose fields are read from the row too. `opened`: what its fields read, from the row and the
    context of the rows; the columns are those that this needs.
    """

    columns: tuple[str, ...]
    opened: Callable[[Row, Any], Any]
    fields: "RowFields"
    is_row: bool = True
    """Whether its fields are columns of the row itself."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field with a resolver: a coroutine that gets the row, `info` and the arguments of the field, and
    returns what the resolver of an object would.
    """

    columns: tuple[str, ...]
    resolve: Callable[..., Any]


RowValue: TypeAlias = Column | Converted | Computed
RowField: TypeAlias = RowValue | RowObject | Resolved
RowFields: TypeAlias = Mapping[str, RowField]
"""By the Python names of a type's fields."""


def row_itself(row: Row, at: Any) -> Row:
    """For an object whose columns need no preparation."""
    return row


def an_id(type_name: str, column: str) -> Converted:
    """The global id of an object of the type."""
    return Converted(column, partial(global_id, type_name), is_text=True)


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
