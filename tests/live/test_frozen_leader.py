"""A leader that stands still keeps the venue's journal locked: its successor watches margin all the same."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from feeds.redis_feed import publish
from models.sql.database import Database, fetch
from tests.kit.crash_gateway import SharedClock, start_gateway
from tests.kit.desk_kit import APPLE, NOON, Clock, DeskKit, quoted
from tests.kit.patience import ANY_TIME_S, PATIENCE_S
from tests.kit.servers import free_port, fresh_database
from venues.paper import PaperVenue
from venues.paper_journal import JournalInUse

POLL_S = 0.05


@dataclass(slots=True)
class Gateway:
    """One process of the desk."""

    process: ForkServerProcess
    url: str

    def signal(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    async def checks(self) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
                return dict((await client.get(f"{self.url}/readyz")).json())
        except httpx.TransportError:
            return {}


@dataclass(slots=True)
class Desk:
    """Processes that share database, Redis and the venue's journal."""

    environment: dict[str, str]
    directory: Path
    clock: SharedClock
    redis: Redis
    stream: str

    @contextmanager
    def gateway(self) -> Iterator[Gateway]:
        """Killed at the end, also when it stands still."""
        port = free_port()
        process = start_gateway(
            self.environment | {"GATEWAY_PORT": str(port)}, self.directory / "log", self.directory / "clock"
        )
        gateway = Gateway(process, f"http://127.0.0.1:{port}")
        try:
            yield gateway
        finally:
            process.kill()
            process.join()

    async def says(self, price: int) -> None:
        await publish(self.redis, self.stream, [quoted(APPLE, price, self.clock())])


@pytest.fixture
async def desk(
    postgres_url: str, migrated_postgres: str, redis_url: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    """An account that is called when the price falls to 60."""
    name = uuid4().hex
    async with (
        fresh_database(postgres_url, copy_of=migrated_postgres) as url,
        Redis.from_url(redis_url) as redis,
    ):
        database = Database(url, pool_size=1)
        await database.open()
        with database.active():
            kit = DeskKit(Clock(NOON))
            await kit.instrument(APPLE)
            await kit.account("M1", -50_000, {APPLE: 1000})
            clock = SharedClock(tmp_path / "clock")
            clock.set(NOON)
            environment = {
                "GATEWAY_DATABASE_URL": url,
                "GATEWAY_REDIS_URL": redis_url,
                "GATEWAY_FEED": "redis",
                "GATEWAY_FEED_STREAMS": f"{name}:quotes",
                "GATEWAY_BUS_NAME": name,
                "GATEWAY_DATA_DIRECTORY": str(tmp_path),
                "GATEWAY_LEASE_TTL_S": "2",
                "GATEWAY_LEASE_RENEW_S": "0.2",
                "GATEWAY_LOG_FORMAT": "json",
                "GATEWAY_CLOCK_OFFSET_MAX_S": str(ANY_TIME_S),
            }
            yield Desk(environment, tmp_path, clock, redis, f"{name}:quotes")
        await database.close()


async def until(gateway: Gateway, log: Path, **wanted: Any) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not wanted.items() <= (await gateway.checks()).items():  # noqa: ASYNC110 - another process
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        said = await asyncio.to_thread(log.read_text)
        raise AssertionError(f"waited in vain for {wanted}:\n{said[-6000:]}") from None


async def test_the_successor_of_a_frozen_leader_opens_a_case_while_the_journal_is_locked(desk: Desk) -> None:
    log = desk.directory / "log"
    with desk.gateway() as first:
        await desk.says(100)
        await until(first, log, leader=True, trading=True, status="ready")
        with desk.gateway() as second:
            await until(second, log, leader=False, status="ready")
            first.signal(signal.SIGSTOP)
            await until(second, log, leader=True)
            async with asyncio.timeout(PATIENCE_S):
                while not await fetch("SELECT id FROM margin_case"):
                    await desk.says(60)
                    await asyncio.sleep(POLL_S)
            await until(second, log, leader=True, trading=False, workers=True, status="degraded")
            with pytest.raises(JournalInUse):
                PaperVenue(desk.clock, desk.directory / "paper_venue.jsonl")
            first.process.kill()
            first.process.join()
            await until(second, log, leader=True, trading=True, status="ready")
    assert log.read_text().count("the venue cannot be opened") == 1
