"""`liquidate` carries out no more than the caller has seen: beyond it, it answers with the new plan."""

from typing import Any
from uuid import uuid4

from domain.principal import Permission
from resolvers.kit.node import global_id
from tests.api.case_work import approve
from tests.api.trading import CASE_EVENTS, cases, orders, preview
from tests.kit.book_files import BANK, RAIL, a_book, a_client, a_quote, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

LIQUIDATE = """mutation ($input: LiquidateInput!) { liquidate(input: $input) { results { __typename
  ... on LiquidationStarted { amountAfter orders { quantity } }
  ... on LiquidationRefused { code message plan { notional amountAfter legs { quantity limitPrice } } }
} } }"""


async def called(world: World, **settings: Any) -> tuple[Desk, Caller, str]:
    """HKD 20,000 to collect."""
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **settings)
    trader = desk.caller()
    events = await trader.subscribe(CASE_EVENTS)
    await prices(world, "100")
    await events.next()
    (case,) = await cases(trader)
    return desk, trader, case["id"]


async def prices(world: World, price: str) -> None:
    await world.market.says(*(a_quote(symbol, world.clock(), price, size=0) for symbol in (BANK, RAIL)))


async def liquidate(trader: Caller, case_id: str, key: str = "", **asked: Any) -> Any:
    command = {"idempotencyKey": key or uuid4().hex, "cases": [{"caseId": case_id, **asked}], "reason": "r"}
    return (await trader.ask(LIQUIDATE, input=command))["liquidate"]["results"][0]


async def test_prices_fall_between_preview_and_click_and_nothing_is_placed(world: World) -> None:
    _, trader, case_id = await called(world)
    seen = await preview(trader, case_id)
    await prices(world, "90")
    expected = {"notionalAtMost": seen["notional"], "amountAfterAtMost": seen["amountAfter"]}
    key = uuid4().hex
    refused = await liquidate(trader, case_id, key, expected=expected)
    assert refused["code"] == "EXPECTATION_EXCEEDED"
    assert await orders(trader) == []
    now = await preview(trader, case_id)
    assert refused["plan"]["notional"] == now["notional"]
    assert [leg["quantity"] for leg in refused["plan"]["legs"]] == [leg["quantity"] for leg in now["legs"]]
    # The same request is answered the same, also when prices are back; another expectation is another one.
    await prices(world, "100")
    assert await liquidate(trader, case_id, key, expected=expected) == refused
    reused = await liquidate(trader, case_id, key, expected={"notionalAtMost": "1"})
    assert reused["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert (await liquidate(trader, case_id, expected=expected))["__typename"] == "LiquidationStarted"


async def test_each_expectation_counts_alone_and_the_edge_is_within_it(world: World) -> None:
    _, trader, case_id = await called(world)
    seen = await preview(trader, case_id, legs=[{"symbol": BANK, "quantity": "100"}])
    legs = [{"symbol": BANK, "quantity": "100"}]
    for expected in ({"notionalAtMost": "9999.99"}, {"amountAfterAtMost": "13499.99"}):
        refused = await liquidate(trader, case_id, legs=legs, expected=expected)
        assert (refused["code"], len(refused["plan"]["legs"])) == ("EXPECTATION_EXCEEDED", 1)
    edge = {"notionalAtMost": seen["notional"], "amountAfterAtMost": seen["amountAfter"]}
    started = await liquidate(trader, case_id, legs=legs, expected=edge)
    assert started["__typename"] == "LiquidationStarted"


async def test_an_approved_liquidation_is_held_to_its_expected_plan(world: World) -> None:
    desk, trader, case_id = await called(world, approval_notional="1", approval_growth="9")
    seen = await preview(trader, case_id)
    asked = await liquidate(trader, case_id, expected={"notionalAtMost": seen["notional"]})
    assert asked["code"] == "APPROVAL_REQUIRED"
    await prices(world, "90")
    (request,) = await desk.rows("SELECT id FROM approval")
    checker = desk.caller(Permission.RISK_APPROVER, subject="carl")
    decided = await approve(checker, global_id("ApprovalRequest", request["id"]))
    assert decided["code"] == "EXPECTATION_EXCEEDED"
    assert await orders(trader) == []


async def test_a_negative_expectation_makes_no_sense(world: World) -> None:
    _, trader, case_id = await called(world)
    command = {
        "idempotencyKey": uuid4().hex,
        "cases": [{"caseId": case_id, "expected": {"notionalAtMost": "-1"}}],
    }
    answer = await trader.answer(LIQUIDATE, input=command)
    assert answer.codes == ["BAD_USER_INPUT"]
