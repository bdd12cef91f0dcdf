"""The worlds in which tests run desks, on both stacks."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.kit.desk_server import World
from tests.kit.servers import fresh_database
from tests.kit.stacks import OTHER_STACK, USUAL_STACK

STACKS = (USUAL_STACK, OTHER_STACK)


@asynccontextmanager
async def _a_world(request: pytest.FixtureRequest, directory: Path) -> AsyncIterator[World]:
    """With migrated, empty tables."""
    async with AsyncExitStack() as servers:
        if request.param == USUAL_STACK:
            path = directory / "desk.sqlite3"
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
            world = World(f"sqlite://{path}", None, directory)
        else:
            source = request.getfixturevalue("migrated_postgres")
            server = request.getfixturevalue("postgres_url")
            url = await servers.enter_async_context(fresh_database(server, copy_of=source))
            world = World(url, request.getfixturevalue("redis_url"), directory)
        async with world.running:
            yield world


@pytest.fixture(params=STACKS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """The test's own; nothing runs in it yet."""
    async with _a_world(request, tmp_path) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STACKS)
async def shared_world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """One for all tests of a module, whose loop is the module's; for tests that change nothing."""
    async with _a_world(request, tmp_path_factory.mktemp("world")) as world:
        yield world
