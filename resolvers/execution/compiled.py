"""Compiles selections of plain attributes, so that the response is built straight from the object.

Executing a document again for every event costs many times as much as building its result. If a selection
asks only for attributes that are already loaded (no resolver of its own, argument, permission, extension or
directive), the result of the execution is known in advance except for the values. Everything else is left to
the executor, and so is every value that would be an error: then nothing is compiled, or `NotPlain` is raised.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    Undefined,
    is_abstract_type,
)
from strawberry.types.field import StrawberryField

Complete = Callable[[Any], Any]
"""Turns a value into its place in the response."""

_TYPENAME = "__typename"


class NotPlain(Exception):
    """This value has to be executed because its result contains an error."""


class _CannotCompile(Exception):
    """The selection asks for something that has to be executed."""


def compile_subscription(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Iterable[FragmentDefinitionNode]
) -> Complete | None:
    """A function from the value of the one root field to `data`; None: execute instead. For a validated
    document.
    """
    compiler = _Compiler(schema, {fragment.name.value: fragment for fragment in fragments})
    try:
        return compiler.root(operation)
    except _CannotCompile:
        return None


class _Compiler:
    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments

    def root(self, operation: OperationDefinitionNode) -> Complete:
        type_ = self._schema.subscription_type
        assert type_ is not None
        collected: dict[str, list[FieldNode]] = {}
        self._collect(type_, operation.selection_set.selections, collected)
        ((key, nodes),) = collected.items()
        complete = self.completer(type_.fields[nodes[0].name.value].type, nodes)
        return lambda value: {key: complete(value)}

    def completer(self, type_: Any, nodes: list[FieldNode]) -> Complete:
        if isinstance(type_, GraphQLNonNull):
            return _not_null(self.completer(type_.of_type, nodes))
        if isinstance(type_, GraphQLList):
            return _each(self.completer(type_.of_type, nodes))
        if isinstance(type_, GraphQLScalarType | GraphQLEnumType):
            return _leaf(type_)
        if isinstance(type_, GraphQLObjectType):
            return self._object(type_, nodes)
        raise _CannotCompile

    def _object(self, type_: GraphQLObjectType, nodes: list[FieldNode]) -> Complete:
        collected: dict[str, list[FieldNode]] = {}
        for node in nodes:
            assert node.selection_set is not None, "validation wants fields of an object"
            self._collect(type_, node.selection_set.selections, collected)
        plan = tuple((key, *self._member(type_, same)) for key, same in collected.items())

        def complete(source: Any) -> Any:
            if source is None:
                return None
            return {key: completed(get(source)) for key, get, completed in plan}

        return complete

    def _member(self, type_: GraphQLObjectType, nodes: list[FieldNode]) -> tuple[Complete, Complete]:
        """How to read the value and how to complete it."""
        name = nodes[0].name.value
        if name == _TYPENAME:
            return (lambda source: type_.name), (lambda value: value)
        field = type_.fields[name]
        definition = field.extensions.get("strawberry-definition")
        if field.args or not isinstance(definition, StrawberryField) or not definition.is_basic_field:
            raise _CannotCompile
        return attrgetter(definition.python_name), self.completer(field.type, nodes)

    def _collect(
        self,
        type_: GraphQLObjectType,
        selections: Iterable[SelectionNode],
        collected: dict[str, list[FieldNode]],
    ) -> None:
        """The fields by their names in the response, including those of fragments."""
        for selection in selections:
            if selection.directives:
                raise _CannotCompile
            if isinstance(selection, FieldNode):
                key = selection.alias.value if selection.alias else selection.name.value
                collected.setdefault(key, []).append(selection)
                continue
            fragment = self._fragment(selection)
            if self._applies(fragment, type_):
                self._collect(type_, fragment.selection_set.selections, collected)

    def _fragment(self, selection: SelectionNode) -> InlineFragmentNode | FragmentDefinitionNode:
        if isinstance(selection, FragmentSpreadNode):
            return self._fragments[selection.name.value]
        assert isinstance(selection, InlineFragmentNode)
        return selection

    def _applies(
        self, fragment: InlineFragmentNode | FragmentDefinitionNode, type_: GraphQLObjectType
    ) -> bool:
        if fragment.type_condition is None:
            return True
        condition: Any = self._schema.get_type(fragment.type_condition.name.value)
        return condition is type_ or (
            is_abstract_type(condition) and self._schema.is_sub_type(condition, type_)
        )


def _not_null(complete: Complete) -> Complete:
    def completed(value: Any) -> Any:
        result = complete(value)
        if result is None:
            raise NotPlain
        return result

    return completed


def _each(complete: Complete) -> Complete:
    def completed(value: Any) -> Any:
        return None if value is None else [complete(item) for item in value]

    return completed


def _leaf(type_: GraphQLScalarType | GraphQLEnumType) -> Complete:
    coerce = type_.coerce_output_value

    def completed(value: Any) -> Any:
        if value is None:
            return None
        try:
            result = coerce(value)
        except (GraphQLError, ValueError, TypeError, AttributeError) as wrong:
            raise NotPlain from wrong
        if result is None or result is Undefined:
            raise NotPlain
        return result

    return completed
