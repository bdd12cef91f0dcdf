"""Turns an admitted operation into a subscription that is ready to be shared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode
from graphql.execution.values import get_argument_values
from strawberry import Schema
from strawberry.types.arguments import convert_arguments

from domain.principal import Audience
from resolvers.execution.executor import AdmittedOperation, Executor
from resolvers.kit.context import Api
from resolvers.kit.errors import BAD_USER_INPUT, CURSOR_INVALID, ApiError
from resolvers.live_feed.fields import OPERATIONS
from resolvers.live_feed.operation import LiveOperation, Request
from resolvers.live_feed.shared_payloads import SharedPayloads
from resolvers.live_feed.sharing_key import root_field, sharing_key
from subscriptions.stream.bus import Position
from subscriptions.stream.cursor import CursorInvalid


@dataclass(frozen=True, slots=True)
class Prepared:
    """A subscription and the position at which its client wants to start."""

    operation: LiveOperation
    after: Position | None
    snapshot: bool


class SubscriptionPreparer:
    """Prepares subscriptions of one schema."""

    def __init__(self, schema: Schema, executor: Executor, api: Api) -> None:
        self._schema = schema
        self._executor = executor
        self._api = api
        self._payloads = SharedPayloads()

    def prepare(
        self, operation: AdmittedOperation, audience: Audience, last_event_id: str | None = None
    ) -> Prepared:
        """The operation and its start position; raises GraphQLError. `last_event_id` is the cursor of SSE."""
        field = root_field(operation.document, operation.node)
        arguments = self._arguments(operation, field)
        request = Request(
            executor=self._executor,
            api=self._api,
            audience=audience,
            operation=operation,
            field=field.name.value,
            arguments=arguments,
            key=(*sharing_key(operation), audience),
            payloads=self._payloads,
        )
        prepared = OPERATIONS[field.name.value](request)
        after = last_event_id or arguments.get("after")
        snapshot = bool(arguments.get("snapshot")) and last_event_id is None
        if after is not None and snapshot:
            raise ApiError(BAD_USER_INPUT, "Give either snapshot or after, not both.")
        return Prepared(prepared, self._verified(after, prepared), snapshot)

    def _arguments(self, operation: AdmittedOperation, field: FieldNode) -> dict[str, Any]:
        """The arguments of the field as Python values."""
        schema = self._schema._schema
        root = schema.subscription_type
        assert root is not None
        definition = root.fields[field.name.value]
        values = get_argument_values(definition, field, operation.prepared.variable_values)
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
