"""A desk behind PgBouncer in transaction mode: each transaction may run in another session."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.ids import AccountId
from gateway.settings import Profile, load_settings
from gateway.startup.preparation import CannotStart, check, silent
from models.book import lock_accounts
from models.sql.configuration import SessionLimits
from models.sql.database import Database, execute, fetch, transaction
from models.sql.faults import Busy, DatabaseUnavailable, StatementCutOff
from tests.api.trading import CASE_EVENTS, ORDER_EVENTS, cancel, cases, liquidate
from tests.kit.book_files import BANK, a_book, a_client, owing, quotes
from tests.kit.desk_server import World
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import ServerMissing, pgbouncer_server
from tests.kit.slow_statements import FOREVER

pytestmark = [pytest.mark.parametrize("world", ["postgres-redis"], indirect=True), pytest.mark.both_stacks]

SERVER_CONNECTIONS = 3
POOLED = SessionLimits(lock_timeout_s=0.2, statement_timeout_s=5, standstill_s=5, pooler=True)
LEG = [{"symbol": BANK, "quantity": "100"}]
DROPPED = "lock_timeout,statement_timeout,idle_in_transaction_session_timeout,tcp_keepalives_idle," + (
    "tcp_keepalives_interval,tcp_keepalives_count,tcp_user_timeout"
)


@contextmanager
def pooler(world: World, ignores: str = "") -> Iterator[str]:
    try:
        with pgbouncer_server(
            world.database_url, server_connections=SERVER_CONNECTIONS, ignores=ignores
        ) as url:
            yield url
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("ignores", ["", DROPPED], ids=["refuses limits", "drops limits"])
async def test_a_wrong_pooler_setting_is_reported_in_one_line_at_the_start(
    world: World, ignores: str
) -> None:
    with pooler(world, ignores) as url:
        settings = load_settings(database_url=url, data_directory=world.directory)
        with pytest.raises(CannotStart) as refused:
            await check(settings, datetime.now(UTC), silent)
        (line,) = str(refused.value).splitlines()
        assert "GATEWAY_DATABASE_POOLER=true" in line
        await check(
            settings.model_copy(update={"database_pooler": True, "profile": Profile.PRODUCTION}),
            datetime.now(UTC),
            silent,
        )


async def test_a_desk_trades_behind_a_pooler(world: World) -> None:
    """Watching, commands, orders, fills and events of two processes, on three sessions for all of them."""
    url = world.running.enter_context(pooler(world))
    pooled: dict[str, Any] = {"database_url": url, "database_pooler": True}
    first = await world.desk(a_book(a_client("C1", owing("M1"))), **pooled)
    second = await world.desk(**pooled)
    trader = second.caller()
    told = await trader.subscribe(CASE_EVENTS)
    ordered = await first.caller().subscribe(ORDER_EVENTS)
    await world.market.says(*quotes(world.clock(), size=0))
    assert (await told.next())["kind"] == "OPENED"
    (case,) = await cases(trader)
    (order,) = (await liquidate(trader, case["id"], legs=LEG))["orders"]
    await ordered.until(lambda event: event["order"]["status"] == "NEW")
    await world.market.says(*quotes(world.clock(), size=100))
    filled = (await ordered.until(lambda event: event["kind"] == "FILL"))[-1]["order"]
    assert (filled["id"], filled["filledQuantity"]) == (order["id"], "100")
    await world.market.says(*quotes(world.clock(), size=0))
    (order,) = (await liquidate(trader, case["id"], legs=LEG))["orders"]
    await cancel(first.caller(), order["id"])
    ended = (await ordered.until(lambda event: event["order"]["terminal"]))[-1]["order"]
    assert (ended["id"], ended["status"]) == (order["id"], "CANCELED")


async def test_limits_hold_in_every_transaction_and_for_single_statements(world: World) -> None:
    await world.imports(a_book(a_client("C1", owing("M1"))))
    with pooler(world) as url:
        database, another = Database(url, 10, POOLED), Database(url, 1, POOLED)
        await database.open()
        await another.open()
        with database.active():
            with pytest.raises(StatementCutOff):
                await fetch(f"SELECT {FOREVER}")
            (account,) = await fetch("SELECT id FROM account")
            async with transaction():
                await lock_accounts([account["id"]])
                with another.active(), pytest.raises(Busy):
                    await locked(account["id"])
            with pytest.raises(DatabaseUnavailable):
                await stands_still(another)
            assert await fetch("SELECT 1 AS one")
        await database.close()
        await another.close()


async def locked(account_id: AccountId) -> None:
    async with transaction():
        await lock_accounts([account_id])


async def stands_still(another: Database) -> None:
    """The server ends a session that says nothing for too long."""
    async with transaction():
        await fetch("SET LOCAL idle_in_transaction_session_timeout = 1")
        (row,) = await fetch("SELECT pg_backend_pid() AS pid")
        with another.active():
            await until_gone(row["pid"])
        await fetch("SELECT 1 AS one")


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await fetch("SELECT 1 AS one FROM pg_stat_activity WHERE pid = $1", pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_statements_of_many_clients_on_few_sessions_never_meet(world: World) -> None:
    """Prepared here and run there, or left behind by another: none of it shows in any answer."""
    with pooler(world) as url:
        database = Database(url, 12, POOLED)
        await database.open()

        async def client(number: int) -> None:
            for turn in range(15):
                name = f"{number}-{turn}"
                async with transaction():
                    await execute("INSERT INTO counter (name, value) VALUES ($1, $2)", name, turn)
                    (row,) = await fetch("SELECT value FROM counter WHERE name = $1", name)
                    assert row["value"] == turn
                (row,) = await fetch("SELECT $1 || 'x' AS text, $2 + 1 AS sum", name, turn)
                assert dict(row) == {"text": f"{name}x", "sum": turn + 1}

        with database.active():
            await asyncio.gather(*(client(number) for number in range(12)))
            (row,) = await fetch("SELECT COUNT(*) AS rows FROM counter WHERE name LIKE '%-%'")
        await database.close()
        assert row["rows"] == 12 * 15
