"""The HTTP server around the application: it reports when it serves and when it stops, and ends without
noise.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import structlog
import uvicorn
from starlette.applications import Starlette

from gateway.http.http_protocol import DeskHttpProtocol, HttpTimeouts
from gateway.http.request_head import HeadLimits
from gateway.http.websocket_protocol import DeskWebSocketProtocol
from gateway.settings import Settings

APPLICATION = "application"
"""The name of the open application in the state that the lifespan yields."""

log = structlog.get_logger()


def run_server(
    app: Starlette, settings: Settings, listener: socket.socket, announce: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called once requests are answered.

    Raises SystemExit if the application cannot start. SIGINT is the usual end, so it is not an error.
    """
    with suppress(KeyboardInterrupt):
        Server(server_config(app, settings), announce).run(sockets=[listener])


def server_config(app: Starlette, settings: Settings) -> uvicorn.Config:
    """The configuration of uvicorn: with the desk's protocols, without compression."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=cast(
            Any,
            partial(
                DeskHttpProtocol,
                HttpTimeouts(
                    headers_s=settings.http_headers_timeout_s,
                    body_s=settings.http_body_timeout_s,
                    unread_s=settings.http_unread_timeout_s,
                    last_request_s=settings.drain_idle_s,
                ),
                HeadLimits(settings.http_head_bytes, settings.http_headers, settings.http_url_bytes),
                app.state.http_errors,
            ),
        ),
        ws=DeskWebSocketProtocol,
        ws_max_size=settings.ws_max_frame_bytes,
        ws_per_message_deflate=False,
        # Sessions ping in their own protocol, with a deadline: a second ping would not find out more.
        ws_ping_interval=None,
        timeout_keep_alive=cast(int, settings.http_keep_alive_s),
        timeout_graceful_shutdown=int(settings.shutdown_timeout_s),
    )


class Server(uvicorn.Server):
    """Serves the application of its config; `announce` is called once requests are answered."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()
        for each in sockets or []:
            host, port, *_ = each.getsockname()
            log.info("serving", host=host, port=port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping", connections=len(self.server_state.connections))
        # First of all, so that new clients connect to another process, or to none, and not to one that turns
        # them away.
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, DeskHttpProtocol):
                connection.say_last()
        await self.lifespan.state[APPLICATION].drain()
        await super().shutdown(sockets)
        log.info("stopped")
