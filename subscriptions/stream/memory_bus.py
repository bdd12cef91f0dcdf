"""The bus of a single process: the embedded default, and the reference for the contract tests.

The history is bounded by its memory and ends with the process: the relay fills a new bus from the outbox, so
positions survive a restart as far as the outbox goes back.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from subscriptions.stream.bus import BusBehind, Entry, Message, Position, PositionLost
from subscriptions.stream.fan_out import FanOut, Listener
from subscriptions.stream.watchers import Watcher, Watchers


class MemoryBus:
    """See `Bus`. Entries reach the listeners' buffers before `publish` returns."""

    def __init__(self, *, history_max: int, buffer_max: int, watch_keys_max: int) -> None:
        self._fan_out = FanOut(remember_max=history_max, buffer_max=buffer_max)
        self._watchers = Watchers(keys_max=watch_keys_max)

    @property
    def healthy(self) -> bool:
        return True

    @property
    def reachable(self) -> bool:
        return True

    @property
    def trouble(self) -> None:
        return None

    @property
    def position(self) -> Position | None:
        return self._fan_out.position

    @property
    def listener_count(self) -> int:
        """The number of registered listeners and watchers."""
        return self._fan_out.listener_count + self._watchers.count

    async def publish(self, epoch: str, entries: Sequence[tuple[int, bytes]], *, begin: bool = False) -> None:
        if not entries:
            return
        first, last = entries[0][0], self._fan_out.position
        held = last.offset if last is not None and last.epoch == epoch else None
        if first > (held or 0) + 1 or (held is None and last is not None):
            if not begin:
                raise BusBehind(last)
            held = None
        new = [Entry(Position(epoch, offset), payload) for offset, payload in entries if offset > (held or 0)]
        self._fan_out.deliver(new)

    async def last_position(self) -> Position | None:
        return self._fan_out.position

    @asynccontextmanager
    async def listen(self, after: Position | None) -> AsyncIterator[Listener]:
        listener = self._fan_out.join(after)
        try:
            self._require_held(after, listener)
            yield listener
        finally:
            self._fan_out.leave(listener)

    async def broadcast(self, topic: str, messages: Sequence[Message]) -> None:
        self._watchers.deliver(topic, messages)

    def watch(self, topic: str) -> AbstractAsyncContextManager[Watcher]:
        return self._watchers.watch(topic)

    async def run(self) -> None:
        """Nothing to read: publishing delivers."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        self._fan_out.end_all(StopAsyncIteration, "the bus is closed")
        self._watchers.end_all()

    def _require_held(self, after: Position | None, listener: Listener) -> None:
        newest = self._fan_out.position
        if after is None or newest is None:
            return
        if after.offset > newest.offset or listener.starts_after > after.offset:
            raise PositionLost(f"{after} is outside the events kept up to {newest}")
