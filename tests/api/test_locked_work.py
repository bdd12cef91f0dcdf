"""A forgotten session locks what a loop of the desk needs: `/readyz` names the loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import asyncpg
import pytest
from starlette.applications import Starlette
from starlette.types import Message
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.startup.preparation import CannotStart, check
from models.sql.faults import Busy
from tests.api.case_work import command
from tests.api.readiness import readiness
from tests.api.trading import cases
from tests.kit.book_files import a_book, a_client, owing, quotes
from tests.kit.desk_server import Desk, World, scraped

pytestmark = [pytest.mark.parametrize("world", ["postgres-redis"], indirect=True), pytest.mark.both_stacks]

QUICK: dict[str, Any] = {"database_lock_timeout_s": 0.1, "loop_failing_told_s": 0.2}


@pytest.mark.parametrize(("row", "loop"), [("stream", "relay"), ("audit_head", "audit chain")])
async def test_a_loop_that_a_lock_holds_up_degrades_the_process(world: World, row: str, loop: str) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **QUICK)
    said: dict[str, Any] = {}
    codes: set[int] = set()

    async def told() -> bool:
        said.clear()
        said.update(await readiness(desk))
        codes.add(said["code"])
        return said.get("loops") is False

    async def there() -> bool:
        return bool(await desk.rows(f"SELECT 1 FROM {row}"))

    await desk.until(there, "the row")
    session = await asyncpg.connect(world.database_url)
    try:
        async with session.transaction():
            await session.execute(f"SELECT 1 FROM {row} FOR UPDATE")
            # Something to publish, and to chain.
            await desk.market.says(*quotes(desk.clock()))
            await desk.until(told, "the process to name the loop")
            assert said["status"] == "degraded"
            assert codes == {200}, "a lock turns no caller away"
            assert said["loopsTrouble"].startswith(f"{loop}: ")
    finally:
        await session.close()


@asynccontextmanager
async def locked(world: World, *tables: str) -> AsyncIterator[None]:
    """As an ALTER TABLE does that waits, until the end of the block."""
    session = await asyncpg.connect(world.database_url)
    try:
        async with session.transaction():
            await session.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await session.close()


async def test_an_event_waits_for_a_lock_on_its_data_and_is_not_lost(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **QUICK)
    trader = desk.caller()
    events = await trader.subscribe(
        "subscription { caseEvents { kind case { caseNo account { cashBalances { balance } } } } }"
    )
    await desk.market.says(*quotes(desk.clock()))
    assert (await events.next())["kind"] == "OPENED"
    (case,) = await cases(trader)
    with capture_logs() as logs:
        async with locked(world, "cash_balance"):
            await command(trader, "addFollowUp", case, text="called")

            async def waiting() -> bool:
                return any(each["event"] == "an event waits for the database" for each in logs)

            await desk.until(waiting, "the event to wait")
        shown = await events.next()
    assert shown["case"]["account"]["cashBalances"]


async def test_a_lock_on_the_outbox_takes_neither_the_bus_nor_the_metrics_away(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **QUICK)
    await desk.until(partial(bus_answers, desk), "the bus")
    with capture_logs() as logs:
        async with locked(world, "outbox", "stream"):

            async def held_up() -> bool:
                return any(each.get("worker") == "relay" for each in logs)

            await desk.until(held_up, "the relay to wait")
            said = await readiness(desk)
            assert (said["code"], said["bus"]) == (200, True)
            assert (await scraped(desk))["desk_bus_up"] == 1
    assert not [each for each in logs if each.get("worker") == "bus"]


async def bus_answers(desk: Desk) -> bool:
    return (await readiness(desk))["bus"] is True


async def test_a_lock_on_market_days_holds_up_the_watching_of_a_new_leader_and_no_caller(
    world: World,
) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **QUICK)
    codes: set[int] = set()
    said: dict[str, Any] = {}

    async def told() -> bool:
        said.clear()
        said.update(await readiness(other))
        if any(each.get("worker") == "watching" for each in logs):
            codes.add(said["code"])
        return said["leader"] is True and "watching: " in said.get("loopsTrouble", "")

    async def well() -> bool:
        return (await readiness(other))["workers"] is True and any(
            each["event"] == "watching margin" for each in logs
        )

    other = await world.desk(**QUICK)
    with capture_logs() as logs:
        async with locked(world, "market_day"):
            await desk.stop()
            await other.until(told, "the new leader to name the loop")
            assert (said["status"], codes) == ("degraded", {200})
        await other.until(well, "margin to be watched")


async def test_a_lock_at_the_start_is_said_in_one_line(world: World) -> None:
    settings = world.settings(**QUICK)
    async with locked(world, "revocation"):
        with pytest.raises(CannotStart, match=r"^Another session keeps a table .*: end that session"):
            await check(settings, world.clock(), lambda done, of: None)
        # A worker of several meets the lock itself.
        (said,) = await _messages_at_the_start(create_app(settings))
        assert said["type"] == "lifespan.startup.failed"
        assert said["message"].startswith("This process cannot start: ")
        assert "\n" not in said["message"]
    await check(settings, world.clock(), lambda done, of: None)


async def _messages_at_the_start(app: Starlette) -> list[Message]:
    """To the server, which logs it."""
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        said.append(message)

    with suppress(Busy):
        await app({"type": "lifespan", "state": {}}, receive, send)
    return said
