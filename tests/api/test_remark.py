"""The desk's note on a case: what every command on a case has to keep, shown by the simplest."""

import asyncio
from typing import Any

import pytest

from domain.principal import Permission
from tests.api.moments import prices_call
from tests.api.trading import CASE, CASE_EVENTS, cases, liquidate
from tests.kit.book_files import BANK, a_book, a_client, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

AT_ONCE = 50
UPDATE = f"""mutation ($input: UpdateRemarkInput!) {{ updateRemark(input: $input) {{ result {{ __typename
  ... on CaseChanged {{ case {{ remark {CASE} }} }}
  ... on Refused {{ code message }}
  ... on CaseCommandRefused {{ caseId approval {{ id }} now: case {{ remark {CASE} }} }}
}} }} }}"""


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1 and M2 owe; nothing trades."""
    desk = await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))))
    await prices_call(desk)
    return desk


@pytest.fixture
async def called(desk: Desk) -> Any:
    return (await cases(desk.caller(), accountNo="M1"))[0]


async def update(caller: Caller, case: Any, remark: str, key: str = "k", version: int | None = None) -> Any:
    expected = case["version"] if version is None else version
    asked = {"idempotencyKey": key, "caseId": case["id"], "expectedVersion": expected, "remark": remark}
    return (await caller.ask(UPDATE, input=asked))["updateRemark"]["result"]


async def audited(desk: Desk) -> int:
    return int((await desk.rows("SELECT COUNT(*) AS n FROM audit WHERE action = 'updateRemark'"))[0]["n"])


async def test_a_remark_is_stored_sends_an_event_and_is_audited(desk: Desk, called: Any) -> None:
    events = await desk.caller().subscribe(CASE_EVENTS, filter={"accountNo": "M1"})
    operator = desk.caller(Permission.RISK_WARNING_OPERATOR, subject="ann")
    changed = await update(operator, called, "calls back at 15:00")
    assert (changed["__typename"], changed["case"]["remark"]) == ("CaseChanged", "calls back at 15:00")
    assert changed["case"]["version"] == called["version"] + 1
    await events.until(lambda event: event["case"]["version"] == called["version"] + 1)
    (entry,) = await desk.rows("SELECT actor, detail FROM audit WHERE action = 'updateRemark'")
    assert entry["actor"] == "ann"
    assert "calls back at 15:00" in entry["detail"]


async def test_the_same_key_fifty_times_at_once_has_one_effect(desk: Desk, called: Any) -> None:
    trader = desk.caller()
    answers = await asyncio.gather(*(update(trader, called, "one") for _ in range(AT_ONCE)))
    assert {answer["__typename"] for answer in answers} == {"CaseChanged"}
    assert {answer["case"]["version"] for answer in answers} == {called["version"] + 1}
    assert await audited(desk) == 1
    other = await update(trader, called, "two")
    assert other["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_of_two_traders_at_once_one_writes_and_the_other_receives_the_current_state(
    desk: Desk, called: Any
) -> None:
    answers = await asyncio.gather(
        *(update(desk.caller(subject=name), called, f"by {name}") for name in ("ann", "bob"))
    )
    (done,) = (answer for answer in answers if answer["__typename"] == "CaseChanged")
    (refused,) = (answer for answer in answers if answer["__typename"] == "CaseCommandRefused")
    assert (refused["code"], refused["approval"]) == ("VERSION_CONFLICT", None)
    assert refused["now"]["remark"] == done["case"]["remark"]
    assert await audited(desk) == 1


async def test_a_caller_without_the_permission_is_refused_and_a_case_out_of_scope_is_not_found(
    desk: Desk, called: Any
) -> None:
    refused = await update(desk.caller(Permission.RISK_APPROVER), called, "x")
    assert (refused["code"], refused["now"]) == ("FORBIDDEN", None)
    elsewhere = await update(desk.caller(accounts=["M2"]), called, "x")
    assert (elsewhere["code"], elsewhere["now"]) == ("NOT_FOUND", None)
    assert await audited(desk) == 0


async def test_a_remark_does_not_disturb_a_liquidation(desk: Desk, called: Any) -> None:
    trader = desk.caller()
    started = await liquidate(trader, called["id"], legs=[{"symbol": BANK, "quantity": "100"}])
    version = started["case"]["version"]
    changed = await update(trader, called, "selling", version=version)
    assert (changed["case"]["status"], changed["case"]["version"]) == ("LIQUIDATING", version + 1)
