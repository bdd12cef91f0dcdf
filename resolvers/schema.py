"""The schema and its text."""

from collections.abc import Iterator
from functools import cache

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    validate_schema,
)
from strawberry.schema.config import StrawberryConfig

from resolvers.kit.scalars import SCALARS
from resolvers.mutation import Mutation
from resolvers.query import Query
from resolvers.subscription import Subscription


@cache
def build_schema() -> strawberry.Schema:
    """Build the schema. This takes a fifth of a second; the schema keeps no state and serves all requests.

    It has no extensions: `resolvers.execution.executor` does what Strawberry would do with them.
    """
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    _omit_null_defaults(schema._schema)
    assert not validate_schema(schema._schema)
    return schema


def _omit_null_defaults(schema: GraphQLSchema) -> None:
    """State no default where it is null. The Python default is None, so omitting an input and sending null
    mean the same, and `after: String` says as much as `after: String = null`.
    """
    for each in _inputs(schema):
        if each.default_value is None:
            each.default_value = Undefined


def _inputs(schema: GraphQLSchema) -> Iterator[GraphQLArgument | GraphQLInputField]:
    """The fields of input types and the arguments of fields."""
    for each in schema.type_map.values():
        if each.name.startswith("__"):
            continue
        if isinstance(each, GraphQLInputObjectType):
            yield from each.fields.values()
        elif isinstance(each, GraphQLObjectType | GraphQLInterfaceType):
            for field in each.fields.values():
                yield from field.args.values()


def sdl() -> str:
    """The text of `schema.graphql`."""
    return build_schema().as_str() + "\n"
