"""The metrics on a port of their own, which a firewall can keep for the operator's network."""

from collections.abc import Awaitable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.probe_paths import METRICS_PATH


class MetricsPort:
    """ASGI middleware: on this port only the metrics are found, and elsewhere everything but them.

    The port is that of the socket; nothing that a client sends can change it. None: one port for everything.
    """

    def __init__(self, app: ASGIApp, port: int | None) -> None:
        self._app = app
        self._port = port

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass on what belongs to the port; a socket lives for hours, so nothing is kept for it."""
        belongs = scope["type"] == "lifespan" or self._port is None or self._belongs(scope)
        return (self._app if belongs else _refused)(scope, receive, send)

    def _belongs(self, scope: Scope) -> bool:
        on_its_port, is_metrics = scope["server"][1] == self._port, scope["path"] == METRICS_PATH
        return bool(on_its_port == is_metrics)


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    else:
        await PlainTextResponse("Not Found", 404)(scope, receive, send)
