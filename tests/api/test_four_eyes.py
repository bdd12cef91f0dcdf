"""Four eyes on a liquidation: above a limit one person requests, another approves; it is planned again."""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from domain.book_changes import CashStated
from domain.principal import Permission
from tests.api.moments import all_accounts_assessed, prices_call
from tests.api.trading import CASE, CASE_EVENTS, cases, orders, preview
from tests.kit.book_files import BANK, HKD, RAIL, a_book, a_client, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

AT_ONCE = 50
LEG = [{"symbol": BANK, "quantity": "300"}]
REQUEST = """id kind status maker reason decidedBy decisionReason mayDecide case { id } account { accountNo }
  changes { field before after } differences { field before after }"""
LIQUIDATE = f"""mutation ($input: LiquidateInput!) {{ liquidate(input: $input) {{ results {{ __typename
  ... on LiquidationStarted {{ amountAfter }}
  ... on LiquidationRefused {{ code message approval {{ {REQUEST} }} }}
}} }} }}"""
DECIDE = f"""mutation ($input: DecideApprovalsInput!) {{ %s(input: $input) {{ results {{ __typename
  ... on ApprovalDecided {{ done: approval {{ {REQUEST} }} }}
  ... on ApprovalRefused {{ code message approval {{ {REQUEST} }} }}
}} }} }}"""
REQUESTS = f"""query ($filter: ApprovalRequestFilter) {{
  approvalRequests(filter: $filter) {{ totalCount nodes {{ {REQUEST} }} }}
}}"""


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1, M2 and M3 owe 20,000 each; nothing trades. Above 25,000, or 2 cases, it takes two."""
    book = a_book(*(a_client(f"C{n}", owing(f"M{n}")) for n in (1, 2, 3)))
    desk = await world.desk(book, approval_notional=25_000, approval_cases=2)
    await prices_call(desk, 3)
    return desk


@pytest.fixture
def maker(desk: Desk) -> Caller:
    return desk.caller(subject="ann")


@pytest.fixture
def checker(desk: Desk) -> Caller:
    return desk.caller(Permission.RISK_APPROVER, subject="bob")


@pytest.fixture
async def called(maker: Caller) -> Any:
    return (await cases(maker, accountNo="M1"))[0]


async def ask(
    caller: Caller, *items: dict[str, Any], key: str = "", reason: str = "they do not answer"
) -> Any:
    asked = {"idempotencyKey": key or uuid4().hex, "cases": items, "reason": reason}
    return (await caller.ask(LIQUIDATE, input=asked))["liquidate"]["results"]


async def decide(caller: Caller, what: str, *ids: str, key: str = "") -> Any:
    asked = {"idempotencyKey": key or uuid4().hex, "ids": ids, "reason": "looked at it"}
    return (await caller.ask(DECIDE % what, input=asked))[what]["results"]


async def asked_for(maker: Caller, called: Any) -> Any:
    """A sale of 300 at 100 is above the limit."""
    (refused,) = await ask(maker, {"caseId": called["id"], "legs": LEG})
    assert refused["code"] == "APPROVAL_REQUIRED", refused
    return refused["approval"]


async def test_a_small_liquidation_takes_one(maker: Caller, called: Any) -> None:
    (started,) = await ask(maker, {"caseId": called["id"], "legs": [{"symbol": BANK, "quantity": "100"}]})
    assert started["__typename"] == "LiquidationStarted"


async def test_many_small_ones_are_a_large_one(desk: Desk, maker: Caller, called: Any) -> None:
    """Of 10,000 each, 25,000 may be sold alone in a day; what waits counts."""
    leg = {"caseId": called["id"], "legs": [{"symbol": BANK, "quantity": "100"}]}
    for _ in range(2):
        (started,) = await ask(maker, leg)
        assert started["__typename"] == "LiquidationStarted"
    (refused,) = await ask(maker, leg)
    assert refused["code"] == "APPROVAL_REQUIRED", refused
    assert "within a day" in refused["message"]


async def test_a_large_one_is_asked_for_and_done_when_another_approves(
    desk: Desk, maker: Caller, checker: Caller, called: Any
) -> None:
    request = await asked_for(maker, called)
    assert (request["kind"], request["status"], request["maker"]) == ("LIQUIDATION", "PENDING", "ann")
    assert (request["case"]["id"], request["account"]["accountNo"]) == (called["id"], "M1")
    assert {"field": "notional", "before": None, "after": "30000"} in request["changes"]
    assert {"field": f"SELL {BANK}", "before": None, "after": "300 at 100"} in request["changes"]
    assert not request["mayDecide"]
    assert await orders(maker) == []
    listed = await checker.ask(REQUESTS, filter={"caseId": called["id"], "status": ["PENDING"]})
    assert listed["approvalRequests"]["totalCount"] == 1
    assert listed["approvalRequests"]["nodes"][0]["mayDecide"]
    (decided,) = await decide(checker, "approve", request["id"])
    assert (decided["done"]["status"], decided["done"]["decidedBy"]) == ("APPROVED", "bob")
    assert decided["done"]["differences"] == []
    (order,) = await orders(maker)
    assert order["quantity"] == "300"
    (row,) = await desk.rows("SELECT placed_by FROM liquidation_order")
    assert row["placed_by"] == "ann"
    (entry,) = await desk.rows("SELECT actor, detail FROM audit WHERE action = 'liquidate'")
    assert entry["actor"] == "bob"
    assert '"maker":"ann"' in entry["detail"].replace(" ", "")


async def test_the_approved_plan_is_planned_again_and_lists_the_differences(
    desk: Desk, maker: Caller, checker: Caller, called: Any, world: World
) -> None:
    (refused,) = await ask(maker, {"caseId": called["id"]})
    before = {change["field"]: change["after"] for change in refused["approval"]["changes"]}
    events = await maker.subscribe(CASE_EVENTS, filter={"accountNo": "M1"})
    await world.market.says(*quotes(world.clock(), "99", size=0))
    await events.next()
    (decided,) = await decide(checker, "approve", refused["approval"]["id"])
    differences = {each["field"]: each for each in decided["done"]["differences"]}
    assert differences["notional"]["before"] == before["notional"]
    assert differences["notional"]["after"] != before["notional"]
    legs = [name for name in differences if name.startswith("SELL")]
    assert legs
    assert all((differences[leg]["after"] or "at 99").endswith("at 99") for leg in legs)


async def test_an_approval_does_not_cover_much_more_than_was_asked_for(
    desk: Desk, maker: Caller, checker: Caller, called: Any, world: World
) -> None:
    """60,000 was asked for; then the client owes so much more that it would be 180,000."""

    async def owes_more() -> bool:
        return bool((await cases(maker, accountNo="M1"))[0]["amount"] == "60000")

    (asked,) = await ask(maker, {"caseId": called["id"]})
    await world.market.says(CashStated("M1", HKD, Decimal(-190_000), world.clock()))
    await desk.until(owes_more, "the larger amount")
    (refused,) = await decide(checker, "approve", asked["approval"]["id"])
    assert (refused["code"], refused["approval"]["status"]) == ("VERSION_CONFLICT", "PENDING")
    assert "180000" in refused["message"]
    assert await orders(maker) == []
    await decide(checker, "decline", asked["approval"]["id"])
    (anew,) = await ask(maker, {"caseId": called["id"]})
    (decided,) = await decide(checker, "approve", anew["approval"]["id"])
    assert decided["__typename"] == "ApprovalDecided"


async def test_the_preview_says_that_it_needs_a_second_person_and_shows_the_plan(
    maker: Caller, called: Any
) -> None:
    large = await preview(maker, called["id"], legs=LEG)
    assert (large["refusal"]["code"], len(large["legs"])) == ("APPROVAL_REQUIRED", 1)
    small = await preview(maker, called["id"], legs=[{"symbol": BANK, "quantity": "100"}])
    assert (small["refusal"], len(small["legs"])) == (None, 1)
    await asked_for(maker, called)
    assert (await preview(maker, called["id"], legs=LEG))["refusal"]["code"] == "APPROVAL_PENDING"
    assert await orders(maker) == []


async def test_a_batch_of_more_cases_than_one_person_may(desk: Desk, maker: Caller, checker: Caller) -> None:
    small = [{"symbol": BANK, "quantity": "100"}]
    items = [{"caseId": each["id"], "legs": small} for each in await cases(maker)]
    results = await ask(maker, *items)
    assert [result["code"] for result in results] == ["APPROVAL_REQUIRED"] * 3
    ids = [result["approval"]["id"] for result in results]
    decided = await decide(checker, "approve", *ids)
    assert [each["__typename"] for each in decided] == ["ApprovalDecided"] * 3
    assert len(await orders(maker)) == 3
    two = await ask(maker, *items[:2])
    assert [result["__typename"] for result in two] == ["LiquidationStarted"] * 2


async def test_the_maker_cannot_approve_and_a_second_request_names_the_first(
    desk: Desk, maker: Caller, called: Any
) -> None:
    request = await asked_for(maker, called)
    both = desk.caller(Permission.RISK_WARNING_FULL, Permission.RISK_APPROVER, subject="ann")
    (refused,) = await decide(both, "approve", request["id"])
    assert refused["code"] == "SAME_PERSON"
    (again,) = await ask(desk.caller(subject="carl"), {"caseId": called["id"], "legs": LEG})
    assert (again["code"], again["approval"]["id"]) == ("APPROVAL_PENDING", request["id"])
    (withdrawn,) = await decide(maker, "withdraw", request["id"])
    assert withdrawn["done"]["status"] == "WITHDRAWN"
    assert await orders(maker) == []


async def test_a_declined_request_sells_nothing(maker: Caller, checker: Caller, called: Any) -> None:
    request = await asked_for(maker, called)
    (declined,) = await decide(checker, "decline", request["id"])
    assert (declined["done"]["status"], declined["done"]["decisionReason"]) == ("DECLINED", "looked at it")
    (late,) = await decide(checker, "approve", request["id"])
    assert late["code"] == "APPROVAL_DECIDED"
    assert await orders(maker) == []


async def test_a_request_expires(
    desk: Desk, world: World, maker: Caller, checker: Caller, called: Any
) -> None:
    request = await asked_for(maker, called)
    world.clock.advance(seconds=desk.settings.approval_ttl_s)
    (late,) = await decide(checker, "approve", request["id"])
    assert late["code"] == "APPROVAL_DECIDED"
    assert await orders(maker) == []


async def test_out_of_scope_a_request_does_not_exist(desk: Desk, maker: Caller, called: Any) -> None:
    request = await asked_for(maker, called)
    elsewhere = desk.caller(Permission.RISK_APPROVER, subject="eve", accounts=["M2"])
    assert (await elsewhere.ask(REQUESTS))["approvalRequests"]["totalCount"] == 0
    (refused,) = await decide(elsewhere, "approve", request["id"])
    assert (refused["code"], refused["approval"]) == ("NOT_FOUND", None)
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert (await elsewhere.ask(node, id=request["id"]))["node"] is None
    assert (await maker.ask(node, id=request["id"]))["node"]["id"] == request["id"]
    looker = desk.caller(Permission.RISK_WARNING_READ_ONLY, subject="leo")
    assert (await looker.ask(node, id=request["id"]))["node"] is None


async def test_either_key_fifty_times_at_once_has_one_effect(
    desk: Desk, maker: Caller, checker: Caller, called: Any
) -> None:
    item = {"caseId": called["id"], "legs": LEG}
    answers = await asyncio.gather(*(ask(maker, item, key="m") for _ in range(AT_ONCE)))
    assert {result["code"] for (result,) in answers} == {"APPROVAL_REQUIRED"}
    assert len({result["approval"]["id"] for (result,) in answers}) == 1
    id_ = answers[0][0]["approval"]["id"]
    decided = await asyncio.gather(*(decide(checker, "approve", id_, key="c") for _ in range(AT_ONCE)))
    assert {result["__typename"] for (result,) in decided} == {"ApprovalDecided"}
    assert len(await orders(maker)) == 1
    (late,) = await ask(maker, item, key="m")
    assert (late["code"], late["approval"]["status"]) == ("APPROVAL_REQUIRED", "APPROVED")


async def test_two_approvers_at_once_one_outcome(desk: Desk, maker: Caller, called: Any) -> None:
    request = await asked_for(maker, called)
    both = [desk.caller(Permission.RISK_APPROVER, subject=name) for name in ("bob", "carol")]
    results = await asyncio.gather(
        decide(both[0], "approve", request["id"]), decide(both[1], "decline", request["id"])
    )
    (refused,) = (result for (result,) in results if result["__typename"] == "ApprovalRefused")
    assert refused["code"] == "APPROVAL_DECIDED"
    assert refused["approval"]["decidedBy"] in ("bob", "carol")


async def test_a_request_that_is_no_longer_possible_stays_pending(
    desk: Desk, world: World, maker: Caller, checker: Caller, called: Any
) -> None:
    request = await asked_for(maker, called)
    world.clock.advance(seconds=desk.settings.max_price_age_s + 1)
    (refused,) = await decide(checker, "approve", request["id"])
    assert (refused["code"], refused["approval"]["status"]) == ("STALE_QUOTE", "PENDING")


async def test_with_nothing_left_to_collect_it_takes_a_reason_and_a_second_person(
    desk: Desk, world: World, maker: Caller, checker: Caller, called: Any
) -> None:
    async def owes_nothing() -> bool:
        document = f"query ($id: ID!) {{ case(id: $id) {{ {CASE} }} }}"
        return bool((await maker.ask(document, id=called["id"]))["case"]["uncoveredAmount"] == "0")

    await world.market.says(CashStated("M1", HKD, Decimal(0), world.clock()))
    await desk.until(owes_nothing, "the case to be cured")
    item = {"caseId": called["id"], "legs": [{"symbol": RAIL, "quantity": "200"}]}
    (refused,) = await ask(maker, item)
    assert refused["code"] == "NOTHING_TO_COLLECT"
    blank = await maker.answer(
        LIQUIDATE, input={"idempotencyKey": "b", "cases": [{**item, "override": True}], "reason": " "}
    )
    assert blank.codes == ["BAD_USER_INPUT"]
    (required,) = await ask(maker, {**item, "override": True})
    assert required["code"] == "APPROVAL_REQUIRED"
    (decided,) = await decide(checker, "approve", required["approval"]["id"])
    assert decided["__typename"] == "ApprovalDecided"
    (order,) = await orders(maker)
    await desk.until(lambda: _is(maker, "NEW"), "the order to rest")
    await all_accounts_assessed(desk, witness="M1", prices=("101", "102", "103"))
    assert await _is(maker, "NEW"), "it is not called off by a look"
    await world.market.says(*quotes(world.clock(), "103", size=100))
    await desk.until(lambda: _is(maker, "PARTIALLY_FILLED"), "the rest not to be called off behind a fill")
    assert order["quantity"] == "200"


async def _is(maker: Caller, status: str) -> bool:
    (order,) = await orders(maker)
    return bool(order["status"] == status)
