"""The GraphQL endpoint: Strawberry's ASGI view with our authentication, JSON errors and contexts."""

import json
from typing import Any

import orjson
from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry import Schema
from strawberry.asgi import GraphQL

from domain.principal import Principal
from gateway.auth import Unauthenticated, bearer
from gateway.resources import Resources
from resolvers.context import RequestContext


class Endpoint(GraphQL[Any, None]):
    """`/graphql` over HTTP: POST. Sockets are served by gateway.live."""

    def __init__(self, schema: Schema, resources: Resources) -> None:
        settings = resources.settings
        super().__init__(
            schema,
            graphql_ide="graphiql" if settings.introspection else None,
            allow_queries_via_get=False,
            subscription_protocols=[],
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
        return RequestContext(self.resources.api, self._verified(request.headers.get("authorization")))

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
