"""A payload that groups share but for their cursors, and how it is framed.

Groups that differ only in their filters receive the same event in the same words, each with its own cursor.
The frame is encoded once, with a mark in the cursor's place; each group then needs one concatenation. What a
group remembers of such an event is the shared payload and its cursor: copies for a thousand groups would be
megabytes of fresh memory for each event, which costs more than the concatenations.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Encoder(Protocol):
    """How a transport frames an event."""

    def event(self, prefix: bytes, payload: bytes, cursor: Callable[[], bytes | None]) -> bytes:
        """The frame; `cursor` gives the event's own one, None if a client cannot resume after it."""


class SharedPayload:
    """The payload of one event for several groups; each puts its cursor, which is as long as the mark, in the
    mark's place.
    """

    __slots__ = ("_frames", "_mark", "payload")

    def __init__(self, payload: bytes, mark: bytes) -> None:
        self.payload = payload
        self._mark = mark
        self._frames: dict[bytes, list[bytes]] = {}
        """The pieces between the marks, by prefix."""

    def completed(self, cursor: bytes) -> bytes:
        """The payload with this cursor."""
        assert len(cursor) == len(self._mark)
        return self.payload.replace(self._mark, cursor)

    def frame(self, prefix: bytes, encoder: Encoder, cursor: bytes) -> bytes:
        """The frame with this cursor: as long as that with the mark, so its header is right."""
        pieces = self._frames.get(prefix)
        if pieces is None:
            assert len(cursor) == len(self._mark)
            marked = encoder.event(prefix, self.payload, lambda: self._mark)
            pieces = self._frames[prefix] = marked.split(self._mark)
        return cursor.join(pieces)


class AtHand(NamedTuple):
    """A payload for which nothing had to be looked up."""

    shared: SharedPayload
    cursor: bytes
