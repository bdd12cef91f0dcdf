"""Bytes on the wire, built once and written to many.

A server's text frame is not masked, so the frame of one payload is the same for every subscriber that uses
the same id for its operation. Writing ready bytes to a transport with room costs little more than a system
call; frames for a peer without room go to its mailbox (`subscriptions.connections.mailbox`).
"""

from collections.abc import Callable
from typing import Protocol

_TEXT_FINAL = 0x81
_SHORT, _MEDIUM = 125, 0xFFFF

SINK_EXTENSION = "desk.sink"
"""The key under which the server's WebSocket protocol puts its `Sink` in the ASGI scope's extensions."""


class Sink(Protocol):
    """The writing end of one open socket."""

    def try_write(self, frame: bytes) -> bool:
        """Write now, unless the peer does not keep up; True also if the socket is gone."""

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call back once, when there is room again or the socket is gone."""

    @property
    def gone(self) -> bool:
        """Closed or closing: nothing more arrives."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame if there is room for it, and end the connection soon in any case."""


LAST_CHUNK = b"0\r\n\r\n"


def chunk(body: bytes) -> bytes:
    """A chunk of a response body (RFC 9112, section 7.1); an empty one would end it."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def text_frame(payload: bytes) -> bytes:
    """An unfragmented, unmasked text frame (RFC 6455, section 5.2)."""
    length = len(payload)
    if length <= _SHORT:
        header = bytes((_TEXT_FINAL, length))
    elif length <= _MEDIUM:
        header = bytes((_TEXT_FINAL, 126)) + length.to_bytes(2)
    else:
        header = bytes((_TEXT_FINAL, 127)) + length.to_bytes(8)
    return header + payload
