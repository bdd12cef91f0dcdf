"""The size of the variables of an operation, measured before they become Python values.

An input object costs as much as its type has fields, also those that were omitted, since each gets its
default: 2,500 empty items of a list fit into 90 kB and would keep the process busy for a seventh of a second.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    type_from_ast,
)


def has_more_input_fields(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any], most: int
) -> bool:
    """Whether the input objects in the variables have more fields than that. What is no value of its type is
    refused later.
    """
    waiting: list[tuple[GraphQLInputObjectType, Any]] = []
    for definition in operation.variable_definitions or ():
        value = variables.get(definition.variable.name.value)
        _add(waiting, type_from_ast(schema, definition.type), value)
    fields = 0
    while waiting:
        type_, value = waiting.pop()
        if isinstance(value, list):
            waiting += [(type_, item) for item in value]
        elif isinstance(value, dict):
            fields += len(type_.fields)
            if fields > most:
                return True
            for name, inner in value.items():
                if name in type_.fields:
                    _add(waiting, type_.fields[name].type, inner)
    return False


def _add(
    waiting: list[tuple[GraphQLInputObjectType, Any]], type_: GraphQLInputType | Any, value: Any
) -> None:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType) and isinstance(value, list | dict):
        waiting.append((named, value))
