"""The world in which a test runs desks, on both stacks."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.api.desk_server import World
from tests.servers import fresh_database


@pytest.fixture(params=["sqlite-memory", "postgres-redis"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """With migrated, empty tables."""
    async with AsyncExitStack() as servers:
        if request.param == "sqlite-memory":
            path = tmp_path / "desk.sqlite3"
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
            world = World(f"sqlite://{path}", None, tmp_path)
        else:
            source = request.getfixturevalue("migrated_postgres")
            server = request.getfixturevalue("postgres_url")
            url = await servers.enter_async_context(fresh_database(server, copy_of=source))
            world = World(url, request.getfixturevalue("redis_url"), tmp_path)
        async with world.running:
            yield world
