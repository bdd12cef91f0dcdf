"""A session forgotten in a transaction locks the lease: every process reports that no process leads."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.api.readiness import readiness
from tests.kit.book_files import a_book, a_client, owing
from tests.kit.desk_server import Desk, World

pytestmark = [pytest.mark.parametrize("world", ["postgres-redis"], indirect=True), pytest.mark.both_stacks]

QUICK: dict[str, Any] = {"lease_ttl_s": 1, "database_lock_timeout_s": 0.2}
BEGINS, ENDS = "no process leads the desk", "a process leads the desk again"
LOCKS = {
    "its row": "SELECT 1 FROM lease WHERE name = 'desk' FOR UPDATE",
    "every row": "SELECT 1 FROM lease FOR UPDATE",
    "the table": "LOCK TABLE lease",
}


@pytest.fixture
async def forgotten(world: World) -> AsyncIterator[asyncpg.Connection]:
    """Another session of the database."""
    session = await asyncpg.connect(world.database_url)
    yield session
    await session.close()


async def says(desk: Desk, status: str, led: bool, why: str = "") -> None:
    """Until `/readyz` says so, with 200, and why."""

    async def holds() -> bool:
        said = await readiness(desk)
        says_so = (said["code"], said["status"], said["led"]) == (200, status, led)
        return says_so and why in said.get("ledTrouble", "")

    await desk.until(holds, f"the process to be {status}")


@pytest.mark.parametrize("what", LOCKS)
async def test_every_process_says_that_no_process_leads_until_the_lock_is_gone(
    world: World, forgotten: asyncpg.Connection, what: str
) -> None:
    with capture_logs() as logs:

        async def each_has_logged() -> bool:
            return [each["event"] for each in logs].count(BEGINS) == len(desks)

        desks = [await world.desk(a_book(a_client("C1", owing("M1"))), **QUICK), await world.desk(**QUICK)]
        for desk in desks:
            await says(desk, "ready", led=True)
        async with forgotten.transaction():
            await forgotten.execute(LOCKS[what])
            for desk in desks:
                await says(desk, "degraded", led=False, why=f"(pid {forgotten.get_server_pid()})")
                assert not (await readiness(desk))["leader"]
            await desks[0].until(each_has_logged, "both logs to say so")
        for desk in desks:
            await says(desk, "ready", led=True)
    told = [each["event"] for each in logs]
    assert (told.count(BEGINS), told.count(ENDS)) == (len(desks), len(desks)), "once by each process"
    assert "worker crashed" not in told


async def test_a_locked_row_of_the_successor_keeps_no_process_from_leading(
    world: World, forgotten: asyncpg.Connection
) -> None:
    first = await world.desk(a_book(a_client("C1", owing("M1"))), **QUICK)
    second = await world.desk(**QUICK)
    await says(second, "ready", led=True)
    async with forgotten.transaction():
        await forgotten.execute("SELECT 1 FROM lease WHERE name = 'successor' FOR UPDATE")
        await first.stop()
        await second.until(second.leads, "the other process to lead")


async def test_a_far_lease_end_of_a_dead_process_is_reported_and_can_be_ended(
    world: World, forgotten: asyncpg.Connection
) -> None:
    await world.imports(a_book(a_client("C1", owing("M1"))))
    await forgotten.execute(
        "INSERT INTO lease (name, holder, expires_at, fence) VALUES ('desk', 'gone:1', '2990-01-01Z', 1)"
    )
    desk = await world.desk(**QUICK)
    await says(
        desk, "degraded", led=False, why="the lease ends only at 2990-01-01T00:00:00+00:00, and gone:1"
    )
    await forgotten.execute("UPDATE lease SET expires_at = now() - interval '1 second' WHERE name = 'desk'")
    await says(desk, "ready", led=True)
