"""A day at the desk: a case opens by itself, is liquidated and cured; another order is cancelled."""

from typing import Any

import pytest

from tests.api.trading import CASE_EVENTS, ORDER_EVENTS, cancel, case, liquidate, orders, preview
from tests.kit.book_files import BANK, a_book, a_client, a_quote, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World
from venues.paper import CancelAnswer, PaperBehaviour

pytestmark = pytest.mark.faults


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1 owes HKD 20,000 as soon as there are prices; the venue has nothing to trade with at first."""
    return await world.desk(a_book(a_client("C1", owing("M1"))))


@pytest.fixture
def trader(desk: Desk) -> Caller:
    return desk.caller()


async def _open_case(trader: Caller, desk: Desk) -> tuple[Any, Any]:
    """The case, and the events of all that follows."""
    events = await trader.subscribe(CASE_EVENTS)
    await desk.market.says(*quotes(desk.clock(), size=0))
    opened = await events.next()
    assert (opened["kind"], opened["case"]["amount"]) == ("OPENED", "20000")
    return opened["case"], events


async def test_a_case_opens_is_liquidated_in_parts_and_cured(desk: Desk, trader: Caller) -> None:
    opened, case_events = await _open_case(trader, desk)
    order_events = await trader.subscribe(ORDER_EVENTS)
    plan = await preview(trader, opened["id"], legs=[{"symbol": BANK}])
    assert (plan["cures"], [leg["quantity"] for leg in plan["legs"]]) == (True, ["600"])

    started = await liquidate(
        trader, opened["id"], legs=[{"symbol": BANK}], expectedVersion=opened["version"]
    )
    assert (started["amountAfter"], started["estimatedReduction"]) == ("0", "20000")
    working = await order_events.until(lambda event: event["order"]["status"] == "NEW")
    assert [(event["kind"], event["previousStatus"], event["order"]["status"]) for event in working] == [
        ("CREATED", None, "QUEUED"),
        ("STATUS_CHANGED", "QUEUED", "PENDING_NEW"),
        ("STATUS_CHANGED", "PENDING_NEW", "NEW"),
    ]
    await desk.market.says(a_quote(BANK, desk.clock(), "100", size=200))
    part = await order_events.next()
    assert (part["kind"], part["order"]["status"], part["fill"]) == (
        "FILL",
        "PARTIALLY_FILLED",
        {"quantity": "200", "price": "100"},
    )
    await desk.market.says(a_quote(BANK, desk.clock(), "100", size=400))
    rest = await order_events.next()
    assert (rest["kind"], rest["order"]["status"], rest["order"]["leavesQuantity"]) == ("FILL", "FILLED", "0")

    await case_events.until(
        lambda event: event["case"]["status"] == "OPEN" and event["case"]["amount"] == "0"
    )
    desk.clock.advance(seconds=desk.settings.close_hold_s)
    closed = (await case_events.until(lambda event: event["kind"] == "CLOSED"))[-1]["case"]
    assert (closed["status"], closed["closeReason"]) == ("RESOLVED", "CURED")
    assert await case(trader, opened["id"]) == closed
    history = "{ orders { nodes { history { status } fills { quantity } account { closeOnly } } } }"
    (order,) = (await trader.ask(history))["orders"]["nodes"]
    assert [step["status"] for step in order["history"]] == [
        "QUEUED",
        "PENDING_NEW",
        "NEW",
        "PARTIALLY_FILLED",
        "FILLED",
    ]
    assert [fill["quantity"] for fill in order["fills"]] == ["200", "400"]
    assert order["account"]["closeOnly"] is False


async def test_an_order_is_cancelled_only_when_the_venue_says_so(desk: Desk, trader: Caller) -> None:
    opened, case_events = await _open_case(trader, desk)
    order_events = await trader.subscribe(ORDER_EVENTS)
    (order,) = (await liquidate(trader, opened["id"], legs=[{"symbol": BANK}]))["orders"]
    await order_events.until(lambda event: event["order"]["status"] == "NEW")
    desk.venue.behave(PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE))

    (result,) = await cancel(trader, order["id"])
    assert (result["__typename"], result["alreadyPending"]) == ("CancelRequested", False)
    assert result["order"]["status"] == "PENDING_CANCEL"
    assert (await order_events.next())["order"]["status"] == "PENDING_CANCEL"
    (again,) = await cancel(trader, order["id"])
    assert (again["alreadyPending"], again["order"]["version"]) == (True, result["order"]["version"])

    async def is_at_the_venue() -> bool:
        return desk.venue.cancels(order["clientOrderId"])

    await desk.until(is_at_the_venue, "the cancel to reach the venue")

    await desk.market.says(a_quote(BANK, desk.clock(), "100", size=100))
    last = (await order_events.until(lambda event: event["order"]["terminal"]))[-1]["order"]
    assert (last["status"], last["filledQuantity"], last["reason"]) == ("CANCELED", "100", "test")
    await case_events.until(lambda event: event["case"]["status"] == "OPEN")
    (late,) = await cancel(trader, order["id"])
    assert (late["__typename"], late["code"], late["current"]["status"]) == (
        "CancelRefused",
        "TOO_LATE",
        "CANCELED",
    )


async def test_an_order_that_the_venue_has_filled_meanwhile_refuses_its_cancel(
    desk: Desk, trader: Caller
) -> None:
    opened, _ = await _open_case(trader, desk)
    order_events = await trader.subscribe(ORDER_EVENTS)
    (order,) = (await liquidate(trader, opened["id"], legs=[{"symbol": BANK, "quantity": "300"}]))["orders"]
    await order_events.until(lambda event: event["order"]["status"] == "NEW")
    desk.venue.behave(PaperBehaviour(cancel=CancelAnswer.TOO_LATE))
    await cancel(trader, order["id"])
    events = await order_events.until(lambda event: event["kind"] == "CANCEL_REJECTED")
    assert events[-1]["order"]["status"] == "NEW"
    assert events[-1]["order"]["cancellable"]


async def test_a_cure_cancels_the_working_orders(desk: Desk, trader: Caller) -> None:
    """The price recovers while the order rests: to sell on would be to sell too much."""
    opened, case_events = await _open_case(trader, desk)
    await liquidate(trader, opened["id"], legs=[{"symbol": BANK}])

    async def rests() -> bool:
        return [order["status"] for order in await orders(trader)] == ["NEW"]

    await desk.until(rests, "the order to be at the venue")
    await desk.market.says(*quotes(desk.clock(), "130", size=0))
    await case_events.until(lambda event: event["case"]["status"] == "OPEN")
    (order,) = await orders(trader)
    assert (order["status"], order["reason"], order["filledQuantity"]) == (
        "CANCELED",
        "the case is cured",
        "0",
    )
    desk.clock.advance(seconds=desk.settings.close_hold_s)
    closed = (await case_events.until(lambda event: event["kind"] == "CLOSED"))[-1]["case"]
    assert closed["closeReason"] == "CURED"
