"""The schema and its text."""

from functools import cache

import strawberry
from graphql import validate_schema
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
    assert not validate_schema(schema._schema)
    return schema


def sdl() -> str:
    """The text of `schema.graphql`."""
    return build_schema().as_str() + "\n"
