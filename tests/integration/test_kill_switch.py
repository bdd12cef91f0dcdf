"""No order leaves while a kill switch is on: not one queued before, not one in another process's hands."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from desk.four_eyes.kill_switch import SetKillSwitch, set_kill_switch
from desk.orders.dispatch_orders import Dispatcher
from desk.outcomes import Done
from domain.ids import KillSwitchId
from domain.kill_switch import EVERYTHING_FROZEN, Frozen, KillSwitchScope
from domain.order import OrderStatus
from models.book import lock_accounts
from models.kill_switch import GUARD, guard_sending
from models.sql.database import execute, fetch, is_sqlite, transaction
from tests.kit.desk_kit import TRADER, DeskKit, count, order
from venues.paper import PaperVenue


@pytest.fixture
def venue(kit: DeskKit) -> PaperVenue:
    return PaperVenue(kit.clock, None)


async def freeze(kit: DeskKit, frozen: Frozen = EVERYTHING_FROZEN) -> KillSwitchId:
    command = SetKillSwitch(uuid4().hex, frozen, True, "wrong prices")
    outcome = await set_kill_switch(kit.desk, TRADER, command)
    assert isinstance(outcome, Done), outcome
    return KillSwitchId(outcome.id)


async def thaw(kit: DeskKit) -> None:
    await execute("UPDATE kill_switch SET ended_at = $1", kit.clock())


async def test_a_queued_order_is_cancelled_with_the_reason_and_the_venue_never_hears_of_it(
    kit: DeskKit, venue: PaperVenue
) -> None:
    queued = (await kit.one_order()).order
    await freeze(kit)
    await Dispatcher(kit.desk, venue, 10).dispatch()
    killed = (await order(queued.id)).order
    assert (killed.status, killed.reason) == (OrderStatus.CANCELED, "kill switch: wrong prices")
    assert await venue.history(queued.client_order_id) is None
    assert await count("order_change", "status = 'CANCELED'") == 1


@pytest.mark.parametrize("scope", [KillSwitchScope.ACCOUNT, KillSwitchScope.CLIENT])
async def test_of_an_account_or_its_client(kit: DeskKit, venue: PaperVenue, scope: KillSwitchScope) -> None:
    view = await kit.one_order()
    subject = view.account.account_id if scope is KillSwitchScope.ACCOUNT else view.account.client_id
    await freeze(kit, Frozen(scope, subject))
    await Dispatcher(kit.desk, venue, 10).dispatch()
    assert (await order(view.order.id)).order.status is OrderStatus.CANCELED


async def test_an_order_that_waited_through_a_freeze_does_not_leave_after_it(
    kit: DeskKit, venue: PaperVenue
) -> None:
    """No order was dispatched while it was on: a crash, or a venue that was away."""
    queued = (await kit.one_order()).order
    kit.clock.now += timedelta(seconds=1)
    await freeze(kit)
    kit.clock.now += timedelta(seconds=1)
    await thaw(kit)
    kit.clock.now += timedelta(seconds=1)
    await Dispatcher(kit.desk, venue, 10).dispatch()
    assert (await order(queued.id)).order.status is OrderStatus.CANCELED
    assert await venue.history(queued.client_order_id) is None


async def test_an_order_of_later_leaves(kit: DeskKit, venue: PaperVenue) -> None:
    await freeze(kit)
    await thaw(kit)
    kit.clock.now += timedelta(seconds=1)
    sent = (await kit.one_order()).order
    await Dispatcher(kit.desk, venue, 10).dispatch()
    assert (await order(sent.id)).order.status is OrderStatus.PENDING_NEW


async def test_two_processes_dispatch_and_one_freezes_none_slips(kit: DeskKit, venue: PaperVenue) -> None:
    """An order that is sent counts as sent before the switch is on; one that is not is cancelled."""
    queued = (await kit.one_order()).order
    others = [Dispatcher(kit.desk, venue, 10) for _ in range(2)]
    await asyncio.gather(freeze(kit), *(other.dispatch() for other in others))
    status = (await order(queued.id)).order.status
    assert status in (OrderStatus.CANCELED, OrderStatus.PENDING_NEW)
    known = await venue.history(queued.client_order_id) is not None
    assert known is (status is OrderStatus.PENDING_NEW)


async def test_the_switch_waits_for_an_order_that_is_being_sent(kit: DeskKit) -> None:
    """So that no order is between being looked at and being recorded as sent when the switch is on."""
    view = await kit.one_order()
    held, go_on = asyncio.Event(), asyncio.Event()

    async def sends() -> None:
        async with transaction():
            await lock_accounts([view.order.account_id])
            await guard_sending()
            held.set()
            await go_on.wait()

    sending = asyncio.create_task(sends())
    await held.wait()
    if not is_sqlite():
        (row,) = await fetch("SELECT pg_try_advisory_xact_lock($1) AS free", GUARD)
        assert not row["free"]
    freezing = asyncio.create_task(freeze(kit))
    go_on.set()
    await sending
    await freezing
    assert await count("kill_switch", "ended_at IS NULL") == 1
