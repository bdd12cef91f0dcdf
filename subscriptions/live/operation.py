"""A subscription as the shared feed sees it: prepared once, the same for all subscribers with the same
request.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from subscriptions.live.payload import AtHand
from subscriptions.stream.bus import Position

Fact = Any
"""A decoded event."""


class Delivery(StrEnum):
    """The behaviour of a full mailbox."""

    EVERY = "EVERY"
    """Never dropped or merged: the socket is closed with 1013 and the client resumes."""
    LATEST = "LATEST"
    """Only the newest frame of each key waits."""
    THINNED = "THINNED"
    """As EVERY, but of the frames with a key only the newest waits, in its own place."""


class Operation(Protocol):
    """A prepared subscription; equal keys mean equal results for all permitted subscribers."""

    @property
    def key(self) -> Hashable:
        """The identity of the operation."""

    @property
    def field(self) -> str:
        """The root field."""

    @property
    def delivery(self) -> Delivery:
        """The behaviour of a full mailbox."""

    @property
    def postings(self) -> Sequence[Hashable]:
        """Keys of events that can concern it; see `LiveFeed`."""

    @property
    def interval_s(self) -> float:
        """LATEST: the interval between renderings."""

    def concerns(self, fact: Fact) -> Any | None:
        """The root to render for the event; None: nothing."""

    def merge_key(self, root: Any) -> str | None:
        """LATEST, THINNED: a rendering replaces one with an equal key that waits. None: it is kept."""

    async def render(self, root: Any, position: Position, *, resumable: bool = True) -> bytes:
        """Execute once and encode once: the payload of a `next` message.

        Without `resumable`, its cursor is refused as expired.
        """

    def render_at_once(self, root: Any, position: Position) -> AtHand | None:
        """The same payload, if nothing has to be looked up for it; None otherwise."""

    def opened(self, payload: bytes, opening: "Opening") -> bytes:
        """A rendered payload as the first of an operation; EVERY only."""

    def cursor(self, position: Position) -> str | None:
        """The cursor to resume after a position; None if the field cannot be resumed."""

    async def snapshot(self) -> "Snapshot":
        """The current state, and the position from which events are newer than it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at a position: roots to render, and the ids of later events that it already contains."""

    position: Position
    roots: Sequence[Any]
    contained: frozenset[str]


@dataclass(frozen=True, slots=True)
class Opening:
    """Data of an operation's first frame beside its event."""

    resumed: bool
    """It continues from a cursor without a gap; otherwise the client must discard what it held before."""
    snapshot_events: int | None = None
    """The number of SNAPSHOT events, including this one; None: no snapshot was requested."""
