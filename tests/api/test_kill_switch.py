"""The kill switch: one person switches it on, two switch it off, and nothing leaves meanwhile."""

import asyncio
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from domain.principal import Permission
from tests.api.control import SWITCH, turn
from tests.api.moments import prices_call
from tests.api.trading import cancel, cases, liquidate, orders, preview
from tests.kit.book_files import BANK, a_book, a_client, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

AT_ONCE = 50
SWITCHES = f"query ($on: Boolean) {{ killSwitches(on: $on) {{ totalCount nodes {{ {SWITCH} }} }} }}"
APPROVE = """mutation ($input: DecideApprovalsInput!) { approve(input: $input) { results { __typename
  ... on ApprovalRefused { code } } } }"""
LEG = [{"symbol": BANK, "quantity": "100"}]


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1 and M2 owe; nothing trades."""
    desk = await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))))
    await prices_call(desk)
    return desk


@pytest.fixture
def trader(desk: Desk) -> Caller:
    return desk.caller()


async def approve(caller: Caller, approval_id: str) -> Any:
    asked = {"idempotencyKey": uuid4().hex, "ids": [approval_id]}
    return (await caller.ask(APPROVE, input=asked))["approve"]["results"][0]


async def case_of(caller: Caller, account_no: str) -> Any:
    return (await cases(caller, accountNo=account_no))[0]


async def account_of(caller: Caller, account_no: str) -> str:
    document = "query ($of: String!) { cases(filter: {accountNo: $of}) { nodes { account { id } } } }"
    return str((await caller.ask(document, of=account_no))["cases"]["nodes"][0]["account"]["id"])


async def test_one_switches_it_on_and_two_switch_it_off(desk: Desk, trader: Caller) -> None:
    on = await turn(desk.caller(Permission.RISK_WARNING_OPERATOR, subject="ann"), on=True)
    assert on["killSwitch"] | {"id": ""} == {
        **{"id": "", "scope": "DESK", "on": True, "setBy": "ann", "reason": "wrong prices"},
        **{"endedBy": [], "account": None, "client": None},
    }
    refused = await liquidate(trader, (await case_of(trader, "M1"))["id"], legs=LEG)
    assert refused["code"] == "FROZEN"
    assert "wrong prices" in refused["message"]
    approver = desk.caller(Permission.RISK_APPROVER, subject="bob")
    admin = desk.caller(Permission.RISK_SETTING_FULL, subject="carol")
    required = await turn(approver, on=False)
    assert required["code"] == "APPROVAL_REQUIRED"
    id_ = required["approval"]["id"]
    another = await approve(desk.caller(Permission.RISK_APPROVER, subject="dave"), id_)
    assert another["code"] == "FORBIDDEN", "it takes the other right"
    assert (await approve(admin, id_))["__typename"] == "ApprovalDecided"
    (switch,) = (await trader.ask(SWITCHES))["killSwitches"]["nodes"]
    assert (switch["on"], switch["endedBy"]) == (False, ["bob", "carol"])
    assert (await liquidate(trader, (await case_of(trader, "M1"))["id"], legs=LEG))["orders"]


async def test_the_admin_asks_and_the_approver_approves(desk: Desk) -> None:
    await turn(desk.caller(), on=True)
    admin = desk.caller(Permission.RISK_SETTING_FULL, subject="carol")
    required = await turn(admin, on=False)
    decided = await approve(desk.caller(Permission.RISK_APPROVER, subject="bob"), required["approval"]["id"])
    assert decided["__typename"] == "ApprovalDecided"
    assert (await turn(admin, on=False))["code"] == "NOT_FOUND"


async def test_a_reader_does_not_freeze_and_a_trader_does_not_unfreeze(desk: Desk, trader: Caller) -> None:
    for role in (Permission.RISK_WARNING_READ_ONLY, Permission.AUDITOR):
        assert (await turn(desk.caller(role), on=True))["code"] == "FORBIDDEN"
    await turn(trader, on=True)
    assert (await turn(trader, on=False))["code"] == "FORBIDDEN"


async def test_of_an_account_it_freezes_that_account(desk: Desk, trader: Caller) -> None:
    frozen = await turn(trader, on=True, accountId=await account_of(trader, "M1"))
    assert frozen["killSwitch"]["account"] == {"accountNo": "M1"}
    assert (await liquidate(trader, (await case_of(trader, "M1"))["id"], legs=LEG))["code"] == "FROZEN"
    assert (await liquidate(trader, (await case_of(trader, "M2"))["id"], legs=LEG))["orders"]


async def test_the_preview_and_the_case_say_so(desk: Desk, trader: Caller) -> None:
    await turn(trader, on=True, accountId=await account_of(trader, "M1"))
    refused = await preview(trader, (await case_of(trader, "M1"))["id"], legs=LEG)
    assert (refused["refusal"]["code"], refused["legs"]) == ("FROZEN", [])
    assert (await preview(trader, (await case_of(trader, "M2"))["id"], legs=LEG))["refusal"] is None
    found = await trader.ask("{ cases { nodes { frozen account { accountNo frozen } } } }")
    frozen = {each["account"]["accountNo"]: each["frozen"] for each in found["cases"]["nodes"]}
    assert frozen == {"M1": True, "M2": False}
    assert all(each["frozen"] is each["account"]["frozen"] for each in found["cases"]["nodes"])
    await turn(trader, on=True)
    found = await trader.ask("{ cases { nodes { frozen } } }")
    assert [each["frozen"] for each in found["cases"]["nodes"]] == [True, True]


async def test_of_a_client_it_freezes_that_client(desk: Desk, trader: Caller) -> None:
    (client,) = (await trader.ask('{ clients(filter: {search: "C2"}) { nodes { id } } }'))["clients"]["nodes"]
    frozen = await turn(trader, on=True, clientId=client["id"])
    assert frozen["killSwitch"]["client"] == {"clientNo": "C2"}
    assert (await liquidate(trader, (await case_of(trader, "M2"))["id"], legs=LEG))["code"] == "FROZEN"
    assert (await liquidate(trader, (await case_of(trader, "M1"))["id"], legs=LEG))["orders"]


async def test_a_scope_holds_here_too(desk: Desk, trader: Caller) -> None:
    only_m1 = desk.caller(accounts=["M1"], subject="eve")
    assert (await turn(only_m1, on=True))["code"] == "FORBIDDEN"
    theirs = await turn(only_m1, on=True, accountId=await account_of(trader, "M2"))
    assert theirs["code"] == "NOT_FOUND"
    await turn(trader, on=True, accountId=await account_of(trader, "M2"))
    assert (await only_m1.ask(SWITCHES))["killSwitches"]["totalCount"] == 0
    await turn(only_m1, on=True, accountId=await account_of(trader, "M1"))
    assert (await only_m1.ask(SWITCHES, on=True))["killSwitches"]["totalCount"] == 1


async def test_freezing_a_client_requires_access_to_all_of_its_accounts(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"), owing("M2"))))
    await prices_call(desk, 2)
    trader, only_m1 = desk.caller(), desk.caller(accounts=["M1"], subject="eve")
    (client,) = (await only_m1.ask("{ clients { nodes { id } } }"))["clients"]["nodes"]
    refused = await turn(only_m1, on=True, clientId=client["id"])
    assert (refused["code"], refused["message"][-17:]) == ("FORBIDDEN", "name one account.")
    assert (await trader.ask(SWITCHES))["killSwitches"]["totalCount"] == 0
    both = desk.caller(accounts=["M1", "M2"], subject="both")
    assert (await turn(both, on=True, clientId=client["id"]))["killSwitch"]["client"] == {"clientNo": "C1"}
    admin = desk.caller(Permission.RISK_SETTING_FULL, accounts=["M1"], subject="admin")
    assert (await turn(admin, on=False, clientId=client["id"]))["code"] == "FORBIDDEN"


async def test_the_same_key_fifty_times_at_once_has_one_effect(desk: Desk, trader: Caller) -> None:
    answers = await asyncio.gather(*(turn(trader, on=True, key="k") for _ in range(AT_ONCE)))
    assert len({answer["killSwitch"]["id"] for answer in answers}) == 1
    assert (await desk.rows("SELECT COUNT(*) AS n FROM audit WHERE action = 'killSwitchOn'"))[0]["n"] == 1
    again = await asyncio.gather(*(turn(desk.caller(subject=str(n)), on=True) for n in range(5)))
    assert {answer["killSwitch"]["id"] for answer in again} == {answers[0]["killSwitch"]["id"]}


async def test_orders_at_the_venue_stay_and_can_be_cancelled(desk: Desk, trader: Caller) -> None:
    async def status_is(account_no: str, status: str) -> bool:
        (order,) = await orders(trader, accountNo=account_no)
        return bool(order["status"] == status)

    for account_no in ("M1", "M2"):
        await liquidate(trader, (await case_of(trader, account_no))["id"], legs=LEG)
        await desk.until(partial(status_is, account_no, "NEW"), "the order to work")
    await turn(trader, on=True)
    for account_no in ("M2", "M1"):
        # When the cancel of one has come through, one of the other would have been sent with it.
        assert await status_is(account_no, "NEW")
        (order,) = await orders(trader, accountNo=account_no)
        await cancel(trader, order["id"])
        await desk.until(partial(status_is, account_no, "CANCELED"), "the cancel to come through")
