"""A dispatching process is killed, the kill switch comes on, and a second process takes over: nothing slips.

What the venue had before the switch stays there; what it had not got is cancelled, whatever the dead process
had written down of sending it.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from desk.four_eyes.kill_switch import SetKillSwitch, set_kill_switch
from desk.outcomes import Done
from domain.kill_switch import EVERYTHING_FROZEN
from models.sql.database import Database, Row, fetch
from tests.integration.crash_checks import read_journal
from tests.integration.crash_harness import KillPoint, LiquidationRun, Template, template
from tests.kit.crash_gateway import AtVenue, VenueMoment
from tests.kit.crash_proxy import Moment, PostgresProxy, Statement
from tests.kit.desk_kit import TRADER, Clock, DeskKit
from tests.kit.servers import fresh_database

pytestmark = pytest.mark.faults

BOTH_QUEUED = Statement(1, Moment.AFTER, "COMMIT; INSERT INTO idempotency_item")
POINTS: dict[KillPoint, int] = {
    BOTH_QUEUED: 0,
    AtVenue(1, VenueMoment.SUBMITTING): 0,
    AtVenue(1, VenueMoment.SUBMITTED): 1,
    AtVenue(2, VenueMoment.SUBMITTING): 1,
}
"""Where the first process dies, and how many of the two orders the venue has by then."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """When everything has ended: what the venue had before and after, and the desk's orders."""

    died: bool
    before: set[str]
    after: set[str]
    orders: list[Row]


@pytest.fixture(scope="module")
def source(postgres_url: str) -> Iterator[Template]:
    with asyncio.Runner() as runner:
        made = template(postgres_url)
        yield runner.run(made.__aenter__())
        runner.run(made.__aexit__(None, None, None))


@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_orders_that_were_not_at_the_venue_never_get_there(
    point: KillPoint, source: Template, redis_url: str
) -> None:
    found = await _die_freeze_and_go_on(source, redis_url, point)
    assert found.died, f"never got to {point}"
    assert len(found.before) == POINTS[point]
    assert found.after == found.before, "an order slipped"
    stopped = [row for row in found.orders if row["client_order_id"] not in found.before]
    assert len(stopped) == 2 - POINTS[point]
    assert {row["status"] for row in stopped} == {"CANCELED"}
    assert all(row["reason"].startswith("kill switch") for row in stopped), stopped


async def _die_freeze_and_go_on(source: Template, redis_url: str, point: KillPoint) -> Aftermath:
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        url = await stack.enter_async_context(fresh_database(source.server_url, copy_of=source.url))
        proxy = await stack.enter_async_context(PostgresProxy(url).running())
        redis = await stack.enter_async_context(Redis.from_url(redis_url))
        run = LiquidationRun(proxy, url, redis, redis_url, directory)
        stack.push_async_callback(run.end)
        await run.start(point if isinstance(point, AtVenue) else None)
        proxy.arm(point if isinstance(point, Statement) else None, run.kill)
        died = await run.liquidate_until_dead_or_done(source.before)
        proxy.disarm()
        journal = directory / "paper_venue.jsonl"
        before = _sent(journal)
        await _freeze(url, run.clock())
        await run.start(None)
        await run.until(run.settled, "the orders to end")
        run.kill()
        return Aftermath(died, before, _sent(journal), await _orders(url))


def _sent(journal: Path) -> set[str]:
    return {str(order.client_order_id) for order in read_journal(journal).orders}


async def _freeze(url: str, now: datetime) -> None:
    database = Database(url, pool_size=1)
    await database.open()
    try:
        with database.active():
            command = SetKillSwitch(uuid4().hex, EVERYTHING_FROZEN, True, "wrong prices")
            outcome = await set_kill_switch(DeskKit(Clock(now)).desk, TRADER, command)
            assert isinstance(outcome, Done), outcome
    finally:
        await database.close()


async def _orders(url: str) -> list[Row]:
    database = Database(url, pool_size=1)
    await database.open()
    try:
        with database.active():
            return list(await fetch("SELECT client_order_id, status, reason FROM liquidation_order"))
    finally:
        await database.close()
