"""What a group hands to its members: the renderings of events, and the frames made of them."""

from dataclasses import dataclass

from subscriptions.live.operation import Operation
from subscriptions.live.payload import AtHand, Encoder
from subscriptions.stream.bus import Position


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, as far as its delivery needs it."""

    position: Position
    event_id: str
    at: float
    """Its commit time, as a POSIX timestamp; 0: not known, or of no interest."""


class Rendered:
    """A payload ready to be framed."""

    __slots__ = ("_cursor", "_frames", "_payload", "event", "key", "resumable")

    def __init__(
        self,
        event: Happened,
        payload: bytes | AtHand,
        key: str | None = None,
        *,
        resumable: bool = True,
    ) -> None:
        """`key`: a newer one with the key replaces it while it waits. `resumable` is false within a
        snapshot, after a part of which a client cannot resume.
        """
        self.event = event
        self.key = key
        self.resumable = resumable
        self._payload = payload
        self._frames: dict[bytes, bytes] | None = None
        """Frames for members that do not keep up, by prefix: they share them while they wait."""

    @property
    def payload(self) -> bytes:
        """The result of the execution, encoded."""
        payload = self._payload
        return payload if isinstance(payload, bytes) else payload.shared.completed(payload.cursor)

    @property
    def size(self) -> int:
        """Of the payload, in bytes."""
        payload = self._payload
        return len(payload if isinstance(payload, bytes) else payload.shared.payload)

    def frame(self, prefix: bytes, encoder: Encoder, operation: Operation) -> bytes:
        """Not remembered here: a batch keeps what it joins."""
        payload = self._payload
        if isinstance(payload, bytes):
            return encoder.event(prefix, payload, lambda: self._resumed_by(operation))
        return payload.shared.frame(prefix, encoder, payload.cursor)

    def kept_frame(self, prefix: bytes, encoder: Encoder, operation: Operation) -> bytes:
        """The same object for all operations with the prefix."""
        if self._frames is None:
            self._frames = {}
        frame = self._frames.get(prefix)
        if frame is None:
            frame = self._frames[prefix] = self.frame(prefix, encoder, operation)
        return frame

    def opening(self, payload: bytes) -> "Rendered":
        """The same event as the first of an operation: nothing replaces what only that payload says."""
        return Rendered(self.event, payload, resumable=self.resumable)

    def replayed(self) -> "Rendered":
        """Without its commit time: the delay of a replay says nothing about the feed."""
        event = Happened(self.event.position, self.event.event_id, 0.0)
        return Rendered(event, self._payload, self.key, resumable=self.resumable)

    def _resumed_by(self, operation: Operation) -> bytes | None:
        cursor = operation.cursor(self.event.position) if self.resumable else None
        return None if cursor is None else cursor.encode()


class Batch:
    """Renderings that are sent together, in stream order."""

    __slots__ = ("joined", "rendered")

    def __init__(self, rendered: list[Rendered]) -> None:
        self.rendered = rendered
        self.joined: dict[bytes, bytes] = {}
        """All their frames concatenated, by prefix."""

    def frames(self, prefix: bytes, encoder: Encoder, operation: Operation) -> bytes:
        """All of them concatenated, once for all operations with the prefix."""
        frames = self.joined.get(prefix)
        if frames is None:
            rendered = self.rendered
            frames = (
                rendered[0].frame(prefix, encoder, operation)
                if len(rendered) == 1
                else b"".join([each.frame(prefix, encoder, operation) for each in rendered])
            )
            self.joined[prefix] = frames
        return frames
