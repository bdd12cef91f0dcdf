"""The documents of the console's dialog Liquidate: the legs of a plan can be placed as shown, and the largest
batch fits into a request.
"""

from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from graphql import parse, print_ast, separate_operations

from resolvers.kit.node import global_id
from tests.api.moments import prices_call
from tests.api.trading import cases
from tests.kit.book_files import BANK, RAIL, a_book, a_client, an_account, an_instrument, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World
from tests.kit.source import ROOT

DOCUMENTS = ROOT / "console/operations/liquidation.graphql"


@cache
def document(name: str) -> str:
    """One operation of the dialog with its fragments, as the console sends it."""
    return print_ast(separate_operations(parse(DOCUMENTS.read_text()))[name])


def as_shown(case: Any, plan: Any) -> dict[str, Any]:
    """What the console sends for a plan: see `caseInput` in console/src/screens/liquidate/entries.ts."""
    return {
        "caseId": case["id"],
        "expectedVersion": case["version"],
        "legs": [
            {
                "symbol": leg["instrument"]["symbol"],
                "quantity": leg["quantity"],
                "limitPrice": leg["limitPrice"],
            }
            for leg in plan["legs"]
        ],
        "orderType": "LIMIT",
        "session": "REGULAR",
        "timeInForce": "DAY",
        "target": "MARGIN_CALL",
        "expected": {"notionalAtMost": plan["notional"], "amountAfterAtMost": plan["amountAfter"]},
    }


async def called(world: World, accounts: int, **settings: Any) -> tuple[Desk, Caller, list[Any]]:
    """So many accounts owe 20,000 each, and nothing trades."""
    book = a_book(*(a_client(f"C{n}", owing(f"M{n}")) for n in range(1, accounts + 1)))
    desk = await world.desk(book, **settings)
    await prices_call(desk, accounts)
    trader = desk.caller()
    return desk, trader, sorted(await cases(trader), key=lambda each: str(each["caseNo"]))


async def placed(caller: Caller, items: list[dict[str, Any]]) -> list[Any]:
    payload = await caller.ask(document("Liquidate"), input={"idempotencyKey": uuid4().hex, "cases": items})
    results: list[Any] = payload["liquidate"]["results"]
    return results


async def test_a_plan_is_placed_as_it_is_shown(world: World) -> None:
    _, trader, (case,) = await called(world, 1)
    basis = await trader.ask(document("LiquidationBasis"), id=case["id"], one=True)
    assert basis["desk"]["limits"] == {"liquidateCases": 200, "legs": 100}
    assert basis["case"]["account"]["positions"]["totalCount"] == 2
    plan = (await trader.ask(document("LiquidationPlan"), input={"caseId": case["id"]}))["liquidationPreview"]
    assert (plan["amountBefore"], plan["amountAfter"], plan["cures"]) == ("20000", "0", True)
    assert plan["oneLotLess"]["symbol"] == plan["legs"][-1]["instrument"]["symbol"]
    assert plan["oneLotLess"]["amountAfter"] != "0"
    (result,) = await placed(trader, [as_shown(case, plan)])
    assert result["amountAfter"] == plan["amountAfter"]
    assert len(result["orders"]) == len(plan["legs"])


async def test_a_batch_is_placed_as_it_is_shown(world: World) -> None:
    _, trader, found = await called(world, 3)
    inputs = [{"caseId": case["id"], "policy": "PRO_RATA"} for case in found]
    shown = (await trader.ask(document("LiquidationPlans"), inputs=inputs))["liquidationPreviews"]
    assert (shown["placeable"], shown["needSecondPerson"]) == (3, 0)
    assert [total["currency"] for total in shown["byCurrency"]] == ["HKD"]
    plans = shown["results"]
    assert [len(plan["legs"]) for plan in plans] == [2, 2, 2]
    results = await placed(trader, [as_shown(case, plan) for case, plan in zip(found, plans, strict=True)])
    assert [result["amountAfter"] for result in results] == [plan["amountAfter"] for plan in plans]


async def test_a_second_person_is_asked_and_the_answer_names_the_request(world: World) -> None:
    _, trader, (case,) = await called(world, 1, approval_notional=0)
    plan = (await trader.ask(document("LiquidationPlan"), input={"caseId": case["id"]}))["liquidationPreview"]
    assert plan["refusal"]["code"] == "APPROVAL_REQUIRED"
    (result,) = await placed(trader, [as_shown(case, plan)])
    assert result["code"] == "APPROVAL_REQUIRED"
    assert result["details"]["approval"]["id"]


async def test_a_case_that_changed_is_not_sold(world: World) -> None:
    _, trader, (case,) = await called(world, 1)
    plan = (await trader.ask(document("LiquidationPlan"), input={"caseId": case["id"]}))["liquidationPreview"]
    (result,) = await placed(trader, [as_shown({**case, "version": case["version"] - 1}, plan)])
    assert result["code"] == "VERSION_CONFLICT"
    worse = as_shown(case, plan)
    worse["expected"]["notionalAtMost"] = "1"
    (result,) = await placed(trader, [worse])
    assert result["code"] == "EXPECTATION_EXCEEDED"
    assert result["plan"] == {"notional": plan["notional"], "amountAfter": plan["amountAfter"]}


async def test_everything_is_sent_as_its_policy_since_a_leg_that_collects_nothing_cannot_be_named(
    world: World,
) -> None:
    instruments = (an_instrument(BANK, lot=100), an_instrument(RAIL, "0 0 0 0", lot=100))
    account = an_account("M1", "-175000", {BANK: 1000, RAIL: 1000})
    desk = await world.desk(a_book(a_client("C1", account), instruments=instruments))
    await prices_call(desk, 1)
    trader = desk.caller()
    (case,) = await cases(trader)
    wanted = {"caseId": case["id"], "policy": "ALL"}
    plan = (await trader.ask(document("LiquidationPlan"), input=wanted))["liquidationPreview"]
    assert len(plan["legs"]) == 2
    shown = as_shown(case, plan)
    (result,) = await placed(trader, [shown])
    assert result["code"] == "CANNOT_CURE"
    del shown["legs"]
    (result,) = await placed(trader, [shown | {"policy": "ALL"}])
    assert (len(result["orders"]), result["amountAfter"]) == (2, plan["amountAfter"])


@pytest.mark.parametrize("name", ["LiquidationPlans", "Liquidate"])
async def test_the_largest_batch_of_the_console_fits_into_a_request(world: World, name: str) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    ids = [global_id("Case", f"{number:032x}") for number in range(200)]
    inputs: list[dict[str, Any]] = [{"caseId": each, "policy": "PRO_RATA", "keep": ["A.US"]} for each in ids]
    leg = {"instrument": {"symbol": "700.HK"}, "quantity": "1000000", "limitPrice": "1234.50"}
    plan = {"legs": [leg, leg, leg], "notional": "123456789.01", "amountAfter": "123456.01"}
    items = [as_shown({"id": each, "version": 12}, plan) for each in ids]
    variables: dict[str, Any] = (
        {"inputs": inputs}
        if name == "LiquidationPlans"
        else {"input": {"idempotencyKey": "key", "cases": items}}
    )
    answer = await desk.caller().answer(document(name), **variables)
    assert not {"QUERY_TOO_EXPENSIVE", "PAYLOAD_TOO_LARGE"} & set(answer.codes), answer.body
