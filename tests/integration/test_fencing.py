"""A leader that was frozen on its way to the venue sends nothing when another one leads by then."""

import asyncio
import os
import signal
from dataclasses import replace
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic

import pytest

from desk.leadership import NotLeading
from desk.orders.cancel import Cancel, cancel
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.reconcile import reconcile_all
from domain.order import OrderStatus
from gateway.resources import make_desk
from gateway.settings import load_settings
from gateway.workers.term import LEASE, Term
from models.lease import Lease, acquire_lease, renew_lease
from models.sql.database import Database
from tests.kit.desk_kit import TRADER, Clock, DeskKit, order
from tests.kit.forks import forked
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.shared_venue import SharedVenue

FOR_LONG = timedelta(seconds=FAR_S)
FENCED_OFF, SENT = 3, 0


class FreezesAfterLooking(Term):
    """Stands still between the look at the lease and the message to the venue."""

    looks = 0

    async def check(self) -> None:
        await super().check()
        self.looks += 1
        # The first look is that of the transaction in which the order is marked as sent.
        if self.looks == 2:
            self.runs_out = monotonic() + 0.001
            os.kill(os.getpid(), signal.SIGSTOP)


def _leads(url: str, venue: Path, fence: int, moment: str) -> None:
    """In a process of its own: sends what is queued, and freezes on the way."""
    try:
        asyncio.run(_dispatches(url, SharedVenue(venue), fence, moment))
    except NotLeading:
        os._exit(FENCED_OFF)
    os._exit(SENT)


async def _dispatches(url: str, venue: SharedVenue, fence: int, moment: str) -> None:
    of = FreezesAfterLooking if moment == "looked" else Term
    term = of("first", fence, monotonic() + FAR_S)
    committed = _freeze if moment == "marked" else _nothing
    database = Database(url, pool_size=1)
    await database.open()
    with database.active():
        desk = replace(make_desk(load_settings(), Clock(), committed), leadership=term)
        await Dispatcher(desk, venue, batch=10).dispatch()
    await database.close()


def _freeze() -> None:
    """Called right after the commit that marks the order as sent."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _nothing() -> None:
    pass


def start(url: str, venue: Path, fence: int, moment: str) -> ForkServerProcess:
    return forked(_leads, url, venue, fence, moment)


async def until_frozen(process: ForkServerProcess) -> None:
    stat = Path(f"/proc/{process.pid}/stat")
    async with asyncio.timeout(PATIENCE_S):
        while " T " not in await asyncio.to_thread(stat.read_text):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def thawed(process: ForkServerProcess) -> int | None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGCONT)
    await asyncio.to_thread(process.join, PATIENCE_S)
    return process.exitcode


async def taken_over(first: Lease) -> Lease:
    """The first leader's lease runs out, and another process gets it."""
    await renew_lease(LEASE, "first", first.fence, timedelta(milliseconds=-1))
    second = await acquire_lease(LEASE, "second", FOR_LONG)
    assert second is not None
    return second


@pytest.mark.parametrize("moment", ["marked", "looked"])
@pytest.mark.parametrize("unwanted", [False, True], ids=["wanted", "cancelled meanwhile"])
async def test_a_thawed_leader_sends_nothing_where_a_successor_leads(
    moment: str, unwanted: bool, kit: DeskKit, url: str, tmp_path: Path
) -> None:
    view = await kit.one_order()
    venue = SharedVenue(tmp_path / "venue")
    first = await acquire_lease(LEASE, "first", FOR_LONG)
    assert first is not None
    frozen = start(url, tmp_path / "venue", first.fence, moment)
    await until_frozen(frozen)
    assert (await order(view.order.id)).order.status is OrderStatus.PENDING_NEW
    second = await taken_over(first)
    runs_out = monotonic() + FAR_S
    led = replace(kit.desk, leadership=Term("second", second.fence, runs_out))
    if unwanted:
        await cancel(kit.desk, TRADER, Cancel("cancel", (view.order.id,), None))
    await reconcile_all(led, venue, 10)
    await Dispatcher(led, venue, batch=10).dispatch()
    assert await thawed(frozen) == FENCED_OFF
    assert venue.submitted == ([] if unwanted else [view.order.client_order_id])
    ended = (await order(view.order.id)).order.status
    assert ended is (OrderStatus.CANCELED if unwanted else OrderStatus.PENDING_NEW)


async def test_a_leader_that_was_frozen_and_still_leads_sends_its_order(
    kit: DeskKit, url: str, tmp_path: Path
) -> None:
    view = await kit.one_order()
    lease = await acquire_lease(LEASE, "first", FOR_LONG)
    assert lease is not None
    frozen = start(url, tmp_path / "venue", lease.fence, "marked")
    await until_frozen(frozen)
    assert await thawed(frozen) == SENT
    assert SharedVenue(tmp_path / "venue").submitted == [view.order.client_order_id]
