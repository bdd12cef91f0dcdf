"""The desk as it ships, served in the loop of the test; clock, market and venue are the test's."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from json import loads
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn

from domain.principal import Permission
from feeds.base import Feed
from feeds.book import BookFile
from gateway.app import Application, create_app
from gateway.auth import issue
from gateway.http.server import APPLICATION, server_config
from gateway.resources import OpenVenue, Parts, paper
from gateway.settings import Settings, load_settings
from gateway.startup.book_import import import_book
from models.sql.database import Database, Row, fetch
from tests.kit.desk_client import Caller
from tests.kit.http_client import got
from tests.kit.outside import Clock, Market, PushFeed
from tests.kit.patience import ANY_TIME_S, FAR_S, PATIENCE_S, pauses
from tests.kit.rate_limits import UNLIMITED
from venues.paper import PaperVenue

TOKEN_MINUTES = 8 * 60
_PATIENT = (
    "rate_redis_timeout_s",
    "database_lock_timeout_s",
    "http_headers_timeout_s",
    "http_body_timeout_s",
    "lease_ttl_s",
    "http_unread_timeout_s",
    "database_unreachable_after_s",
    "sse_reserved_s",
    "ws_init_timeout_s",
    "ws_ping_interval_s",
    "database_statement_timeout_s",
)
"""Settings that limit how long, in real time, the desk waits for a peer."""


@dataclass(slots=True)
class World:
    """What desks share: database, bus, the venue's memory, market and time. Nothing runs at first."""

    database_url: str
    redis_url: str | None
    directory: Path
    clock: Clock = field(default_factory=Clock)
    market: Market = field(default_factory=Market)
    bus_name: str = field(default_factory=lambda: uuid4().hex)
    running: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Left at the end of the test."""

    async def desk(self, book: BookFile | None = None, **settings: Any) -> "Desk":
        """One more process; the first one is given the book."""
        if book is not None:
            await self.imports(book)
        return await self.running.enter_async_context(Desk(self, self.settings(**settings)).running())

    def settings(self, **changes: Any) -> Settings:
        """Quick to notice, and too patient for a slow machine to matter; otherwise the defaults."""
        return load_settings(
            **{
                "database_url": self.database_url,
                "redis_url": self.redis_url,
                "bus_name": self.bus_name,
                "data_directory": self.directory,
                "port": 0,
                "reporting_currency": "HKD",
                "close_hold_s": 5,
                "case_refresh_interval_s": 0.2,
                "relay_poll_interval_s": 0.3,
                "lease_renew_s": 0.3,
                "order_ack_timeout_s": 10,
                "shutdown_timeout_s": PATIENCE_S,
                "clock_offset_max_s": ANY_TIME_S,
                "metrics_database_interval_s": 0,
                "metrics_kept_s": 0,
            }
            | UNLIMITED
            | dict.fromkeys(_PATIENT, FAR_S)
            | changes
        )

    async def imports(self, book: BookFile, **changes: Any) -> None:
        """Before any desk runs, or while one does; unless changed, the book is of now."""
        book = replace(book, **({"as_of": self.clock()} | changes))
        database = Database(self.database_url, pool_size=1)
        await database.open()
        try:
            with database.active():
                await import_book(book, self.clock(), lambda clients: None)
        finally:
            await database.close()


class Desk:
    """One running process of the desk."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world = world
        self.settings = settings
        self.venues: list[PaperVenue] = []
        self.clock, self.market = world.clock, world.market
        self._callers: list[Caller] = []
        self._server: _Server | None = None
        self.app = create_app(
            settings,
            Parts(
                clock=world.clock, open_venue=self._open_venue, open_feed=lambda _, clock: self._open_feed()
            ),
        )

    @property
    def application(self) -> Application:
        assert self._server is not None, "it was not started"
        application = self._server.lifespan.state[APPLICATION]
        assert isinstance(application, Application)
        return application

    @property
    def venue(self) -> PaperVenue:
        """The one that was opened last."""
        return self.venues[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Desk"]:
        """On a free port, until the block ends."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self._server = _Server(server_config(self.app, self.settings), listener)
        await self._server.start()
        await self.until(self._follows, "the process to follow the stream")

    async def stop(self) -> None:
        """An orderly end; harmless when repeated."""
        for caller in self._callers:
            await caller.close()
        self._callers.clear()
        if self._server is not None:
            await self._server.stop()
            self._server = None

    def caller(
        self,
        *permissions: Permission,
        accounts: list[str] | None = None,
        subject: str = "trader",
        minutes: int = TOKEN_MINUTES,
    ) -> Caller:
        """A client with a token; without permissions named, a trader."""
        granted = permissions or (Permission.RISK_WARNING_FULL,)
        secret = self.settings.auth_secret.get_secret_value()
        return self.caller_with(issue(secret, subject, granted, accounts, minutes, self.clock()))

    def caller_with(self, token: str | None) -> Caller:
        """A client with this token, or with none."""
        assert self._server is not None
        caller = Caller(self._server.port, token)
        self._callers.append(caller)
        return caller

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return self._server.port

    async def leads(self) -> bool:
        """As it says itself."""
        return bool(loads((await got(self.port, "/readyz", PATIENCE_S)).body)["leader"])

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for what has no event."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                for pause in pauses():
                    if await holds():
                        return
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}") from None

    async def _follows(self) -> bool:
        """A subscriber from now on receives every event from now on."""
        return self.application.live.feed.ready

    def joined(self) -> int:
        """The number of subscriptions that have passed their snapshot, if any, and receive live events."""
        return sum(len(group.members) for group in self.application.live.feed.groups)

    async def rows(self, sql: str) -> list[Row]:
        """Straight from the database."""
        with self.application.resources.database.active():
            return [dict(row) for row in await fetch(sql)]

    def _open_venue(self, settings: Settings, clock: Callable[[], datetime]) -> OpenVenue:
        self.venues.append(PaperVenue(clock, self.world.directory / "paper_venue.jsonl"))
        return paper(self.venue)

    def _open_feed(self) -> Feed:
        return PushFeed(self.world.market)


async def scraped(desk: Desk) -> dict[str, float]:
    """The metrics of the process, by name and labels."""
    text = (await got(desk.port, "/metrics", PATIENCE_S)).body.decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


class _Server(uvicorn.Server):
    """In the loop of the test, without signal handlers."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._answers, self._ends = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answers.set()

    async def main_loop(self) -> None:
        """Uvicorn's looks every tenth of a second whether it is to end; a test is not kept waiting."""
        await self._ends.wait()

    async def start(self) -> None:
        self._task = asyncio.create_task(self.serve(sockets=[self._listener]))
        async with asyncio.timeout(PATIENCE_S):
            await self._answers.wait()
        assert self.started, "the application did not start"

    async def stop(self) -> None:
        assert self._task is not None
        self._ends.set()
        await self._task
        self._listener.close()
