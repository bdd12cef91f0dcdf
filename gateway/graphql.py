"""The GraphQL endpoint: Strawberry's ASGI view with our authentication, JSON errors and contexts."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry import Schema
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage

from domain.principal import Principal
from gateway.auth import Unauthenticated, bearer
from gateway.resources import Resources
from resolvers.context import RequestContext


class TextAdapter(ASGIWebSocketAdapter):
    """Sends text frames: browsers' clients cannot read binary ones."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Encode and send."""
        await self.ws.send_text(orjson.dumps(message).decode())


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
        return self.socket if principal is None else RequestContext(self._api, principal)

    @context.setter
    def context(self, socket: SocketContext) -> None:
        self.socket = socket

    @property
    def _api(self) -> Any:
        view: Any = self.view
        return view.resources.api

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
            response: Response = await self.run(request)
        except Unauthenticated as refused:
            response = error_response(401, refused.code, refused.message)
            response.headers["WWW-Authenticate"] = "Bearer"
        except HTTPException as refused:
            response = error_response(refused.status_code, "BAD_REQUEST", refused.reason)
        await response(scope, receive, send)

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


def error_response(status: int, code: str, message: str) -> JSONResponse:
    """A refusal outside of GraphQL, in the shape of a GraphQL error."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return JSONResponse(body, status_code=status)
