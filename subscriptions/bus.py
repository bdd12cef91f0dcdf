"""The event bus: one ordered stream of published events, and short-lived broadcasts beside it.

Positions. The relay gives every event an offset, counted 1, 2, 3 ... without holes inside an epoch. The epoch
names the history that the offsets belong to; it changes only when that history is replaced (a new database),
and then positions of the old epoch mean nothing. An offset of an epoch is the same event for ever.

Guarantees of an implementation
- Every listener, in every process, sees the entries in offset order, none missing and none twice. When that
  cannot be kept the listener is told (`PositionLost`, `SlowConsumer`); it is never kept silently.
- `publish` either holds all entries or raises. Publishing what the bus already holds changes nothing, so a
  publisher may always repeat itself, and two publishers cannot double or reorder.
- Publishing never waits for a listener, and a slow listener costs only itself.
- History is bounded. Whoever needs more reads the outbox (`subscriptions.stream`).
- Broadcasts are at most once, and a slow watcher keeps only the newest message of each key.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream; "after" a position means the entries with greater offsets of its epoch."""

    epoch: str
    offset: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One published event and where it stands."""

    position: Position
    payload: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One broadcast; a newer message of the same topic and key makes this one worthless."""

    key: str
    payload: bytes


class PositionLost(Exception):
    """The stream cannot be continued from there: trimmed, of another epoch, or ahead of the stream."""


class SlowConsumer(Exception):
    """The listener's buffer was full: it read everything that was buffered, and nothing after that."""


class BusUnavailable(Exception):
    """The bus could not be reached; nothing is known about what was sent last, so send it again."""


class BusBehind(Exception):
    """These entries would leave a hole: the bus ends at `last` (None: it is empty)."""

    def __init__(self, last: Position | None) -> None:
        super().__init__(f"the bus ends at position {last}")
        self.last = last


class Bus(Protocol):
    """What an event bus does; see the module for what it promises."""

    @property
    def healthy(self) -> bool:
        """Whether entries published now would reach this process's listeners now."""

    @property
    def reachable(self) -> bool:
        """Whether its server answers this process, be it only to refuse."""

    @property
    def trouble(self) -> str | None:
        """Why it is not healthy, in words for an operator; None while it is."""

    @property
    def position(self) -> Position | None:
        """The newest entry that this process has seen, or None. Costs nothing; may lag `last_position`."""

    async def publish(self, epoch: str, entries: Sequence[tuple[int, bytes]], *, begin: bool = False) -> None:
        """Append (offset, payload) pairs of consecutive offsets, skipping those that the bus holds already.

        Raises BusBehind, having changed nothing, when they do not continue what the bus holds. With `begin`
        they then replace it and start a new history, which costs every listener its position. An empty bus
        takes offset 1 without `begin`.
        """

    async def last_position(self) -> Position | None:
        """The newest entry of the whole bus, whoever published it; None when it is empty."""

    def listen(self, after: Position | None) -> AbstractAsyncContextManager[AsyncIterator[Entry]]:
        """Entries after a position (None: from now on), for one consumer.

        The listener is registered when the `async with` body begins: what is published from then on arrives,
        however late the first iteration. Entering raises PositionLost when the bus cannot continue from
        `after`. Iterating ends when the bus is closed, and raises, after the entries that were still in
        order, PositionLost when the history breaks off and SlowConsumer when the bounded buffer was full.
        """

    async def broadcast(self, topic: str, messages: Sequence[Message]) -> None:
        """Tell every watcher of the topic in every process; no guarantee of arrival. Keys are not empty."""

    def watch(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Broadcasts of a topic from the beginning of the `async with` body on, for one consumer."""

    async def run(self) -> None:
        """Bring what is published anywhere to the listeners of this process, until cancelled.

        Runs once per process, supervised. It survives the loss of its server by itself, without a gap.
        Until it has run, `listen` waits.
        """

    async def close(self) -> None:
        """End every listener and watcher and release connections."""
