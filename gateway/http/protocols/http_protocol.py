"""uvicorn's HTTP protocol with deadlines and limits, and a sink for streamed responses."""

from asyncio import TimerHandle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.http.addresses import Addresses, Places
from gateway.http.error_counts import HttpErrors
from gateway.http.probe_paths import PROBE_PATHS
from gateway.http.protocols.connection_room import PROBE_WITHIN_S, ConnectionRoom
from gateway.http.protocols.request_head import HeadLimits, HeadRefusal, RequestHead
from gateway.http.protocols.response_sink import ResponseSink
from gateway.http.protocols.unread import Unread
from gateway.http.protocols.websocket_protocol import DeskWebSocketProtocol
from subscriptions.connections.protocol import CloseCode

STREAM_EXTENSION = "desk.stream"
"""In the ASGI scope's extensions: a function that opens the sink, once the response has been started."""
LINGER_S = 2.0
"""Seconds that a peer whose request was refused unread may continue to send, so that it can read the refusal.
"""
LINGER_BYTES = 16_777_216
"""Bytes of it that are discarded before the connection is cut off: most clients send a whole body before they
read, and lose the refusal when the connection is cut off before."""
_NO_REQUEST = HeadRefusal(400, "Bad Request", "BAD_REQUEST", "The bytes are not a request of HTTP/1.1.")
TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
_NO_ROOM = HeadRefusal(
    503,
    "Service Unavailable",
    "NO_ROOM",
    "This process has as many connections as it takes: try again in a moment.",
    retry_after_s=1,
)
PIPELINED_MAX = 16
"""The most requests of one connection that may wait for the answer to an earlier one."""


class Ending:
    """A transport whose `close` is another function; what is written after the end goes nowhere.

    An application may still be about to answer when its peer is cut off, and uvloop raises for that.
    """

    __slots__ = ("_has_ended", "_transport", "close")

    def __init__(self, transport: Any, close: Callable[[], None], has_ended: Callable[[], bool]) -> None:
        self._transport = transport
        self._has_ended = has_ended
        self.close = close

    def write(self, data: bytes) -> None:
        """Unless the connection has ended."""
        if not self._has_ended():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@dataclass(frozen=True, slots=True)
class HttpTimeouts:
    """Timeouts of one connection in seconds: for the head of a request, for its body, for the peer to read
    more of an answer, and for a further request when the process ends.
    """

    headers_s: float
    body_s: float
    unread_s: float
    last_request_s: float


@dataclass(frozen=True, slots=True)
class ConnectionCounts:
    """What the connections of a process count together: refused requests, and connections by address."""

    errors: HttpErrors
    addresses: Addresses
    places: Places
    room: ConnectionRoom


class DeskHttpProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=...)`.

    A peer that does not complete its request, or does not read the answer, is cut off in time. One that sends
    too much is refused before the application, and before any token is checked. A process that ends loses no
    request: see `say_last`.
    """

    stream: ResponseSink | None = None
    _unread: Unread | None = None
    _last_request = False
    _reads_head = False
    _keep_alive = False
    _upgraded = False
    _grace: TimerHandle | None = None
    _cut_off: TimerHandle | None = None
    _lingering: TimerHandle | None = None
    _thrown_away = 0
    _has_place = False
    _for_probe = False

    def __init__(
        self, timeouts: HttpTimeouts, limits: HeadLimits, counts: ConnectionCounts, **options: Any
    ) -> None:
        super().__init__(**options)
        self._timeouts = timeouts
        self._counts = counts
        self._head = RequestHead(limits)

    def connection_made(self, transport: Any) -> None:
        """A peer has connected."""
        super().connection_made(transport)
        self._address = self._counts.addresses.of(self.client)
        self._has_place = self._counts.places.take(self._address)
        if not self._has_place:
            self._turn_away(self._no_place())
            return
        self._unread = Unread(
            self.loop, self._timeouts.unread_s, transport.get_write_buffer_size, transport.abort
        )
        if self._counts.room.has(len(self.connections)):
            self._expect(self._timeouts.headers_s)
        else:
            self._for_probe = self._last_request = True
            self._counts.room.take_for_probe(self, self._leave_to_another)
            self._cut_off = self.loop.call_later(PROBE_WITHIN_S, self._leave_to_another)

    def _leave_to_another(self) -> None:
        """The place for a probe is needed, was not used in time, or is used for something else."""
        if self._is_answering() or self._has_ended():
            self.transport.abort()
        else:
            self._turn_away(_NO_ROOM)

    def _no_place(self) -> HeadRefusal:
        most = self._counts.places.most
        message = f"Your address has {most} connections to this process: close some, or use them again."
        return HeadRefusal(429, "Too Many Requests", TOO_MANY_CONNECTIONS, message, retry_after_s=1)

    def _turn_away(self, refusal: HeadRefusal) -> None:
        """Answer before anything is read, which costs least and keeps nothing of the peer."""
        self._counts.errors.count(refusal.status, refusal.code)
        self.transport.write(refusal.response())
        self.transport.close()

    def _leave_place(self) -> None:
        if self._has_place:
            self._has_place = False
            self._counts.places.leave(self._address)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request have arrived."""
        if self._lingering is not None:
            self._throw_away(len(data))
            return
        self._head.coming(len(data))
        super().data_received(data)
        if self._upgraded or self._has_ended():
            return
        self._head.check()
        if self._head.refusal is not None:
            self._refuse(self._head.refusal)
        elif self.cycle is None or self.cycle.response_complete:
            self._expect(self._timeouts.headers_s)

    def handle_websocket_upgrade(self) -> None:
        """From now on the WebSocket has its own deadline."""
        if self._head.refusal is not None or self._has_ended():
            return
        if self._for_probe:
            self._leave_to_another()
            return
        if self._is_answering():
            # The answer to an earlier request would come in the middle of the frames.
            self.transport.abort()
            return
        self._upgraded = True
        self._expect_nothing()
        super().handle_websocket_upgrade()
        # uvicorn reports the end of the connection to the new protocol alone. As long as that lives, it must
        # hold nothing of this one, which refers to itself by its parser.
        upgraded = cast(DeskWebSocketProtocol, self.transport.get_protocol())
        upgraded.when_lost = partial(self._counts.places.leave, self._address)
        self._has_place = False
        self.parser = None  # type: ignore[assignment]

    def send_400_response(self, msg: str) -> None:
        """The bytes are no request, or no body."""
        if not self._has_ended():
            self._refuse(self._head.refusal or _NO_REQUEST)

    def _refuse(self, refusal: HeadRefusal) -> None:
        """Answer and end the connection; cut it off if an earlier request has no complete answer yet."""
        self._counts.errors.count(refusal.status, refusal.code)
        self._expect_nothing()
        self._unset_keepalive_if_required()
        if self._is_answering():
            if self.cycle.response_started or self.pipeline or not self._is_read():
                self.transport.abort()
                return
            # The request itself is at fault, in its body: the application waits for no more of it.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(refusal.response())
        self._end_unread()

    def _end_unread(self) -> None:
        """End the connection behind an answer to a request of which the peer may still be sending a part."""
        self._expect_nothing()
        self.pipeline.clear()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._lingering = self.loop.call_later(LINGER_S, self.transport.abort)
        else:
            self.transport.close()

    def _end_answered(self, cycle: RequestResponseCycle) -> None:
        """End the connection behind a complete answer; no later request is served."""
        if cycle.more_body and not self._has_ended():
            self._end_unread()
        else:
            self.transport.close()

    def _has_ended(self) -> bool:
        """Whether nothing more can be written."""
        return self._lingering is not None or self.transport.is_closing()

    def _throw_away(self, size: int) -> None:
        self._thrown_away += size
        if self._thrown_away > LINGER_BYTES:
            self.transport.abort()

    def _expect(self, within_s: float) -> None:
        """Set a deadline from the first byte: sending a byte now and then does not extend it."""
        if self._cut_off is None:
            self._cut_off = self.loop.call_later(within_s, self.transport.abort)

    def _expect_nothing(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
            self._cut_off = None

    def on_message_begin(self) -> None:
        """Reset the counters."""
        super().on_message_begin()
        self._reads_head = True
        self._head.begin()

    def on_url(self, url: bytes) -> None:
        """A part of the URL; parts beyond the limit are not kept."""
        self._head.url(len(url))
        if self._head.refusal is None:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line, or a trailer; lines beyond the limit are not kept."""
        self._head.header(name, len(name) + len(value))
        if self._head.refusal is None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Offer the sink to the application, whose task begins later."""
        self._head.ended(self.parser.get_http_version())
        self._reads_head = False
        if self._head.refusal is not None or self._has_ended():
            return
        if self._for_probe and self.url.partition(b"?")[0] not in PROBE_PATHS:
            self._leave_to_another()
            return
        if len(self.pipeline) >= PIPELINED_MAX:
            self.transport.abort()
            return
        self._expect_nothing()
        super().on_headers_complete()
        if self._is_read():
            self._keep_alive, self.cycle.keep_alive = self.cycle.keep_alive, False
            end = partial(self._end_answered, self.cycle)
            self.cycle.transport = cast(Any, Ending(self.transport, end, self._has_ended))
            extensions = {STREAM_EXTENSION: partial(self._open_stream, self.cycle)}
            self.scope["extensions"] = extensions  # type: ignore[typeddict-item]
        self._expect(self._timeouts.body_s)

    def on_body(self, body: bytes) -> None:
        """A part of the body of the request that is served."""
        self._head.body(len(body))
        if self._serves():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._head.complete()
        if self._serves():
            self._expect_nothing()
            super().on_message_complete()
            if self._is_read() and not self.cycle.response_started:
                # An answer that comes before the body, such as a 401, is the last of its connection: a peer
                # could otherwise hold it open by a body that trickles.
                self.cycle.keep_alive = self._keep_alive and not self._last_request

    def _serves(self) -> bool:
        """Whether the request being read was not refused."""
        return self._head.refusal is None and not self.transport.is_closing()

    def _is_read(self) -> bool:
        """Whether the request being read is that of the cycle; the one of an upgrade has none."""
        return self.cycle is not None and self.cycle.scope is self.scope

    def _open_stream(self, cycle: RequestResponseCycle) -> ResponseSink:
        self.stream = ResponseSink(self, cycle)
        return self.stream

    def pause_writing(self) -> None:
        """The write buffer is above its high-water mark."""
        super().pause_writing()
        if self._unread is not None:
            self._unread.watch()

    def timeout_keep_alive_handler(self) -> None:
        """No further request came; the transport closes once the last answer has been read completely."""
        super().timeout_keep_alive_handler()
        if self._unread is not None:
            self._unread.watch()

    def resume_writing(self) -> None:
        """The write buffer fell below its low-water mark."""
        super().resume_writing()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.over()
        if self.stream is not None:
            self.stream.writable_again()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the waiting callers."""
        self._leave_place()
        self._counts.room.leave(self)
        self._expect_nothing()
        if self._unread is not None:
            self._unread.over()
            self._unread = None
        for timer in (self._lingering, self._grace):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        if self.stream is not None:
            self.stream.lost()
            self.stream = None

    def say_last(self) -> None:
        """The process ends: the next answer on this connection is the last, and contains `Connection: close`.

        A peer that was not notified may have a request on the way: on a new connection, on an idle one, or on
        one whose answer began before. It has a moment for it; uvicorn would close the connection at once.
        """
        if self._last_request:
            return
        self._last_request = True
        if self._is_answering() and not self.cycle.response_started:
            self.cycle.keep_alive = False
            return
        self._grace = self.loop.call_later(self._timeouts.last_request_s, self._close_when_answered)

    def shutdown(self) -> None:
        """The server stops: end the streams, so that they do not delay it."""
        self.say_last()
        if self.stream is not None:
            self.stream.close(CloseCode.SERVICE_RESTART, "the desk restarts: reconnect and resume")

    def _close_when_answered(self) -> None:
        """A request of which a part has arrived is waited for as usual."""
        if not self._upgraded and not self._reads_head:
            super().shutdown()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete
