"""A migrated database of its own for each test, once on SQLite and once on PostgreSQL.

Migrating takes a second, copying a migrated database does not.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from models.database import Database
from tests.servers import fresh_database

T = TypeVar("T")


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
        entered = thread.submit(lambda: runner.run(context.__aenter__())).result()
        try:
            yield entered
        finally:
            thread.submit(lambda: runner.run(context.__aexit__(None, None, None))).result()
            thread.submit(runner.close).result()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be copied."""
    path = tmp_path_factory.mktemp("migrated") / "desk.sqlite3"
    with _on_another_loop(_migrated(f"sqlite://{path}")):
        return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """To be copied, while nobody is connected."""
    with _on_another_loop(_fresh_and_migrated(postgres_url)) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Of a migrated database."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            path = tmp_path / "desk.sqlite3"
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
            yield f"sqlite://{path}"
        else:
            server = request.getfixturevalue("postgres_url")
            source = request.getfixturevalue("migrated_postgres")
            yield await stack.enter_async_context(fresh_database(server, copy_of=source))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Open; the test makes it active."""
    database = Database(url, pool_size=2)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def elsewhere(database: Database, url: str) -> AsyncIterator[Database]:
    """The same database as another process sees it: what is not committed does not show."""
    other = Database(url, pool_size=1)
    await other.open()
    yield other
    await other.close()
