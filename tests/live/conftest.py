"""Migrated databases for served desks: SQLite, PostgreSQL, or one after the other."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.kit.servers import fresh_database


@pytest.fixture(scope="session")
def place(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes data directories of which each holds a migrated database."""

    def made() -> Path:
        directory = tmp_path_factory.mktemp("desk")
        shutil.copyfile(migrated_sqlite, directory / "desk.sqlite3")
        return directory

    return made


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """Of a migrated database in the test's directory."""
    path = tmp_path / "desk.sqlite3"
    shutil.copyfile(migrated_sqlite, path)
    return f"sqlite://{path}"


@pytest.fixture
async def migrated_url(postgres_url: str, migrated_postgres: str) -> AsyncIterator[str]:
    """Of a migrated PostgreSQL database."""
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, sqlite_url: str) -> AsyncIterator[str]:
    """Of a migrated database."""
    if request.param == "sqlite":
        yield sqlite_url
        return
    server, source = request.getfixturevalue("postgres_url"), request.getfixturevalue("migrated_postgres")
    async with fresh_database(server, copy_of=source) as created:
        yield created
