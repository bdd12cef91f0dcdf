"""Objects of the response straight from rows: only the columns that a selection needs are read and turned
into text.

If each selected field can be read from columns of the row (`resolvers.kit.row_fields`), no object is made at
all: a function turns the rows into their places in the response. Fields with a resolver leave gaps there, as
they do for objects. A row that cannot be read this way, and a selection with any other field, take the usual
way through the objects of the domain.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, EnumMeta
from typing import Any, cast

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

from domain.money import exact
from models.sql.columns import values_by_column
from models.sql.faults import NO_ANSWER
from models.sql.unreadable import DAMAGE, UnreadableRow
from resolvers.execution.compiled import (
    CannotCompile,
    Compiler,
    CoreExecutor,
    Gaps,
    ResolvedField,
    Selection,
)
from resolvers.execution.leaves import NAMES_IN_CONDITIONS, NotPlain, leaf, plain_if
from resolvers.kit.in_response import InResponse, ObjectsInResponse
from resolvers.kit.row_fields import (
    Column,
    Computed,
    Converted,
    Resolved,
    Row,
    RowFields,
    RowObject,
    RowValue,
    Shared,
    Together,
    row_itself,
)

_ROW = "row"
"""The name of one row in the generated code."""


@dataclass(frozen=True, slots=True)
class RowSelection:
    """The columns that a selection needs, and the function from rows to the response; what a resolver has to
    supply is added to the gaps.
    """

    columns: frozenset[str]
    complete: Callable[[Sequence[Row], Any, Gaps], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class RowsInResponse:
    """A selection in one execution."""

    selection: RowSelection
    executor: CoreExecutor

    @property
    def columns(self) -> frozenset[str]:
        """Those that the selection needs."""
        return self.selection.columns

    async def objects(self, rows: Sequence[Row], at: Any) -> ObjectsInResponse | None:
        """The rows in the response. None: one of them has a value that is not in its usual form, or a field
        failed, so that the objects of the domain have to decide about it.
        """
        gaps = Gaps()
        await self.executor.context_value.pace.turn()
        try:
            with exact():
                objects = ObjectsInResponse(self.selection.complete(rows, at, gaps) if rows else ())
        except (UnreadableRow, NotPlain, GraphQLError, *DAMAGE):
            return None
        if gaps:
            try:
                await gaps.fill(self.executor)
            except (UnreadableRow, NotPlain, GraphQLError, *NO_ANSWER):
                # The field fails again where the executor knows what its error does.
                return None
        return objects

    async def object(self, row: Row, at: Any) -> InResponse | None:
        """The same of one row."""
        objects = await self.objects((row,), at)
        return None if objects is None else InResponse(objects[0])


class RowCompiler:
    """Compiles the selection of rows into one function. Raises CannotCompile for a field that no column
    has.

    Generated like those of objects: most fields are one expression. The function takes all rows, because a
    value of a column costs a fifth of looking it up in its row, and decimals are checked together.
    """

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._columns: set[str] = set()
        self._names: dict[str, Any] = {**NAMES_IN_CONDITIONS, "values_by_column": values_by_column}
        self._read = {_ROW: "rows"}
        """Variables of one row, and the expressions of their values in all rows."""
        self._first: list[str] = []
        """Lines for all rows, before those for each."""
        self._lines: list[str] = []
        self._gaps: list[str] = []
        self._shared: dict[tuple[str, int], str] = {}

    def selection(
        self, type_: GraphQLObjectType, selected: list[FieldDetails], fields: RowFields
    ) -> RowSelection:
        """For rows of the type."""
        place = self._object(type_, selected, fields, _ROW, of_row=True)
        lines = [
            "def complete(rows, at, gaps):",
            "    places, columns = [], values_by_column(rows)",
            *(f"    {line}" for line in self._first),
            f"    for {', '.join(self._read)}, in zip({', '.join(self._read.values())}):",
            *(f"        {line}" for line in (*self._lines, *self._gaps, f"places.append({place})")),
            "    return places",
        ]
        exec(compile("\n".join(lines), f"<rows of {type_.name}>", "exec"), self._names)
        return RowSelection(frozenset(self._columns), self._names["complete"])

    def _object(
        self,
        type_: GraphQLObjectType,
        selected: list[FieldDetails],
        fields: RowFields,
        source: str,
        *,
        of_row: bool,
    ) -> str:
        """The name of the object's place in the response, which the lines so far have filled."""
        place = self._name(None)
        entries = [
            f"{key!r}: {self._expression(type_, (key, same), fields, (source, place), of_row=of_row)}"
            for key, same in self._compiler.collected(type_, selected).items()
        ]
        self._lines.append(f"{place} = {{{', '.join(entries)}}}")
        return place

    def _expression(
        self,
        type_: GraphQLObjectType,
        selected: tuple[str, list[FieldDetails]],
        fields: RowFields,
        names: tuple[str, str],
        *,
        of_row: bool,
    ) -> str:
        key, same = selected
        source, place = names
        name = same[0].node.name.value
        if name == "__typename":
            return repr(type_.name)
        field = type_.fields[name]
        definition: StrawberryField = field.extensions["strawberry-definition"]
        how = fields.get(definition.python_name)
        if how is None:
            raise CannotCompile
        if of_row:
            self._columns.update(how.columns)
        if isinstance(how, RowObject):
            inner = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            return self._object(inner, same, how.fields, self._opened(how), of_row=how.is_row)
        if isinstance(how, Resolved):
            selection = Selection(type_, field, [each.node for each in same])
            complete = self._compiler.completer(field.type, same)
            resolved = ResolvedField(selection, definition, key, complete, how.resolve)
            self._gaps.append(f"gaps.add({self._name(resolved)}, {source}, {place})")
            return "None"
        return self._value(how, field.type, source)

    def _opened(self, how: RowObject) -> str:
        """What its fields read, opened for all rows if it is not the row."""
        if how.opened is row_itself:
            return _ROW
        called = self._together(how.opened, how.columns, _ROW)
        if how.is_row:
            self._first.append(called)
            return _ROW
        opened = self._variable("")
        self._read[opened] = f"all_{opened}"
        self._first.append(f"all_{opened} = {called}")
        return opened

    def _together(self, function: Callable[..., Any], columns: Sequence[str], source: str) -> str:
        """The expression that calls it for all rows."""
        return (
            f"{self._name(function)}({', '.join(('at', *(self._all_of(each, source) for each in columns)))})"
        )

    def _all_of(self, column: str, source: str) -> str:
        """The expression of a column's values in all rows."""
        if source == _ROW:
            return f"columns[{column!r}]"
        return f"[each[{column!r}] for each in {self._read[source]}]"

    def _one_of(self, column: str, source: str) -> str:
        """The expression of a column's value in one row."""
        return self._variable(self._all_of(column, source)) if source == _ROW else f"{source}[{column!r}]"

    def _variable(self, values: str) -> str:
        """For one of the values."""
        name = f"value{len(self._read)}"
        self._read[name] = values
        return name

    def _value(self, how: RowValue, type_: GraphQLOutputType, source: str) -> str:
        if isinstance(how, Computed):
            value = f"{self._name(how.compute)}({self._arguments(source, how.of)})"
        elif isinstance(how, Together):
            value = self._variable(self._together(how.compute, how.columns, source))
        elif isinstance(how, Converted) and how.convert_all is not None:
            value = self._variable(f"{self._name(how.convert_all)}({self._all_of(how.name, source)})")
        elif isinstance(how, Converted) and isinstance(how.convert, EnumMeta):
            return self._enum(how.convert, type_, self._one_of(how.name, source))
        elif isinstance(how, Converted):
            value = f"{self._name(how.convert)}({self._one_of(how.name, source)})"
        else:
            value = self._one_of(how.name, source)
        if not isinstance(how, Column) and how.is_text:
            return value
        return self._completed(value, type_)

    def _arguments(self, source: str, shared: tuple[Shared, ...]) -> str:
        return ", ".join((source, "at", *(self._shared_value(source, each) for each in shared)))

    def _shared_value(self, source: str, shared: Shared) -> str:
        key = (source, id(shared))
        if key not in self._shared:
            self._shared[key] = self._line(shared.compute, self._arguments(source, shared.of))
        return self._shared[key]

    def _line(self, function: Callable[..., Any], arguments: str) -> str:
        """The name of what the function returns for these arguments."""
        called, value = self._name(function), self._name(None)
        self._lines.append(f"{value} = {called}({arguments})")
        return value

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
        complete, given = self._name(leaf(nullable)), value
        if nullable is type_ and not value.isidentifier():
            given, value = f"(given := {value})", "given"
        condition = plain_if(nullable, value)
        checked = f"value if {condition} else {complete}(value)" if condition else f"{complete}({value})"
        return f"None if {given} is None else {checked}" if nullable is type_ else checked

    def _name(self, value: Any) -> str:
        name = f"_{len(self._names)}"
        self._names[name] = value
        return name


def rows_of(
    compiler: Compiler, type_: GraphQLOutputType, selected: list[FieldDetails], fields: RowFields
) -> RowSelection:
    """The selection of the rows that a field of this type returns: of an object, a list or a connection.

    Raises CannotCompile if a connection selects its nodes twice, or has to count its rows: then an error
    beside them would have to be located among them.
    """
    named = get_named_type(type_)
    if not isinstance(named, GraphQLObjectType):
        raise CannotCompile
    if "nodes" not in named.fields:
        return RowCompiler(compiler).selection(named, selected, fields)
    compiler.completer(named, selected)
    nodes = list(_selected_in_connection(compiler, named, selected))
    if len(nodes) != 1:
        raise CannotCompile
    ((node, same),) = nodes
    return RowCompiler(compiler).selection(node, same, fields)


def _selected_in_connection(
    compiler: Compiler, type_: GraphQLObjectType, selected: list[FieldDetails]
) -> Iterator[tuple[Any, list[FieldDetails]]]:
    """The types and selections of nodes, directly or in edges."""
    for same in compiler.collected(type_, selected).values():
        name = same[0].node.name.value
        if name == "nodes":
            yield get_named_type(type_.fields[name].type), same
        elif name == "edges":
            edge = cast(GraphQLObjectType, get_named_type(type_.fields[name].type))
            for of_edge in compiler.collected(edge, same).values():
                if of_edge[0].node.name.value == "node":
                    yield get_named_type(edge.fields["node"].type), of_edge
        elif name not in ("pageInfo", "streamCursor", "__typename"):
            raise CannotCompile
