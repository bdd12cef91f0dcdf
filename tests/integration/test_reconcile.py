"""Whatever a crash or a silent venue left open is settled by asking; not knowing sends nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from desk.fair_scheduler import FairScheduler
from desk.orders.cancel import Cancel, cancel
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.reconcile import reconcile_all
from desk.orders.record_execution import record_execution
from desk.orders.working_orders import Questions, WorkingOrders
from domain.events import OrderView
from domain.execution import ExecType, ExecutionReport
from domain.ids import ClientOrderId
from domain.liquidation_plan import LegRequest
from domain.order import CancelCause, Order, OrderStatus
from gateway.loops.policy import attempt
from models.order import changes_of, load_by_client_order_id
from tests.kit.desk_kit import (
    APPLE,
    BOEING,
    TRADER,
    DeskKit,
    count,
    order,
    position_of,
    quoted,
    report,
)
from tests.kit.follow_ups import desk_codes
from venues.base import CancelRequest, NewOrder, Venue, VenueUnavailable
from venues.paper import CancelAnswer, Connection, PaperBehaviour, PaperVenue

ACK_TIMEOUT_S = 10
INTERVAL_S = 30
GOOD = PaperBehaviour()
DOWN = PaperBehaviour(connection=Connection.DOWN)
LOST = PaperBehaviour(connection=Connection.ANSWER_LOST)
SILENT = PaperBehaviour(silent=True)


def a_venue(kit: DeskKit, behaviour: PaperBehaviour = GOOD) -> PaperVenue:
    """With AAPL at 100 on both sides."""
    venue = PaperVenue(kit.clock, behaviour=behaviour)
    venue.on_quote(quoted(APPLE, 100, kit.clock()))
    return venue


async def dispatch(kit: DeskKit, venue: Venue) -> int:
    return await Dispatcher(kit.desk, venue, batch=10).dispatch()


def questions(kit: DeskKit, venue: Venue, interval_s: float = INTERVAL_S, batch: int = 10) -> WorkingOrders:
    """As the leader asks them."""
    scheduler = FairScheduler(attempt, kit.clock, timedelta(seconds=1), timedelta(minutes=1))
    times = (timedelta(seconds=interval_s), timedelta(seconds=ACK_TIMEOUT_S))
    return WorkingOrders(kit.desk, venue, scheduler, Questions(*times, batch))


async def ask(kit: DeskKit, venue: Venue) -> None:
    """About everything that is due."""
    await questions(kit, venue).ask_all()


async def status(view: OrderView) -> OrderStatus:
    return (await order(view.order.id)).order.status


async def record_waiting(kit: DeskKit, venue: PaperVenue) -> None:
    """Everything that the venue has to say now, which is something."""
    async for said in venue.reports():
        await record_execution(kit.desk, said)
        await venue.confirm(said)
        if not venue.unconfirmed:
            return


async def ask_cancel(kit: DeskKit, view: OrderView) -> None:
    await cancel(kit.desk, TRADER, Cancel(f"cancel {await count('idempotency_key')}", (view.order.id,), None))


async def test_an_order_that_the_venue_never_got_is_sent_once_under_the_same_name(kit: DeskKit) -> None:
    view = await kit.one_order()
    venue = a_venue(kit, DOWN)
    await dispatch(kit, venue)
    assert await status(view) is OrderStatus.PENDING_NEW
    venue.behave(GOOD)
    assert await dispatch(kit, venue) == 0, "never again because we do not know"
    assert await reconcile_all(kit.desk, venue, 10) == 1
    assert await status(view) is OrderStatus.QUEUED
    assert await dispatch(kit, venue) == 1
    assert await dispatch(kit, venue) == 0
    await record_waiting(kit, venue)
    assert await status(view) is OrderStatus.FILLED
    changes = (await changes_of([view.order.id]))[view.order.id]
    assert [change.status for change in changes] == [
        *(OrderStatus.QUEUED, OrderStatus.PENDING_NEW) * 2,
        OrderStatus.NEW,
        OrderStatus.FILLED,
    ]


async def test_an_order_that_never_arrived_and_is_no_longer_needed_is_cancelled(kit: DeskKit) -> None:
    view = await kit.one_order()
    venue = a_venue(kit, DOWN)
    await dispatch(kit, venue)
    await ask_cancel(kit, view)
    assert await status(view) is OrderStatus.PENDING_CANCEL
    venue.behave(GOOD)
    await reconcile_all(kit.desk, venue, 10)
    assert await status(view) is OrderStatus.CANCELED
    assert await venue.history(view.order.client_order_id) is None


async def test_the_cancel_of_an_order_that_was_not_acknowledged_asks_first_whether_the_venue_has_it(
    kit: DeskKit,
) -> None:
    view = await kit.one_order()
    venue = a_venue(kit, DOWN)
    await dispatch(kit, venue)
    await ask_cancel(kit, view)
    venue.behave(GOOD)
    await dispatch(kit, venue)
    assert await status(view) is OrderStatus.CANCELED
    assert venue.unconfirmed == 0, "no cancel was sent"


async def test_a_missed_report_is_read_from_the_history_once(kit: DeskKit) -> None:
    view = await kit.one_order()
    venue = a_venue(kit, LOST)
    await dispatch(kit, venue)
    assert await status(view) is OrderStatus.PENDING_NEW
    venue.behave(GOOD)
    await reconcile_all(kit.desk, venue, 10)
    assert await status(view) is OrderStatus.FILLED
    assert await position_of(view.order.account_id, APPLE) == 300
    await record_waiting(kit, venue)
    assert await position_of(view.order.account_id, APPLE) == 300
    assert await count("execution") == 2


async def test_an_order_whose_answer_was_lost_is_not_sent_again(kit: DeskKit) -> None:
    view = await kit.one_order()
    venue = a_venue(kit, LOST)
    for _ in range(3):
        await dispatch(kit, venue)
    venue.behave(GOOD)
    history = await venue.history(view.order.client_order_id)
    assert history is not None
    assert [said.exec_type for said in history] == [ExecType.NEW, ExecType.TRADE]


async def test_a_silent_venue_is_asked_after_the_timeout_and_not_before(kit: DeskKit) -> None:
    view = await kit.one_order()
    venue = a_venue(kit, SILENT)
    await dispatch(kit, venue)
    kit.clock.pass_(seconds=ACK_TIMEOUT_S - 1)
    await ask(kit, venue)
    assert await status(view) is OrderStatus.PENDING_NEW
    kit.clock.pass_(seconds=1)
    await ask(kit, venue)
    assert await status(view) is OrderStatus.FILLED
    changes = (await changes_of([view.order.id]))[view.order.id]
    assert OrderStatus.UNKNOWN in [change.status for change in changes]


async def test_a_venue_that_cannot_be_asked_leaves_the_order_unknown_until_it_can(kit: DeskKit) -> None:
    view = await kit.one_order()
    venue = a_venue(kit, DOWN)
    await dispatch(kit, venue)
    for _ in range(2):
        kit.clock.pass_(seconds=ACK_TIMEOUT_S)
        await ask(kit, venue)
    assert await status(view) is OrderStatus.UNKNOWN
    assert await dispatch(kit, venue) == 0
    venue.behave(GOOD)
    kit.clock.pass_(seconds=ACK_TIMEOUT_S)
    await ask(kit, venue)
    assert await status(view) is OrderStatus.QUEUED


async def test_an_unknown_order_with_a_requested_cancel_is_cancelled_when_the_venue_answers(
    kit: DeskKit,
) -> None:
    view = await kit.one_order()
    venue = PaperVenue(kit.clock, behaviour=LOST)
    venue.on_quote(replace(quoted(APPLE, 100, kit.clock()), bid=Decimal(90), ask=Decimal(110)))
    await dispatch(kit, venue)
    venue.behave(DOWN)
    kit.clock.pass_(seconds=ACK_TIMEOUT_S)
    await ask(kit, venue)
    await ask_cancel(kit, view)
    assert await status(view) is OrderStatus.UNKNOWN
    venue.behave(GOOD)
    await reconcile_all(kit.desk, venue, 10)
    assert await status(view) is OrderStatus.PENDING_CANCEL
    await dispatch(kit, venue)
    await record_waiting(kit, venue)
    assert await status(view) is OrderStatus.CANCELED


async def test_the_cancel_of_an_unknown_order_stands_in_its_history_though_it_was_filled(
    kit: DeskKit,
) -> None:
    view = await kit.one_order()
    venue = a_venue(kit, LOST)
    await dispatch(kit, venue)
    venue.behave(DOWN)
    kit.clock.pass_(seconds=ACK_TIMEOUT_S)
    await ask(kit, venue)
    await cancel(kit.desk, TRADER, Cancel("cancel", (view.order.id,), "client paid"))
    venue.behave(GOOD)
    await reconcile_all(kit.desk, venue, 10)
    changes = (await changes_of([view.order.id]))[view.order.id]
    assert [(change.status, change.reason) for change in changes] == [
        *((status, None) for status in (OrderStatus.QUEUED, OrderStatus.PENDING_NEW, OrderStatus.UNKNOWN)),
        (OrderStatus.UNKNOWN, "client paid"),
        *((status, "client paid") for status in (OrderStatus.PENDING_CANCEL, OrderStatus.FILLED)),
    ]
    assert (await order(view.order.id)).order.cancel_cause is CancelCause.DECIDED


async def test_a_venue_that_denies_an_acknowledged_order_changes_nothing_and_is_reported_once(
    kit: DeskKit,
) -> None:
    view = await kit.one_order()
    await dispatch(kit, a_venue(kit))
    await record_execution(kit.desk, report(view.order, ExecType.NEW, 1))
    before = await order(view.order.id)
    forgetful = questions(kit, a_venue(kit))
    for _ in range(3):
        kit.clock.pass_(seconds=INTERVAL_S)
        await forgetful.ask_all()
    assert await order(view.order.id) == before
    assert kit.desk.attention == {"CONTRADICTION": 1}


class NotedVenue:
    """Takes everything and says nothing; `cancels` is what was sent."""

    name = "X"

    def __init__(self, history: tuple[ExecutionReport, ...] = ()) -> None:
        self.orders: list[ClientOrderId] = []
        self.cancels: list[ClientOrderId] = []
        self._history = history

    async def submit(self, order: NewOrder) -> None:
        self.orders.append(order.client_order_id)

    async def cancel(self, request: CancelRequest) -> None:
        self.cancels.append(request.client_order_id)

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...]:
        return self._history

    async def reports(self) -> AsyncIterator[ExecutionReport]:
        return
        yield

    async def confirm(self, report: ExecutionReport) -> None:
        pass

    async def close(self) -> None:
        pass


async def a_cancel_on_its_way(kit: DeskKit, venue: NotedVenue) -> tuple[Order, Dispatcher]:
    view = await kit.one_order()
    dispatcher = Dispatcher(kit.desk, venue, batch=10)
    await dispatcher.dispatch()
    await record_execution(kit.desk, report(view.order, ExecType.NEW, 1))
    await ask_cancel(kit, view)
    await dispatcher.dispatch()
    assert venue.cancels == [view.order.client_order_id]
    return view.order, dispatcher


async def test_a_cancel_is_sent_once_however_long_its_answer_takes(kit: DeskKit) -> None:
    venue = NotedVenue()
    _, dispatcher = await a_cancel_on_its_way(kit, venue)
    for _ in range(3):
        assert await dispatcher.dispatch() == 0
    assert len(venue.cancels) == 1


async def test_a_cancel_that_was_refused_and_asked_for_again_before_we_looked_is_sent_again(
    kit: DeskKit,
) -> None:
    venue = NotedVenue()
    sent, dispatcher = await a_cancel_on_its_way(kit, venue)
    await record_execution(kit.desk, report(sent, ExecType.CANCEL_REJECTED, 2))
    await ask_cancel(kit, await order(sent.id))
    await dispatcher.dispatch()
    assert venue.cancels == [sent.client_order_id] * 2


async def test_a_restarted_dispatcher_sends_a_pending_cancel_again(kit: DeskKit) -> None:
    """Asking twice is harmless at a venue; not asking is not."""
    venue = NotedVenue()
    sent, _ = await a_cancel_on_its_way(kit, venue)
    await Dispatcher(kit.desk, venue, batch=10).dispatch()
    assert venue.cancels == [sent.client_order_id] * 2


@pytest.mark.parametrize("answer", CancelAnswer)
async def test_after_any_answer_to_a_cancel_the_order_ends_with_the_next_quote(
    answer: CancelAnswer, kit: DeskKit
) -> None:
    view = await kit.one_order()
    venue = PaperVenue(kit.clock, behaviour=PaperBehaviour(cancel=answer))
    venue.on_quote(replace(quoted(APPLE, 100, kit.clock()), bid=Decimal(90), ask=Decimal(110)))
    dispatcher = Dispatcher(kit.desk, venue, batch=10)
    await dispatcher.dispatch()
    await reconcile_all(kit.desk, venue, 10)
    assert await status(view) is OrderStatus.NEW
    await ask_cancel(kit, view)
    await dispatcher.dispatch()
    await reconcile_all(kit.desk, venue, 10)
    venue.on_quote(quoted(APPLE, 100, kit.clock()))
    await record_waiting(kit, venue)
    ended = (await order(view.order.id)).order
    assert ended.status in (OrderStatus.CANCELED, OrderStatus.FILLED)
    assert await position_of(view.order.account_id, APPLE) == 1000 - ended.filled_quantity


async def test_at_most_the_limit_of_orders_is_compared_oldest_first(kit: DeskKit) -> None:
    await kit.one_order()
    venue = a_venue(kit, LOST)
    await dispatch(kit, venue)
    assert await reconcile_all(kit.desk, a_venue(kit), 0) == 0


async def a_fill_that_was_lost(kit: DeskKit, quantity: int = 700) -> tuple[OrderView, PaperVenue]:
    """The venue works the order, as the desk knows, and then fills it while its reports do not come."""
    view = await kit.one_order(quantity)
    venue = PaperVenue(kit.clock)
    venue.on_quote(replace(quoted(APPLE, 100, kit.clock()), bid=Decimal(90), ask=Decimal(110)))
    await dispatch(kit, venue)
    await record_waiting(kit, venue)
    assert await status(view) is OrderStatus.NEW
    venue.behave(SILENT)
    venue.on_quote(quoted(APPLE, 100, kit.clock()))
    return view, venue


async def test_a_lost_fill_of_a_working_order_is_found_within_the_interval_and_booked_once(
    kit: DeskKit,
) -> None:
    view, venue = await a_fill_that_was_lost(kit)
    working = questions(kit, venue)
    kit.clock.pass_(seconds=INTERVAL_S - 1)
    await working.ask_all()
    assert await status(view) is OrderStatus.NEW, "it was heard of not long ago"
    kit.clock.pass_(seconds=1)
    await working.ask_all()
    assert await status(view) is OrderStatus.FILLED
    assert await position_of(view.order.account_id, APPLE) == 300
    venue.speak()
    await record_waiting(kit, venue)
    assert await position_of(view.order.account_id, APPLE) == 300


@pytest.mark.parametrize("lost", ["a cancel", "an expiry"])
async def test_a_lost_end_of_a_working_order_is_found(lost: str, kit: DeskKit) -> None:
    view = await kit.one_order()
    venue = PaperVenue(kit.clock)
    venue.on_quote(replace(quoted(APPLE, 100, kit.clock()), bid=Decimal(90), ask=Decimal(110)))
    await dispatch(kit, venue)
    await record_waiting(kit, venue)
    venue.behave(SILENT)
    if lost == "a cancel":
        await venue.cancel(CancelRequest(view.order.client_order_id))
    else:
        venue.end_of_day()
    kit.clock.pass_(seconds=INTERVAL_S)
    await ask(kit, venue)
    assert await status(view) is (OrderStatus.CANCELED if lost == "a cancel" else OrderStatus.EXPIRED)


async def test_an_order_for_the_day_is_asked_for_as_soon_as_its_day_has_ended(kit: DeskKit) -> None:
    """The kit's noon is 12:00 in New York; the session ends at 16:00."""
    view, venue = await a_fill_that_was_lost(kit)
    working = questions(kit, venue, interval_s=24 * 3600)
    kit.clock.pass_(hours=3, minutes=59)
    await working.ask_all()
    assert await status(view) is OrderStatus.NEW
    kit.clock.pass_(minutes=1)
    await working.ask_all()
    assert await status(view) is OrderStatus.FILLED


async def test_an_order_that_outlives_its_day_at_the_venue_is_reported_once(kit: DeskKit) -> None:
    view = await kit.one_order()
    venue = PaperVenue(kit.clock)
    venue.on_quote(replace(quoted(APPLE, 100, kit.clock()), bid=Decimal(90), ask=Decimal(110)))
    await dispatch(kit, venue)
    await record_waiting(kit, venue)
    working = questions(kit, venue)
    for hours in (4, 1, 1):
        kit.clock.pass_(hours=hours)
        await working.ask_all()
    assert kit.desk.attention == {"DAY_ENDED": 1}
    for _ in range(2):
        kit.clock.pass_(hours=1)
        await questions(kit, venue).ask_all()
    assert kit.desk.attention == {"DAY_ENDED": 1}, "the leaders that follow know that it was told"
    assert await desk_codes() == [("ORDER_NEEDS_ATTENTION", "DAY_ENDED")]
    assert await status(view) is OrderStatus.NEW, "only the venue ends an order"


class OneFails(NotedVenue):
    """Cannot be asked about one order; of the others it says that they were filled."""

    def __init__(self, fails: ClientOrderId) -> None:
        super().__init__()
        self._fails = fails

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...]:
        if client_order_id == self._fails:
            raise VenueUnavailable("not this one")
        said = await load_by_client_order_id(client_order_id)
        assert said is not None
        return (report(said.order, ExecType.CANCELED, 99),)


async def test_a_question_that_fails_for_one_order_does_not_hold_up_the_others(kit: DeskKit) -> None:
    view = await kit.one_order(300)
    (other,) = await kit.liquidate(view.order.case_id, LegRequest(BOEING, Decimal(300)))
    await dispatch(kit, a_venue(kit))
    kit.clock.pass_(seconds=ACK_TIMEOUT_S)
    await questions(kit, OneFails(view.order.client_order_id), batch=1).ask_all()
    assert await status(other) is OrderStatus.CANCELED
    assert await status(view) is OrderStatus.UNKNOWN


async def test_a_contradicting_report_has_its_order_compared_with_the_venue_once(kit: DeskKit) -> None:
    """The order has ended, as far as the desk knows: no other question would be asked about it."""
    view, venue = await a_fill_that_was_lost(kit, 300)
    await record_execution(kit.desk, report(view.order, ExecType.CANCELED, 7))
    other_content = replace(report(view.order, ExecType.REJECTED, 7), text="no")
    await record_execution(kit.desk, other_content)
    await ask(kit, venue)
    assert await position_of(view.order.account_id, APPLE) == 700
    assert await count("set_aside_report", "asked_at IS NULL") == 0
