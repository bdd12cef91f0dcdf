"""What a subscription is to the shared feed: prepared once, the same for everybody who asks for the same."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from subscriptions.bus import Position

Fact = Any
"""A decoded event."""


class Delivery(StrEnum):
    """What a full mailbox means."""

    EVERY = "EVERY"
    """Never dropped, never merged: the socket is closed with 1013 and the client resumes."""
    LATEST = "LATEST"
    """Only the newest frame of each key waits."""


class Operation(Protocol):
    """A prepared subscription; equal keys mean equal results for everybody who may hold them."""

    @property
    def key(self) -> Hashable:
        """What makes it the same operation."""

    @property
    def field(self) -> str:
        """The root field."""

    @property
    def delivery(self) -> Delivery:
        """What a full mailbox means."""

    @property
    def postings(self) -> Sequence[Hashable]:
        """Under which keys events can concern it; see `LiveFeed`."""

    @property
    def interval_s(self) -> float:
        """LATEST: how long to wait before rendering again."""

    def concerns(self, fact: Fact) -> Any | None:
        """What to render of the event; None: nothing."""

    def merge_key(self, root: Any) -> str | None:
        """LATEST: what a newer rendering replaces."""

    async def render(self, root: Any, position: Position, *, resumable: bool = True) -> bytes:
        """Execute once and encode once: the payload of a `next` message.

        Not `resumable`: with a cursor that is refused as expired.
        """

    def opened(self, payload: bytes, opening: "Opening") -> bytes:
        """A rendered payload as the first of an operation; EVERY only."""

    def cursor(self, position: Position) -> str | None:
        """What resumes behind a position; None where nothing is resumed."""

    async def snapshot(self) -> "Snapshot":
        """The current state, and from which position on events are news to it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State at a position: roots to render, and the ids of later events that it already contains."""

    position: Position
    roots: Sequence[Any]
    contained: frozenset[str]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first frame of an operation tells beside its event."""

    resumed: bool
    """It goes on where a cursor left off, nothing missing; else what a client held before is void."""
    snapshot_events: int | None = None
    """How many SNAPSHOT events come, this one included; None: no snapshot was asked for."""
