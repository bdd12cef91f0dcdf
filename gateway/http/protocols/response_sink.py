"""A direct way to the transport of a streamed response.

ASGI's `send` waits without a limit for a peer that does not read, and can neither report that nor end such a
connection. The sink that an application may open writes ready chunks while the transport has room, reports
when there is room again, and cuts off a peer that no longer reads.
"""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from subscriptions.connections.frames import LAST_CHUNK, chunk
from subscriptions.connections.sse import comment

CLOSE_TIMEOUT_S = 5.0


class ResponseSink:
    """A `Sink` over the body of one chunked response; frames are chunks already."""

    __slots__ = ("_abort", "_callbacks", "_cycle", "_protocol")

    def __init__(self, protocol: HttpToolsProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._callbacks: list[Callable[[], None]] = []
        self._abort: Any = None

    @property
    def gone(self) -> bool:
        """Whether it has ended or is ending."""
        cycle = self._cycle
        return cycle.disconnected or cycle.response_complete or cycle.transport.is_closing()

    def try_write(self, frame: bytes) -> bool:
        """Write unless the transport is above its high-water mark."""
        if self._protocol.flow.write_paused:
            return False
        if not self.gone:
            self._cycle.transport.write(frame)
        return True

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call back once there is room, or soon if there is some already."""
        if self._protocol.flow.write_paused:
            self._callbacks.append(callback)
        else:
            self._protocol.loop.call_soon(callback)

    def close(self, code: int, reason: str) -> None:
        """Complete the response and close; a peer that does not read is cut off after a while."""
        if self.gone:
            return
        cycle, transport = self._cycle, self._cycle.transport
        transport.write((chunk(comment(f"{code} {reason}")) if reason else b"") + LAST_CHUNK)
        cycle.response_complete = True
        cycle.message_event.set()
        self._abort = self._protocol.loop.call_later(CLOSE_TIMEOUT_S, transport.abort)
        transport.close()
        cycle.on_response()

    def writable_again(self) -> None:
        """The transport has room, or is lost."""
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def lost(self) -> None:
        """The connection is lost; the application is notified even if a further request was pipelined."""
        self._cycle.disconnected = True
        self._cycle.message_event.set()
        if self._abort is not None:
            self._abort.cancel()
        self.writable_again()
