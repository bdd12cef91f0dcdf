"""Every earlier state of the tables, with rows in each table, comes to the newest state, and goes back."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from models.sql.database import NEWEST, Database, fetch, is_sqlite
from tests.integration.migration_steps import NO_TABLES, bring_to
from tests.integration.test_migrations import schema
from tests.kit.generic_rows import add, add_a_row_to_every_table
from tests.kit.servers import fresh_database

FIRST, BEFORE_DEFAULTS = "0001_initial", "0011_stock_recovery"


@pytest.fixture(params=["sqlite", "postgres"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Without a table."""
    async with AsyncExitStack() as stack:
        url = f"sqlite://{tmp_path}/empty.sqlite3"
        if request.param == "postgres":
            url = await stack.enter_async_context(fresh_database(request.getfixturevalue("postgres_url")))
        database = Database(url, pool_size=1)
        await database.open()
        with database.active():
            yield database
        await database.close()


@pytest.fixture
async def newest(postgres_url: str, migrated_postgres: str) -> AsyncIterator[Database]:
    """Tables of the newest state, whose rows are put into the older ones; with the types of PostgreSQL."""
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        database = Database(url, pool_size=1)
        await database.open()
        yield database
        await database.close()


async def add_rows(newest: Database) -> int:
    """One more in each table; how many there are."""
    with newest.active():
        rows = await add_a_row_to_every_table()
    tables = await add(rows)
    counts = [(await fetch(f'SELECT COUNT(*) AS rows FROM "{table}"'))[0]["rows"] for table in tables]
    assert min(counts) > 0
    return sum(counts)


@pytest.mark.faults
async def test_every_earlier_state_with_rows_in_each_table_comes_to_the_newest_and_back(
    empty: Database, newest: Database
) -> None:
    # Rows added at one state pass through every later state. Only PostgreSQL migrates back: SQLite creates
    # the tables again, and loses indexes.
    counts = [0]

    async def add_and_count(state: str) -> None:
        counts.append(await add_rows(newest))
        assert counts[-1] > counts[-2], f"{state} lost rows"

    await bring_to(FIRST, add_and_count)
    before = await schema(empty)
    await bring_to(NEWEST, add_and_count)
    if not is_sqlite():
        await bring_to(FIRST)
        assert await schema(empty) == before
        await bring_to(NO_TABLES)
        assert {name.split(".")[0] for name in await schema(empty) if "." in name} == {"tortoise_migrations"}


async def test_the_command_migrates_a_database_with_rows(empty: Database, newest: Database) -> None:
    await bring_to(BEFORE_DEFAULTS)
    count = await add_rows(newest)
    await empty.migrate()
    assert await empty.pending_migrations() == []
    assert await add_rows(newest) > count
