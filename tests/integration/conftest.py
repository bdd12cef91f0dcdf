"""A migrated database of its own for each test, once on SQLite and once on PostgreSQL."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from models.database import Database
from tests.integration.desk_kit import DeskKit
from tests.servers import fresh_database


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
async def kit(database: Database) -> AsyncIterator[DeskKit]:
    """A desk on the database, which is active in the test."""
    with database.active():
        yield DeskKit()


@pytest.fixture
async def elsewhere(database: Database, url: str) -> AsyncIterator[Database]:
    """The same database as another process sees it: what is not committed does not show."""
    other = Database(url, pool_size=1)
    await other.open()
    yield other
    await other.close()
