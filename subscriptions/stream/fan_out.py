"""The process-local half of every bus: the newest entries in memory, and the listeners that receive them.

Nothing here awaits a listener. A listener is a bounded buffer with one reader: a full buffer ends that
listener only. Resuming within the remembered entries needs no I/O.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Self

from subscriptions.stream.bus import Entry, Position, PositionLost, SlowConsumer


class Listener:
    """An iterator over entries, for one consumer; see `Bus.listen` for how it ends."""

    __slots__ = ("_backlog", "_buffer", "_buffer_max", "_ending", "_news", "starts_after")

    def __init__(self, starts_after: int, backlog: Sequence[Entry], buffer_max: int) -> None:
        self.starts_after = starts_after
        self._backlog = deque(backlog)
        self._buffer: deque[Entry] = deque()
        self._buffer_max = buffer_max
        self._ending: tuple[type[Exception], str] | None = None
        self._news = asyncio.Event()

    def push(self, entries: Sequence[Entry]) -> bool:
        """Add consecutive entries, skipping those up to `starts_after`; False if they did not all fit."""
        if entries[0].position.offset <= self.starts_after:
            entries = [entry for entry in entries if entry.position.offset > self.starts_after]
        room = self._buffer_max - len(self._buffer)
        self._buffer.extend(entries[:room])
        self._news.set()
        return len(entries) <= room

    @property
    def crowded(self) -> bool:
        """Whether more than half of the buffer is occupied."""
        return len(self._buffer) * 2 > self._buffer_max

    def end(self, kind: type[Exception], reason: str) -> None:
        """How the listener ends after the buffered entries; the first call counts."""
        self._ending = self._ending or (kind, reason)
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Entry:
        if self._backlog:
            return self._backlog.popleft()
        while not self._buffer:
            if self._ending is not None:
                kind, reason = self._ending
                raise kind(reason)
            self._news.clear()
            await self._news.wait()
        return self._buffer.popleft()


class FanOut:
    """The newest `remember_max` entries of one epoch, without gaps, and the listeners of this process."""

    def __init__(self, *, remember_max: int, buffer_max: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=remember_max)
        self._buffer_max = buffer_max
        self._listeners: set[Listener] = set()
        self._position: Position | None = None

    @property
    def position(self) -> Position | None:
        """The newest entry, or the start of an empty history; None before anything is known."""
        return self._position

    @property
    def listener_count(self) -> int:
        return len(self._listeners)

    @property
    def crowded(self) -> bool:
        """Whether a listener's buffer is more than half full."""
        return any(listener.crowded for listener in self._listeners)

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Remember and deliver consecutive entries; entries that do not continue the history replace it."""
        if not entries:
            return
        first = entries[0].position
        if self._position != Position(first.epoch, first.offset - 1):
            self.begin(Position(first.epoch, first.offset - 1))
        self._entries.extend(entries)
        self._position = entries[-1].position
        for listener in [listener for listener in self._listeners if not listener.push(entries)]:
            self._listeners.discard(listener)
            listener.end(SlowConsumer, f"more than {self._buffer_max} entries are waiting")

    def join(self, after: Position | None) -> Listener:
        """Register a listener after `after` (None: after the newest entry); `leave` unregisters it.

        If memory does not reach back far enough, the listener begins at the oldest remembered entry: compare
        its `starts_after`. A position ahead of the newest entry is waited for. Raises PositionLost for
        another epoch.
        """
        if after is None:
            listener = Listener(0, (), self._buffer_max)
        elif self._position is None or after.epoch != self._position.epoch:
            raise PositionLost(f"the stream is at {self._position}, which is not of epoch {after.epoch}")
        else:
            forgotten = self._position.offset - len(self._entries)
            starts_after = max(after.offset, forgotten)
            newest_first = islice(reversed(self._entries), max(0, self._position.offset - starts_after))
            listener = Listener(starts_after, list(newest_first)[::-1], self._buffer_max)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Unregister; safe to repeat."""
        self._listeners.discard(listener)

    def end_all(self, kind: type[Exception], reason: str) -> None:
        """End every listener after its buffered entries."""
        for listener in self._listeners:
            listener.end(kind, reason)
        self._listeners.clear()

    def begin(self, position: Position) -> None:
        """Forget everything and continue after a position; all listeners have lost their position."""
        if self._position is not None:
            self.end_all(PositionLost, f"the stream was interrupted at {self._position}")
        self._entries.clear()
        self._position = position
