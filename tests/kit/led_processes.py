"""Processes of the desk that may lead, within one test: their workers without a server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from gateway.http.live import Live
from gateway.resources import OpenVenue, Parts, Resources, open_paper_venue, open_resources
from gateway.settings import Settings, load_settings
from gateway.workers.process import Workers
from resolvers.schema import build_schema
from tests.kit.crash_gateway import WatchedVenue
from tests.kit.desk_kit import Clock
from tests.kit.executing import executor
from tests.kit.patience import FAR_S, PATIENCE_S
from venues.base import Venue


class Venues:
    """Opens paper venues on one journal, which only one can have; counts what was tried and what is open."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.tried = self.now_open = 0
        self.opened: Callable[[], object] = lambda: None
        """Called when one has been opened."""
        self.closing: Callable[[], Awaitable[None]] | None = None
        """Called before one is closed."""

    def open(self, settings: Settings, clock: Callable[[], datetime]) -> OpenVenue:
        self.tried += 1
        opened = open_paper_venue(settings.model_copy(update={"data_directory": self._directory}), clock)
        self.now_open += 1
        self.opened()
        return OpenVenue(_Counted(opened.venue, self), opened.hear)


class _Counted(WatchedVenue):
    def __init__(self, venue: Venue, venues: Venues) -> None:
        super().__init__(venue, Path("/nonexistent"), None)
        self._venues = venues

    async def close(self) -> None:
        if self._venues.closing is not None:
            await self._venues.closing()
        await super().close()
        self._venues.now_open -= 1


@asynccontextmanager
async def process(
    url: str,
    clock: Clock,
    venues: Venues,
    directory: Path,
    **changed: object,
) -> AsyncIterator[Workers]:
    """The workers of one process of the desk, with changed settings; at the end they are stopped if they
    were not.
    """
    patient = {"lease_ttl_s": FAR_S, "shutdown_timeout_s": FAR_S, "redis_url": None}
    settings = load_settings(
        database_url=url,
        data_directory=directory,
        lease_renew_s=0.02,
        lease_without_redis_s=0.2,
        **patient | changed,
    )
    async with open_resources(settings, Parts(clock=clock, open_venue=venues.open)) as resources:
        with resources.database.active():
            workers = Workers(resources, _live(resources), None)
            workers.start()
            try:
                yield workers
            finally:
                await workers.stop()


def _live(resources: Resources) -> Live:
    return Live(build_schema(), executor(introspection=False), resources)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - nobody tells when the leader changes
            await asyncio.sleep(0.005)


async def renewals(count: int) -> None:
    """Long enough for a process that may lead to do so."""
    await asyncio.sleep(0.02 * count)
