"""One log for the desk and its libraries: short coloured lines on a terminal, elsewhere one JSON object each.

Log lines of a request have its `request_id`, also in tasks that the request starts. The id is the caller's
X-Request-ID if that is harmless, otherwise a new one, and is returned in the response.
"""

import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import TextIO

import structlog
from rich.console import Console
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, Processor

from gateway.settings import LogFormat

REQUEST_ID_HEADER = "X-Request-ID"
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of structlog's context the desk would have to look through all variables, several times for a request."""
ID_BYTES = 16
_HARMLESS_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ABOUT_BYTES = ("Invalid HTTP request received.", "Unsupported upgrade request.")
"""Lines of uvicorn."""
_LIBRARIES_WITH_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access")


def configure_logging(log_format: LogFormat, stream: TextIO) -> None:
    """Send everything that is logged in this process, through structlog or logging, to `stream`."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_colour,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(log_format, stream),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _LIBRARIES_WITH_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Its pool repeats, with a traceback, that a server is unavailable, which the desk's own lines say.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    # At INFO it logs every WebSocket that opens and closes; gateway/http/server.py logs start and stop.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_not_about_bytes)


def _is_not_about_bytes(record: logging.LogRecord) -> bool:
    """Whether the line is not one for each request that is none: any client could fill the log with those.

    `desk_http_errors_total` counts them.
    """
    return record.msg not in _ABOUT_BYTES


def current_request_id() -> str | None:
    """The id of the request being served, if one is."""
    return _request_id.get()


@contextmanager
def serving(request_id: str) -> Iterator[None]:
    """Inside, and in tasks that begin inside, the request with this id is served."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


def _with_request_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    if (request_id := _request_id.get()) is not None:
        event.setdefault("request_id", request_id)
    return event


class RequestId:
    """ASGI middleware that gives every request and WebSocket its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request under its id."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope).get(REQUEST_ID_HEADER))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with serving(request_id):
            await self._app(scope, receive, send_with_id)


def request_id_of(given: str | None) -> str:
    """The caller's id if it is harmless, otherwise a new one."""
    return given if given and _HARMLESS_ID.fullmatch(given) else secrets.token_hex(ID_BYTES)


def _without_colour(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Uvicorn sends its text twice, once in colour."""
    event.pop("color_message", None)
    return event


def _rendering(log_format: LogFormat, stream: TextIO) -> list[Processor]:
    """Tracebacks are plain in both: the pretty ones print local variables, which may contain secrets."""
    on_terminal = stream.isatty()
    if log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not on_terminal):
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    lines = structlog.dev.ConsoleRenderer(
        colors=_shows_colours(stream), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
    return [_short, lines] if on_terminal else [lines]


def _shows_colours(stream: TextIO) -> bool:
    """Of a terminal, unless NO_COLOR or TERM=dumb is in the environment; rich knows."""
    console = Console(file=stream)
    return console.color_system is not None and not console.no_color


def _short(_logger: object, _method: str, event: EventDict) -> EventDict:
    """For a terminal: the local time of day in place of the timestamp, and not which module logs."""
    event.pop("logger", None)
    at = datetime.fromisoformat(event["timestamp"])
    event["timestamp"] = f"{at.astimezone():%H:%M:%S}"
    return event
