"""The world outside of the desk, in the hands of a test: time, and what market and book of record say."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from feeds.base import FeedBatch, FeedMessage, Receipt
from tests.kit.patience import PATIENCE_S

MORNING = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)
"""A Monday, 10:00 in Hong Kong."""


@dataclass(slots=True)
class Clock:
    """Stands still until it is moved."""

    now: datetime = MORNING

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **time: float) -> None:
        self.now += timedelta(**time)


class Market:
    """What the outside world says. It outlives any one feed: what was not acknowledged is said again."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[FeedBatch, asyncio.Event]] = deque()
        self.news = asyncio.Event()
        self.rejected: list[tuple[FeedMessage, str]] = []

    async def says(self, *messages: FeedMessage) -> None:
        """Returns when the desk has taken it."""
        batch = FeedBatch("test", messages, tuple(Receipt(str(n)) for n in range(len(messages))))
        taken = asyncio.Event()
        self.waiting.append((batch, taken))
        self.news.set()
        async with asyncio.timeout(PATIENCE_S):
            await taken.wait()


class PushFeed:
    """A `Feed` of what a `Market` says."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._closed = False

    async def batches(self) -> AsyncGenerator[FeedBatch]:
        while not self._closed:
            self._market.news.clear()
            if self._market.waiting:
                yield self._market.waiting[0][0]
            else:
                await self._market.news.wait()

    async def acknowledge(self, batch: FeedBatch) -> None:
        if self._market.waiting and self._market.waiting[0][0] is batch:
            self._market.waiting.popleft()[1].set()

    async def reject(self, batch: FeedBatch, index: int, reason: str) -> None:
        self._market.rejected.append((batch.messages[index], reason))

    async def close(self) -> None:
        self._closed = True
        self._market.news.set()
