"""Turns a validated document into a subscription that is ready to be shared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, GraphQLError, OperationDefinitionNode
from graphql.execution.values import get_argument_values, get_variable_values
from strawberry import Schema
from strawberry.types.arguments import convert_arguments

from domain.principal import Audience
from resolvers.execution.cost import cost_of, too_expensive
from resolvers.execution.documents import Document
from resolvers.kit.context import Api
from resolvers.kit.errors import BAD_USER_INPUT, CURSOR_INVALID, ApiError
from resolvers.live_feed.fields import OPERATIONS
from resolvers.live_feed.operation import LiveOperation, Request
from resolvers.live_feed.sameness import root_field, sharing_key
from subscriptions.bus import Position
from subscriptions.cursor import CursorInvalid


@dataclass(frozen=True, slots=True)
class Prepared:
    """A subscription and the position at which its client wants to start."""

    operation: LiveOperation
    after: Position | None
    snapshot: bool


class LiveSchema:
    """Prepares subscriptions of one schema."""

    def __init__(self, schema: Schema, api: Api) -> None:
        self._schema = schema
        self._api = api

    def prepare(
        self,
        document: Document,
        operation_name: str | None,
        variables: Mapping[str, Any],
        audience: Audience,
        last_event_id: str | None = None,
    ) -> Prepared:
        """The operation and its start position; raises GraphQLError. `last_event_id` is the cursor of SSE."""
        operation = document.operation(operation_name)
        assert operation is not None, "a subscription was found in it"
        self._refuse_expensive(document, variables)
        field = root_field(document, operation)
        arguments = self._arguments(operation, field, variables)
        request = Request(
            schema=self._schema,
            api=self._api,
            audience=audience,
            document=document,
            operation_name=operation_name,
            variables=variables,
            field=field.name.value,
            arguments=arguments,
            key=(*sharing_key(document, operation, variables), audience),
        )
        prepared = OPERATIONS[field.name.value](request)
        after = last_event_id or arguments.get("after")
        snapshot = bool(arguments.get("snapshot")) and last_event_id is None
        if after is not None and snapshot:
            raise ApiError(BAD_USER_INPUT, "Give either snapshot or after, not both.")
        return Prepared(prepared, self._verified(after, prepared), snapshot)

    def _refuse_expensive(self, document: Document, variables: Mapping[str, Any]) -> None:
        """The cost is paid for each event, and for each row of a snapshot by each subscription of its own."""
        if document.ast is None:
            return
        cost = cost_of(self._schema._schema, document.ast, variables, self._api.page_size_max)
        if cost > self._api.event_cost_max:
            raise too_expensive(cost, self._api.event_cost_max)

    def _arguments(
        self, operation: OperationDefinitionNode, field: FieldNode, variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The arguments of the field as Python values."""
        schema = self._schema._schema
        coerced = get_variable_values(
            schema, operation.variable_definitions or (), dict(variables), max_errors=20
        )
        if isinstance(coerced, list):
            raise _coded_as(coerced[0], BAD_USER_INPUT)
        root = schema.subscription_type
        assert root is not None
        definition = root.fields[field.name.value]
        values = get_argument_values(definition, field, coerced)
        _refuse_nul(values)
        arguments = convert_arguments(
            values,
            definition.extensions["strawberry-definition"].arguments,
            self._schema.schema_converter.scalar_registry,
            self._schema.config,
        )
        return arguments

    def _verified(self, after: str | None, operation: LiveOperation) -> Position | None:
        if after is None:
            return None
        try:
            return self._api.cursors.verify(after, operation.scope)
        except CursorInvalid:
            raise ApiError(
                CURSOR_INVALID,
                "The cursor is not one of this field, filter and scope: subscribe with a snapshot.",
            ) from None


def _refuse_nul(values: Mapping[str, Any]) -> None:
    """Errors with a code of their own."""
    waiting: list[Any] = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\0" in value:
            raise ApiError(BAD_USER_INPUT, "text must not contain the NUL character.")
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _coded_as(error: GraphQLError, code: str) -> GraphQLError:
    """The error with this code."""
    return GraphQLError(error.message, nodes=error.nodes, extensions={"code": code})
