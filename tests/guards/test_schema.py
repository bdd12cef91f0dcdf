"""Everything in the schema has a description, and lists have the same arguments."""

import re
from collections import Counter
from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
)

from resolvers.schema import sdl
from tests.kit.source import ROOT

ASKED_OF_THE_FIELD_ABOVE = {"BookWhatIf.accounts"}
PAGE = ("first", "after", "last", "before")


def desk_schema() -> GraphQLSchema:
    return build_schema(sdl())


def fields(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLField]]:
    """Of object types and interfaces, with their place."""
    for name, each in schema.type_map.items():
        if isinstance(each, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__"):
            for field_name, field in each.fields.items():
                yield f"{name}.{field_name}", field


def described(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Everything that can have a description, with it."""
    for name, each in schema.type_map.items():
        if name.startswith("__"):
            continue
        yield name, each.description
        if isinstance(each, GraphQLInputObjectType):
            yield from ((f"{name}.{part}", field.description) for part, field in each.fields.items())
        if isinstance(each, GraphQLEnumType):
            yield from ((f"{name}.{part}", value.description) for part, value in each.values.items())
    for place, field in fields(schema):
        yield place, field.description
        yield from ((f"{place}({part}:)", argument.description) for part, argument in field.args.items())


def test_the_file_of_the_schema_is_current() -> None:
    assert (ROOT / "schema.graphql").read_text() == sdl(), "run `make schema`"


def test_everything_in_the_schema_has_a_description() -> None:
    built_in = {"String", "Int", "Float", "Boolean", "ID"}
    silent = [place for place, text in described(desk_schema()) if not text and place not in built_in]
    assert not silent, f"describe these in resolvers/, then run `make schema`: {silent}"


def test_every_list_with_pages_describes_its_arguments_alike() -> None:
    asked = {
        tuple(re.sub(r"Omitted: \d+,", "", field.args[name].description or "") for name in PAGE)
        for place, field in fields(desk_schema())
        if str(field.type).rstrip("!").endswith("Connection") and place not in ASKED_OF_THE_FIELD_ABOVE
    }
    assert len(asked) == 1, asked


def test_a_root_that_requires_a_permission_or_computes_a_total_is_nullable() -> None:
    """It may fail alone, and a root that is not null would take the whole answer along."""
    query = desk_schema().query_type
    assert query is not None
    needing = {name for name, field in query.fields.items() if "Requires " in (field.description or "")}
    may_fail = needing | {"caseSummary", "agingBuckets"}
    assert len(may_fail) >= 12
    assert [name for name in may_fail if isinstance(query.fields[name].type, GraphQLNonNull)] == []


def test_no_default_is_null() -> None:
    """Where an input may be omitted, null means the same, and a default would only repeat that."""
    assert "= null" not in sdl()


def test_every_one_of_input_says_that_exactly_one_field_is_given() -> None:
    inputs = [each for each in desk_schema().type_map.values() if isinstance(each, GraphQLInputObjectType)]
    one_of = {each.name: each.description or "" for each in inputs if each.is_one_of}
    assert one_of.keys() == {"AutoLiquidationTimeInput", "RiskSettingInput"}
    assert [name for name, text in one_of.items() if "Give exactly one" not in text] == []


def test_no_members_of_a_union_give_one_name_two_types() -> None:
    """A document may not select both without an alias. A deprecated field is left to older documents."""
    unions = [each for each in desk_schema().type_map.values() if isinstance(each, GraphQLUnionType)]
    typed = {
        (union.name, name, str(field.type))
        for union in unions
        for member in union.types
        for name, field in member.fields.items()
        if field.deprecation_reason is None
    }
    named = Counter((union, name) for union, name, _ in typed)
    assert [where for where, types in named.items() if types > 1] == []


def test_every_refusal_can_be_read_with_one_fragment() -> None:
    types = [each for each in desk_schema().type_map.values() if isinstance(each, GraphQLObjectType)]
    with_code = {each.name for each in types if {"code", "message"} <= each.fields.keys()}
    refusals = {each.name for each in types if {"Refused", "Refusal"} <= {of.name for of in each.interfaces}}
    assert refusals == with_code
    assert len(refusals) >= 14
