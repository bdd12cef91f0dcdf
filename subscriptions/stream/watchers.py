"""Broadcasts inside one process: a watcher keeps the newest message of each key until it is read."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from subscriptions.stream.bus import Message


class Watcher:
    """An iterator over the newest message per key, oldest key first, for one consumer."""

    __slots__ = ("_ended", "_keys_max", "_latest", "_news")

    def __init__(self, keys_max: int) -> None:
        self._latest: dict[str, bytes] = {}
        self._keys_max = keys_max
        self._ended = False
        self._news = asyncio.Event()

    def push(self, messages: Sequence[Message]) -> None:
        """Replace unread messages; a replaced key keeps its place in the queue, so that none starves."""
        for message in messages:
            if message.key not in self._latest and len(self._latest) >= self._keys_max:
                del self._latest[next(iter(self._latest))]
            self._latest[message.key] = message.payload
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while not self._latest:
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        key = next(iter(self._latest))
        return Message(key, self._latest.pop(key))


class Watchers:
    """The watchers of every topic in this process."""

    def __init__(self, *, keys_max: int) -> None:
        self._keys_max = keys_max
        self._by_topic: defaultdict[str, set[Watcher]] = defaultdict(set)

    @property
    def count(self) -> int:
        return sum(len(watchers) for watchers in self._by_topic.values())

    def deliver(self, topic: str, messages: Sequence[Message]) -> None:
        """Give messages to the topic's watchers without waiting for any."""
        for watcher in self._by_topic.get(topic, ()):
            watcher.push(messages)

    @asynccontextmanager
    async def watch(self, topic: str) -> AsyncIterator[Watcher]:
        """A watcher that is registered for the length of the block."""
        watcher = Watcher(self._keys_max)
        self._by_topic[topic].add(watcher)
        try:
            yield watcher
        finally:
            self._by_topic[topic].discard(watcher)
            if not self._by_topic[topic]:
                del self._by_topic[topic]

    def end_all(self) -> None:
        for watchers in self._by_topic.values():
            for watcher in watchers:
                watcher.end()
