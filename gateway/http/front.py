"""The short way to `/graphql`: what the middlewares do for a plain request, in one step.

Most requests are a POST with a small body of known length, from a program or from a page of the same origin.
Each middleware would ask about such a request, wrap its `send` and find nothing to do. Every other request
takes the way through all of them; a test compares both.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.error_counts import LEAST_ERROR, HttpErrors
from gateway.logs import REQUEST_ID_HEADER, request_id_of, serving

GRAPHQL_PATH = "/graphql"
DIGITS_MAX = 18
"""Of an announced length that is read here."""
_REQUEST_ID = REQUEST_ID_HEADER.lower().encode()
_VARY = b"vary"


class Front:
    """ASGI middleware, outside of all others of the application; `graphql` serves a plain request."""

    def __init__(
        self,
        app: ASGIApp,
        graphql: ASGIApp,
        errors: HttpErrors,
        metrics_port: int | None,
        max_body_bytes: int,
    ) -> None:
        self._app = app
        self._graphql = graphql
        self._errors = errors
        self._metrics_port = metrics_port
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a plain request, and pass everything else on."""
        if scope["type"] != "http" or not self._is_for_graphql(scope):
            await self._app(scope, receive, send)
            return
        length = given_id = None
        for name, value in scope["headers"]:
            if name == b"content-length" and length is None:
                length = value
            elif name == _REQUEST_ID and given_id is None:
                given_id = value
            elif name in (b"origin", b"content-length"):
                length = None
                break
        if length is None or not self._is_small(length):
            await self._app(scope, receive, send)
            return
        await self._serve(scope, receive, send, None if given_id is None else given_id.decode("latin-1"))

    def _is_for_graphql(self, scope: Scope) -> bool:
        return (
            scope["path"] == GRAPHQL_PATH
            and scope["method"] == "POST"
            and not scope.get("root_path")
            and (self._metrics_port is None or scope["server"][1] != self._metrics_port)
        )

    def _is_small(self, length: bytes) -> bool:
        """Whether the body is within the limit: the parser passes on no more than was announced."""
        return length.isdigit() and len(length) <= DIGITS_MAX and int(length) <= self._max_body_bytes

    async def _serve(self, scope: Scope, receive: Receive, send: Send, given_id: str | None) -> None:
        request_id = request_id_of(given_id)
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _marked(message.get("headers", ()), request_id.encode("latin-1"))
            elif status >= LEAST_ERROR and message["type"] == "http.response.body":
                self._errors.count_response(status, message.get("body", b""))
                status = 0
            await send(message)

        with serving(request_id):
            await self._graphql(scope, receive, send_marked)


def _marked(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> list[tuple[bytes, bytes]]:
    """With the id of the request, and the origin among what the answer varies with."""
    varies, marked = [], []
    for name, value in headers:
        if name == _VARY:
            varies.append(value)
        elif name != _REQUEST_ID:
            marked.append((name, value))
    return [*marked, (_VARY, b", ".join((*varies, b"Origin"))), (_REQUEST_ID, request_id)]
