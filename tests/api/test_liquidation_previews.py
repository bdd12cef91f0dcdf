"""The preview of a batch: it foretells what `liquidate` does with the same cases, and adds it up."""

from decimal import Decimal
from typing import Any

import pytest

from domain.principal import Permission
from resolvers.kit.node import global_id
from tests.api.moments import prices_call
from tests.api.risk_desk import AMOUNT_RULE, put_in_force
from tests.api.trading import cases, try_to_liquidate
from tests.kit.book_files import BANK, RAIL, a_book, a_client, an_account, owing
from tests.kit.damage import damage
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

SUMS = "currency notional amountBefore amountAfter"
PREVIEWS = f"""query ($inputs: [LiquidationPreviewInput!]!) {{ liquidationPreviews(inputs: $inputs) {{
  asOf placeable needSecondPerson refused unconverted total {{ {SUMS} }} byCurrency {{ {SUMS} }}
  results {{
    amountBefore amountAfter notional refusal {{ code }} legs {{ instrument {{ symbol }} quantity }}
  }}
}} }}"""
SOLD = "LiquidationStarted"


async def previews(caller: Caller, items: list[dict[str, Any]]) -> Any:
    return (await caller.ask(PREVIEWS, inputs=items))["liquidationPreviews"]


async def foretold(caller: Caller, items: list[dict[str, Any]]) -> list[str]:
    """The preview's codes, after checking that liquidate does just that."""
    shown = await previews(caller, items)
    done = (await try_to_liquidate(caller, items)).data["liquidate"]["results"]
    for expected, result in zip(shown["results"], done, strict=True):
        code = None if expected["refusal"] is None else expected["refusal"]["code"]
        assert code == result.get("code")
        if code is None:
            legs = [(each["instrument"]["symbol"], each["quantity"]) for each in expected["legs"]]
            assert legs == [(each["instrument"]["symbol"], each["quantity"]) for each in result["orders"]]
            assert expected["amountAfter"] == result["amountAfter"]
    return [each["refusal"]["code"] if each["refusal"] else SOLD for each in shown["results"]]


async def called(world: World, accounts: int, **settings: Any) -> tuple[Desk, Caller, list[Any]]:
    """So many accounts owe 20,000 each, and nothing trades."""
    book = a_book(*(a_client(f"C{n}", owing(f"M{n}")) for n in range(1, accounts + 1)))
    desk = await world.desk(book, **settings)
    await prices_call(desk, accounts)
    trader = desk.caller()
    found = sorted(await cases(trader), key=lambda each: str(each["caseNo"]))
    return desk, trader, [{"caseId": each["id"]} for each in found]


async def test_a_batch_is_added_up(world: World) -> None:
    _, trader, items = await called(world, 3)
    shown = await previews(trader, items)
    assert (shown["placeable"], shown["needSecondPerson"], shown["refused"]) == (3, 0, 0)
    notional = sum(Decimal(each["notional"]) for each in shown["results"])
    assert shown["total"] == {
        "currency": "HKD",
        "notional": f"{notional:f}",
        "amountBefore": "60000",
        "amountAfter": "0",
    }
    assert shown["byCurrency"] == [shown["total"]]
    assert shown["unconverted"] == []
    assert shown["asOf"]
    assert await foretold(trader, items) == [SOLD] * 3


@pytest.mark.parametrize("most", [0, 60_000, 120_000, 180_000, 1_000_000])
async def test_the_limit_of_one_person_adds_up_over_the_batch(world: World, most: int) -> None:
    _, trader, items = await called(world, 3, approval_notional=most)
    counted = await previews(trader, items)
    codes = await foretold(trader, items)
    assert counted["placeable"] == codes.count(SOLD)
    assert counted["needSecondPerson"] == codes.count("APPROVAL_REQUIRED")
    assert codes == sorted(codes, key=SOLD.__ne__), "the first ones are placed alone"


async def test_a_large_batch_needs_a_second_person_for_each_case(world: World) -> None:
    _, trader, items = await called(world, 3, approval_cases=2)
    assert (await previews(trader, items[:2]))["placeable"] == 2
    assert (await previews(trader, items))["needSecondPerson"] == 3
    assert await foretold(trader, items) == ["APPROVAL_REQUIRED"] * 3


@pytest.mark.parametrize("first", ["MAINTENANCE", "OVER_FINANCING"])
async def test_two_calls_of_one_account_do_not_sell_twice(world: World, first: str) -> None:
    account = an_account("M1", "-150000", {BANK: 1000, RAIL: 1000}, financing_limit="145000")
    desk = await world.desk(a_book(a_client("C1", account)))
    await prices_call(desk, 1)
    await put_in_force(desk, {"amountRule": AMOUNT_RULE | {"overFinancingTriggers": True}})
    trader = desk.caller()

    async def both() -> bool:
        return len(await cases(trader)) == 2

    await desk.until(both, "both calls")
    found = sorted(await cases(trader), key=lambda each: bool(each["alertType"] != first))
    items = [{"caseId": each["id"]} for each in found]
    shown = await previews(trader, items)
    assert shown["total"]["amountBefore"] == "20000"
    codes = await foretold(trader, items)
    assert codes[0] == SOLD
    assert (codes[1] == SOLD) is (first == "OVER_FINANCING")


async def test_one_bad_case_leaves_the_others_alone(world: World) -> None:
    desk, trader, items = await called(world, 3)
    with desk.application.resources.database.active():
        await damage("position", "quantity", "account_id = (SELECT id FROM account WHERE account_no = 'M2')")
    nowhere = {"caseId": global_id("Case", "0" * 32)}
    shown = await previews(trader, [items[0], nowhere, items[1], items[2]])
    codes = [each["refusal"]["code"] if each["refusal"] else SOLD for each in shown["results"]]
    assert codes[1] == "NOT_FOUND"
    assert sorted(codes) == [SOLD, SOLD, "NOT_FOUND", "UNREADABLE"]
    assert (shown["placeable"], shown["refused"]) == (2, 2)


async def test_a_batch_within_the_scope_of_the_caller_alone(world: World) -> None:
    desk, _, items = await called(world, 2)
    narrow = desk.caller(Permission.RISK_WARNING_FULL, accounts=["M1"])
    shown = await previews(narrow, items)
    assert sorted(each["refusal"]["code"] if each["refusal"] else SOLD for each in shown["results"]) == [
        SOLD,
        "NOT_FOUND",
    ]


@pytest.mark.parametrize(
    ("inputs", "says"),
    [([], "1 to 200"), ([{"caseId": global_id("Case", "1")}] * 2, "twice"), (201, "1 to 200")],
    ids=["none", "twice", "too many"],
)
async def test_a_batch_has_bounds(world: World, inputs: Any, says: str) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    if isinstance(inputs, int):
        inputs = [{"caseId": global_id("Case", str(number))} for number in range(inputs)]
    answer = await desk.caller().answer(PREVIEWS, inputs=inputs)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert says in answer.body["errors"][0]["message"]


async def test_an_operation_has_one_preview_of_a_batch(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    answer = await desk.caller().answer(
        """query ($inputs: [LiquidationPreviewInput!]!) {
        a: liquidationPreviews(inputs: $inputs) { refused }
        b: liquidationPreviews(inputs: $inputs) { refused } }""",
        inputs=[{"caseId": global_id("Case", "1")}],
    )
    assert answer.codes == ["QUERY_TOO_EXPENSIVE"]
