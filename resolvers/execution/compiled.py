"""Compiles selections into functions, so that a response is built without executing field by field.

Executing a selection costs many times as much as building its result. If its fields are attributes, the
result is known in advance except for the values: one generated function reads them. A field with a resolver
leaves a gap; the gaps of one field are filled together, for all objects at once, and what fills them is
compiled too.

Only a result without errors is built here. Every value that would be an error, and every null where none may
be, raises an exception: then the executor of the specification does it again, which alone knows how errors
are located and how far they reach. What a function reads for a field has no effect, so that nothing is lost
by reading it twice.
"""

from asyncio import gather
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from graphql import (
    BREAK,
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.executor import Executor
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from strawberry import Schema
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from models.sql.pace import Pace
from resolvers.execution.leaves import NAMES_IN_CONDITIONS, Leaf, NotPlain, leaf, plain_if
from resolvers.kit.in_response import InResponse, ObjectsInResponse
from resolvers.kit.loaded import how_loaded

CoreExecutor: TypeAlias = Executor[Any]

Complete = Callable[[Any, "Gaps"], Any]
"""A value to its place in the response; what a resolver has to supply is added to the gaps."""

_TYPENAME = "__typename"
_NO_INFO: Any = None
"""For `is_type_of` of Strawberry, which does not look at it."""


class Gaps(dict["ResolvedField", list[tuple[Any, dict[str, Any]]]]):
    """The places that resolvers have to fill: by field, the objects and their parts of the response."""

    def add(self, field: "ResolvedField", source: Any, place: dict[str, Any]) -> None:
        """The value of the field of `source` belongs to `place`."""
        self.setdefault(field, []).append((source, place))

    async def fill(self, executor: CoreExecutor) -> None:
        """Call the resolvers, those of different fields at the same time, and complete what they return."""
        if len(self) == 1:
            ((field, places),) = self.items()
            await field.fill(executor, places)
            return
        _raise_first(
            await gather(
                *(field.fill(executor, places) for field, places in self.items()), return_exceptions=True
            )
        )


class CannotCompile(Exception):
    """The selection has something that only the executor knows how to do."""


class Compiler:
    """Compiles selections for one combination of the variables that @skip and @include depend on."""

    def __init__(self, executor: CoreExecutor) -> None:
        self._executor = executor
        self.resolved = 0
        """The number of compiled fields with a resolver."""

    def completer(self, type_: GraphQLOutputType, selected: list[FieldDetails]) -> Complete:
        """The function for values of the type. Raises CannotCompile."""
        if isinstance(type_, GraphQLNonNull):
            return _not_null(self.completer(type_.of_type, selected))
        if isinstance(type_, GraphQLList):
            return _each(self.completer(type_.of_type, selected))
        if isinstance(type_, GraphQLScalarType | GraphQLEnumType):
            return _nullable(leaf(type_))
        if isinstance(type_, GraphQLObjectType):
            return self._object(type_, selected)
        return self._abstract(type_, selected)

    def _abstract(
        self, type_: GraphQLInterfaceType | GraphQLUnionType, selected: list[FieldDetails]
    ) -> Complete:
        """By the class of the value, which says of which type it is unless it is generic."""
        compiled: dict[type, Complete] = {}
        for possible in self._executor.schema.get_possible_types(type_):
            definition = possible.extensions.get("strawberry-definition")
            if definition is None or definition.concrete_of is not None or definition.is_type_of:
                raise CannotCompile
            compiled[definition.origin] = self._object(possible, selected)

        def complete(value: Any, gaps: Gaps) -> Any:
            if value is None:
                return None
            known = compiled.get(value.__class__)
            if known is None:
                raise NotPlain
            return known(value, gaps)

        return complete

    def _object(self, type_: GraphQLObjectType, selected: list[FieldDetails]) -> Complete:
        function = _ObjectFunction(type_)
        for key, same in self.collected(type_, selected).items():
            self._add(function, type_, key, same)
        return function.generated()

    def collected(
        self, type_: GraphQLObjectType, selected: list[FieldDetails]
    ) -> Mapping[str, list[FieldDetails]]:
        """The selected fields of the type by their keys in the response. Raises CannotCompile."""
        fields = self._executor.collect_subfields(type_, selected).grouped_field_set
        for same in fields.values():
            if any(each.defer_usage or each.fragment_variable_values for each in same):
                raise CannotCompile
        return fields

    def _add(
        self, function: "_ObjectFunction", type_: GraphQLObjectType, key: str, same: list[FieldDetails]
    ) -> None:
        name = same[0].node.name.value
        if name == _TYPENAME:
            function.add_constant(key, type_.name)
            return
        field = type_.fields[name]
        definition = field.extensions.get("strawberry-definition")
        if not isinstance(definition, StrawberryField):
            raise CannotCompile
        complete = self.completer(field.type, same)
        if definition.is_basic_field:
            function.add_attribute(key, definition.python_name, field.type, complete)
        else:
            selection = Selection(type_, field, [each.node for each in same])
            function.add_gap(key, ResolvedField(selection, definition, key, complete))
            self.resolved += 1


class _ObjectFunction:
    """The source of a function that builds the response of one object.

    Generated, as the standard library generates the methods of dataclasses: a loop over the fields takes
    twice as long. The text has only names of the schema, and response keys, which the grammar restricts to
    letters, digits and underscores.
    """

    def __init__(self, type_: GraphQLObjectType) -> None:
        self._type = type_
        self._entries: list[str] = []
        self._gaps: list[str] = []
        self._names: dict[str, Any] = {}

    def add_constant(self, key: str, text: str) -> None:
        """The same for every object."""
        self._entries.append(f"{key!r}: {text!r}")

    def add_attribute(self, key: str, name: str, type_: GraphQLOutputType, complete: Complete) -> None:
        """A value that the object has."""
        nullable = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        condition, completed = plain_if(nullable, f"source.{name}"), self._name(complete)
        if condition is None:
            self._entries.append(f"{key!r}: {completed}(source.{name}, gaps)")
        else:
            self._entries.append(f"{key!r}: value if {condition} else {completed}(value, gaps)")

    def add_gap(self, key: str, field: "ResolvedField") -> None:
        """A value that a resolver supplies later; its place keeps the order of the keys."""
        self._entries.append(f"{key!r}: None")
        self._gaps.append(f"gaps.add({self._name(field)}, source, place)")

    def generated(self) -> Complete:
        """The function."""
        known: set[type] = set()

        def check(source: Any) -> None:
            """Once for each class: whether its objects are of the type."""
            is_type_of = self._type.is_type_of
            if isinstance(source, Exception) or (is_type_of and is_type_of(source, _NO_INFO) is not True):
                raise NotPlain
            known.add(source.__class__)

        lines = [
            "def complete(source, gaps):",
            "    if source.__class__ not in known:",
            "        if source is None or source.__class__ is InResponse: return source",
            "        check(source)",
            f"    place = {{{', '.join(self._entries)}}}",
            *(f"    {each}" for each in self._gaps),
            "    return place",
        ]
        names = self._names | NAMES_IN_CONDITIONS
        names |= {"known": known, "check": check, "InResponse": InResponse}
        exec(compile("\n".join(lines), f"<selection of {self._type.name}>", "exec"), names)
        complete: Complete = names["complete"]
        return complete

    def _name(self, value: Any) -> str:
        name = f"_{len(self._names)}"
        self._names[name] = value
        return name


@dataclass(frozen=True, slots=True)
class Selection:
    """A field of a type, and the nodes of the document that select it under one key."""

    parent: GraphQLObjectType
    field: GraphQLField
    nodes: list[FieldNode]


class ResolvedField:
    """A selected field with a resolver, and the completion of what it returns.

    `of_rows`: the coroutine that resolves it for rows, see `resolvers.kit.row_fields.Resolved`. `is_root`: it
    belongs to one operation with its variables, so that its arguments are always the same.
    """

    def __init__(
        self,
        selection: Selection,
        definition: StrawberryField,
        key: str,
        complete: Complete,
        of_rows: Callable[..., Any] | None = None,
        *,
        is_root: bool = False,
    ) -> None:
        resolver = definition.base_resolver
        self._loaded = how_loaded(definition) if of_rows is None else None
        if resolver is None or definition.extensions:
            raise CannotCompile
        if (
            self._loaded is None
            and of_rows is None
            and (resolver.parent_parameter or resolver.root_parameter)
        ):
            raise CannotCompile
        self._selection, self._definition = selection, definition
        self._key, self._complete = key, complete
        self._function: Callable[..., Any] = of_rows or cast(Callable[..., Any], resolver.wrapped_func)
        self._is_async = of_rows is not None or definition.is_async
        info = resolver.info_parameter
        self._info_name = "info" if of_rows is not None else info.name if info else None
        self._is_root = is_root
        self._constant: dict[str, Any] | None = None if selection.field.args else {}
        """The arguments, if they are the same for every request."""

    async def fill(self, executor: CoreExecutor, places: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        """Put the completed values into their places."""
        gaps, key, complete = Gaps(), self._key, self._complete
        values = await self._values(executor, [source for source, _ in places])
        pace: Pace = executor.context_value.pace
        for (_, place), value in zip(places, values, strict=True):
            await pace.turn()
            place[key] = complete(value, gaps)
        if gaps:
            await gaps.fill(executor)

    async def value(self, executor: CoreExecutor, source: Any) -> Any:
        """What the resolver returns for one object; raises what it raises, also in place of an exception that
        it returns.
        """
        return (await self._values(executor, (source,)))[0]

    async def _values(self, executor: CoreExecutor, sources: Sequence[Any]) -> Sequence[Any]:
        if self._loaded is not None:
            return await self._loaded.values(sources, executor.context_value)
        function, arguments = self._function, self._arguments(executor)
        if not self._is_async:
            return _raise_first([await self._in_turn(executor, source, arguments) for source in sources])
        if len(sources) == 1:
            return _raise_first([await function(sources[0], **arguments)])
        return _raise_first(
            await gather(*(function(source, **arguments) for source in sources), return_exceptions=True)
        )

    async def _in_turn(self, executor: CoreExecutor, source: Any, arguments: dict[str, Any]) -> Any:
        """What a function that computes returns."""
        await executor.context_value.pace.turn()
        return self._function(source, **arguments)

    def _arguments(self, executor: CoreExecutor) -> dict[str, Any]:
        """Those of all sources: they depend on the document and its variables alone. No resolver asks for the
        path in its info, which would differ.
        """
        parent, field, nodes = self._selection.parent, self._selection.field, self._selection.nodes
        schema = strawberry_schema(executor.schema)
        path = Path(None, self._key, parent.name)
        info = schema.config.info_class(
            _raw_info=executor.build_resolve_info(field, nodes, parent, path), _field=self._definition
        )
        arguments = self._constant
        if arguments is None:
            given = get_argument_values(
                field, nodes[0], executor.variable_values, None, executor.hide_suggestions
            )
            arguments = convert_arguments(
                given,
                self._definition.arguments,
                scalar_registry=schema.schema_converter.scalar_registry,
                config=schema.config,
                info=info,
            )
            if self._is_root or not _names_variables(nodes[0]):
                self._constant = arguments
        return arguments if self._info_name is None else arguments | {self._info_name: info}


def is_resolved(definition: object) -> bool:
    """Whether the field is one of Strawberry with a resolver."""
    return isinstance(definition, StrawberryField) and not definition.is_basic_field


def strawberry_schema(schema: GraphQLSchema) -> Schema:
    """The Strawberry schema that made it."""
    made: Schema = schema._strawberry_schema  # type: ignore[attr-defined]
    return made


def _names_variables(node: FieldNode) -> bool:
    """Whether an argument contains a variable."""
    found = False

    class Variables(Visitor):
        def enter_variable(self, *_: Any) -> Any:
            nonlocal found
            found = True
            return BREAK

    for argument in node.arguments or ():
        visit(argument, Variables())
    return found


def _not_null(complete: Complete) -> Complete:
    def completed(value: Any, gaps: Gaps) -> Any:
        result = complete(value, gaps)
        if result is None:
            raise NotPlain
        return result

    return completed


def _nullable(complete: Leaf) -> Complete:
    return lambda value, gaps: None if value is None else complete(value)


def _each(complete: Complete) -> Complete:
    def completed(value: Any, gaps: Gaps) -> Any:
        if value.__class__ is not list and not isinstance(value, list | tuple):
            if value is None:
                return None
            raise NotPlain
        if value.__class__ is ObjectsInResponse:
            return value
        return [complete(item, gaps) for item in value]

    return completed


def _raise_first(values: Sequence[Any]) -> Sequence[Any]:
    """The values, unless one is an exception: as a value it is an error too."""
    for value in values:
        if isinstance(value, BaseException):
            raise value
    return values
