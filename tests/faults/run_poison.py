"""Feeds poison to a desk that serves, and sees what became of each message and how late the good ones are."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from domain.inputs import DeadReason, InputKind, InputResult
from gateway.startup.book_import import import_book
from models.sql.database import Database, fetch
from models.sql.values import decimal
from tests.faults.poison import Said, messages
from tests.kit.book_files import a_book, a_client, an_account, owing
from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.patience import PATIENCE_S

PUBLISHED_AT_A_TIME = 20
POLL_S = 0.01


Outcomes = Counter[tuple[InputKind, InputResult]]


def accounted(outcomes: Outcomes) -> Outcomes:
    """The final outcomes of the messages.

    Superseded quotes count as used, since their number depends only on how messages are batched. Held
    messages are left out, since each was delivered again.
    """
    counted = Counter({key: count for key, count in outcomes.items() if key[1] is not InputResult.HELD})
    counted[InputKind.QUOTE, InputResult.USED] += counted.pop((InputKind.QUOTE, InputResult.SUPERSEDED), 0)
    return counted


@dataclass(slots=True)
class Report:
    """What was said, and when each good message was said and found to be used."""

    outcomes: Outcomes = field(default_factory=Counter)
    dead: Counter[DeadReason] = field(default_factory=Counter)
    said_at: dict[int, float] = field(default_factory=dict)
    used_at: dict[int, float] = field(default_factory=dict)

    def note(self, said: Said, now: float) -> None:
        if said.poison is None:
            assert said.good is not None
            self.outcomes[InputKind.QUOTE, InputResult.USED] += 1
            self.said_at[said.good] = now
            return
        self.outcomes[said.poison.kind, said.poison.result] += 1
        if said.poison.dead is not None:
            self.dead[said.poison.dead] += 1

    @property
    def late_s(self) -> list[float]:
        """The delay of each good message from its publication to its use.

        A message superseded by a newer one counts as used with that one.
        """
        late = []
        for good, said_at in self.said_at.items():
            used = [moment for number, moment in self.used_at.items() if number >= good]
            late.append(min(used) - said_at)
        return late


@asynccontextmanager
async def fed_desk(
    directory: Path, redis_url: str, database_url: str, **settings: Any
) -> AsyncIterator[LiveDesk]:
    """With accounts M1 and M2, reading a stream of its own."""
    database = Database(database_url, pool_size=1)
    await database.open()
    with database.active():
        book = a_book(a_client("C1", owing("M1")), a_client("C2", an_account("M2", "0", {})))
        await import_book(book, datetime.now(UTC), lambda clients: None)
    await database.close()
    named = {"feed": "redis", "feed_streams": f"test:{uuid4()}", "bus_name": uuid4().hex}
    async with served_desk(
        directory, redis_url=redis_url, database_url=database_url, **(named | settings)
    ) as desk:
        yield desk


async def feed_poison(desk: LiveDesk, redis: Redis, count: int, pause_s: float = 0.0) -> Report:
    """Returns when everything said is accounted for."""
    report, stream = Report(), desk.resources.settings.feed_streams[0]
    clock = asyncio.get_running_loop().time
    watching = asyncio.create_task(_watch(desk, report, count))
    batch: list[Said] = []
    for said in messages(count):
        batch.append(said)
        if len(batch) == PUBLISHED_AT_A_TIME:
            await _publish(redis, stream, batch, report, clock())
            batch = []
            await asyncio.sleep(pause_s)
    await _publish(redis, stream, batch, report, clock())
    async with asyncio.timeout(PATIENCE_S):
        while accounted(desk.resources.feed_watch.counts.outcomes).total() < count:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        await asyncio.wait({watching})
        # A dead letter is written before its batch is acknowledged, and counted before that.
        while (await redis.xpending(stream, "desk"))["pending"]:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(POLL_S)
    return report


async def _publish(redis: Redis, stream: str, batch: list[Said], report: Report, now: float) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        for said in batch:
            report.note(said, now)
            pipeline.xadd(stream, {"message": said.raw})
        if batch:
            await pipeline.execute()


async def _watch(desk: LiveDesk, report: Report, count: int) -> None:
    """Until everything was said and the last good message is used."""
    with desk.resources.database.active():
        last = 0
        while report.outcomes.total() < count or last < max(report.said_at):
            rows = await fetch("SELECT last_price FROM quote WHERE symbol = '5.HK'")
            last = int(decimal(rows[0]["last_price"])) if rows else 0
            report.used_at.setdefault(last, asyncio.get_running_loop().time())
            await asyncio.sleep(POLL_S)
