"""A migrated database of its own for each test, once on SQLite and once on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from models.sql.database import Database
from tests.kit.desk_kit import DeskKit


@pytest.fixture
def url(migrated_url: str) -> str:
    """Of a migrated database."""
    return migrated_url


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
