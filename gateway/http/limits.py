"""The limits of a request: of its body, and of its document.

Starlette counts: a body whose announced length is too large is refused unread, one that turns out too long is
refused at the first byte over the limit. This module adds the response, in the shape of every other refused
request.
"""

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.refusals import error_response, in_accepted_type
from gateway.settings import Settings
from resolvers.execution.limits import DocumentLimits

TOO_LARGE = 413


def document_limits(settings: Settings) -> DocumentLimits:
    """The limits of a document over every transport."""
    return DocumentLimits(
        depth=settings.max_query_depth,
        tokens=settings.max_query_tokens,
        aliases=settings.max_query_aliases,
        equal_fields=settings.max_query_equal_fields,
        spreads=settings.max_query_spreads,
        input_fields=settings.max_query_input_fields,
        root_fields=settings.max_query_root_fields,
        cost=settings.max_query_cost,
        event_cost=settings.max_event_cost,
        rows=settings.page_size_max,
    )


class BodyLimit:
    """ASGI middleware: a request body over `max_body_bytes` is answered with 413 and is not passed on."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = RequestBodyLimitMiddleware(app, max_body_size=max_body_bytes)
        self._message = f"The request body is larger than {max_body_bytes} bytes."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; a 413 from inside is replaced, everything else passes."""
        refused = False

        async def send_or_replace(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == TOO_LARGE:
                refused = True
                await self._refusal(scope)(scope, receive, send)
            if not refused:
                await send(message)

        await self._app(scope, receive, send_or_replace if scope["type"] == "http" else send)

    def _refusal(self, scope: Scope) -> Response:
        refusal = error_response(TOO_LARGE, "BODY_TOO_LARGE", self._message)
        return in_accepted_type(refusal, Headers(scope=scope).get("accept"))
