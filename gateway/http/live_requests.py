"""The GraphQL operations of sockets and event streams."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from graphql import GraphQLError
from strawberry import Schema

from domain.principal import Audience, Principal
from gateway.http.operation_metrics import OperationMetrics
from gateway.http.operation_rates import OperationRates
from gateway.http.personal_reads import PersonalReads
from gateway.http.refusals import rate_limited_error
from gateway.logs import current_request_id
from gateway.rates.rate_limits import Excess
from gateway.resources import Resources
from models.sql.forms import UnstorableText
from resolvers.execution.executor import AdmittedOperation, Executor, encode
from resolvers.execution.trusted import TrustedDocuments
from resolvers.kit.context import RequestContext
from resolvers.kit.errors import (
    BAD_USER_INPUT,
    CURSOR_EXPIRED,
    CURSOR_INVALID,
    FORBIDDEN,
    ApiError,
    coded,
    internal_error,
)
from resolvers.live_feed.preparation import Prepared, SubscriptionPreparer
from subscriptions.connections.protocol import Subscribe
from subscriptions.connections.running import Caller, Single
from subscriptions.live.metrics import LiveMetrics
from subscriptions.stream.bus import PositionLost


class LiveRequests:
    """Prepares operations for a connection; one per process."""

    def __init__(
        self,
        schema: Schema,
        executor: Executor,
        resources: Resources,
        reads: PersonalReads,
        metrics: LiveMetrics,
        operations: OperationMetrics,
    ) -> None:
        self._executor = executor
        self._preparer = SubscriptionPreparer(schema, executor, resources.api)
        self._api = resources.api
        self._reads = reads
        self._metrics = metrics
        self.operations = operations
        self.rates = OperationRates(executor, resources.rates)

    @property
    def document_reads(self) -> Counter[str]:
        """How often a document was `known` already, or `new`."""
        return self._executor.document_reads

    @property
    def trusted(self) -> TrustedDocuments:
        """Those of the manifest."""
        return self._executor.trusted

    def prepare(self, message: Subscribe, caller: Caller) -> Prepared | Single | list[Any]:
        """Parse, validate, authorise."""
        subject = caller.subject
        if not message.counted and (excess := self.rates.before_reading(subject, message.query)) is not None:
            return [rate_limited_error(excess).formatted]
        document = self._executor.read(message.query, message.document)
        operation = self._executor.admit(document, message.operation_name, message.variables)
        if not message.counted and (excess := self.rates.used(subject, operation)) is not None:
            error = rate_limited_error(excess)
            self.operations.refused(document, message.operation_name, [error])
            return [error.formatted]
        if not isinstance(operation, AdmittedOperation):
            self.operations.refused(document, message.operation_name, operation)
            return [error.formatted for error in operation]
        principal: Principal = caller.principal
        if not operation.is_subscription:
            return Single(partial(self._execute, operation, principal, message.trace))
        try:
            prepared = self._start(operation, principal.audience, message.last_event_id)
            self.operations.started(operation, message.trace)
            return prepared
        except GraphQLError as refused:
            error = coded(refused)
            self.operations.refused(document, message.operation_name, [error])
            if (error.extensions or {}).get("code") == CURSOR_INVALID:
                self._metrics.resumes["invalid"] += 1
            return [error.formatted]

    def excess(self, message: Subscribe, caller: Caller) -> Excess | None:
        """Count the operation before its stream begins, unless a rate limit is exceeded."""
        if (excess := self.rates.before_reading(caller.subject, message.query)) is not None:
            return excess
        document = self._executor.read(message.query, message.document)
        operation = self._executor.admit(document, message.operation_name, message.variables)
        return self.rates.used(caller.subject, operation)

    def _start(self, operation: AdmittedOperation, audience: Audience, last_event_id: str | None) -> Prepared:
        if not audience.may_see:
            raise ApiError(FORBIDDEN, "Your token grants no permission of this desk.")
        return self._preparer.prepare(operation, audience, last_event_id)

    async def on_subscribe(self, message: Subscribe, caller: Caller) -> None:
        """Record readers of personal data."""
        document = self._executor.read(message.query, message.document)
        await self._reads.subscribed(caller.principal, document)

    async def _execute(
        self, operation: AdmittedOperation, principal: Principal, trace: Mapping[str, str] | None
    ) -> bytes:
        """Execute a query or a mutation with a context of its own."""
        context = RequestContext(self._api, replace(principal, request_id=current_request_id()))
        result = await self.operations.execute(self._executor, operation, context, trace)
        await self._reads.executed(context, operation.document)
        return encode(result)

    def errors_of(self, failure: BaseException) -> list[Any]:
        """The errors that ended an operation, for its client; a bug is logged with its traceback."""
        if isinstance(failure, PositionLost):
            message = "The stream cannot be resumed from this cursor: query the list, or ask for a snapshot."
            return [ApiError(CURSOR_EXPIRED, message).formatted]
        if isinstance(failure, GraphQLError):
            return [coded(failure).formatted]
        if isinstance(failure, UnstorableText):
            return [ApiError(BAD_USER_INPUT, f"{failure}.").formatted]
        return [internal_error(failure, "an operation failed").formatted]
