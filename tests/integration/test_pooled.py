"""A connection that was lent for one statement goes back to the pool at once, or by asyncpg's own way."""

import asyncio
from typing import Any

import pytest
from tortoise.connection import get_connection

from models.sql.database import Database, fetch, fetch_records
from models.sql.faults import StatementCutOff
from tests.kit.cut_off import cut_off
from tests.kit.patience import PATIENCE_S
from tests.kit.slow_statements import FOREVER

pytestmark = [pytest.mark.usefixtures("each_postgres"), pytest.mark.only("postgres")]

ONE = "SELECT 1 AS one"


def pool() -> Any:
    """Of the active database."""
    client: Any = get_connection("default")
    return client._pool


async def test_a_statement_starts_no_task_and_leaves_its_connection_in_the_pool(database: Database) -> None:
    with database.active():
        await fetch(ONE)
        before = asyncio.all_tasks()
        (row,) = await fetch_records(ONE)
        assert row["one"] == 1
        assert pool().get_idle_size() == pool().get_size()
        assert asyncio.all_tasks() == before


async def test_a_connection_lent_again_is_the_same_with_its_prepared_statement(database: Database) -> None:
    with database.active():
        (first,) = await fetch("SELECT pg_backend_pid() AS pid")
        (second,) = await fetch("SELECT pg_backend_pid() AS pid")
        (prepared,) = await fetch(
            "SELECT count(*) AS times FROM pg_prepared_statements WHERE statement LIKE $1",
            "SELECT pg_backend_pid()%",
        )
    assert first == second
    assert prepared["times"] == 1


async def test_expired_connections_are_replaced(database: Database) -> None:
    with database.active():
        (before,) = await fetch("SELECT pg_backend_pid() AS pid")
        await pool().expire_connections()
        (after,) = await fetch("SELECT pg_backend_pid() AS pid")
    assert before != after


async def test_a_cancelled_statement_gives_its_connection_back_clean(database: Database) -> None:
    with database.active():
        await fetch(ONE)
        assert await cut_off(fetch(f"SELECT {FOREVER}"), 1, False)
        async with asyncio.timeout(PATIENCE_S):
            answers = await asyncio.gather(*(fetch(ONE) for _ in range(10)))
        assert [row["one"] for (row,) in answers] == [1] * 10
        assert pool().get_idle_size() == pool().get_size()


async def test_a_statement_that_fails_gives_its_connection_back(database: Database) -> None:
    with database.active():
        with pytest.raises(StatementCutOff):
            await fetch("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)")
        assert pool().get_idle_size() == pool().get_size()
        assert (await fetch(ONE))[0]["one"] == 1
