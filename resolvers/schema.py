"""The executable schema, its limits and its text."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import strawberry
from graphql import ASTValidationRule, GraphQLError, validate_schema
from strawberry.extensions import AddValidationRules, DisableIntrospection, MaxTokensLimiter, SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from resolvers.execution.cost import CostLimit
from resolvers.execution.nesting import max_aliases, max_depth
from resolvers.execution.repetition import DEFAULT_LIMITS, RepetitionLimit, RepetitionLimits
from resolvers.kit.errors import CodedErrors, OneOperation
from resolvers.kit.scalars import SCALARS
from resolvers.mutation import Mutation
from resolvers.query import Query
from resolvers.subscription import Subscription


@dataclass(frozen=True, slots=True)
class SchemaLimits:
    """The limits of a document."""

    depth: int
    tokens: int
    aliases: int
    cost: int
    page_size: int
    introspection: bool
    repetition: RepetitionLimits = DEFAULT_LIMITS


class DeskSchema(strawberry.Schema):
    """Does not log errors of clients; CodedErrors logs faults of the desk with their reference."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Replaces Strawberry's traceback for every misspelt field."""


@lru_cache(maxsize=4)
def build_schema(limits: SchemaLimits) -> strawberry.Schema:
    """Build the executable schema. This takes a fifth of a second; the schema keeps no state and serves all
    requests.
    """
    schema = DeskSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[CodedErrors, OneOperation, *_limiters(limits)],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not limits.introspection),
    )
    assert not validate_schema(schema._schema)
    return schema


def sdl() -> str:
    """The text of `schema.graphql`."""
    return build_schema(SchemaLimits(8, 1000, 15, 250_000, 100, introspection=True)).as_str() + "\n"


def _limiters(limits: SchemaLimits) -> list[Callable[[], SchemaExtension]]:
    rules: list[type[ASTValidationRule]] = [max_depth(limits.depth), max_aliases(limits.aliases)]
    chosen: list[Callable[[], SchemaExtension]] = [
        lambda: MaxTokensLimiter(max_token_count=limits.tokens),
        lambda: AddValidationRules(rules),
        lambda: RepetitionLimit(limits.repetition),
        lambda: CostLimit(limits.cost, limits.page_size),
    ]
    if not limits.introspection:
        chosen.append(DisableIntrospection)
    return chosen
