"""Two processes on one PostgreSQL and one Redis: what one does the other tells, and either can lead."""

import asyncio
from typing import Any

import pytest

from tests.api.trading import CASE_EVENTS, ORDER_EVENTS, cancel, cases, liquidate, orders
from tests.kit.book_files import BANK, a_book, a_client, owing, quotes
from tests.kit.desk_server import Desk, World
from venues.paper import Connection, PaperBehaviour

pytestmark = [pytest.mark.parametrize("world", ["postgres-redis"], indirect=True), pytest.mark.both_stacks]

LEG = [{"symbol": BANK, "quantity": "100"}]


@pytest.fixture
async def pair(world: World) -> tuple[Desk, Desk]:
    """The leader, and another; M1 owes."""
    first = await world.desk(a_book(a_client("C1", owing("M1"))))
    await first.until(first.leads, "the first to lead")
    second = await world.desk()
    events = await second.caller().subscribe(CASE_EVENTS)
    await world.market.says(*quotes(world.clock(), size=0))
    assert (await events.next())["kind"] == "OPENED"
    return first, second


async def _case(desk: Desk) -> Any:
    (case,) = await cases(desk.caller())
    return case


async def test_a_command_at_one_process_sends_events_at_the_other(pair: tuple[Desk, Desk]) -> None:
    case = await _case(pair[0])
    for here, there in (pair, pair[::-1]):
        told = await there.caller().subscribe(ORDER_EVENTS)
        heard = await here.caller().subscribe(ORDER_EVENTS)
        (order,) = (await liquidate(here.caller(), case["id"], legs=LEG))["orders"]
        at_there = await told.until(lambda event: event["order"]["status"] == "NEW")
        assert at_there == await heard.until(lambda event: event["order"]["status"] == "NEW")
        assert {event["order"]["id"] for event in at_there} == {order["id"]}


async def test_a_cursor_of_one_is_good_at_the_other(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    events = await first.caller().subscribe(ORDER_EVENTS)
    await liquidate(second.caller(), (await _case(first))["id"], legs=LEG)
    heard = await events.until(lambda event: event["order"]["status"] == "NEW")
    resumed = await second.caller().subscribe(ORDER_EVENTS, after=heard[0]["cursor"])
    assert [await resumed.next() for _ in heard[1:]] == heard[1:]


async def test_the_same_key_at_both_at_once_has_one_effect(pair: tuple[Desk, Desk]) -> None:
    case = await _case(pair[0])
    callers = [desk.caller() for desk in pair] * 5
    answers = await asyncio.gather(*(liquidate(caller, case["id"], key="k", legs=LEG) for caller in callers))
    (order,) = await orders(callers[0])
    assert [[each["id"] for each in answer["orders"]] for answer in answers] == [[order["id"]]] * 10


async def test_only_one_watches_and_sends(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    assert (await first.leads(), await second.leads()) == (True, False)
    assert (len(first.venues), len(second.venues)) == (1, 0)


async def test_when_the_leader_stops_the_other_takes_over_and_a_queued_order_is_sent_once(
    world: World, pair: tuple[Desk, Desk]
) -> None:
    first, second = pair
    case = await _case(second)
    first.venue.behave(PaperBehaviour(connection=Connection.DOWN))
    trader = second.caller()
    events = await trader.subscribe(ORDER_EVENTS)
    (order,) = (await liquidate(trader, case["id"], legs=LEG))["orders"]
    sent = (await events.until(lambda event: event["order"]["status"] == "PENDING_NEW"))[-1]
    assert sent["order"]["id"] == order["id"]

    await first.stop()
    working = await events.until(lambda event: event["order"]["status"] == "NEW")
    assert [event["order"]["status"] for event in working] == ["QUEUED", "PENDING_NEW", "NEW"]
    assert len(second.venues) == 1
    history = await second.venue.history(order["clientOrderId"])
    assert history is not None
    assert [report.exec_type for report in history] == ["NEW"]

    await world.market.says(*quotes(world.clock(), size=100))
    filled = (await events.until(lambda event: event["kind"] == "FILL"))[-1]["order"]
    assert (filled["status"], filled["filledQuantity"]) == ("FILLED", "100")


async def test_a_leader_that_lost_its_lease_stops_and_its_successor_continues(
    world: World, pair: tuple[Desk, Desk]
) -> None:
    first, second = pair
    await first.rows("UPDATE lease SET holder = 'nobody' RETURNING 1 AS changed")
    await first.until(lambda: _no_process_leads(pair), "the first to stop")
    await first.rows(
        "UPDATE lease SET expires_at = clock_timestamp() - interval '1 s' RETURNING 1 AS changed"
    )
    await first.until(lambda: _one_leads(pair), "one of them to lead")
    trader = second.caller()
    events = await trader.subscribe(ORDER_EVENTS)
    await world.market.says(*quotes(world.clock(), size=0))
    (order,) = (await liquidate(trader, (await _case(first))["id"], legs=LEG))["orders"]
    await events.until(lambda event: event["order"]["status"] == "NEW")
    await cancel(first.caller(), order["id"])
    ended = (await events.until(lambda event: event["order"]["terminal"]))[-1]["order"]
    assert (ended["id"], ended["status"]) == (order["id"], "CANCELED")


async def _no_process_leads(pair: tuple[Desk, Desk]) -> bool:
    return not any([await desk.leads() for desk in pair])


async def _one_leads(pair: tuple[Desk, Desk]) -> bool:
    return any([await desk.leads() for desk in pair])
