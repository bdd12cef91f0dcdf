"""A statement that PostgreSQL gives up is answered with a code, and the desk goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.sql.database import Database, fetch
from tests.api.trading import cases
from tests.kit.book_files import a_book, a_client, owing, quotes
from tests.kit.desk_server import World
from tests.kit.servers import fresh_database
from tests.kit.slow_statements import FOREVER, cancel_sleeper

pytestmark = pytest.mark.usefixtures("each_postgres")

FOLLOW_UPS = "query ($id: ID!) { case(id: $id) { caseNo followUps { nodes { text } } } }"


@pytest.fixture
async def postgres_world(postgres_url: str, migrated_postgres: str, tmp_path: Path) -> AsyncIterator[World]:
    """SQLite gives no statement up."""
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        world = World(url, None, tmp_path)
        async with world.running:
            yield world


async def test_a_query_that_does_not_end_is_answered_with_a_code(postgres_world: World) -> None:
    world = postgres_world
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    await world.market.says(*quotes(world.clock(), size=0))
    trader = desk.caller()

    async def is_open() -> bool:
        return bool(await cases(trader))

    await desk.until(is_open, "the call")
    (case,) = await cases(trader)
    elsewhere = Database(world.database_url, pool_size=1)
    await elsewhere.open()
    with elsewhere.active():
        await fetch("ALTER TABLE follow_up RENAME TO kept")
        await fetch(f"CREATE VIEW follow_up AS SELECT * FROM kept WHERE (SELECT {FOREVER}::text) = ''")
    asked = asyncio.create_task(trader.answer(FOLLOW_UPS, id=case["id"]))
    await cancel_sleeper(elsewhere, "follow_up")
    answer = await asked
    assert answer.codes == ["DATABASE_TIMEOUT"]
    assert [each["id"] for each in await cases(trader)] == [case["id"]]
    await elsewhere.close()
