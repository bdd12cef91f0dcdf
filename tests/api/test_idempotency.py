"""However often and by whomever at once: one effect, equal answers."""

import asyncio
from typing import Any

import pytest

from tests.api.moments import prices_call
from tests.api.trading import LIQUIDATE, ORDER_EVENTS, cancel, case, cases, liquidate, orders
from tests.kit.book_files import BANK, RAIL, a_book, a_client, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World
from venues.paper import CancelAnswer, PaperBehaviour

pytestmark = pytest.mark.both_stacks

AT_ONCE = 20
LEG = [{"symbol": BANK, "quantity": "100"}]
SLOW_TO_CANCEL = PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE)


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1 and M2 owe; nothing trades."""
    desk = await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))))
    await prices_call(desk)
    return desk


@pytest.fixture
def trader(desk: Desk) -> Caller:
    return desk.caller()


@pytest.fixture
async def called(trader: Caller) -> Any:
    return (await cases(trader, accountNo="M1"))[0]


async def _effects(desk: Desk) -> tuple[int, int, int]:
    """Orders, liquidations in the audit, keys of callers (the import of the book binds one of its own)."""
    counts = [
        await desk.rows(f"SELECT COUNT(*) AS n FROM {what}")
        for what in (
            "liquidation_order",
            "audit WHERE action = 'liquidate'",
            "idempotency_key WHERE actor <> 'desk:import-book'",
        )
    ]
    orders, audits, keys = (rows[0]["n"] for rows in counts)
    return orders, audits, keys


LEGS: dict[str, dict[str, Any]] = {
    "by policy": {},
    "by leg, with more to do afterwards": {"legs": [{"symbol": BANK, "quantity": "100"}]},
}


@pytest.mark.parametrize("legs", LEGS)
async def test_the_same_request_twenty_times_at_once_has_one_effect(
    desk: Desk, trader: Caller, called: Any, legs: str
) -> None:
    answers = await asyncio.gather(
        *(liquidate(trader, called["id"], key="k", **LEGS[legs]) for _ in range(AT_ONCE))
    )
    assert {answer["__typename"] for answer in answers} == {"LiquidationStarted"}
    said = [
        (answer["estimatedReduction"], answer["amountAfter"], [o["id"] for o in answer["orders"]])
        for answer in answers
    ]
    assert all(each == said[0] for each in said)
    assert await _effects(desk) == (1, 1, 1)
    again = await liquidate(trader, called["id"], key="k", **LEGS[legs])
    assert [order["id"] for order in again["orders"]] == said[0][2]
    assert await _effects(desk) == (1, 1, 1)


async def test_the_same_key_with_other_content_is_refused_and_the_first_answer_stands(
    desk: Desk, trader: Caller, called: Any
) -> None:
    first = await liquidate(trader, called["id"], key="k", legs=[{"symbol": BANK, "quantity": "100"}])
    other = await liquidate(trader, called["id"], key="k", legs=[{"symbol": BANK, "quantity": "200"}])
    assert other["code"] == "IDEMPOTENCY_KEY_REUSED"
    (refused,) = await cancel(trader, first["orders"][0]["id"], key="k")
    assert refused["code"] == "IDEMPOTENCY_KEY_REUSED"
    same = await liquidate(trader, called["id"], key="k", legs=[{"symbol": BANK, "quantity": "100.00"}])
    assert [order["id"] for order in same["orders"]] == [order["id"] for order in first["orders"]]
    assert await _effects(desk) == (1, 1, 1)


async def test_a_refusal_is_remembered_too(trader: Caller, desk: Desk, called: Any) -> None:
    stale = {"expectedVersion": called["version"] + 1, "legs": [{"symbol": BANK, "quantity": "100"}]}
    refused = await liquidate(trader, called["id"], key="k", **stale)
    assert refused["code"] == "VERSION_CONFLICT"
    await liquidate(trader, called["id"], legs=[{"symbol": RAIL, "quantity": "100"}])
    assert (await case(trader, called["id"]))["version"] == called["version"] + 1
    again = await liquidate(trader, called["id"], key="k", **stale)
    assert (again["code"], again["message"]) == (refused["code"], refused["message"])
    assert len(await orders(trader)) == 1


async def test_a_key_belongs_to_the_subject_that_chose_it(desk: Desk, called: Any) -> None:
    ann, bob = desk.caller(subject="ann"), desk.caller(subject="bob")
    first = await liquidate(ann, called["id"], key="k", legs=[{"symbol": BANK, "quantity": "100"}])
    second = await liquidate(bob, called["id"], key="k", legs=[{"symbol": RAIL, "quantity": "100"}])
    assert [first["__typename"], second["__typename"]] == ["LiquidationStarted"] * 2


async def test_of_two_traders_at_the_same_moment_one_liquidates_and_one_finds_nothing_left(
    desk: Desk, called: Any
) -> None:
    traders = [desk.caller(subject=name) for name in ("ann", "bob")]
    results = await asyncio.gather(*(liquidate(trader, called["id"]) for trader in traders))
    assert sorted(result["__typename"] for result in results) == ["LiquidationRefused", "LiquidationStarted"]
    (refused,) = (result for result in results if result["__typename"] == "LiquidationRefused")
    assert refused["code"] == "NOTHING_TO_COLLECT"
    assert refused["current"]["uncoveredAmount"] == "0"
    assert await _effects(desk) == (1, 1, 2)


async def test_of_two_traders_who_name_the_version_one_gets_a_version_conflict(
    desk: Desk, called: Any
) -> None:
    legs = [{"symbol": BANK, "quantity": "100"}]
    results = await asyncio.gather(
        *(
            liquidate(desk.caller(subject=name), called["id"], legs=legs, expectedVersion=called["version"])
            for name in ("ann", "bob")
        )
    )
    refused = [result for result in results if result["__typename"] == "LiquidationRefused"]
    assert [result["code"] for result in refused] == ["VERSION_CONFLICT"]
    assert refused[0]["current"]["version"] == called["version"] + 1
    assert (await _effects(desk))[:2] == (1, 1)


async def test_two_batches_over_the_same_cases_in_opposite_order_both_end(desk: Desk, trader: Caller) -> None:
    ids = [each["id"] for each in await cases(trader)]
    batches = [
        {"idempotencyKey": str(number), "cases": [{"caseId": id_, "legs": LEG} for id_ in each]}
        for number, each in enumerate([ids, ids[::-1]] * 5)
    ]
    answers = await asyncio.gather(*(trader.ask(LIQUIDATE, input=batch) for batch in batches))
    started = [result["__typename"] for answer in answers for result in answer["liquidate"]["results"]]
    assert started.count("LiquidationStarted") == len(await orders(trader))
    plans = [order["clientOrderId"].rpartition("-")[0] for order in await orders(trader)]
    assert len(set(plans)) == len(plans), "each liquidation has a number of its own"


async def test_twenty_cancels_of_an_order_at_once_are_one(desk: Desk, trader: Caller, called: Any) -> None:
    desk.venue.behave(SLOW_TO_CANCEL)
    events = await trader.subscribe(ORDER_EVENTS)
    (order,) = (await liquidate(trader, called["id"]))["orders"]
    await events.until(lambda event: event["order"]["status"] == "NEW")
    results = await asyncio.gather(*(cancel(trader, order["id"]) for _ in range(AT_ONCE)))
    first = [result for (result,) in results if result["__typename"] == "CancelRequested"]
    assert len(first) == AT_ONCE
    assert [result["alreadyPending"] for result in first].count(False) == 1
    again = await asyncio.gather(*(cancel(trader, order["id"], key="k") for _ in range(AT_ONCE)))
    assert all(answer == again[0] for answer in again)
