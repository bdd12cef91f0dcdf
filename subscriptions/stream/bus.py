"""The event bus: one ordered stream of published events, and short-lived broadcasts beside it.

Positions. The relay gives every event an offset, counted 1, 2, 3 ... without gaps inside an epoch. The epoch
names the history to which the offsets belong; it changes only if that history is replaced (a new database),
and then positions of the old epoch are meaningless. An offset of an epoch is the same event for ever.

Guarantees of an implementation:

- Every listener, in every process, gets the entries in offset order, none missing and none twice. If that
  cannot be kept, the listener gets an error (`PositionLost`, `SlowConsumer`); entries are never lost
  silently.
- `publish` either stores all entries or raises. Publishing entries that the bus already has changes nothing,
  so a publisher may always repeat itself, and two publishers cannot double or reorder entries.
- Publishing never waits for a listener, and a slow listener affects only itself.
- The history is bounded. Older entries are in the outbox (`subscriptions.stream.event_stream`).
- Broadcasts are delivered at most once, and a slow watcher keeps only the newest message of each key.
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
    """One published event and its position."""

    position: Position
    payload: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One broadcast; a newer message of the same topic and key replaces it."""

    key: str
    payload: bytes


class PositionLost(Exception):
    """The stream cannot be continued from there: trimmed, of another epoch, or ahead of the stream."""


class SlowConsumer(Exception):
    """The listener's buffer was full: it read everything that was buffered, and nothing after that."""


class BusUnavailable(Exception):
    """The bus could not be reached; whether the last message arrived is unknown, so send it again."""


class BusBehind(Exception):
    """These entries would leave a gap: the bus ends at `last` (None: it is empty)."""

    def __init__(self, last: Position | None) -> None:
        super().__init__(f"the bus ends at position {last}")
        self.last = last


class Bus(Protocol):
    """The interface of an event bus; the module's docstring states its guarantees."""

    @property
    def healthy(self) -> bool:
        """Whether entries published now would reach this process's listeners now."""

    @property
    def reachable(self) -> bool:
        """Whether its server answers this process, even if only with a refusal."""

    @property
    def trouble(self) -> str | None:
        """Why it is not healthy, in words for the operator; None while it is."""

    @property
    def position(self) -> Position | None:
        """The newest entry that this process has seen, or None. Needs no I/O; may lag behind
        `last_position`.
        """

    async def publish(self, epoch: str, entries: Sequence[tuple[int, bytes]], *, begin: bool = False) -> None:
        """Append (offset, payload) pairs of consecutive offsets, skipping those that the bus has already.

        Raises BusBehind, without a change, if they do not continue the bus's entries. With `begin` they then
        replace these and start a new history, in which every listener loses its position. An empty bus
        accepts offset 1 without `begin`.
        """

    async def last_position(self) -> Position | None:
        """The newest entry of the whole bus, from any publisher; None if it is empty."""

    def listen(self, after: Position | None) -> AbstractAsyncContextManager[AsyncIterator[Entry]]:
        """Entries after a position (None: from now on), for one consumer.

        The listener is registered when the `async with` body begins: entries published from then on arrive,
        however late the first iteration. Entering raises PositionLost if the bus cannot continue from
        `after`. Iterating ends when the bus is closed, and raises, after the entries that were still in
        order, PositionLost if the history breaks off and SlowConsumer if the bounded buffer was full.
        """

    async def broadcast(self, topic: str, messages: Sequence[Message]) -> None:
        """Send to every watcher of the topic in every process, without a guarantee of arrival. Keys must not
        be empty.
        """

    def watch(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Broadcasts of a topic from the beginning of the `async with` body on, for one consumer."""

    async def run(self) -> None:
        """Deliver entries from all publishers to the listeners of this process, until cancelled.

        Runs once per process, supervised. It survives the loss of its server without a gap. Until it has run,
        `listen` waits.
        """

    async def close(self) -> None:
        """End every listener and watcher and release connections."""
