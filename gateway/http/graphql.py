"""`/graphql` over HTTP, as the specification "GraphQL over HTTP" describes it: POST, and GET for queries."""

from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from graphql import ExecutionResult, OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from domain.principal import Principal
from gateway.auth import Unauthenticated
from gateway.http.explorer import to_explorer
from gateway.http.media import EVENT_STREAM, GRAPHQL_RESPONSE, HTML, JSON, negotiated
from gateway.http.operation_metrics import OperationMetrics
from gateway.http.operation_rates import OperationRates
from gateway.http.parameters import OperationParameters, parameters_in_body, parameters_in_url
from gateway.http.personal_reads import PersonalReads
from gateway.http.refusals import (
    BAD_REQUEST,
    NOT_ACCEPTABLE,
    HttpRefused,
    database_trouble,
    in_accepted_type,
    method_not_allowed,
    rate_limited,
    unauthenticated,
)
from gateway.http.token_check import RequestCheck
from gateway.logs import current_request_id
from gateway.resources import Resources
from models.sql.pace import Pace
from resolvers.execution.documents import Document
from resolvers.execution.executor import AdmittedOperation, Executor, encode
from resolvers.kit.context import RequestContext
from resolvers.kit.errors import DATABASE_TROUBLE

_KIND_WORDS = {
    OperationType.QUERY: "Queries",
    OperationType.MUTATION: "Mutations",
    OperationType.SUBSCRIPTION: "Subscriptions",
}
_PRIVATE = {"cache-control": "no-store", "vary": "Authorization, Accept"}
"""An answer is for its caller alone, and no cache may keep it."""


class Endpoint:
    """Queries and mutations; gateway.http.live serves sockets, and gateway.http.sse event streams."""

    def __init__(
        self, executor: Executor, resources: Resources, reads: PersonalReads, metrics: OperationMetrics
    ) -> None:
        self._executor = executor
        self._resources = resources
        self._check = RequestCheck(resources)
        self._rates = OperationRates(executor, resources.rates)
        self._reads = reads
        self._metrics = metrics
        self._settings = resources.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except HttpRefused as refused:
            response = in_accepted_type(refused.response, request.headers.get("accept"))
        except DATABASE_TROUBLE as trouble:
            response = database_trouble(trouble, request.url.path)
            response = in_accepted_type(response, request.headers.get("accept"))
        response.headers.update(_PRIVATE)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            raise method_not_allowed("Send POST, or GET for a query.", "GET", "POST")
        is_get, accept = request.method == "GET", request.headers.get("accept")
        asks_for_page = is_get and negotiated(accept, (JSON, GRAPHQL_RESPONSE, HTML)) == HTML
        if asks_for_page and self._settings.introspection:
            return to_explorer(request, self._settings)
        principal = self._check.principal(request)
        media_type = negotiated(accept, (JSON, GRAPHQL_RESPONSE))
        if media_type is None:
            raise HttpRefused(
                406, NOT_ACCEPTABLE, f"The response is {JSON} or {GRAPHQL_RESPONSE}: accept one of them."
            )
        subject = principal.subject
        with self._rates.refusals_count(subject):
            if is_get:
                parameters = parameters_in_url(request)
            else:
                parameters = await parameters_in_body(request, partial(self._rates.require_room, subject))
        # The token was verified before the body arrived, which may have taken any time.
        self._verify_again(principal)
        return await self._executed(request, principal, parameters, media_type)

    async def _executed(
        self, request: Request, principal: Principal, parameters: OperationParameters, media_type: str
    ) -> Response:
        subject = principal.subject
        if (excess := self._rates.before_reading(subject, parameters.query)) is not None:
            raise rate_limited(excess)
        # A new document and large variables take some milliseconds each.
        pace = Pace()
        document = self._executor.read(parameters.query, parameters.document)
        await pace.turn()
        with self._rates.refusals_count(subject):
            _require_served(document, parameters.operation_name, request.method)
        operation = self._executor.admit(document, parameters.operation_name, parameters.variables)
        if (excess := self._rates.used(subject, operation)) is not None:
            raise rate_limited(excess)
        await pace.turn()
        if not isinstance(operation, AdmittedOperation):
            self._metrics.refused(document, parameters.operation_name, operation)
            # Clients that accept JSON alone expect 200 for any well-formed request.
            status = 400 if media_type == GRAPHQL_RESPONSE else 200
            errors = {"errors": [error.formatted for error in operation]}
            return Response(orjson.dumps(errors), status, media_type=media_type)
        context = RequestContext(self._resources.api, replace(principal, request_id=current_request_id()))
        result: ExecutionResult = await self._metrics.execute(
            self._executor, operation, context, request.headers
        )
        await self._reads.executed(context, document)
        return Response(encode(result), media_type=media_type)

    def _verify_again(self, principal: Principal) -> None:
        try:
            self._resources.tokens.verify_again(principal, self._resources.desk.clock())
        except Unauthenticated as refused:
            raise unauthenticated(refused.code, refused.message, refused.retry_after_s) from None


def _require_served(document: Document, name: str | None, method: str) -> None:
    """Raises HttpRefused unless the document has the operation and a response of HTTP can answer it.

    Of several operations without a name the first counts here; the executor refuses them.
    """
    if document.kinds is None:
        return
    kind: Any = next(iter(document.kinds.values()), None) if name is None else document.kinds.get(name)
    if kind is None:
        unknown = "no operation" if name is None else f"no operation named {name[:100]!r}"
        raise HttpRefused(400, BAD_REQUEST, f"The document has {unknown}.")
    if kind is OperationType.SUBSCRIPTION:
        instead = f"use a WebSocket, or POST with Accept: {EVENT_STREAM}"
        message = f"Subscriptions are not allowed when using {method}: {instead}."
        raise (
            method_not_allowed(message, "POST") if method == "GET" else HttpRefused(400, BAD_REQUEST, message)
        )
    if method == "GET" and kind is not OperationType.QUERY:
        raise method_not_allowed(f"{_KIND_WORDS[kind]} are not allowed when using GET: use POST.", "POST")
