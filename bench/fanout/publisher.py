"""Plays the relay: events on the Redis stream, at consecutive offsets, from a thread of its own."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress

from subscriptions.stream.redis_bus import RedisBus
from subscriptions.stream.redis_limits import BusLimits


class Publisher:
    """Context manager; for one stream."""

    def __init__(self, redis_url: str, bus_name: str, epoch: str) -> None:
        self._url, self._name, self._epoch = redis_url, bus_name, epoch
        self._offset = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "Publisher":
        self._thread.start()
        self._bus = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._bus.close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def publish(self, texts: Sequence[bytes]) -> None:
        """Publish soon, all at once and in order; a failure is noticed by what does not arrive."""
        first = self._offset + 1
        self._offset += len(texts)
        entries = list(enumerate(texts, start=first))
        asyncio.run_coroutine_threadsafe(self._bus.publish(self._epoch, entries), self._loop)

    async def _open(self) -> RedisBus:
        limits = BusLimits(history_max=10_000, remember_max=1, buffer_max=1, watch_keys_max=1)
        return RedisBus(self._url, self._name, limits)
