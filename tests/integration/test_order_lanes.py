"""A locked account, or one that the desk fails at, holds up no other: neither its orders nor its reports."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from desk.fair_scheduler import FairScheduler
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.report_lanes import ReportLanes
from domain.events import OrderView
from domain.ids import AccountId
from domain.liquidation_plan import LegRequest
from domain.order import OrderStatus
from gateway.loops.policy import attempt
from models.case import live_cases_of
from models.sql.database import fetch
from tests.kit.desk_kit import APPLE, BOEING, DeskKit, count, order, position_of, quoted
from tests.kit.led_processes import Venues, process
from tests.kit.patience import PATIENCE_S
from venues.paper import PaperVenue

S = OrderStatus
Lock = Callable[[AccountId], AbstractAsyncContextManager[None]]


@pytest.fixture
def lock(url: str) -> Lock:
    """Keeps an account's row locked from a connection of its own, as a forgotten session does."""

    @asynccontextmanager
    async def locked(account_id: AccountId) -> AsyncIterator[None]:
        connection = await asyncpg.connect(url)
        try:
            async with connection.transaction():
                await connection.execute("SELECT id FROM account WHERE id = $1 FOR UPDATE", account_id)
                yield
        finally:
            await connection.close()

    return locked


async def two_orders(kit: DeskKit) -> tuple[OrderView, OrderView]:
    """One of the account M1, one of the account M2; the first is the older."""
    views = []
    for account_no in ("M1", "M2"):
        account_id = await kit.indebted_account(account_no)
        (live,) = await live_cases_of([account_id])
        views += await kit.liquidate(live.case.id, LegRequest(APPLE, live.case.figures.amount / 40))
        kit.clock.pass_(seconds=1)
    for symbol in (APPLE, BOEING):
        await kit.quote(symbol, 100)
    return views[0], views[1]


def scheduler(kit: DeskKit) -> FairScheduler:
    return FairScheduler(attempt, kit.clock, timedelta(seconds=1), timedelta(seconds=1))


async def status(view: OrderView) -> OrderStatus:
    return (await order(view.order.id)).order.status


def a_venue(kit: DeskKit) -> PaperVenue:
    venue = PaperVenue(kit.clock)
    venue.on_quote(quoted(APPLE, 100, kit.clock()))
    return venue


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


@pytest.mark.only("postgres")  # SQLite has no row locks: one transaction excludes all others.
async def test_orders_of_a_locked_account_wait_and_the_others_go_out(kit: DeskKit, lock: Lock) -> None:
    first, second = await two_orders(kit)
    dispatcher = Dispatcher(kit.desk, a_venue(kit), 1, scheduler(kit))
    async with lock(first.order.account_id):
        for _ in range(2):
            await dispatcher.dispatch()
        assert (await status(first), await status(second)) == (S.QUEUED, S.PENDING_NEW)
        assert dispatcher.held_up == {first.order.account_id}
    kit.clock.pass_(seconds=5)
    await dispatcher.dispatch()
    assert await status(first) is S.PENDING_NEW


@pytest.mark.only("postgres")  # SQLite has no row locks: one transaction excludes all others.
async def test_reports_of_a_locked_account_wait_in_order_and_are_confirmed_when_they_are_booked(
    kit: DeskKit,
    lock: Lock,
) -> None:
    first, second = await two_orders(kit)
    venue = a_venue(kit)
    await Dispatcher(kit.desk, venue, 10).dispatch()
    lanes = ReportLanes(kit.desk, venue, scheduler(kit), held_max=100)
    async with lock(first.order.account_id):
        reading = asyncio.create_task(lanes.read())
        await until(lambda: venue.unconfirmed == 2 and lanes.held == 2)
        assert (await status(first), await status(second)) == (S.PENDING_NEW, S.FILLED)
        assert lanes.accounts == (first.order.account_id,)
        kit.clock.pass_(seconds=5)
        await lanes.book_waiting()
        assert venue.unconfirmed == 2, "what is not booked is not confirmed"
    kit.clock.pass_(seconds=5)
    await lanes.book_waiting()
    assert (await status(first), venue.unconfirmed, lanes.held) == (S.FILLED, 0, 0)
    await venue.close()
    await reading


async def test_an_account_that_the_desk_fails_at_holds_up_no_other_and_loses_nothing(kit: DeskKit) -> None:
    first, second = await two_orders(kit)
    venue = a_venue(kit)
    await Dispatcher(kit.desk, venue, 10).dispatch()
    (row,) = await fetch("SELECT figures FROM margin_case WHERE id = $1", first.order.case_id)
    await fetch("UPDATE margin_case SET figures = '{' WHERE id = $1 RETURNING 1", first.order.case_id)
    lanes = ReportLanes(kit.desk, venue, scheduler(kit), held_max=100)
    waiting, reading = asyncio.create_task(lanes.some_wait()), asyncio.create_task(lanes.read())
    await until(lambda: venue.unconfirmed == 1 and lanes.held == 1)
    await waiting
    assert (await status(first), await status(second)) == (S.NEW, S.FILLED)
    await fetch(
        "UPDATE margin_case SET figures = $2 WHERE id = $1 RETURNING 1", first.order.case_id, row["figures"]
    )
    kit.clock.pass_(seconds=5)
    await lanes.book_waiting()
    assert (await status(first), venue.unconfirmed) == (S.FILLED, 0)
    waiting = asyncio.create_task(lanes.some_wait())
    await venue.close()
    await reading
    assert not waiting.done(), "no report waits any more"
    waiting.cancel()


async def test_no_more_are_read_than_may_wait_and_a_new_reader_loses_none(kit: DeskKit) -> None:
    first, _ = await two_orders(kit)
    venue = a_venue(kit)
    await Dispatcher(kit.desk, venue, 10).dispatch()
    await fetch("UPDATE margin_case SET figures = '{' RETURNING 1")
    (row,) = await fetch("SELECT COUNT(*) AS n FROM execution")
    lanes = ReportLanes(kit.desk, venue, scheduler(kit), held_max=1)
    reading = asyncio.create_task(lanes.read())
    await until(lambda: lanes.held == 1)
    reading.cancel()
    await asyncio.wait([reading])
    assert int(row["n"]) == 0
    again = ReportLanes(kit.desk, venue, scheduler(kit), held_max=100)
    reading = asyncio.create_task(again.read())
    await until(lambda: again.held == 2)
    assert await position_of(first.order.account_id, APPLE) == 1000
    await venue.close()
    await reading


@pytest.mark.only("postgres")  # SQLite has no row locks: one transaction excludes all others.
async def test_a_running_desk_fills_and_books_the_order_of_another_account_than_the_locked_one(
    kit: DeskKit,
    lock: Lock,
    url: str,
    tmp_path: Path,
) -> None:
    first, second = await two_orders(kit)
    venues = Venues(tmp_path / "journal")
    async with lock(first.order.account_id):
        async with process(url, kit.clock, venues, tmp_path / "1") as leader:
            await until(lambda: leader.leading)
            async with asyncio.timeout(PATIENCE_S):
                while await status(second) is not S.FILLED:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)
            assert await status(first) is S.QUEUED
            assert await count("execution") == 2
