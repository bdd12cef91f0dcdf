"""The GraphQL endpoint: Strawberry's ASGI view with the desk's authentication, JSON errors and contexts."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import OperationType
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry import Schema
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLRequestData
from strawberry.types import ExecutionResult

from domain.principal import Principal
from gateway.auth import Unauthenticated, bearer
from gateway.http.explorer import with_notice
from gateway.http.operation_metrics import OperationMetrics
from gateway.http.personal_reads import PersonalReads
from gateway.http.request_body import BodyRefused, read_json, require_json
from gateway.logs import current_request_id
from gateway.resources import Resources
from resolvers.execution.documents import Document
from resolvers.execution.executor import AdmittedOperation, Executor
from resolvers.kit.context import RequestContext
from resolvers.kit.errors import (
    DATABASE_TROUBLE,
    INTERNAL,
    DatabaseTrouble,
    internal_error,
    refused_by_database,
)

RETRY_AFTER_S = 1
NOT_ALLOWED = 405

_PLURAL = {
    OperationType.QUERY: "queries",
    OperationType.MUTATION: "mutations",
    OperationType.SUBSCRIPTION: "subscriptions",
}


class Endpoint(GraphQL[Any, None]):
    """`/graphql` over HTTP: POST. gateway.http.live serves sockets."""

    def __init__(
        self,
        schema: Schema,
        executor: Executor,
        resources: Resources,
        reads: PersonalReads,
        metrics: OperationMetrics,
    ) -> None:
        settings = resources.settings
        super().__init__(
            schema,
            graphql_ide="graphiql" if settings.introspection else None,
            allow_queries_via_get=False,
            subscription_protocols=[],
        )
        self.resources = resources
        self._executor = executor
        self._reads = reads
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; requests refused before GraphQL get the same JSON shape as GraphQL errors."""
        request = Request(scope, receive)
        try:
            response: Response = await (self._explorer(request) or self.run(request))
        except Unauthenticated as refused:
            response = error_response(401, refused.code, refused.message)
            response.headers["WWW-Authenticate"] = "Bearer"
        except HTTPException as refused:
            response = error_response(refused.status_code, "BAD_REQUEST", refused.reason)
            if refused.status_code == NOT_ALLOWED:
                response.headers["Allow"] = "POST"
        except DATABASE_TROUBLE as trouble:
            response = database_trouble(trouble, request.url.path)
        await response(scope, receive, send)

    async def render_graphql_ide(self, request: Request) -> Response:
        """The explorer."""
        page = await super().render_graphql_ide(request)
        return HTMLResponse(with_notice(bytes(page.body).decode()))

    def is_request_allowed(self, request: Any) -> bool:
        """Raises HTTPException if it is not."""
        if not super().is_request_allowed(request):
            raise HTTPException(NOT_ALLOWED, "Send POST, with the query in a body of JSON.")
        return True

    async def parse_http_body(self, request: Any) -> Any:
        """Only JSON is accepted."""
        if request.method == "POST":
            try:
                require_json(request.headers)
            except BodyRefused as refused:
                raise HTTPException(400, str(refused)) from None
        return await super().parse_http_body(request)

    def parse_json(self, data: str | bytes) -> Any:
        """Parse the body of a request, which Strawberry expects to be an object."""
        body = super().parse_json(data)
        if not isinstance(body, dict):
            raise HTTPException(400, "The request body must be a JSON object")
        return body

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Any,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Execute a query or a mutation by the desk's executor, which all transports share.

        The token was verified before the body arrived, which may have taken any time.
        """
        self.resources.tokens.verify_again(context.principal, self.resources.desk.clock())
        if not request_data.query:
            raise HTTPException(400, "No GraphQL query found in the request")
        document = self._executor.read(request_data.query)
        _require_served(document, request_data.operation_name, request_adapter.method)
        operation = self._executor.admit(document, request_data.operation_name, request_data.variables)
        if not isinstance(operation, AdmittedOperation):
            self._metrics.refused(document, request_data.operation_name, operation)
            return ExecutionResult(None, list(operation))
        result = await self._metrics.execute(self._executor, operation, context)
        await self._reads.executed(context, document)
        return ExecutionResult(result.data, result.errors)

    def _explorer(self, request: Request) -> Awaitable[Response] | None:
        """The explorer page for a browser; it needs no token, but its requests do."""
        from_browser = self.should_render_graphql_ide(self.request_adapter_class(request))
        return self.render_graphql_ide(request) if self.graphql_ide and from_browser else None

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:
        """The caller and the request; raises Unauthenticated."""
        principal = self._verified(request.headers.get("authorization"))
        return RequestContext(self.resources.api, replace(principal, request_id=current_request_id()))

    def encode_json(self, data: object) -> str | bytes:
        """Encode with orjson."""
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        """Decode the request's JSON; ambiguous JSON is refused."""
        try:
            return read_json(data)
        except BodyRefused as refused:
            raise HTTPException(400, str(refused)) from None

    def _verified(self, authorization: str | None) -> Principal:
        return self.resources.tokens.verify(bearer(authorization), self.resources.desk.clock())


def _require_served(document: Document, name: str | None, method: str) -> None:
    """Raises HTTPException unless the document has the operation and a response of HTTP can answer it.

    Of several operations without a name the first counts here; the executor refuses them.
    """
    if document.kinds is None:
        return
    kind = next(iter(document.kinds.values()), None) if name is None else document.kinds.get(name)
    if kind is None:
        unknown = "Can't get GraphQL operation type" if name is None else f'Unknown operation named "{name}".'
        raise HTTPException(400, unknown)
    is_subscription = kind is OperationType.SUBSCRIPTION
    if is_subscription or method != "POST":
        instead = "a WebSocket or Accept: text/event-stream" if is_subscription else "POST"
        raise HTTPException(400, f"{_PLURAL[kind]} are not allowed when using {method}: use {instead}")


def error_response(status: int, code: str, message: str, **facts: object) -> JSONResponse:
    """A refusal outside GraphQL, in the shape of a GraphQL error."""
    body = {"errors": [{"message": message, "extensions": {"code": code, **facts}}]}
    return JSONResponse(body, status_code=status)


async def fault_response(request: Request, fault: Exception) -> Response:
    """The response to a request that a bug has ended; uvicorn logs the traceback once more."""
    error = internal_error(fault, "request failed", path=request.url.path)
    # Sent outside of every middleware.
    request.app.state.http_errors.count(500, INTERNAL)
    return JSONResponse({"errors": [error.formatted]}, status_code=500)


def database_trouble(trouble: DatabaseTrouble, path: str) -> JSONResponse:
    """The response for a failure outside GraphQL's own answer; the client may send the request again."""
    refused = refused_by_database(trouble, path)
    response = error_response(503, refused.code, refused.message, **refused.facts)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
