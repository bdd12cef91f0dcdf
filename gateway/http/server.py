"""The HTTP server around the application: it reports when it serves and when it stops, and ends without
noise.
"""

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any, cast

import structlog
import uvicorn
from starlette.applications import Starlette

from gateway.http.addresses import Addresses, Places, in_both_forms
from gateway.http.protocols.connection_room import ConnectionRoom, room_for
from gateway.http.protocols.http_protocol import ConnectionCounts, DeskHttpProtocol, HttpTimeouts
from gateway.http.protocols.request_head import HeadLimits
from gateway.http.protocols.security_headers import EVERY_ANSWER
from gateway.http.protocols.websocket_protocol import DeskWebSocketProtocol
from gateway.settings import Settings

APPLICATION = "application"
"""The name of the open application in the state that the lifespan yields."""

START_ENDS_WITHIN_S = 10.0
"""The longest time that a start goes on after SIGINT or SIGTERM, for example while it waits for a lock."""

log = structlog.get_logger()


GARBAGE_LOOKED_FOR_EVERY, YOUNG_SEARCHES, MIDDLE_SEARCHES = 20_000, 3, 33
"""Objects made and not freed since; with Python's 700 a few pages of cases are enough. Each third search also
looks at the objects of the two before it. With Python it is every tenth, which takes three times as long;
all objects are searched as often as with Python.
"""


def run_server(
    app: Starlette, settings: Settings, listeners: Sequence[socket.socket], announce: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called once requests are answered.

    Raises SystemExit if the application cannot start.
    """

    def serving() -> None:
        keep_what_is_loaded()
        announce()

    Server(server_config(app, settings), serving).run(sockets=list(listeners))


def keep_what_is_loaded() -> None:
    """The schema and the book in memory live as long as the process: to look for garbage among them takes
    tens of milliseconds, in which the process does nothing else.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_LOOKED_FOR_EVERY, YOUNG_SEARCHES, MIDDLE_SEARCHES)


def server_config(app: Starlette, settings: Settings) -> uvicorn.Config:
    """The configuration of uvicorn: with the desk's protocols, without compression.

    Raises the limit of descriptors of this process as far as its connections need it.
    """
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        headers=list(EVERY_ANSWER),
        forwarded_allow_ips=in_both_forms(settings.trusted_proxies),
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
                ConnectionCounts(
                    app.state.http_errors,
                    Addresses(settings.trusted_proxies),
                    Places(settings.connections_per_address),
                    ConnectionRoom(room_for(settings.connections_max)),
                ),
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
    """Serves the application of its config; `announce` is called once requests are answered.

    A start in which SIGINT or SIGTERM comes is finished and the server stopped, or the process left after
    `start_ends_within_s`.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        announce: Callable[[], None],
        start_ends_within_s: float = START_ENDS_WITHIN_S,
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._start_ends_within_s = start_ends_within_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop. Unlike SIGTERM, SIGINT is not raised again at the end: it is the usual one, and no error."""
        if not self.started:
            leaving = threading.Timer(self._start_ends_within_s, self._leave_the_start, [sig])
            leaving.daemon = True
            leaving.start()
        if sig == signal.SIGINT:
            self.force_exit, self.should_exit = self.should_exit, True
        else:
            super().handle_exit(sig, frame)

    def _leave_the_start(self, sig: int) -> None:
        if not self.started:
            log.info("stopped in the middle of the start", waited_s=self._start_ends_within_s)
            os._exit(128 + sig)

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
