"""A process that cannot start says why in one line, as does a worker, whose parent has checked before it."""

import sys

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.startup.preparation import CannotStart
from models.sql.faults import NO_ANSWER

_FORESEEN = (CannotStart, *NO_ANSWER)


class OneLineStart:
    """ASGI middleware: the server logs no traceback of a foreseen reason for which the application cannot
    start. Anything else is a fault of the desk and keeps its traceback.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""

        async def send_in_one_line(message: Message) -> None:
            reason = sys.exc_info()[1]
            if message["type"] == "lifespan.startup.failed" and isinstance(reason, _FORESEEN):
                message = {**message, "message": f"This process cannot start: {reason}"}
            await send(message)

        await self._app(scope, receive, send_in_one_line if scope["type"] == "lifespan" else send)
