"""A database that takes nothing in, or gave a session up: one kind of fault, and the pool heals by itself."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.resources import database_limits
from gateway.settings import load_settings
from models.sql.configuration import USUAL_LIMITS, SessionLimits
from models.sql.database import Database, execute, execute_many, fetch, transaction
from models.sql.faults import Busy, DatabaseUnavailable
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.servers import fresh_database

pytestmark = pytest.mark.usefixtures("each_postgres")

ROOT = Path(__file__).parents[2]
POOL_SIZE = 4
ADD = "INSERT INTO counter (name) VALUES ($1)"
OUTAGES = (
    "08000",
    "08003",
    "08006",
    "08P01",
    "25006",
    "25P03",
    "53000",
    "53100",
    "53200",
    "53300",
    "53400",
    "57P01",
    "57P02",
    "57P03",
    "57P04",
    "57P05",
    "58000",
    "58030",
    "58P01",
    "XX000",
    "XX001",
    "28000",
    "28P01",
    "3D000",
    "55000",
)
LOCKS = ("55P03", "40001", "40P01")
"""Another transaction was in the way, and nothing of the statement was done."""
ANSWERS = ("22003", *LOCKS, "23505", "42P01", "42501", "57014", "25P02")


@asynccontextmanager
async def opened(
    url: str, pool_size: int = POOL_SIZE, limits: SessionLimits = USUAL_LIMITS
) -> AsyncIterator[Database]:
    database = Database(url, pool_size, limits)
    await database.open()
    try:
        with database.active():
            yield database
    finally:
        await database.close()


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    """With a table and a function that raises any SQLSTATE."""
    async with fresh_database(postgres_url) as fresh:
        async with opened(fresh, 1):
            await fetch("CREATE TABLE counter (name TEXT UNIQUE)")
            await fetch(
                "CREATE FUNCTION fails(state TEXT) RETURNS INT LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'as if' USING ERRCODE = state; END $$"
            )
        yield fresh


@pytest.mark.parametrize("state", OUTAGES)
async def test_an_answer_of_a_server_in_trouble_is_an_outage_and_the_next_statement_works(
    url: str, state: str
) -> None:
    async with opened(url, 1):
        for work in (fails_alone, fails_in_a_transaction):
            with pytest.raises(DatabaseUnavailable, match="as if"):
                await work(state)
            assert await execute("DELETE FROM counter") == 0


@pytest.mark.parametrize("state", ANSWERS)
async def test_an_error_answer_to_a_statement_is_no_outage(url: str, state: str) -> None:
    async with opened(url, 1):
        for work in (fails_alone, fails_in_a_transaction):
            with pytest.raises(Exception, match="as if") as raised:
                await work(state)
            assert not isinstance(raised.value, DatabaseUnavailable)
            assert isinstance(raised.value, Busy) is (state in LOCKS)


async def fails_alone(state: str) -> None:
    await fetch("SELECT fails($1)", state)


async def fails_in_a_transaction(state: str) -> None:
    async with transaction():
        await execute(ADD, "undone")
        await fetch("SELECT fails($1)", state)


async def add_alone(name: str) -> None:
    await execute(ADD, name)


async def add_in_transaction(name: str) -> None:
    async with transaction():
        await execute(ADD, name)


async def add_many(name: str) -> None:
    await execute_many(ADD, [(name,)])


@pytest.mark.parametrize("add", [add_alone, add_in_transaction, add_many])
async def test_connections_made_while_the_database_was_read_only_are_all_replaced(
    url: str, postgres_url: str, add: Any
) -> None:
    """Some connections are from before, some keep that they may not write: one fault, and all may."""
    async with opened(url):
        await every_connection("SELECT 1 AS one")
        await set_read_only(url, postgres_url, "on")
        await fetch(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE"
            " pid <> pg_backend_pid() AND datname = current_database() LIMIT 2) AS chosen"
        )
        await until_done(lambda _: every_connection("SELECT 1 AS one"), "")
        await set_read_only(url, postgres_url, "off")
        await until_done(add, "first")
        add_one = f"{ADD.replace('$1', 'gen_random_uuid()::text')} RETURNING 1 AS one"
        with suppress(DatabaseUnavailable):
            # A connection from before may have done the first: then this is the one fault.
            await every_connection(add_one)
        await every_connection(add_one)


async def set_read_only(url: str, postgres_url: str, to: str) -> None:
    """For every session that begins from now on."""
    name = url.rpartition("/")[2]
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {to}')
    await admin.close()


async def every_connection(statement: str) -> None:
    """On as many connections as the pool has, at the same time; raises what the first of them raised."""
    barrier = asyncio.Barrier(POOL_SIZE)

    async def one() -> None:
        try:
            async with transaction():
                await barrier.wait()
                await fetch(statement)
        except DatabaseUnavailable:
            await barrier.abort()
            raise

    async with asyncio.timeout(PATIENCE_S):
        ended = await asyncio.gather(*(one() for _ in range(POOL_SIZE)), return_exceptions=True)
    for fault in ended:
        if isinstance(fault, DatabaseUnavailable):
            raise fault


async def until_done(add: Any, name: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(DatabaseUnavailable):
                await add(name)
                return


async def test_a_server_without_a_free_connection_is_an_outage(url: str) -> None:
    async with opened(url, 1):
        await fetch("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
        try:
            with pytest.raises(DatabaseUnavailable, match="too many connections"):
                await Database(url.replace("postgres@", "crowded@"), 1).open()
        finally:
            await fetch("DROP ROLE crowded")


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "outage.sqlite3"
    async with opened(f"sqlite://{path}", 1):
        await fetch("CREATE TABLE counter (name TEXT UNIQUE)")
        yield path


@pytest.mark.parametrize("add", [add_alone, add_in_transaction, add_many])
@pytest.mark.parametrize(
    ("trouble", "over"),
    [
        (["PRAGMA query_only = ON"], ["PRAGMA query_only = OFF"]),
        (["PRAGMA max_page_count = 1"], ["PRAGMA max_page_count = 1000000"]),
    ],
    ids=["read-only", "full"],
)
async def test_an_embedded_database_that_takes_nothing_in_is_an_outage_until_it_does(
    sqlite: Path, trouble: list[str], over: list[str], add: Any
) -> None:
    for statement in trouble:
        await fetch(statement)
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable):
            await add("x" * 100_000)
    for statement in over:
        await fetch(statement)
    await add("x" * 100_000)


async def test_an_embedded_database_that_another_process_locks_is_an_outage_until_it_does_not(
    sqlite: Path,
) -> None:
    await fetch("PRAGMA busy_timeout = 1")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened(f"sqlite://{sqlite}", 1))
        async with transaction():
            await execute(ADD, "theirs")
            with pytest.raises(DatabaseUnavailable, match="locked"):
                await asyncio.create_task(in_database(sqlite))


async def in_database(path: Path) -> None:
    async with opened(f"sqlite://{path}", 1):
        await fetch("PRAGMA busy_timeout = 1")
        await execute(ADD, "ours")


STANDS_STILL = """
import asyncio, sys
from models.sql.configuration import USUAL_LIMITS, SessionLimits
from models.sql.database import Database, execute, fetch, transaction
from models.sql.faults import Busy, DatabaseUnavailable

async def main():
    database = Database(sys.argv[1], 1, SessionLimits(standstill_s=float(sys.argv[2])))
    await database.open()
    with database.active():
        try:
            async with transaction():
                await execute("UPDATE counter SET name = 'theirs'")
                print("holds the lock", flush=True)
                await asyncio.to_thread(sys.stdin.readline)
                await execute("UPDATE counter SET name = 'late'")
        except DatabaseUnavailable:
            print("an outage", flush=True)
        print(len(await fetch("SELECT name FROM counter WHERE name = 'ours'")), flush=True)
    await database.close()

asyncio.run(main())
"""


async def test_a_process_that_stands_still_in_a_transaction_blocks_others_no_longer_than_allowed(
    url: str,
) -> None:
    """A signal stops it, as a machine that hangs. Its session ends by itself, and its locks with it."""
    async with opened(url, 1, SessionLimits(lock_timeout_s=FAR_S)):
        await execute(ADD, "nobody's")
        frozen = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STANDS_STILL, url, "1", cwd=ROOT, stdin=PIPE, stdout=PIPE
        )
        assert frozen.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            assert await frozen.stdout.readline() == b"holds the lock\n"
            frozen.send_signal(signal.SIGSTOP)
            try:
                assert await execute("UPDATE counter SET name = 'ours'") == 1
            finally:
                frozen.send_signal(signal.SIGCONT)
            said, _ = await frozen.communicate(b"go on\n")
        assert said == b"an outage\n1\n", "it heard of it as of an outage, and went on with a new connection"


async def test_every_session_has_limits_of_the_length_of_the_lease(url: str) -> None:
    settings = load_settings(lease_ttl_s=8, database_url=url)
    expected = {
        "idle_in_transaction_session_timeout": "8000",
        "tcp_keepalives_idle": "4",
        "tcp_keepalives_interval": "1",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "8000",
    }
    async with opened(url, 1, database_limits(settings)):
        rows = await fetch("SELECT name, setting FROM pg_settings")
    assert {row["name"]: row["setting"] for row in rows if row["name"] in expected} == expected
    assert load_settings(lease_ttl_s=8, database_standstill_s=20).database_standstill_s == 20


async def test_a_database_that_is_closed_to_connections_is_an_outage(url: str, postgres_url: str) -> None:
    name, admin = url.rpartition("/")[2], await asyncpg.connect(postgres_url)
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    try:
        with pytest.raises(DatabaseUnavailable, match="not currently accepting connections"):
            await Database(url, 1).open()
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()
