"""The shared feed's order and haste, without a server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from subscriptions.bus import Entry, Position
from subscriptions.metrics import LiveMetrics
from subscriptions.operation import Delivery, Opening, Snapshot
from subscriptions.shared import Batch, LiveFeed, LiveLimits

LIMITS = LiveLimits(group_backlog=100, remembered_bytes=10_000, catch_up_frames=100, linger_s=1)


class Script:
    """A stream that says what it is told to."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Entry] = asyncio.Queue()
        self._offset = 0

    def say(self, *payloads: str) -> None:
        for payload in payloads:
            self._offset += 1
            self.said.put_nowait(Entry(Position("e", self._offset), payload.encode()))

    async def position_now(self) -> Position:
        return Position("e", 0)

    @asynccontextmanager
    async def entries(self, after: Position | None) -> AsyncIterator[AsyncIterator[Entry]]:
        yield self._entries()

    async def _entries(self) -> AsyncIterator[Entry]:
        while True:
            yield await self.said.get()


class SlowOperation:
    """Wants everything, and renders an event when it is allowed to."""

    key = field = "slow"
    delivery = Delivery.EVERY
    postings: Sequence[str] = ("any",)
    interval_s = 0.0

    def __init__(self) -> None:
        self.allowed = asyncio.Semaphore(0)

    def concerns(self, fact: Any) -> Any:
        return fact

    def merge_key(self, root: Any) -> None:
        return None

    async def render(self, root: Any, position: Position, *, resumable: bool = True) -> bytes:
        await self.allowed.acquire()
        return bytes(root)

    def opened(self, payload: bytes, opening: Opening) -> bytes:
        return payload

    def cursor(self, position: Position) -> str | None:
        return None

    async def snapshot(self) -> Snapshot:
        raise NotImplementedError


class Listener:
    """A member that remembers."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.news = asyncio.Event()

    def deliver(self, batch: Batch) -> bool:
        self.heard += [each.payload for each in batch.rendered]
        self.news.set()
        return True

    async def room(self) -> None:
        pass

    def lost(self, reason: str) -> None:
        raise AssertionError(reason)


async def test_a_rendered_event_does_not_wait_for_a_slow_one_behind_it() -> None:
    stream, operation, listener = Script(), SlowOperation(), Listener()
    feed = LiveFeed(
        stream,
        LIMITS,
        decode=lambda payload: payload,
        postings_of=lambda _: ("any",),
        describe=lambda fact: (fact.decode(), 0.0),
        metrics=LiveMetrics(),
    )
    reading = asyncio.create_task(feed.run())
    await feed.join(operation, listener, None)
    stream.say("first", "second", "third")
    operation.allowed.release()
    async with asyncio.timeout(5):
        await listener.news.wait()
    # The second one is being rendered, and will be until somebody allows it.
    assert listener.heard == [b"first"]
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await feed.close()
