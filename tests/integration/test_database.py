"""Transactions that are cut off, nested, blocked or many: all or nothing, and the database stays usable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.orders.cancel import Cancel, cancel
from desk.orders.cancel_all import SELECTION, CancelAll, cancel_all
from desk.outcomes import Refused
from domain.liquidation_plan import PlanRequest
from domain.refusals import RefusalCode
from models.book import lock_accounts
from models.idempotency import store_outcome
from models.lease import acquire_lease
from models.order import OrderFilter
from models.revocation import revoke_subject
from models.sql.configuration import SessionLimits
from models.sql.database import (
    Database,
    PoolUse,
    UniqueViolated,
    _wait_to_be_the_only_one,
    execute,
    execute_many,
    fetch,
    is_sqlite,
    transaction,
)
from models.sql.faults import Busy, StatementCutOff
from models.sql.unreadable import UnreadableRow
from models.sql.values import time
from tests.kit.cut_off import cut_off, steps_of
from tests.kit.desk_kit import APPLE, NOON, TRADER, DeskKit, count
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import fresh_database
from tests.kit.slow_statements import FOREVER

pytestmark = pytest.mark.usefixtures("each_postgres")

POOL_SIZE = 2
"""Of the fixture `database`."""
ADD = "INSERT INTO counter (name, value) VALUES ($1, $2)"


@pytest.fixture(autouse=True)
async def no_fault_of_the_loop() -> AsyncIterator[None]:
    """Fail if a driver reported a fault to the event loop's exception handler, which logs it as an error:
    each client that is cut off inside a transaction would write a line.
    """
    faults: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault["message"]))
    yield
    assert faults == []


async def add_three() -> None:
    async with transaction():
        await execute(ADD, "a", 1)
        await fetch("SELECT value FROM counter")
        await execute_many(ADD, [("b", 2), ("c", 3)])


async def add_one() -> None:
    await execute(ADD, "a", 1)


async def add_many() -> None:
    await execute_many(ADD, [("a", 1), ("b", 2), ("c", 3)])


async def add_nested() -> None:
    async with transaction():
        await execute(ADD, "a", 1)
        async with transaction():
            await execute_many(ADD, [("b", 2), ("c", 3)])


async def read() -> None:
    await fetch("SELECT value FROM counter")


async def names(database: Database) -> set[str]:
    with database.active():
        return {row["name"] for row in await fetch("SELECT name FROM counter")}


@pytest.mark.parametrize("late", [False, True], ids=["waiting", "answered"])
@pytest.mark.parametrize("work", [add_three, add_one, add_many, add_nested, read])
async def test_work_cut_off_anywhere_is_done_or_undone_and_leaves_the_database_usable(
    work: Any, late: bool, database: Database, elsewhere: Database
) -> None:
    cuts, afterwards = 0, set("wxyz")
    with database.active():
        steps = await steps_of(work())
        everything = await names(elsewhere)
        for at in range(1, steps + 1):
            await execute("DELETE FROM counter")
            cuts += await cut_off(work(), at, late)
            async with asyncio.timeout(PATIENCE_S):
                await execute(ADD, "w", 0)
                assert "w" in await names(elsewhere), f"cut at {at} of {steps}: a transaction is still open"
                await at_once(add_in_transaction(name) for name in "xyz")
                await every_connection_at_once()
            found = await names(elsewhere)
            assert found >= afterwards, f"cut at {at} of {steps}: lost what was done afterwards"
            assert found - afterwards in (set(), everything), f"cut at {at} of {steps}: done in part"
    assert cuts > (steps - 1) // 2


async def add_more_than_one_packet() -> None:
    """asyncpg sends 128 KiB at once."""
    await execute_many(ADD, [(f"many {number}", number) for number in range(4000)])


@pytest.mark.parametrize("late", [False, True], ids=["waiting", "answered"])
@pytest.mark.parametrize("work", [add_three, add_one, add_more_than_one_packet, add_nested, read])
async def test_a_cancelled_task_does_not_continue(work: Any, late: bool, database: Database) -> None:
    async def work_and_go_on() -> None:
        await work()
        await asyncio.Event().wait()

    with database.active():
        for _ in range(POOL_SIZE):
            # The first time on each connection, statements are prepared.
            steps = await steps_of(work())
            await execute("DELETE FROM counter")
        for at in range(1, steps + 1):
            async with asyncio.timeout(PATIENCE_S):
                assert await cut_off(work_and_go_on(), at, late), f"cut at {at} of {steps}"
            await execute("DELETE FROM counter")


async def every_connection_at_once() -> None:
    """As many transactions as there are connections, each waiting for all."""
    barrier = asyncio.Barrier(1 if is_sqlite() else POOL_SIZE)

    async def meet() -> None:
        async with transaction():
            await barrier.wait()

    await at_once(meet() for _ in range(barrier.parties))


async def add_in_transaction(name: str) -> None:
    async with transaction():
        await execute(ADD, name, 0)


async def at_once(many: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for each in many:
            group.create_task(each)


async def test_a_lease_is_not_taken_for_a_statement_that_was_cut_off_before(database: Database) -> None:
    """What one statement changed is never counted for another."""
    with database.active():
        await acquire_lease("desk", "holder", timedelta(hours=1))
        steps = await steps_of(add_one())
        for at in range(1, steps + 1):
            for late in (False, True):
                await execute("DELETE FROM counter")
                await cut_off(add_one(), at, late)
                assert not await acquire_lease("desk", "another", timedelta(hours=1))


async def test_a_write_tells_how_many_rows_it_changed(database: Database) -> None:
    with database.active():
        assert await execute(ADD, "a", 1) == 1
        assert await execute(f"{ADD} ON CONFLICT (name) DO NOTHING", "a", 2) == 0
        assert await execute(f"{ADD} ON CONFLICT (name) DO UPDATE SET value = 3", "a", 2) == 1
        await add_in_transaction("b")
        assert await execute("UPDATE counter SET value = 4") == 2
        assert await execute("DELETE FROM counter WHERE value = 5") == 0
        assert await execute("DELETE FROM counter") == 2


@pytest.mark.parametrize("text", ["infinity", "-infinity", "4713-01-01 BC", "20000-01-01"])
async def test_a_time_that_python_does_not_have_damages_its_row_and_no_other(
    database: Database, text: str
) -> None:
    times: dict[str, datetime | None] = {}
    with database.active():
        for subject in ("damaged", "sound"):
            await revoke_subject(subject, NOON)
        await fetch(f"UPDATE revocation SET at = '{text}' WHERE subject = 'damaged' RETURNING 1")
        for row in await fetch("SELECT subject, at FROM revocation"):
            try:
                times[row["subject"]] = time(row["at"])
            except UnreadableRow:
                times[row["subject"]] = None
    assert times == {"damaged": None, "sound": NOON}


async def test_a_failed_transaction_inside_another_undoes_only_itself(database: Database) -> None:
    with database.active():
        async with transaction():
            await execute(ADD, "outer", 1)
            with pytest.raises(UniqueViolated):
                await add_twice("inner")
            await execute(ADD, "after", 1)
    assert await names(database) == {"outer", "after"}


async def add_twice(name: str) -> None:
    async with transaction():
        await execute(ADD, name, 1)
        await execute(ADD, name, 1)


async def test_an_inner_transaction_goes_with_the_outer(database: Database) -> None:
    with database.active():
        with pytest.raises(ZeroDivisionError):
            await fail_after_nesting()
        assert await count("counter") == 0


async def fail_after_nesting() -> None:
    async with transaction():
        await add_nested()
        raise ZeroDivisionError


async def test_two_databases_in_one_process_keep_apart(database: Database, tmp_path: Path) -> None:
    other = Database(f"sqlite://{tmp_path}/other.sqlite3", pool_size=1)
    await other.open()
    await other.migrate()

    async def work(of: Database, prefix: str) -> None:
        with of.active():
            for number in range(10):
                await add_in_transaction(f"{prefix}{number}")

    await at_once([work(database, "here"), work(other, "there"), work(database, "also")])
    assert {name.rstrip("0123456789") for name in await names(database)} == {"here", "also"}
    assert {name.rstrip("0123456789") for name in await names(other)} == {"there"}
    await other.close()


@pytest.fixture
async def impatient(postgres_url: str, migrated_postgres: str) -> AsyncIterator[Database]:
    """A PostgreSQL database whose locks are waited for 50 ms."""
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        database = Database(url, pool_size=2, limits=SessionLimits(lock_timeout_s=0.05))
        await database.open()
        yield database
        await database.close()


async def test_an_account_that_is_being_worked_on_refuses_after_the_lock_timeout(impatient: Database) -> None:
    kit = DeskKit()
    with impatient.active():
        order = (await kit.one_order()).order
        locked, release = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with transaction():
                await lock_accounts([order.account_id])
                locked.set()
                await release.wait()

        holding = asyncio.create_task(hold())
        await locked.wait()
        with pytest.raises(Busy):
            await lock_in_transaction(order.account_id)
        item = LiquidateCase(order.case_id, None, PlanRequest())
        (liquidated,) = await liquidate(kit.desk, TRADER, Liquidate("key 1", (item,), None))
        (cancelled,) = await cancel(kit.desk, TRADER, Cancel("key 2", (order.id,), None))
        release.set()
        await holding
        assert isinstance(liquidated, Refused)
        assert isinstance(cancelled, Refused)
        assert liquidated.code is cancelled.code is RefusalCode.VERSION_CONFLICT
        (again,) = await cancel(kit.desk, TRADER, Cancel("key 2", (order.id,), None))
        assert not isinstance(again, Refused), "a busy account is no answer for ever"


async def test_a_cancel_all_whose_same_request_does_not_end_refuses_after_the_lock_timeout(
    impatient: Database,
) -> None:
    command = CancelAll("key 1", OrderFilter(symbol=APPLE), None)
    with impatient.active():
        kit = DeskKit()
        await kit.one_order()
        stored = asyncio.Event()

        async def the_same() -> None:
            async with transaction():
                await store_outcome(TRADER.subject, command.idempotency_key, SELECTION, "cut off", NOON)
                stored.set()
                await asyncio.Event().wait()

        same = asyncio.create_task(the_same())
        await stored.wait()
        refused = await cancel_all(kit.desk, TRADER, command)
        same.cancel()
        with suppress(asyncio.CancelledError):
            await same
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.VERSION_CONFLICT
        done = await cancel_all(kit.desk, TRADER, command)
        assert not isinstance(done, Refused), "busy is no answer for ever"
        assert len(done.outcomes) == 1


async def lock_in_transaction(account_id: Any) -> None:
    async with transaction():
        await lock_accounts([account_id])


async def test_more_transactions_than_connections_wait_for_each_other(database: Database) -> None:
    async def slowly(number: int) -> None:
        async with transaction():
            await execute(ADD, f"{number}", 1)
            await asyncio.sleep(0)
            await fetch("SELECT value FROM counter")
            async with transaction():
                await execute("UPDATE counter SET value = 2 WHERE name = $1", f"{number}")

    with database.active():
        async with asyncio.timeout(PATIENCE_S):
            await at_once(slowly(number) for number in range(12))
        assert await count("counter", "value = 2") == 12


async def test_one_connection_is_enough_for_every_use_case(postgres_url: str, migrated_postgres: str) -> None:
    """A task that holds a transaction never waits for a second connection."""
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url, asyncio.timeout(PATIENCE_S):
        database = Database(url, pool_size=1)
        await database.open()
        with database.active():
            assert not is_sqlite()
            kit = DeskKit()
            order = (await kit.one_order()).order
            await cancel(kit.desk, TRADER, Cancel("key", (order.id,), None))
            await kit.assess(order.account_id)
        await database.close()


@pytest.fixture
async def postgres(postgres_url: str, migrated_postgres: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        database = Database(url, pool_size=1, limits=SessionLimits(statement_timeout_s=4321))
        await database.open()
        yield database
        await database.close()


async def test_a_statement_that_takes_too_long_is_given_up_and_its_transaction_undone(
    postgres: Database,
) -> None:
    with postgres.active():
        with pytest.raises(StatementCutOff, match="statement timeout"):
            await insert_and_sleep()
        assert await count("counter") == 0
        await add_in_transaction("afterwards")
        assert await names(postgres) == {"afterwards"}


async def insert_and_sleep() -> None:
    async with transaction():
        await execute("INSERT INTO counter (name, value) VALUES ('before', 1)")
        await fetch("SET LOCAL statement_timeout = 50")
        await fetch(f"SELECT {FOREVER}")


async def test_every_statement_has_the_timeout_and_those_of_a_migration_have_none(postgres: Database) -> None:
    with postgres.active():
        assert await statement_timeout() == "4321s"
        async with transaction():
            assert await statement_timeout() == "4321s"
            await _wait_to_be_the_only_one()
            assert await statement_timeout() == "0"
        assert await statement_timeout() == "4321s"


async def statement_timeout() -> str:
    return str((await fetch("SHOW statement_timeout"))[0]["statement_timeout"])


async def test_what_waits_for_a_connection_is_counted(postgres: Database) -> None:
    used, free = asyncio.Event(), asyncio.Event()

    async def use() -> None:
        async with transaction():
            used.set()
            await free.wait()

    with postgres.active():
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(use())
            await used.wait()
            tasks.create_task(count("counter"))
            while (pool := postgres.pool_use) is None or not pool.awaited:  # noqa: ASYNC110 - has no event
                await asyncio.sleep(0)
            free.set()
    assert pool == PoolUse(busy=1, most=1, awaited=1)
    assert postgres.pool_use == PoolUse(busy=0, most=1, awaited=0)
