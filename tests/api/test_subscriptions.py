"""Case and order events: a snapshot and what follows it, resumed without a gap, filtered."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from models.outbox import prune
from tests.api.moments import prices_call
from tests.api.trading import CASE_EVENTS, ORDER, ORDER_EVENTS, cancel, cases, liquidate, orders
from tests.kit.book_files import BANK, a_book, a_client, owing, quotes
from tests.kit.desk_client import Caller, SocketClosed
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.both_stacks

LEG = [{"symbol": BANK, "quantity": "100"}]
ORDER_LISTS = f"""query ($id: ID!) {{
  orders {{ streamCursor nodes {{ {ORDER} }} }}
  case(id: $id) {{ orders {{ streamCursor nodes {{ {ORDER} }} }} }}
}}"""
FIGURES = """subscription ($figures: FiguresDelivery!, $after: String) {
  caseEvents(figures: $figures, after: $after) { id cursor kind case { id version amount } }
}"""
BOOK = a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2")))


@pytest.fixture
async def desk(world: World) -> Desk:
    """The cases of M1 and M2 are open; nothing trades."""
    desk = await world.desk(BOOK)
    await prices_call(desk)
    return desk


@pytest.fixture
def trader(desk: Desk) -> Caller:
    return desk.caller()


async def _case_of(trader: Caller, account_no: str) -> Any:
    (case,) = await cases(trader, accountNo=account_no)
    return case


def _is_new(event: Any) -> bool:
    return bool(event["order"]["status"] == "NEW")


async def test_a_snapshot_is_followed_by_the_later_events(desk: Desk, trader: Caller) -> None:
    m1, m2 = await _case_of(trader, "M1"), await _case_of(trader, "M2")
    events = await trader.subscribe(CASE_EVENTS, snapshot=True)
    snapshot = [await events.next(), await events.next()]
    assert {event["kind"] for event in snapshot} == {"SNAPSHOT"}
    assert sorted(event["case"]["id"] for event in snapshot) == sorted([m1["id"], m2["id"]])
    assert snapshot[0]["id"] != snapshot[1]["id"]
    await liquidate(trader, m2["id"], legs=LEG)
    live = await events.next()
    assert (live["kind"], live["case"]["id"]) == ("STATUS_CHANGED", m2["id"])
    assert (live["case"]["status"], live["case"]["version"]) == ("LIQUIDATING", m2["version"] + 1)


async def test_without_a_snapshot_only_new_events_are_sent(desk: Desk, trader: Caller) -> None:
    events = await trader.subscribe(CASE_EVENTS)
    await desk.market.says(*quotes(desk.clock(), "99", size=0))
    assert (await events.next())["kind"] == "UPDATED"


async def test_the_events_add_up_to_the_answer_of_a_query(desk: Desk, trader: Caller) -> None:
    case_events = await trader.subscribe(CASE_EVENTS, snapshot=True)
    order_events = await trader.subscribe(ORDER_EVENTS, snapshot=True)
    m1 = await _case_of(trader, "M1")
    (first,) = (await liquidate(trader, m1["id"], legs=LEG))["orders"]
    heard_of_orders = await order_events.until(_is_new)
    await desk.market.says(*quotes(desk.clock(), "101", size=50_000))
    heard_of_orders += await order_events.until(lambda event: event["order"]["status"] == "FILLED")
    await liquidate(trader, m1["id"], legs=[{"symbol": BANK}])
    heard_of_orders += await order_events.until(lambda event: event["order"]["status"] == "FILLED")
    told = await case_events.until(
        lambda event: event["case"]["status"] == "OPEN" and event["case"]["amount"] == "0"
    )
    by_id = {event["case"]["id"]: event["case"] for event in told}
    assert by_id[m1["id"]] == await _case_of(trader, "M1")
    latest = {event["order"]["id"]: event["order"] for event in heard_of_orders}
    assert latest == {order["id"]: order for order in await orders(trader)}
    assert first["id"] in latest


async def test_the_orders_of_a_list_are_followed_after_its_stream_cursor(desk: Desk, trader: Caller) -> None:
    m1, work = await _case_of(trader, "M1"), await trader.subscribe(ORDER_EVENTS)
    await liquidate(trader, m1["id"], legs=LEG)
    await work.until(_is_new)
    lists = await trader.ask(ORDER_LISTS, id=m1["id"])
    await liquidate(trader, m1["id"], legs=LEG)
    await work.until(_is_new)
    newest, *_ = found = await orders(trader)
    expected = {order["id"]: order for order in found}
    for page, wanted in [(lists["orders"], {}), (lists["case"]["orders"], {"caseId": m1["id"]})]:
        held = {order["id"]: order for order in page["nodes"]}
        assert len(held) == 1
        followed = await trader.subscribe(ORDER_EVENTS, after=page["streamCursor"], filter=wanted)
        events = await followed.until(lambda event: _is_new(event) and event["order"] == newest)
        assert held | {event["order"]["id"]: event["order"] for event in events} == expected


async def test_a_client_that_keeps_up_gets_every_event_however_figures_are_delivered(
    desk: Desk, trader: Caller
) -> None:
    every = await trader.subscribe(FIGURES, figures="EVERY")
    latest = await trader.subscribe(FIGURES, figures="LATEST")
    m1 = await _case_of(trader, "M1")
    for price in ("99", "98"):
        await desk.market.says(*quotes(desk.clock(), price, size=0))
    await liquidate(trader, m1["id"], legs=LEG)
    heard = [await each.until(lambda event: event["kind"] == "STATUS_CHANGED") for each in (latest, every)]
    begin = [event["id"] for event in heard[1]].index(heard[0][0]["id"])
    assert heard[0] == heard[1][begin:]
    resumed = await trader.subscribe(FIGURES, figures="LATEST", after=heard[1][0]["cursor"])
    assert [await resumed.next() for _ in heard[1][1:]] == heard[1][1:]


async def _some_events(desk: Desk, trader: Caller, field: str) -> list[Any]:
    """The events of M1 while it was liquidated three times."""
    m1 = await _case_of(trader, "M1")
    steady, work = await trader.subscribe(field), await trader.subscribe(ORDER_EVENTS)
    for _ in range(3):
        await liquidate(trader, m1["id"], legs=LEG)
        await work.until(_is_new)
    last: dict[str, Callable[[Any], bool]] = {
        CASE_EVENTS: lambda event: event["case"]["version"] == m1["version"] + 3,
        ORDER_EVENTS: lambda event: event["order"]["clientOrderId"].endswith("-3-1") and _is_new(event),
    }
    return await steady.until(last[field])


@pytest.mark.parametrize("field", [CASE_EVENTS, ORDER_EVENTS], ids=["cases", "orders"])
async def test_resuming_brings_every_later_event_once_and_in_order(
    desk: Desk, trader: Caller, field: str
) -> None:
    heard = await _some_events(desk, trader, field)
    assert len({event["id"] for event in heard}) == len(heard) >= 3
    socket = await trader.socket()
    for number, event in enumerate(heard[:-1], start=1):
        resumed = await socket.operate(field, after=event["cursor"])
        assert [await resumed.next() for _ in heard[number:]] == heard[number:]


async def test_a_cursor_outlives_a_restart(world: World, desk: Desk, trader: Caller) -> None:
    heard = await _some_events(desk, trader, ORDER_EVENTS)
    await desk.stop()
    again = await world.desk()
    resumed = await again.caller().subscribe(ORDER_EVENTS, after=heard[0]["cursor"])
    assert [await resumed.next() for _ in heard[1:]] == heard[1:]
    (order, *_) = await orders(again.caller())
    await cancel(again.caller(), order["id"])
    assert (await resumed.next())["order"]["status"] == "PENDING_CANCEL"


async def test_a_cursor_that_bus_and_outbox_have_forgotten_has_expired(world: World) -> None:
    desk = await world.desk(BOOK, bus_remembered_entries=1)
    await prices_call(desk)
    trader = desk.caller()
    heard = await _some_events(desk, trader, ORDER_EVENTS)
    await _forget(world, desk)
    await desk.stop()
    trader = (await world.desk(bus_remembered_entries=1)).caller()
    assert await _end_of(trader, heard[0]["cursor"]) == ["CURSOR_EXPIRED"]
    fresh = await trader.subscribe(ORDER_EVENTS, snapshot=True)
    assert (await fresh.next())["kind"] == "SNAPSHOT"


async def _end_of(trader: Caller, cursor: str) -> list[str]:
    """What ends the operation; a stream this short may break off under the feed first: then one resumes."""
    while True:
        socket = await trader.socket()
        resumed = await socket.operate(ORDER_EVENTS, after=cursor)
        try:
            return await resumed.error_codes()
        except SocketClosed as closed:
            if closed.code != 1013:
                raise


async def _forget(world: World, desk: Desk) -> None:
    with desk.application.resources.database.active():
        await prune(world.clock() + timedelta(days=1), 10_000)
    if world.redis_url is not None:
        async with Redis.from_url(world.redis_url) as redis:
            await redis.xtrim(f"{{{world.bus_name}}}:events", maxlen=1, approximate=False)


async def test_a_cursor_is_good_for_its_own_field_and_filter_only(desk: Desk, trader: Caller) -> None:
    events = await trader.subscribe(CASE_EVENTS, snapshot=True)
    cursor = (await events.next())["cursor"]
    forged = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    socket = await trader.socket()
    for field, variables in (
        (ORDER_EVENTS, {"after": cursor}),
        (CASE_EVENTS, {"after": cursor, "filter": {"accountNo": "M1"}}),
        (CASE_EVENTS, {"after": forged}),
        (CASE_EVENTS, {"after": ""}),
        (CASE_EVENTS, {"after": "\U0001f4a5"}),
        (CASE_EVENTS, {"after": "A" * 10_000}),
    ):
        refused = await socket.operate(field, **variables)
        assert await refused.error_codes() == ["CURSOR_INVALID"], variables
    both = await socket.operate(CASE_EVENTS, after=cursor, snapshot=True)
    assert await both.error_codes() == ["BAD_USER_INPUT"]


async def test_a_case_that_leaves_the_filter_is_removed_and_sends_no_more_events(
    desk: Desk, trader: Caller
) -> None:
    m1, m2 = await _case_of(trader, "M1"), await _case_of(trader, "M2")
    open_ones = await trader.subscribe(CASE_EVENTS, filter={"status": ["OPEN"]})
    working = await trader.subscribe(ORDER_EVENTS, filter={"status": ["NEW", "PENDING_CANCEL"]})
    (order,) = (await liquidate(trader, m1["id"], legs=LEG))["orders"]
    left = await open_ones.next()
    assert (left["kind"], left["case"]["id"], left["case"]["status"]) == ("REMOVED", m1["id"], "LIQUIDATING")
    assert _is_new(await working.next())
    await liquidate(trader, m1["id"], legs=LEG)
    await liquidate(trader, m2["id"], legs=LEG)
    next_one = await open_ones.next()
    assert (next_one["kind"], next_one["case"]["id"]) == ("REMOVED", m2["id"])
    await cancel(trader, order["id"])
    gone = (await working.until(lambda event: event["kind"] == "REMOVED"))[-1]
    assert (gone["order"]["id"], gone["order"]["status"]) == (order["id"], "CANCELED")


async def test_a_filter_by_account_tells_of_that_account_alone(desk: Desk, trader: Caller) -> None:
    mine = await trader.subscribe(CASE_EVENTS, filter={"search": "client c2"}, snapshot=True)
    assert (await mine.next())["case"] == await _case_of(trader, "M2")
    await liquidate(trader, (await _case_of(trader, "M1"))["id"], legs=LEG)
    await liquidate(trader, (await _case_of(trader, "M2"))["id"], legs=LEG)
    told = await mine.next()
    assert (told["case"]["caseNo"], told["case"]["status"]) == (
        (await _case_of(trader, "M2"))["caseNo"],
        "LIQUIDATING",
    )
