"""PostgreSQL connections that are killed: one kind of fault whenever it happens, and the database goes on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from tortoise.connection import get_connection
from tortoise.exceptions import OperationalError, TransactionManagementError

from models.sql.configuration import SessionLimits
from models.sql.database import Database, UniqueViolated, execute, execute_many, fetch, transaction
from models.sql.faults import DatabaseUnavailable
from tests.kit.crash_proxy import Moment, PostgresProxy, Statement
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.servers import fresh_database

pytestmark = pytest.mark.usefixtures("each_postgres")

Kill = Callable[[], Awaitable[None]]
ADD = "INSERT INTO counter (name) VALUES ($1)"
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url, pool_size=1)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    async with fresh_database(postgres_url) as fresh:
        yield fresh


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as database:
        with database.active():
            await fetch("CREATE TABLE counter (name TEXT UNIQUE)")
        yield database


@pytest.fixture
async def kill(url: str) -> AsyncIterator[Kill]:
    """Ends every connection but its own."""
    async with opened(url) as admin:

        async def kill_others() -> None:
            with admin.active():
                await fetch(KILL)

        yield kill_others


async def alone(kill: Kill) -> None:
    await kill()
    await execute(ADD, "a")


async def many(kill: Kill) -> None:
    await kill()
    await execute_many(ADD, [("a",), ("b",)])


async def reading(kill: Kill) -> None:
    await kill()
    await fetch("SELECT name FROM counter")


async def while_it_runs(kill: Kill) -> None:
    await asyncio.gather(fetch(f"SELECT pg_sleep({FAR_S})"), kill())


async def in_a_transaction(kill: Kill) -> None:
    async with transaction():
        await execute(ADD, "a")
        await kill()
        await execute(ADD, "b")


async def at_commit(kill: Kill) -> None:
    async with transaction():
        await execute(ADD, "a")
        await kill()


@pytest.mark.parametrize("work", [in_a_transaction, at_commit, while_it_runs])
async def test_a_killed_connection_is_an_unavailable_database(
    work: Callable[[Kill], Awaitable[None]],
    database: Database,
    kill: Kill,
) -> None:
    with database.active():
        for _ in range(5):
            with pytest.raises(DatabaseUnavailable):
                await work(kill)
            assert not await patiently(lambda: fetch("SELECT name FROM counter"))


@pytest.mark.parametrize("work", [alone, many, reading])
async def test_a_connection_killed_while_idle_is_replaced_or_an_unavailable_database(
    work: Callable[[Kill], Awaitable[None]],
    database: Database,
    kill: Kill,
) -> None:
    with database.active():
        for _ in range(10):
            with suppress(DatabaseUnavailable):
                await work(kill)
            await patiently(lambda: execute("DELETE FROM counter"))


async def test_a_refusal_of_the_database_is_no_outage(database: Database) -> None:
    with database.active():
        await execute(ADD, "a")
        with pytest.raises(UniqueViolated):
            await execute(ADD, "a")
        with pytest.raises(OperationalError, match="expected str"):
            await execute(ADD, 1)


async def test_a_connection_lost_on_its_return_to_the_pool_leaves_no_dead_transaction(url: str) -> None:
    """Tortoise leaves the rollback after this error to the pool, which takes no open transaction back."""
    async with PostgresProxy(url).running() as proxy, opened(proxy.url) as database:
        with database.active():
            await fetch("CREATE TABLE counter (name TEXT UNIQUE)")
            proxy.arm(Statement(1, Moment.BEFORE, "ROLLBACK"), lambda: None)
            with suppress(TransactionManagementError):
                async with transaction():
                    await execute(ADD, "a")
                    raise TransactionManagementError
            assert proxy.struck_at is not None
            await patiently(lambda: execute(ADD, "b"))
        async with opened(url) as direct:
            with direct.active():
                rows = await fetch("SELECT name FROM counter ORDER BY name")
        assert [row["name"] for row in rows] == ["b"]


async def test_a_connection_returns_to_the_pool_without_a_statement(url: str) -> None:
    async with PostgresProxy(url).running() as proxy, opened(proxy.url) as database:
        with database.active():
            await fetch("CREATE TABLE counter (name TEXT UNIQUE)")
            proxy.arm(None, lambda: None)
            async with transaction():
                await execute(ADD, "a")
            await execute(ADD, "b")
    asked = [statement.split(" ")[0].strip(";") for statement in proxy.statements]
    assert asked == ["BEGIN", "INSERT", "COMMIT", "INSERT"]


async def test_a_server_that_vanished_is_noticed_in_time(url: str) -> None:
    """What the system does then is the system's; here, that it was asked to, on every connection."""
    database = Database(url, pool_size=1, limits=SessionLimits(unreachable_after_s=12))
    await database.open()
    with database.active():
        async with transaction():
            connection: Any = get_connection("default")._connection
            link = connection._transport.get_extra_info("socket")
    assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    asked = {"TCP_KEEPIDLE": 6, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 12_000}
    known = {name: value for name, value in asked.items() if hasattr(socket, name)}
    assert {name: link.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in known} == known
    await database.close()


async def patiently(ask: Callable[[], Awaitable[object]]) -> object:
    """The answer, as soon as there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(DatabaseUnavailable):
                return await ask()
