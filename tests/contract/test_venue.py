"""The acceptance suite of every venue; a case keeps its number for ever."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from domain.execution import ExecType, ExecutionReport
from domain.ids import ClientOrderId
from domain.market import TradeStatus
from domain.order import OrderSide, TimeInForce
from tests.kit.venue_harness import PaperHarness, VenueHarness, new_order
from venues.base import CancelRequest, CancelsClientOrders, ClientOrderIdReused, VenueUnavailable
from venues.paper import CancelAnswer, Connection, PaperBehaviour

A, B, C = ClientOrderId("A"), ClientOrderId("B"), ClientOrderId("C")

DURABLE: dict[str, Callable[[Path], VenueHarness]] = {"paper-journal": lambda path: PaperHarness(path)}
HARNESSES: dict[str, Callable[[Path], VenueHarness]] = {
    **DURABLE,
    "paper-memory": lambda path: PaperHarness(None),
}
CLIENT_ORDERS = HARNESSES
"""Of these, the venues that know what clients ordered themselves (`CancelsClientOrders`): V36 to V39."""


@pytest.fixture(params=HARNESSES)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VenueHarness]:
    made = HARNESSES[request.param](tmp_path)
    yield made
    await made.close()


@pytest.fixture(params=DURABLE)
async def durable(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VenueHarness]:
    made = DURABLE[request.param](tmp_path)
    yield made
    await made.close()


@pytest.fixture(params=CLIENT_ORDERS)
async def shared(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VenueHarness]:
    """Shared with the clients' own orders."""
    made = CLIENT_ORDERS[request.param](tmp_path)
    yield made
    await made.close()


def kinds(reports: list[ExecutionReport]) -> list[tuple[str, ExecType]]:
    return [(report.client_order_id, report.exec_type) for report in reports]


def fills(reports: list[ExecutionReport]) -> list[tuple[str, Decimal, Decimal]]:
    return [(report.client_order_id, report.last_quantity, report.last_price) for report in reports]


async def test_v01_an_order_is_acknowledged_and_rests(harness: VenueHarness) -> None:
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A"))
    assert kinds(await harness.reports(1)) == [(A, ExecType.NEW)]
    assert await harness.nothing_more()


async def test_v02_an_order_fills_by_the_displayed_size_and_no_further_until_the_next_quote(
    harness: VenueHarness,
) -> None:
    harness.quote("399.80", "400.00", bid_size=400)
    await harness.venue.submit(new_order("A", 1000))
    reports = await harness.reports(2)
    assert kinds(reports) == [(A, ExecType.NEW), (A, ExecType.TRADE)]
    assert fills(reports[1:]) == [(A, Decimal(400), Decimal("399.80"))]
    assert await harness.nothing_more()
    harness.quote("399.90", "400.00", bid_size=500)
    assert fills(await harness.reports(1)) == [(A, Decimal(500), Decimal("399.90"))]


async def test_v03_an_order_fills_completely_at_the_quote_with_its_fee(harness: VenueHarness) -> None:
    harness.quote("400.00", "400.20")
    await harness.venue.submit(new_order("A", 1000))
    reports = await harness.reports(2)
    assert fills(reports[1:]) == [(A, Decimal(1000), Decimal("400.00"))]
    assert reports[1].fee == Decimal("520.00")


async def test_v04_the_better_price_goes_first_and_then_the_earlier_order(harness: VenueHarness) -> None:
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A", 300, "399.80"))
    await harness.venue.submit(new_order("B", 300, "399.60"))
    await harness.venue.submit(new_order("C", 300, "399.60"))
    await harness.reports(3)
    harness.quote("399.80", "400.00", bid_size=700)
    filled = [(order, int(quantity)) for order, quantity, _ in fills(await harness.reports(3))]
    assert filled == [("B", 300), ("C", 300), ("A", 100)]


async def test_v05_an_order_that_arrives_finds_only_what_earlier_ones_left(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.00", bid_size=500)
    await harness.venue.submit(new_order("A", 400))
    await harness.venue.submit(new_order("B", 400))
    assert fills((await harness.reports(4))[3:]) == [(B, Decimal(100), Decimal("399.80"))]


async def test_v06_a_market_order_fills_the_displayed_size_and_the_rest_at_the_next_quote(
    harness: VenueHarness,
) -> None:
    harness.quote("399.80", "400.00", bid_size=300)
    await harness.venue.submit(new_order("A", 400, limit=None))
    await harness.reports(2)
    harness.quote("350.00", "351.00", bid_size=300)
    assert fills(await harness.reports(1)) == [(A, Decimal(100), Decimal("350.00"))]


async def test_v07_a_buy_takes_the_ask_up_to_its_limit(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.20")
    await harness.venue.submit(new_order("A", 100, "400.00", OrderSide.BUY))
    await harness.reports(1)
    harness.quote("399.00", "399.90")
    assert fills(await harness.reports(1)) == [(A, Decimal(100), Decimal("399.90"))]


async def test_v08_the_rest_of_an_ioc_order_is_cancelled_at_once(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.00", bid_size=400)
    await harness.venue.submit(new_order("A", 1000, time_in_force=TimeInForce.IOC))
    reports = kinds(await harness.reports(3))
    assert reports == [(A, ExecType.NEW), (A, ExecType.TRADE), (A, ExecType.CANCELED)]


async def test_v09_at_the_end_of_the_day_a_day_order_expires_and_a_gtc_order_stays(
    harness: VenueHarness,
) -> None:
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A", time_in_force=TimeInForce.DAY))
    await harness.venue.submit(new_order("B", time_in_force=TimeInForce.GTC))
    await harness.reports(2)
    harness.end_of_day()
    assert kinds(await harness.reports(1)) == [(A, ExecType.EXPIRED)]
    harness.quote("399.80", "400.00")
    assert kinds(await harness.reports(1)) == [(B, ExecType.TRADE)]


async def test_v10_an_order_off_the_lot_is_rejected(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.00")
    await harness.venue.submit(new_order("A", 150))
    reports = await harness.reports(1)
    assert kinds(reports) == [(A, ExecType.REJECTED)]
    assert "lot" in (reports[0].text or "")


async def test_v11_an_order_without_a_quote_is_rejected(harness: VenueHarness) -> None:
    await harness.venue.submit(new_order("A"))
    reports = await harness.reports(1)
    assert kinds(reports) == [(A, ExecType.REJECTED)]
    assert "quote" in (reports[0].text or "")


@pytest.mark.parametrize("status", [TradeStatus.HALTED, TradeStatus.SUSPENDED, TradeStatus.DELISTED])
async def test_v12_an_order_in_an_instrument_that_does_not_trade_is_rejected(
    harness: VenueHarness, status: TradeStatus
) -> None:
    harness.quote("399.80", "400.00")
    harness.trade_status(status)
    await harness.venue.submit(new_order("A"))
    assert kinds(await harness.reports(1)) == [(A, ExecType.REJECTED)]


async def test_v13_an_order_waits_while_the_market_is_closed_and_trades_when_it_opens(
    harness: VenueHarness,
) -> None:
    harness.quote("399.80", "400.00")
    harness.trade_status(TradeStatus.CLOSED)
    await harness.venue.submit(new_order("A"))
    assert kinds(await harness.reports(1)) == [(A, ExecType.NEW)]
    assert await harness.nothing_more()
    harness.trade_status(TradeStatus.TRADING)
    assert kinds(await harness.reports(1)) == [(A, ExecType.TRADE)]


async def test_v14_a_cancel_is_acknowledged_and_ends_the_trading(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.00", bid_size=400)
    await harness.venue.submit(new_order("A"))
    await harness.reports(2)
    await harness.venue.cancel(CancelRequest(A))
    assert kinds(await harness.reports(1)) == [(A, ExecType.CANCELED)]
    harness.quote("399.90", "400.00")
    assert await harness.nothing_more()


async def test_v15_a_cancel_after_the_last_fill_is_too_late(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.00")
    await harness.venue.submit(new_order("A"))
    await harness.venue.cancel(CancelRequest(A))
    assert kinds(await harness.reports(3))[1:] == [(A, ExecType.TRADE), (A, ExecType.CANCEL_REJECTED)]


async def test_v16_a_refused_cancel_leaves_the_order_at_work(harness: VenueHarness) -> None:
    harness.behave(PaperBehaviour(cancel=CancelAnswer.TOO_LATE))
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A"))
    await harness.venue.cancel(CancelRequest(A))
    assert kinds(await harness.reports(2))[1:] == [(A, ExecType.CANCEL_REJECTED)]
    harness.quote("399.80", "400.00")
    assert kinds(await harness.reports(1)) == [(A, ExecType.TRADE)]


async def test_v17_an_order_may_fill_after_its_cancel_was_asked_for(harness: VenueHarness) -> None:
    harness.behave(PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE))
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A"))
    await harness.venue.cancel(CancelRequest(A))
    await harness.venue.cancel(CancelRequest(A))
    await harness.reports(1)
    harness.quote("399.80", "400.00", bid_size=400)
    assert kinds(await harness.reports(2)) == [(A, ExecType.TRADE), (A, ExecType.CANCELED)]
    assert await harness.nothing_more()


async def test_v18_an_order_may_fill_after_it_was_reported_as_cancelled(harness: VenueHarness) -> None:
    harness.behave(PaperBehaviour(cancel=CancelAnswer.LATE_FILL))
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A"))
    await harness.venue.cancel(CancelRequest(A))
    assert kinds(await harness.reports(2))[1:] == [(A, ExecType.CANCELED)]
    harness.quote("399.80", "400.00", bid_size=400)
    assert kinds(await harness.reports(1)) == [(A, ExecType.TRADE)]
    harness.quote("399.80", "400.00", bid_size=400)
    assert await harness.nothing_more()


async def test_v19_the_cancel_of_an_unknown_order_is_refused_and_leaves_no_history(
    harness: VenueHarness,
) -> None:
    await harness.venue.cancel(CancelRequest(A))
    assert kinds(await harness.reports(1)) == [(A, ExecType.CANCEL_REJECTED)]
    assert await harness.venue.history(A) is None


async def test_v20_a_report_may_come_twice_and_then_has_the_same_execution_id(harness: VenueHarness) -> None:
    harness.behave(PaperBehaviour(repeats_reports=True))
    harness.quote("399.80", "400.00")
    await harness.venue.submit(new_order("A"))
    first, again, fill, fill_again = await harness.reports(4)
    assert (first, fill) == (again, fill_again)
    assert first.execution_id != fill.execution_id
    assert await harness.venue.history(A) == (first, fill)


async def test_v21_a_silent_venue_trades_and_its_history_tells(harness: VenueHarness) -> None:
    harness.behave(PaperBehaviour(silent=True))
    harness.quote("399.80", "400.00")
    await harness.venue.submit(new_order("A"))
    history = await harness.venue.history(A)
    assert history is not None
    assert kinds(list(history)) == [(A, ExecType.NEW), (A, ExecType.TRADE)]
    harness.behave(PaperBehaviour())
    assert tuple(await harness.reports(2)) == history


async def test_v22_a_fill_may_come_before_the_acknowledgement(harness: VenueHarness) -> None:
    harness.behave(PaperBehaviour(acknowledges_after_fill=True))
    harness.quote("399.80", "400.00", bid_size=400)
    await harness.venue.submit(new_order("A"))
    assert kinds(await harness.reports(2)) == [(A, ExecType.TRADE), (A, ExecType.NEW)]


async def test_v23_an_order_that_is_submitted_again_is_not_executed_again(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.00")
    await harness.venue.submit(new_order("A"))
    await harness.venue.submit(new_order("A"))
    await harness.reports(2)
    assert await harness.nothing_more()


async def test_v24_an_id_that_is_sent_with_another_order_is_an_error_and_changes_nothing(
    harness: VenueHarness,
) -> None:
    harness.quote("399.80", "400.00")
    await harness.venue.submit(new_order("A", 1000))
    with pytest.raises(ClientOrderIdReused):
        await harness.venue.submit(new_order("A", 2000))
    history = await harness.venue.history(A)
    assert history is not None
    assert sum(report.last_quantity for report in history) == 1000


async def test_v25_an_unreachable_venue_takes_nothing_and_delivers_later(harness: VenueHarness) -> None:
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A"))
    await harness.reports(1)
    harness.behave(PaperBehaviour(connection=Connection.DOWN))
    with pytest.raises(VenueUnavailable):
        await harness.venue.submit(new_order("B"))
    with pytest.raises(VenueUnavailable):
        await harness.venue.cancel(CancelRequest(A))
    with pytest.raises(VenueUnavailable):
        await harness.venue.history(A)
    harness.quote("399.80", "400.00")
    harness.behave(PaperBehaviour())
    assert kinds(await harness.reports(1)) == [(A, ExecType.TRADE)]
    assert await harness.venue.history(B) is None


async def test_v26_a_lost_answer_is_settled_by_the_history(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.00")
    harness.behave(PaperBehaviour(connection=Connection.ANSWER_LOST))
    with pytest.raises(VenueUnavailable):
        await harness.venue.submit(new_order("A"))
    history = await harness.venue.history(A)
    assert history is not None
    assert [report.exec_type for report in history] == [ExecType.NEW, ExecType.TRADE]


async def test_v27_the_history_of_an_order_never_sent_is_none(harness: VenueHarness) -> None:
    assert await harness.venue.history(A) is None


async def test_v28_a_reader_that_fails_gets_the_report_again(harness: VenueHarness) -> None:
    harness.quote("399.80", "400.00")
    await harness.venue.submit(new_order("A"))
    (first,) = await harness.reports(1)
    reader = harness.venue.reports()
    assert await anext(reader) == first


async def test_v29_a_crash_keeps_resting_orders_and_histories(durable: VenueHarness) -> None:
    durable.quote("399.80", "400.00", bid_size=400)
    await durable.venue.submit(new_order("A", 1000))
    before = await durable.venue.history(A)
    await durable.crash()
    assert await durable.venue.history(A) == before
    await durable.reports(2)
    durable.quote("399.80", "400.00")
    assert fills(await durable.reports(1)) == [(A, Decimal(600), Decimal("399.80"))]


async def test_v30_after_a_crash_unconfirmed_reports_come_again_and_no_others(
    durable: VenueHarness,
) -> None:
    durable.quote("399.80", "400.00", bid_size=400)
    await durable.venue.submit(new_order("A"))
    _, fill = await durable.reports(2)
    await durable.crash()
    assert await durable.reports(1) == [fill]
    assert await durable.nothing_more()


async def test_v31_execution_ids_are_unique_across_a_crash(durable: VenueHarness) -> None:
    durable.quote("399.80", "400.00")
    await durable.venue.submit(new_order("A"))
    reports = await durable.reports(2)
    await durable.crash()
    durable.quote("399.80", "400.00")
    await durable.venue.submit(new_order("B"))
    reports += (await durable.reports(3))[1:]
    assert len({report.execution_id for report in reports}) == 4


async def test_v32_an_order_submitted_again_after_a_crash_is_not_executed_again(
    durable: VenueHarness,
) -> None:
    durable.quote("399.80", "400.00")
    await durable.venue.submit(new_order("A"))
    await durable.crash()
    durable.quote("399.80", "400.00")
    await durable.venue.submit(new_order("A"))
    history = await durable.venue.history(A)
    assert history is not None
    assert [report.exec_type for report in history] == [ExecType.NEW, ExecType.TRADE]


async def test_v33_orders_that_ended_before_a_crash_stay_ended(durable: VenueHarness) -> None:
    durable.quote("399.00", "400.00")
    await durable.venue.submit(new_order("A"))
    await durable.venue.submit(new_order("B", 150))
    await durable.venue.cancel(CancelRequest(A))
    await durable.reports(3)
    await durable.crash()
    await durable.reports(1)
    durable.quote("399.80", "400.00")
    assert await durable.nothing_more()


async def test_v34_a_cancel_under_way_survives_a_crash(durable: VenueHarness) -> None:
    durable.behave(PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE))
    durable.quote("399.00", "400.00")
    await durable.venue.submit(new_order("A"))
    await durable.venue.cancel(CancelRequest(A))
    await durable.crash()
    durable.quote("399.00", "400.00")
    assert kinds(await durable.reports(2)) == [(A, ExecType.NEW), (A, ExecType.CANCELED)]


async def test_v35_a_closed_venue_takes_nothing_and_ends_its_reports(harness: VenueHarness) -> None:
    await harness.venue.close()
    with pytest.raises(VenueUnavailable):
        await harness.venue.submit(new_order("A"))
    assert [report async for report in harness.venue.reports()] == []


def clients(shared: VenueHarness) -> CancelsClientOrders:
    """The venue as one that knows of clients' own orders; which ones are stands in `CLIENT_ORDERS`."""
    assert isinstance(shared.venue, CancelsClientOrders)
    return shared.venue


async def test_v36_a_clients_own_orders_are_cancelled_once_and_no_other_clients(
    shared: VenueHarness,
) -> None:
    venue = clients(shared)
    for account_no, client_order_id in (("M1", "own-1"), ("M1", "own-2"), ("M2", "own-3")):
        shared.client_orders(account_no, new_order(client_order_id))
    assert await venue.cancel_client_orders("M1") == 2
    assert await venue.cancel_client_orders("M1") == 0
    assert await venue.cancel_client_orders("M3") == 0
    assert await venue.cancel_client_orders("M2") == 1


async def test_v37_cancelling_a_clients_orders_leaves_those_of_the_desk(shared: VenueHarness) -> None:
    venue = clients(shared)
    shared.quote("399.00", "400.00")
    await shared.venue.submit(new_order("A"))
    shared.client_orders("M1", new_order("own-1"))
    await venue.cancel_client_orders("M1")
    assert kinds(await shared.reports(1)) == [(A, ExecType.NEW)]
    shared.quote("399.80", "400.00")
    assert kinds(await shared.reports(1)) == [(A, ExecType.TRADE)]


async def test_v38_a_venue_that_is_away_cancels_no_clients_orders(shared: VenueHarness) -> None:
    venue = clients(shared)
    shared.client_orders("M1", new_order("own-1"))
    shared.behave(PaperBehaviour(connection=Connection.DOWN))
    with pytest.raises(VenueUnavailable):
        await venue.cancel_client_orders("M1")
    shared.behave(PaperBehaviour())
    assert await venue.cancel_client_orders("M1") == 1


async def test_v39_when_the_answer_is_lost_asking_again_tells_that_nothing_is_left(
    shared: VenueHarness,
) -> None:
    venue = clients(shared)
    shared.client_orders("M1", new_order("own-1"))
    shared.behave(PaperBehaviour(connection=Connection.ANSWER_LOST))
    with pytest.raises(VenueUnavailable):
        await venue.cancel_client_orders("M1")
    shared.behave(PaperBehaviour())
    assert await venue.cancel_client_orders("M1") == 0


async def test_v40_a_reader_may_read_on_before_it_confirms(harness: VenueHarness) -> None:
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A"))
    await harness.venue.submit(new_order("B", 150))
    reader = harness.venue.reports()
    assert kinds([await anext(reader), await anext(reader)]) == [(A, ExecType.NEW), (B, ExecType.REJECTED)]


async def test_v41_reports_may_be_confirmed_in_any_order_and_the_others_are_said_again(
    harness: VenueHarness,
) -> None:
    harness.quote("399.00", "400.00")
    for client_order_id in ("A", "B", "C"):
        await harness.venue.submit(new_order(client_order_id))
    reader = harness.venue.reports()
    first, second, third = [await anext(reader) for _ in range(3)]
    await harness.venue.confirm(second)
    await harness.venue.confirm(second)
    again = harness.venue.reports()
    assert [await anext(again), await anext(again)] == [first, third]


async def test_v42_after_a_crash_reports_confirmed_out_of_order_do_not_come_again(
    durable: VenueHarness,
) -> None:
    durable.quote("399.00", "400.00")
    await durable.venue.submit(new_order("A"))
    await durable.venue.submit(new_order("B"))
    reader = durable.venue.reports()
    first, second = await anext(reader), await anext(reader)
    await durable.venue.confirm(second)
    await durable.crash()
    assert await durable.reports(1) == [first]
    assert await durable.nothing_more()


async def test_v43_the_history_of_a_working_order_has_every_execution_with_the_ids_of_its_reports(
    harness: VenueHarness,
) -> None:
    """So what a lost report said is found by asking, and is booked once."""
    harness.quote("399.80", "400.00", bid_size=400)
    await harness.venue.submit(new_order("A", 1000))
    reports = await harness.reports(2)
    harness.quote("399.90", "400.00", bid_size=500)
    reports += await harness.reports(1)
    history = await harness.venue.history(A)
    assert history is not None
    assert list(history) == reports


async def test_v44_the_history_tells_that_the_day_has_ended(harness: VenueHarness) -> None:
    harness.quote("399.00", "400.00")
    await harness.venue.submit(new_order("A"))
    harness.end_of_day()
    history = await harness.venue.history(A)
    assert history is not None
    assert history[-1].exec_type is ExecType.EXPIRED
