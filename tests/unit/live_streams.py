"""A small live feed for tests: a real bus, a history of any length, and readers that note what they get."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from models.outbox import OutboxRow, StreamHead
from subscriptions.live.group import LiveLimits
from subscriptions.live.metrics import LiveMetrics
from subscriptions.live.operation import Delivery, Opening, Operation, Snapshot
from subscriptions.live.payload import AtHand, SharedPayload
from subscriptions.live.rendered import Batch
from subscriptions.live.shared import FactReader, LiveFeed
from subscriptions.stream.bus import Bus, Position
from subscriptions.stream.event_stream import EventStream
from tests.kit.patience import PATIENCE_S

EPOCH = "epoch"
AT = datetime(2020, 3, 9, 16, 0, tzinfo=UTC)
LIMITS = LiveLimits(
    group_backlog=1000, remembered_bytes=10_000, catch_up_frames=1000, linger_s=0.05, lingering_groups=100
)


@dataclass(slots=True)
class Ledger:
    """The outbox as far as it matters here: rows by offset, the oldest of which may be forgotten."""

    epoch: str = EPOCH
    rows: list[OutboxRow] = field(default_factory=list)
    last_offset: int = 0

    def append(self, payload: str) -> OutboxRow:
        self.last_offset += 1
        row = OutboxRow(self.last_offset, payload.encode(), AT)
        self.rows.append(row)
        return row

    def prune(self, until: int) -> None:
        self.rows = [row for row in self.rows if row.offset > until]

    async def stream_head(self) -> StreamHead:
        first = self.rows[0].offset if self.rows else self.last_offset + 1
        return StreamHead(self.epoch, first, self.last_offset)

    async def published_after(self, offset: int, limit: int) -> Sequence[OutboxRow]:
        return [row for row in self.rows if row.offset > offset][:limit]


class Topic:
    """A subscription to facts that begin with a word; `gate` holds back its executions."""

    def __init__(
        self, word: str = "", delivery: Delivery = Delivery.EVERY, postings: Sequence[Hashable] = ((),)
    ) -> None:
        self.key: Hashable = (word, delivery)
        self.field = word or "everything"
        self.delivery = delivery
        self.postings = postings
        self.interval_s = 0.0
        self.word = word
        self.looked_at = self.rendered = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails_on: str | None = None
        self.waits_on: str | None = None
        self.at_hand: set[str] = set()
        """The facts that are rendered at once."""
        self.outages = 0
        """So many executions find no database."""

    def concerns(self, fact: str) -> str | None:
        self.looked_at += 1
        return fact if fact.startswith(self.word) else None

    def merge_key(self, root: str) -> str | None:
        return None if self.delivery is Delivery.EVERY else root.split()[0]

    def render_at_once(self, root: str, position: Position) -> AtHand | None:
        if root not in self.at_hand:
            return None
        self.rendered += 1
        return AtHand(SharedPayload(root.encode(), b"mark"), b"here")

    async def render(self, root: str, position: Position, *, resumable: bool = True) -> bytes:
        await self.gate.wait()
        if root == self.waits_on:
            await asyncio.Event().wait()
        if self.outages:
            self.outages -= 1
            raise OSError("no database")
        if root == self.fails_on:
            raise ZeroDivisionError(root)
        self.rendered += 1
        return root.encode()

    def opened(self, payload: bytes, opening: Opening) -> bytes:
        return payload

    def cursor(self, position: Position) -> str | None:
        return None

    async def snapshot(self) -> Snapshot:
        return Snapshot(Position(EPOCH, 0), (), frozenset())


class Reader:
    """A member that notes what it gets; a slow one has room only when told."""

    def __init__(self, *, slow: bool = False, subject: str = "reader") -> None:
        self.subject = subject
        self.got: list[tuple[int, str]] = []
        self.lost_because: str | None = None
        self._slow = slow
        self._rooms: deque[asyncio.Future[None]] = deque()

    @property
    def offsets(self) -> list[int]:
        return [offset for offset, _ in self.got]

    def deliver(self, batch: Batch) -> bool:
        self.got += [(each.event.position.offset, each.payload.decode()) for each in batch.rendered]
        return True

    async def room(self) -> None:
        if self._slow:
            self._rooms.append(asyncio.get_running_loop().create_future())
            await self._rooms[-1]

    def make_room(self) -> None:
        self._slow = False
        while self._rooms:
            self._rooms.popleft().set_result(None)

    def lost(self, reason: str) -> None:
        self.lost_because = reason


@dataclass(slots=True)
class World:
    """Ledger, bus, and a feed that runs over them."""

    ledger: Ledger
    bus: Bus
    feed: LiveFeed
    metrics: LiveMetrics
    running: "asyncio.Task[None]"

    async def happen(self, *facts: str) -> None:
        """Write and publish them."""
        await self.publish([self.ledger.append(fact) for fact in facts])

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        await self.bus.publish(self.ledger.epoch, [(row.offset, row.payload) for row in rows])

    async def join(self, topic: Operation, reader: Reader, after: int | None = None) -> None:
        await self.feed.join(topic, reader, None if after is None else Position(self.ledger.epoch, after))


async def until(holds: Any) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def world(bus: Bus, ledger: Ledger | None = None, limits: LiveLimits = LIMITS) -> AsyncIterator[World]:
    """A feed that reads the bus until the end of the block."""
    ledger, metrics = ledger or Ledger(), LiveMetrics()
    feed = LiveFeed(
        EventStream(bus, ledger, page_max=7),
        limits,
        FactReader(
            decode=bytes.decode,
            postings_of=lambda fact: ((), fact.split()[0]),
            describe=lambda fact: (fact, AT.timestamp()),
        ),
        metrics,
    )
    reading = asyncio.create_task(bus.run())
    running = asyncio.create_task(feed.run())
    try:
        yield World(ledger, bus, feed, metrics, running)
    finally:
        await feed.close()
        for task in (running, reading):
            task.cancel()
        await asyncio.gather(running, reading, return_exceptions=True)
        await bus.close()
