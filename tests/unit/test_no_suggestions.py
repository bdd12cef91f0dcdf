"""Without introspection no error names a field, an argument or a value that the client did not send.

The types of the places that it did name are in the messages of the specification, as is what it must send.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from resolvers.execution.executor import AdmittedOperation
from tests.kit.executing import SCHEMA, executor

ROOTS = {
    "query": SCHEMA.query_type,
    "mutation": SCHEMA.mutation_type,
    "subscription": SCHEMA.subscription_type,
}
EXECUTOR = executor(introspection=False)
NAME = re.compile(r"\w+")
QUOTED = re.compile(r"'[^']*'")
REQUIRED = re.compile(r"to include required field '[^']*'|Argument '[^']*' of type")


def secret_names() -> frozenset[str]:
    """Names that are no type, and no plain word of a message."""
    found: set[str] = set()
    for each in SCHEMA.type_map.values():
        if isinstance(each, GraphQLEnumType):
            found |= each.values.keys()
        for name, field in getattr(each, "fields", {}).items():
            found |= {name, *getattr(field, "args", {})}
    return frozenset(name for name in found if not name.startswith("_"))


def misspelt(type_: GraphQLInputType, depth: int = 3) -> Iterator[Any]:
    """Values of the type in which one name is wrong by a letter."""
    if is_non_null_type(type_):
        yield from misspelt(type_.of_type, depth)
    elif is_list_type(type_):
        yield from ([value] for value in misspelt(type_.of_type, depth))
    elif isinstance(type_, GraphQLEnumType):
        yield from (f"{name}x" for name in type_.values)
    elif isinstance(type_, GraphQLInputObjectType) and depth:
        for name, field in type_.fields.items():
            yield {f"{name}x": 1}
            yield from ({name: value} for value in misspelt(field.type, depth - 1))


def literal(value: Any) -> str:
    """The value as text of a document; enumeration values are its only texts."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(item)}" for name, item in value.items()) + "}"
    return f"[{', '.join(map(literal, value))}]" if isinstance(value, list) else str(value)


def call(name: str, field: GraphQLField, arguments: str) -> str:
    selection = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    return f"{name}{f'({arguments})' if arguments else ''}{selection}"


def requests(root: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents and variables with one wrong name: a field, an argument, or a name in a value."""
    type_ = ROOTS[root]
    assert type_ is not None
    for name, field in type_.fields.items():
        yield f"{root} {{ {name}x }}", {}
        for argument, declared in field.args.items():
            yield f"{root} {{ {call(name, field, f'{argument}x: 1')} }}", {}
            yield from misspelt_argument(root, name, field, argument, declared)


def misspelt_argument(
    root: str, name: str, field: GraphQLField, argument: str, declared: GraphQLArgument
) -> Iterator[tuple[str, dict[str, Any]]]:
    given = f"{argument}: $v"
    for value in misspelt(declared.type):
        yield f"{root} {{ {call(name, field, f'{argument}: {literal(value)}')} }}", {}
        yield f"{root}($v: {declared.type}) {{ {call(name, field, given)} }}", {"v": value}


def messages(document: str, variables: dict[str, Any]) -> list[str]:
    refused = EXECUTOR.admit(EXECUTOR.read(document), None, variables)
    assert not isinstance(refused, AdmittedOperation), (document, variables)
    return [error.message for error in refused]


@pytest.mark.parametrize("root", ROOTS)
def test_without_introspection_no_error_names_what_the_client_did_not_send(root: str) -> None:
    secret = secret_names()
    for document, variables in requests(root):
        sent = names(f"{document} {variables}")
        for message in messages(document, variables):
            assert "Did you mean" not in message
            quoted = " ".join(QUOTED.findall(REQUIRED.sub("", message)))
            assert not (names(quoted) & secret) - sent, message


def names(text: str) -> set[str]:
    return set(NAME.findall(text))
