"""Counts of the responses of this process with an error status, by status and code.

A request refused before GraphQL is no operation, so it appears nowhere else. Codes are the desk's own, so
both labels have few values.
"""

from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_ERROR = 400
OTHER = "OTHER"
"""Of a response without a code, such as one to an unknown path."""


@dataclass(slots=True)
class HttpErrors:
    """Counts since the start of the process."""

    responses: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By status and code."""

    def count(self, status: int, code: str = OTHER) -> None:
        """One response was sent."""
        self.responses[str(status), code] += 1

    def count_response(self, status: int, body: bytes) -> None:
        """One response was sent, with this body."""
        self.count(status, _code(body))


class CountErrors:
    """ASGI middleware that counts the responses that pass through it."""

    def __init__(self, app: ASGIApp, errors: HttpErrors) -> None:
        self._app = app
        self._errors = errors

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass everything on; a socket lives for hours, so nothing is kept for it."""
        serve = self._counted if scope["type"] == "http" else self._app
        return serve(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def send_and_count(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and status >= LEAST_ERROR:
                self._errors.count_response(status, message.get("body", b""))
                status = 0
            await send(message)

        await self._app(scope, receive, send_and_count)


def _code(body: bytes) -> str:
    """The code of the first error in the form of GraphQL, which every refusal of the desk has."""
    try:
        return str(orjson.loads(body)["errors"][0]["extensions"]["code"])
    except (ValueError, LookupError, TypeError):
        return OTHER
