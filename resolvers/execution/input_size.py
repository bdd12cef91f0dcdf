"""The size of the variables of an operation, measured before they become Python values.

An input object costs as much as its type has fields, also those that were omitted, since each gets its
default: 2,500 empty items of a list fit into 90 kB and would keep the process busy for a seventh of a second.
Every place that uses a variable makes the values again, so that its size counts there again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    type_from_ast,
)

Uses = Mapping[str, int]
"""The places that use each variable."""


def number_of_input_fields(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    uses: Uses,
    most: int,
) -> int:
    """The fields of input objects and items of lists in the variables, counted where they are used.

    The counting ends above `most`. What is no value of its type is refused later.
    """
    left = most
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        value = variables.get(name)
        if isinstance(value, list | dict):
            # It becomes a Python value once even if only an unused operation uses it.
            times = max(1, uses.get(name, 0))
            left -= times * _size(type_from_ast(schema, definition.type), value, left // times)
            if left < 0:
                break
    return most - left


def _size(type_: GraphQLInputType | Any, value: Any, most: int) -> int:
    """The fields of a value, unknown ones included, and the items that have none; the counting ends above
    `most`.
    """
    size, waiting = 0, [(get_named_type(type_), value)]
    while waiting and size <= most:
        named, value = waiting.pop()
        if not isinstance(named, GraphQLInputObjectType):
            size += len(value) if isinstance(value, list) else 0
        elif isinstance(value, list):
            size += 1
            waiting += [(named, item) for item in value[: most + 1]]
        elif isinstance(value, dict):
            size += max(len(named.fields), len(value))
            waiting += [
                (get_named_type(named.fields[name].type), inner)
                for name, inner in value.items()
                if name in named.fields
            ]
        else:
            # To refuse what is no object takes its time too.
            size += 1
    return size


def uses_of_variables(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Uses:
    """How many places use each variable; those of a fragment count wherever it is spread.

    The document must be valid: only then no fragment spreads itself.
    """
    return _Uses(fragments).of(operation.selection_set)


class _Uses:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Counter[str]] = {}

    def of(self, selections: SelectionSetNode | None) -> Counter[str]:
        found: Counter[str] = Counter()
        for selection in selections.selections if selections else ():
            if isinstance(selection, FragmentSpreadNode):
                found.update(self._spread(selection.name.value))
                continue
            for argument in getattr(selection, "arguments", None) or ():
                found.update(_variables_in(argument.value))
            found.update(self.of(getattr(selection, "selection_set", None)))
        return found

    def _spread(self, name: str) -> Counter[str]:
        if name not in self._known:
            self._known[name] = self.of(self._fragments[name].selection_set)
        return self._known[name]


def _variables_in(value: object) -> Iterator[str]:
    if isinstance(value, VariableNode):
        yield value.name.value
    elif isinstance(value, ListValueNode):
        for item in value.values:
            yield from _variables_in(item)
    elif isinstance(value, ObjectValueNode):
        for field in value.fields:
            yield from _variables_in(field.value)
