"""Every place of the schema at which a caller states a number, a text, an id or a time, by the schema.

A new argument or input field is among them by itself, with what has to stand beside it by its types.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)

Path = tuple[str, ...]

ALONE = frozenset({"setting", "when"})
"""Inputs of which exactly one field is stated."""
STATED: Mapping[str, object] = {
    "String": "x",
    "Int": 1,
    "Decimal": "1",
    "DateTime": "2020-03-16T00:00:00Z",
    "Date": "2020-03-16",
    "Boolean": True,
}
"""What stands in a field that is needed, by its type."""


@dataclass(frozen=True, slots=True)
class Place:
    """A scalar in the arguments of a field: the object that has the field, and the way to the scalar."""

    parent: str
    field: str
    path: Path
    type_name: str

    def __str__(self) -> str:
        return f"{self.parent}.{self.field}({'.'.join(self.path)})"


def places(schema: GraphQLSchema) -> list[Place]:
    """All of them, but for enums and Booleans, which have no impossible values."""
    found = []
    for parent in schema.type_map.values():
        if not isinstance(parent, GraphQLObjectType) or parent.name.startswith("__"):
            continue
        for name, field in parent.fields.items():
            for argument, known in field.args.items():
                for path, scalar in _scalars(known.type, (argument,), frozenset()):
                    if scalar != "Boolean":
                        found.append(Place(parent.name, name, path, scalar))
    return found


def _scalars(of: Any, path: Path, within: frozenset[str]) -> Iterator[tuple[Path, str]]:
    named = get_named_type(of)
    if isinstance(named, GraphQLScalarType):
        yield path, named.name
    if isinstance(named, GraphQLInputObjectType) and named.name not in within:
        for name, field in named.fields.items():
            yield from _scalars(field.type, (*path, name), within | {named.name})


def with_value(of: Any, known: Any, path: Path, value: object, ids: Mapping[str, str], name: str = "") -> Any:
    """A value of the type, beside what is `known` of it, with `value` at the end of the path."""
    of = get_nullable_type(of)
    if is_list_type(of):
        first = known[0] if isinstance(known, list) and known else Undefined
        return [with_value(of.of_type, first, path, value, ids, name)]
    if isinstance(of, GraphQLInputObjectType):
        made = dict(known) if isinstance(known, dict) and not (path and name in ALONE) else {}
        for each, field in of.fields.items():
            wanted = bool(path) and each == path[0]
            if wanted or (each not in made and is_required_input_field(field)):
                rest = path[1:] if wanted else ()
                given = value if wanted else Undefined
                made[each] = with_value(field.type, made.get(each, Undefined), rest, given, ids, each)
        return made
    if value is not Undefined:
        return value
    if known is not Undefined:
        return known
    return next(iter(of.values)) if isinstance(of, GraphQLEnumType) else STATED.get(of.name, ids.get(name))


def arguments(
    field: Any, known: Mapping[str, Any], place: Place, value: object, ids: Mapping[str, str]
) -> Any:
    """Of the field, by name, with the value in its place."""
    made = {}
    for name, argument in field.args.items():
        wanted = name == place.path[0]
        if wanted or name in known or is_required_argument(argument):
            rest, given = (place.path[1:], value) if wanted else ((), Undefined)
            made[name] = with_value(argument.type, known.get(name, Undefined), rest, given, ids, name)
    return made


def selection(of: Any, depth: int = 0) -> str:
    """What to ask of an answer, so that all of it is read: rows, counts, results."""
    named = get_named_type(of)
    if not isinstance(named, GraphQLObjectType):
        return "{ __typename }" if not isinstance(named, GraphQLScalarType | GraphQLEnumType) else ""
    asked = ["__typename"]
    for name in ("totalCount", "nodes", "result", "results"):
        if name in named.fields and depth < 2:
            asked.append(f"{name} {selection(named.fields[name].type, depth + 1)}")
    return f"{{ {' '.join(asked)} }}"


def path_to(schema: GraphQLSchema, wanted: str) -> list[str] | None:
    """The path of nested query fields that leads to an object of this type.

    None if no path without required arguments exists.
    """
    assert schema.query_type is not None
    ways: list[tuple[list[str], GraphQLObjectType]] = [([], schema.query_type)]
    seen = {"Query"}
    for way, at in ways:
        if at.name == wanted:
            return way
        for name, field in at.fields.items():
            to = get_named_type(field.type)
            needs = any(is_required_argument(argument) for argument in field.args.values())
            if isinstance(to, GraphQLObjectType) and not needs and to.name not in seen:
                seen.add(to.name)
                ways.append(([*way, name], to))
    return None
