"""uvicorn's WebSocket protocol, plus a direct way to its transport for ready frames.

ASGI's `send` encodes and frames again for every subscriber, and waits without a limit for a stalled peer;
neither can be avoided from outside. The sink in the scope writes ready frames while the transport has room,
reports when there is room again, and can end a connection whose peer no longer reads.
"""

from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any, cast

from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import HeaderLineTooLong, InvalidState, TooManyHeaders
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from gateway.http.protocols.inbox import Inbox
from gateway.http.protocols.request_head import HeadRefusal
from gateway.http.protocols.security_headers import EVERY_ANSWER
from subscriptions.connections.frames import SINK_EXTENSION

CLOSE_TIMEOUT_S = 5.0
FRAGMENTS_MAX = 1_024
"""The most fragments of one message: empty fragments never exceed the limit on a message's size."""


class TransportSink:
    """A `Sink` over the protocol of one connection."""

    __slots__ = ("_callbacks", "_closed", "_protocol", "_room", "_transport", "violation")

    def __init__(self, protocol: "DeskWebSocketProtocol") -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._room = protocol.writable.is_set()
        self._closed = False
        self._callbacks: tuple[Callable[[], None], ...] = ()
        self.violation: int | None = None
        """The close code if the connection was closed before anything reached the application: the data was
        not a WebSocket message, or too large.
        """

    @property
    def gone(self) -> bool:
        """Whether it is closed or closing."""
        return self._closed or self._transport.is_closing()

    def try_write(self, frame: bytes) -> bool:
        """Write unless the transport is above its high-water mark."""
        if not self._room:
            return False
        if not (self._closed or self._transport.is_closing()):
            self._transport.write(frame)
        return True

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call back at the next room, or now if there is some."""
        if self._room:
            self._protocol.loop.call_soon(callback)
        else:
            self._callbacks = (*self._callbacks, callback)

    def close(self, code: int, reason: str) -> None:
        """Close; a peer that does not read is cut off after a while."""
        protocol = self._protocol
        if self.gone:
            return
        self._closed = True
        protocol.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        try:
            protocol.conn.send_close(code, reason)
        except InvalidState:
            protocol.transport.abort()
            return
        protocol.transport.write(b"".join(protocol.conn.data_to_send()))
        protocol.close_sent = True
        if protocol.read_paused:
            protocol.read_paused = False
            protocol.transport.resume_reading()
        protocol.close_timer = protocol.loop.call_later(CLOSE_TIMEOUT_S, protocol.transport.abort)

    def full(self) -> None:
        """The transport has no room."""
        self._room = False

    def writable_again(self) -> None:
        """The transport has room, or is lost."""
        self._room = True
        callbacks, self._callbacks = self._callbacks, ()
        for callback in callbacks:
            callback()

    def lost(self) -> None:
        """Nothing is sent any more; callers that wait for room are released."""
        self._closed = True
        self.writable_again()


def _refusal_of(unread: Exception) -> HeadRefusal:
    if isinstance(unread, HeaderLineTooLong | TooManyHeaders):
        message = "A header of the WebSocket handshake is too large: send the token with connection_init."
        return HeadRefusal(431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE", message)
    message = f"The WebSocket handshake is malformed: {unread.__cause__ or unread}."
    return HeadRefusal(400, "Bad Request", "BAD_HANDSHAKE", message)


def _is_utf8(parts: list[bytes]) -> bool:
    try:
        b"".join(parts).decode()
    except UnicodeDecodeError:
        return False
    return True


class Handshake(ServerProtocol):
    """Adds the headers of every answer: uvicorn adds its own to none of the answers that refuse."""

    def send_response(self, response: Response) -> None:
        """Answer the handshake."""
        for name, value in EVERY_ANSWER:
            if name not in response.headers:
                response.headers[name] = value
        super().send_response(response)
        # uvicorn keeps the response as long as the connection.
        response.headers.clear()


class DeskWebSocketProtocol(WebSocketsSansIOProtocol):
    """For `uvicorn.Config(ws=...)`."""

    sink: TransportSink | None = None
    when_lost: Callable[[], None] | None = None
    """Called when the connection has ended."""
    _pongs = b""
    """Answers to WebSocket pings that wait for room; newer ones replace them (RFC 6455, section 5.5.3)."""
    _cut_off: TimerHandle | None = None

    def __init__(self, config: Config, **options: Any) -> None:
        super().__init__(config, **options)
        self.conn = Handshake(max_size=config.ws_max_size, logger=self.logger)
        self.queue = cast(Any, Inbox())

    def data_received(self, data: bytes) -> None:
        """uvicorn neither answers nor ends a handshake at which its parser failed."""
        super().data_received(data)
        unread = self.conn.handshake_exc
        if unread is not None and not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(_refusal_of(unread).response())
            self.handshake_complete = self.close_sent = True
            self.transport.close()

    async def run_asgi(self) -> None:
        """Pass the sink to the application. Unsent data is dropped when the peer does not read."""
        self.sink = TransportSink(self)
        extensions: Any = self.scope["extensions"]
        extensions[SINK_EXTENSION] = self.sink
        await super().run_asgi()
        if not self.disconnected:
            self._cut_off = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        """uvicorn treats a handshake refused with a response as forgotten, and logs that."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True

    def handle_connect(self, event: Request) -> None:
        """The parser keeps the request as long as the connection, but its headers are copied by now."""
        super().handle_connect(event)
        event.headers.clear()

    def handle_cont(self, event: Frame) -> None:
        """One more fragment of a message."""
        if self.close_sent:
            return
        if len(self.frames) >= FRAGMENTS_MAX:
            self.conn.fail(
                CloseCode.MESSAGE_TOO_BIG, f"a message must have at most {FRAGMENTS_MAX} fragments"
            )
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """uvicorn would log a traceback for a text that is not UTF-8."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(self.frames):
            self.conn.fail(CloseCode.INVALID_DATA, "a text must be UTF-8")
            self.frames = []
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer, at the latest when there is room: a peer that pings and never reads must not fill the
        memory.
        """
        pongs = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pongs)
        elif pongs:
            self._pongs = pongs

    def handle_close(self, event: Frame) -> None:
        """The answer to a close may wait behind answers to pings."""
        self._write_pongs()
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        """It has already been closed, without the application."""
        assert self.conn.close_sent is not None
        if self.sink is not None and not self.sink.gone:
            self.sink.violation = self.conn.close_sent.code
        super().handle_parser_exception()

    def _write_pongs(self) -> None:
        pongs, self._pongs = self._pongs, b""
        if pongs and not self.transport.is_closing():
            self.transport.write(pongs)

    def pause_writing(self) -> None:
        """The write buffer is above its high-water mark."""
        super().pause_writing()
        if self.sink is not None:
            self.sink.full()

    def resume_writing(self) -> None:
        """The write buffer fell below its low-water mark."""
        super().resume_writing()
        self._write_pongs()
        # Otherwise they took the room, and this is called again.
        if self.sink is not None and self.writable.is_set():
            self.sink.writable_again()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the callers that wait for room."""
        super().connection_lost(exc)
        if self.when_lost is not None:
            self.when_lost()
        if self._cut_off is not None:
            self._cut_off.cancel()
        if self.sink is not None:
            self.sink.lost()
            self.sink = None
