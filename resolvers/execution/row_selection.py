"""Pages straight from rows: only the columns that a selection needs are read and turned into text.

A list shows some fields of many objects. If each selected field can be read from columns of the row, no
object is made at all: a function turns the row into its place in the response. A row that it cannot read, and
a selection with any other field, take the usual way through the objects of the domain.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, EnumMeta
from typing import Any, TypeAlias, cast

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    get_named_type,
)
from graphql.execution.collect_fields import FieldDetails
from strawberry.types.field import StrawberryField

from models.sql.unreadable import DAMAGE, UnreadableRow
from resolvers.execution.compiled import CannotCompile, Compiler
from resolvers.execution.leaves import AS_THEY_ARE, NotPlain, leaf
from resolvers.kit.in_response import ObjectsInResponse

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A field whose value is the column's, as an object of the type would have it."""

    name: str


@dataclass(frozen=True, slots=True)
class Converted:
    """A field whose value is made of one column alone. `is_text`: it is as the response states it already."""

    name: str
    convert: Callable[[Any], Any]
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Computed:
    """A field whose value is made of several columns and of the context of the page."""

    columns: tuple[str, ...]
    compute: Callable[[Row, Any], Any]


@dataclass(frozen=True, slots=True)
class RowObject:
    """An object whose fields are read from the row too. `opened`: what its fields read, from the row and the
    context of the page; the columns are those that this needs.
    """

    columns: tuple[str, ...]
    opened: Callable[[Row, Any], Any]
    fields: "RowFields"
    is_row: bool = True
    """Whether its fields are columns of the row itself."""


RowField: TypeAlias = Column | Converted | Computed
RowFields: TypeAlias = Mapping[str, Column | Converted | Computed | RowObject]
"""By the Python names of a type's fields."""


@dataclass(frozen=True, slots=True)
class RowSelection:
    """The columns that a selection needs, and the function from a row to the response."""

    columns: frozenset[str]
    complete: Callable[[Row, Any], dict[str, Any]]

    def objects(self, rows: Iterable[Row], at: Any) -> ObjectsInResponse | None:
        """The rows in the response. None: one of them has a value that is not in its usual form, so that the
        objects of the domain have to decide about it.
        """
        try:
            return ObjectsInResponse([self.complete(row, at) for row in rows])
        except (UnreadableRow, NotPlain, GraphQLError, *DAMAGE):
            return None


class RowCompiler:
    """Compiles the selection of rows into one function. Raises CannotCompile for a field that no column
    has.

    Generated like those of objects: most fields are one expression.
    """

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._columns: set[str] = set()
        self._names: dict[str, Any] = {}
        self._opened: list[str] = []

    def selection(
        self, type_: GraphQLObjectType, selected: list[FieldDetails], fields: RowFields
    ) -> RowSelection:
        """For rows of the type."""
        entries = self._entries(type_, selected, fields, "row", of_row=True)
        lines = ["def complete(row, at):", *self._opened, f"    return {entries}"]
        exec(compile("\n".join(lines), f"<rows of {type_.name}>", "exec"), self._names)
        return RowSelection(frozenset(self._columns), self._names["complete"])

    def _entries(
        self,
        type_: GraphQLObjectType,
        selected: list[FieldDetails],
        fields: RowFields,
        source: str,
        *,
        of_row: bool,
    ) -> str:
        entries = [
            f"{key!r}: {self._expression(type_, same, fields, source, of_row=of_row)}"
            for key, same in self._compiler.collected(type_, selected).items()
        ]
        return f"{{{', '.join(entries)}}}"

    def _expression(
        self,
        type_: GraphQLObjectType,
        same: list[FieldDetails],
        fields: RowFields,
        source: str,
        *,
        of_row: bool,
    ) -> str:
        name = same[0].node.name.value
        if name == "__typename":
            return repr(type_.name)
        field = type_.fields[name]
        definition: StrawberryField = field.extensions["strawberry-definition"]
        how = fields.get(definition.python_name)
        if how is None:
            raise CannotCompile
        if of_row:
            self._columns.update(_columns_of(how))
        if isinstance(how, RowObject):
            inner = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            opened = f"_{len(self._names)}_{name}"
            self._opened.append(f"    {opened} = {self._name(how.opened)}(row, at)")
            return self._entries(inner, same, how.fields, opened, of_row=how.is_row)
        return self._value(how, field.type, source)

    def _value(self, how: RowField, type_: GraphQLOutputType, source: str) -> str:
        if isinstance(how, Computed):
            value = f"{self._name(how.compute)}({source}, at)"
        elif isinstance(how, Converted) and isinstance(how.convert, EnumMeta):
            return self._enum(how.convert, type_, f"{source}[{how.name!r}]")
        elif isinstance(how, Converted):
            value = f"{self._name(how.convert)}({source}[{how.name!r}])"
            if how.is_text:
                return value
        else:
            value = f"{source}[{how.name!r}]"
        return self._completed(value, type_)

    def _enum(self, members: EnumMeta, type_: GraphQLOutputType, value: str) -> str:
        """From the stored value to the name in the response; raises KeyError for other values."""
        nullable = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        assert isinstance(nullable, GraphQLEnumType), "an enum of the schema"
        complete = leaf(nullable)
        named = {member.value: complete(member) for member in cast(type[Enum], members)}
        if nullable is type_:
            named[None] = None
        return f"{self._name(named)}[{value}]"

    def _completed(self, value: str, type_: GraphQLOutputType) -> str:
        nullable = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if not isinstance(nullable, GraphQLScalarType | GraphQLEnumType):
            return f"{self._name(self._compiler.completer(type_, []))}({value}, None)"
        complete = self._name(leaf(nullable))
        if isinstance(nullable, GraphQLScalarType) and (own := AS_THEY_ARE.get(nullable.name)):
            checked = f"value if (value := {value}).__class__ is {own.__name__} else {complete}(value)"
        else:
            checked = f"{complete}({value})"
        return f"None if {value} is None else {checked}" if nullable is type_ else checked

    def _name(self, value: Any) -> str:
        name = f"_{len(self._names)}"
        self._names[name] = value
        return name


def _columns_of(how: "RowField | RowObject") -> tuple[str, ...]:
    return (how.name,) if isinstance(how, Column | Converted) else how.columns


def rows_of_connection(
    compiler: Compiler, type_: Any, selected: list[FieldDetails], fields: RowFields
) -> RowSelection:
    """The selection of the nodes of a connection. Raises CannotCompile if they are selected twice, or the
    connection has to count its rows: then an error beside them would have to be located among them.
    """
    compiler.completer(type_, selected)
    nodes = [
        (of.fields["node"] if name == "node" else of.fields["nodes"], same)
        for of, name, same in _selected_in_connection(compiler, type_, selected)
    ]
    if len(nodes) != 1:
        raise CannotCompile
    ((field, same),) = nodes
    return RowCompiler(compiler).selection(get_named_type(field.type), same, fields)


def _selected_in_connection(
    compiler: Compiler, type_: Any, selected: list[FieldDetails]
) -> Iterator[tuple[Any, str, list[FieldDetails]]]:
    """The selections of nodes, directly or in edges."""
    for same in compiler.collected(type_, selected).values():
        name = same[0].node.name.value
        if name == "nodes":
            yield type_, name, same
        elif name == "edges":
            edge = get_named_type(type_.fields[name].type)
            for of_edge in compiler.collected(edge, same).values():
                if of_edge[0].node.name.value == "node":
                    yield edge, "node", of_edge
        elif name not in ("pageInfo", "__typename"):
            raise CannotCompile
