"""The GraphQL endpoint: Strawberry's ASGI view with our authentication, JSON errors and contexts."""

import json
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry import Schema
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError, MissingQueryError
from strawberry.http import GraphQLRequestData
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from domain.principal import Principal
from gateway.auth import Unauthenticated, bearer
from gateway.resources import Resources
from resolvers.context import RequestContext
from resolvers.errors import ApiError

TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"

_BY_METHOD = {
    "GET": frozenset[OperationType](),
    "POST": frozenset({OperationType.QUERY, OperationType.MUTATION}),
}


class TextAdapter(ASGIWebSocketAdapter):
    """Sends text frames: browsers' clients cannot read binary ones."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Encode and send."""
        try:
            await self.ws.send_text(orjson.dumps(message).decode())
        except WebSocketDisconnect as gone:
            raise WebSocketDisconnected from gone


class SocketContext:
    """A socket before it is known who is behind it."""

    def __init__(self, authorization: str | None) -> None:
        self.authorization = authorization
        self.connection_params: dict[str, Any] = {}
        self.principal: Principal | None = None


class Handler(BaseGraphQLTransportWSHandler[Any, None]):
    """graphql-transport-ws, with a fresh context for every operation of a socket."""

    socket: SocketContext

    @property
    def context(self) -> Any:
        """The operation's own context once the caller is known."""
        principal = self.socket.principal
        return self.socket if principal is None else RequestContext(self._resources.api, principal)

    @context.setter
    def context(self, socket: SocketContext) -> None:
        self.socket = socket

    @property
    def _resources(self) -> Resources:
        view: Any = self.view
        resources: Resources = view.resources
        return resources

    async def handle_message(self, message: Message) -> None:
        """Strawberry trusts clients to send messages of the right shape."""
        if is_well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("This is no message of graphql-transport-ws")

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Refuse what would be an operation too many, or begun with a token that has expired meanwhile."""
        principal, settings = self.socket.principal, self._resources.settings
        known = message["id"] in self.operations
        if principal is not None and self._resources.desk.clock() >= principal.token_expires_at:
            await self.websocket.close(code=4403, reason="Forbidden")
        elif principal is not None and not known and len(self.operations) >= settings.ws_max_operations:
            refusal = ApiError(
                TOO_MANY_OPERATIONS, f"At most {settings.ws_max_operations} operations run on one socket."
            )
            await self.send_message({"id": message["id"], "type": "error", "payload": [refusal.formatted]})
        else:
            await super().handle_subscribe(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """A null payload is allowed by the protocol."""
        if message.get("payload", {}) is None:
            message = {"type": "connection_init"}
        await super().handle_connection_init(message)


class Endpoint(GraphQL[Any, None]):
    """`/graphql`: POST, and WebSocket with graphql-transport-ws."""

    websocket_adapter_class = TextAdapter
    graphql_transport_ws_handler_class = Handler

    def __init__(self, schema: Schema, resources: Resources) -> None:
        settings = resources.settings
        super().__init__(
            schema,
            graphql_ide="graphiql" if settings.introspection else None,
            allow_queries_via_get=False,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=settings.ws_init_timeout_s),
            max_subscriptions_per_connection=settings.ws_max_operations,
            allowed_origins=settings.allowed_origins,
        )
        self.resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; whatever is refused before GraphQL is answered in the same JSON shape as GraphQL errors."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response: Response = await (self._explorer(request) or self.run(request))
        except Unauthenticated as refused:
            response = error_response(401, refused.code, refused.message)
            response.headers["WWW-Authenticate"] = "Bearer"
        except HTTPException as refused:
            response = error_response(refused.status_code, "BAD_REQUEST", refused.reason)
        await response(scope, receive, send)

    def parse_json(self, data: str | bytes) -> Any:
        """The body of a request: Strawberry takes it for an object."""
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
        """A query or a mutation: Strawberry would let a subscription run, and fail over its result."""
        try:
            return await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=_BY_METHOD[request_adapter.method],
            )
        except MissingQueryError:
            raise HTTPException(400, "No GraphQL query found in the request") from None
        except CannotGetOperationTypeError as unknown:
            raise HTTPException(400, unknown.as_http_error_reason()) from None
        except InvalidOperationTypeError as refused:
            raise HTTPException(400, refused.as_http_error_reason(request_adapter.method)) from None

    def _explorer(self, request: Request) -> Awaitable[Response] | None:
        """The page for a browser that opens the address; it needs no token, what it asks does."""
        wanted = self.should_render_graphql_ide(self.request_adapter_class(request))
        return self.render_graphql_ide(request) if self.graphql_ide and wanted else None

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:
        """Who asks; raises Unauthenticated."""
        authorization = request.headers.get("authorization")
        if isinstance(request, WebSocket):
            return SocketContext(authorization)
        return RequestContext(self.resources.api, self._verified(authorization))

    async def on_ws_connect(self, context: Any) -> Any:
        """Who is behind the socket, from the payload of connection_init or the header of the handshake."""
        authorization = context.connection_params.get("authorization") or context.connection_params.get(
            "Authorization", context.authorization
        )
        try:
            context.principal = self._verified(authorization if isinstance(authorization, str) else None)
        except Unauthenticated as refused:
            raise ConnectionRejectionError({"code": refused.code, "message": refused.message}) from None
        return {}

    def encode_json(self, data: object) -> str | bytes:
        """With orjson."""
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        """With orjson; the error is the one that Strawberry answers."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as malformed:
            raise json.JSONDecodeError(malformed.msg, malformed.doc, malformed.pos) from None

    def _verified(self, authorization: str | None) -> Principal:
        return self.resources.tokens.verify(bearer(authorization), self.resources.desk.clock())


def is_well_formed(message: object) -> bool:
    """Whether the parts of a graphql-transport-ws message are of the types that the protocol gives them."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] == "complete":
        return isinstance(message.get("id"), str)
    return message["type"] != "subscribe" or _is_subscribe(message)


def _is_subscribe(message: dict[str, Any]) -> bool:
    payload = message.get("payload")
    return (
        isinstance(message.get("id"), str)
        and isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )


def error_response(status: int, code: str, message: str) -> JSONResponse:
    """A refusal outside of GraphQL, in the shape of a GraphQL error."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return JSONResponse(body, status_code=status)
