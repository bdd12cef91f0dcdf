"""The schema, its limits and its text."""

from collections.abc import Callable
from dataclasses import dataclass

import strawberry
from graphql import validate_schema
from strawberry.extensions import (
    DisableIntrospection,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
    SchemaExtension,
)
from strawberry.schema.config import StrawberryConfig

from resolvers.errors import CodedErrors
from resolvers.mutation import Mutation
from resolvers.query import Query
from resolvers.scalars import SCALARS
from resolvers.subscription import Subscription


@dataclass(frozen=True, slots=True)
class SchemaLimits:
    """What a document may contain."""

    depth: int
    tokens: int
    aliases: int
    introspection: bool


def build_schema(limits: SchemaLimits) -> strawberry.Schema:
    """The executable schema."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[CodedErrors, *_limiters(limits)],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not limits.introspection),
    )
    assert not validate_schema(schema._schema)
    return schema


def sdl() -> str:
    """What `schema.graphql` holds."""
    return build_schema(SchemaLimits(8, 1000, 15, introspection=True)).as_str() + "\n"


def _limiters(limits: SchemaLimits) -> list[Callable[[], SchemaExtension]]:
    chosen: list[Callable[[], SchemaExtension]] = [
        lambda: MaxTokensLimiter(max_token_count=limits.tokens),
        lambda: QueryDepthLimiter(max_depth=limits.depth),
        lambda: MaxAliasesLimiter(max_alias_count=limits.aliases),
    ]
    if not limits.introspection:
        chosen.append(DisableIntrospection)
    return chosen
