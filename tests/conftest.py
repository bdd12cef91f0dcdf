"""Fixtures every test may ask for; a server starts only when the first test of the run asks for it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from models.database import Database
from tests.servers import fresh_database, postgres_server, redis_server

T = TypeVar("T")

# How long an example takes says nothing about what it shows, and the same examples come every time: a run
# fails for what was changed. `--hypothesis-profile=exploring` looks for others.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("exploring", settings.get_profile("steady"), derandomize=False)
settings.load_profile("steady")

WORKERS_MAX = 4
"""Each starts servers of its own."""


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one more than there are cores, for tests also wait, for leases and other processes."""
    return min((os.cpu_count() or 1) + 1, WORKERS_MAX)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL whose user may create databases; use `database_url` for one of your own."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis shared by the run: name your keys uniquely, never flush."""
    with redis_server() as url:
        yield url


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """A new, empty PostgreSQL database for this test alone."""
    async with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database to be copied: migrating takes a second, copying does not."""
    path = tmp_path_factory.mktemp("migrated") / "desk.sqlite3"
    with _on_another_loop(_migrated(f"sqlite://{path}")):
        return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """A PostgreSQL database to be copied, while nobody is connected."""
    with _on_another_loop(_fresh_and_migrated(postgres_url)) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated database for this test alone, once on SQLite and once on PostgreSQL."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            path = tmp_path / "desk.sqlite3"
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
            yield f"sqlite://{path}"
        else:
            server = request.getfixturevalue("postgres_url")
            source = request.getfixturevalue("migrated_postgres")
            yield await stack.enter_async_context(fresh_database(server, copy_of=source))


@asynccontextmanager
async def _migrated(url: str) -> AsyncIterator[None]:
    database = Database(url, pool_size=1)
    await database.open()
    try:
        await database.migrate()
    finally:
        await database.close()
    yield


@asynccontextmanager
async def _fresh_and_migrated(postgres_url: str) -> AsyncIterator[str]:
    async with fresh_database(postgres_url) as url, _migrated(url):
        yield url


@contextmanager
def _on_another_loop(context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """For fixtures of the session, which are asked for while the loop of a test is running."""
    runner = asyncio.Runner()
    with ThreadPoolExecutor(1) as thread:
        try:
            entered = thread.submit(lambda: runner.run(context.__aenter__())).result()
            try:
                yield entered
            finally:
                thread.submit(lambda: runner.run(context.__aexit__(None, None, None))).result()
        finally:
            thread.submit(runner.close).result()
