"""A real gateway behind a database proxy, to be killed and started again, in a market that does not move."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from redis.asyncio import Redis

from desk.context import DeskContext
from domain.ids import Symbol
from feeds.redis_feed import publish
from gateway.settings import load_settings
from models.sql.database import Database
from tests.integration.crash_checks import VenueJournal, read_journal
from tests.kit.crash_gateway import RESENT, AtVenue, SharedClock, start_gateway
from tests.kit.crash_proxy import PostgresProxy
from tests.kit.desk_kit import APPLE, BOEING, NOON, Clock, DeskKit, quoted
from tests.kit.patience import ANY_TIME_S, PATIENCE_S
from tests.kit.servers import free_port

POLL_S = 0.02
LEASE_TTL_S = 30
"""So that a busy machine loses none; who died has its time over by the clock, see `Run.start`."""
PRICE_AGE_S = 86_400
"""A template's quotes stay good however long the runs before took."""
QUOTE_INTERVAL_S = 0.2
DISPLAYED = 200
"""Units that a quote shows: fewer than an order, so that orders fill in parts."""


@dataclass(frozen=True, slots=True)
class Scene:
    """In what a run differs: its market, and settings."""

    symbols: tuple[Symbol, ...] = (APPLE, BOEING)
    displayed: int = DISPLAYED
    quote_interval_s: float = QUOTE_INTERVAL_S
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the world has when everything has ended."""

    desk: DeskContext
    venue: VenueJournal
    published: Sequence[bytes]
    resent: list[str]
    """What the venue got twice, in words."""


class Run:
    """One gateway after another on one database, at noon of a trading day, in a market that does not move."""

    def __init__(
        self,
        proxy: PostgresProxy,
        database_url: str,
        redis: Redis,
        redis_url: str,
        directory: Path,
        scene: Scene = Scene(),
    ) -> None:
        self.clock = SharedClock(directory / "clock")
        self.clock.set(NOON)
        self._scene, self._database_url = scene, database_url
        self._redis: Any = redis
        self._directory = directory
        self._name = uuid4().hex
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self._environment = {
            "GATEWAY_DATABASE_URL": proxy.url,
            "GATEWAY_REDIS_URL": redis_url,
            "GATEWAY_PORT": str(port),
            "GATEWAY_FEED": "redis",
            "GATEWAY_FEED_STREAMS": f"{self._name}:quotes",
            "GATEWAY_BUS_NAME": self._name,
            "GATEWAY_DATA_DIRECTORY": str(directory),
            "GATEWAY_CLOSE_HOLD_S": "0",
            "GATEWAY_LEASE_TTL_S": str(LEASE_TTL_S),
            "GATEWAY_MAX_PRICE_AGE_S": str(PRICE_AGE_S),
            "GATEWAY_LEASE_RENEW_S": "0.1",
            "GATEWAY_PAPER_ACK_LATENCY_S": "0",
            "GATEWAY_PAPER_FILL_LATENCY_S": "0",
            "GATEWAY_LOG_FORMAT": "json",
            "GATEWAY_CLOCK_OFFSET_MAX_S": str(ANY_TIME_S),
            **scene.environment,
        }
        self._process: ForkServerProcess | None = None
        self._connection: asyncpg.Connection | None = None
        self._market = asyncio.create_task(self._move_market())

    @property
    def dead(self) -> bool:
        return self._process is None or not self._process.is_alive()

    @property
    def was_killed(self) -> bool:
        return self.dead and self._process is not None and self._process.exitcode == -signal.SIGKILL

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.join()

    def launch(self, dies_at: AtVenue | None) -> None:
        clock, log = self._directory / "clock", self._directory / "log"
        self._process = start_gateway(self._environment, log, clock, dies_at)

    async def start(self, dies_at: AtVenue | None) -> None:
        if self._process is not None:
            await self.let_lease_run_out()
        self.launch(dies_at)
        await self.until(self._leads, "the gateway to lead the desk")

    async def let_lease_run_out(self) -> None:
        """Let the lease of the dead process expire, by the clock of the desk and in the database."""
        self.clock.set(self.clock() + timedelta(seconds=LEASE_TTL_S))
        await self.execute("UPDATE lease SET expires_at = clock_timestamp() - interval '1 s'")

    async def end(self) -> None:
        self._market.cancel()
        await asyncio.wait([self._market])
        if not self.dead:
            self.kill()
        if self._connection is not None:
            await self._connection.close()
        await self._redis.delete(f"{self._name}:quotes", self._events, f"{{{self._name}}}:broadcasts")

    @asynccontextmanager
    async def aftermath(self) -> AsyncIterator[Aftermath]:
        """What is left when the last process is killed as well; the database is active meanwhile."""
        self.kill()
        database = Database(self._database_url, pool_size=1)
        await database.open()
        entries = await self._redis.xrange(self._events)
        resent = self._directory / RESENT
        try:
            with database.active():
                yield Aftermath(
                    desk=DeskKit(
                        Clock(self.clock()), settings=load_settings(max_price_age_s=PRICE_AGE_S)
                    ).desk,
                    venue=read_journal(self._directory / "paper_venue.jsonl"),
                    published=[fields[b"p"] for _, fields in entries],
                    resent=[f"sent again: {resent.read_text()}"] if resent.exists() else [],
                )
        finally:
            await database.close()

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await holds():  # noqa: ASYNC110 - the state of other processes has no event
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            log = (self._directory / "log").read_text(errors="replace")[-6000:]
            raise AssertionError(f"waited in vain for {what}:\n{log}") from None

    async def published(self) -> int:
        """How many events the bus holds."""
        return int(await self._redis.xlen(self._events))

    @property
    def _events(self) -> str:
        return f"{{{self._name}}}:events"

    async def _leads(self) -> bool:
        assert not self.dead, (self._directory / "log").read_text(errors="replace")[-6000:]
        try:
            async with httpx.AsyncClient(verify=False) as client:
                checks = (await client.get(f"{self.url}/readyz")).json()
        except httpx.TransportError:
            return False
        return bool(checks["leader"] and checks["status"] == "ready")

    async def _move_market(self) -> None:
        """The same prices again and again, so that the displayed size is there to be hit again."""
        while True:
            shown = Decimal(self._scene.displayed)
            quotes = [
                replace(quoted(symbol, 100, self.clock()), bid_size=shown, ask_size=shown)
                for symbol in self._scene.symbols
            ]
            await publish(self._redis, f"{self._name}:quotes", quotes)
            await asyncio.sleep(self._scene.quote_interval_s)

    async def execute(self, sql: str) -> None:
        await (await self._connected()).execute(sql)

    async def one(self, sql: str) -> asyncpg.Record:
        row = await (await self._connected()).fetchrow(sql)
        assert row is not None
        return row

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._database_url)
        return self._connection
