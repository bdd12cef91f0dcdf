"""One document reads the outcome of a command and the details of any refusal, without an alias."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.principal import Permission
from tests.api.every_mutation import a_called_desk, a_scene
from tests.kit.desk_client import Caller
from tests.kit.desk_server import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

DETAILS = "details { case { id } order { id } approval { id kind } }"
RESULTS = {
    "voidCase": ("CaseReasonInput", "result", "CaseChanged { case { id } }"),
    "updateRemark": ("UpdateRemarkInput", "result", "CaseChanged { case { id } }"),
    "liquidate": ("LiquidateInput", "results", "LiquidationStarted { case { id } orders { id } }"),
    "cancel": ("CancelInput", "results", "CancelRequested { order { id } }"),
    "withdraw": ("DecideApprovalsInput", "results", "ApprovalDecided { approval { id } }"),
    "sendMessage": ("SendMessageInput", "results", "MessageQueued { queuedMessage { id } }"),
}
NOTHING = {"case": None, "order": None, "approval": None}
UNKNOWN = "Q2FzZTo5OTk"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trader(shared_world: World) -> Caller:
    """Of a desk with a case."""
    desk = await a_called_desk(shared_world, "A1")
    return (await a_scene(desk, "A1", Permission.RISK_WARNING_FULL, "trader")).by


async def asked(caller: Caller, name: str, **input: Any) -> Any:
    """The result, or the first of several."""
    kind, field, outcome = RESULTS[name]
    document = f"""mutation ($input: {kind}!) {{ {name}(input: $input) {{ {field} {{ __typename
      ... on {outcome} ... on Refusal {{ code message {DETAILS} }} }} }} }}"""
    answer = (await caller.ask(document, input={"idempotencyKey": uuid4().hex} | input))[name][field]
    return answer if field == "result" else answer[0]


async def case_of(caller: Caller) -> Any:
    return (await caller.ask("{ cases { nodes { id version } } }"))["cases"]["nodes"][0]


async def test_a_refused_command_on_a_case_has_the_case_in_its_details(trader: Caller) -> None:
    case = await case_of(trader)
    refused = await asked(trader, "updateRemark", caseId=case["id"], expectedVersion=99, remark="x")
    assert (refused["code"], refused["details"]) == (
        "VERSION_CONFLICT",
        NOTHING | {"case": {"id": case["id"]}},
    )
    plan = {"caseId": case["id"], "expectedVersion": 99}
    assert (await asked(trader, "liquidate", cases=[plan]))["details"]["case"] == {"id": case["id"]}


async def test_the_details_of_a_refusal_about_nothing_visible_are_null(trader: Caller) -> None:
    unseen = await asked(trader, "updateRemark", caseId=UNKNOWN, expectedVersion=1, remark="x")
    assert (unseen["code"], unseen["details"]) == ("NOT_FOUND", NOTHING)
    unordered = await asked(trader, "cancel", orderIds=[UNKNOWN])
    assert (unordered["code"], unordered["details"]) == ("NOT_FOUND", NOTHING)


async def test_a_refusal_that_waits_for_approval_has_the_request_in_its_details(trader: Caller) -> None:
    case = await case_of(trader)
    base = {"caseId": case["id"], "expectedVersion": case["version"], "reason": "an error"}
    waiting = await asked(trader, "voidCase", **base)
    assert (waiting["code"], waiting["details"]["approval"]["kind"]) == ("APPROVAL_REQUIRED", "VOID")
    request = waiting["details"]["approval"]["id"]
    assert (await asked(trader, "withdraw", ids=[request]))["approval"] == {"id": request}
    refused = await asked(trader, "withdraw", ids=[request])
    assert refused["details"] == NOTHING | {"approval": {"id": request, "kind": "VOID"}}


async def test_a_queued_message_and_a_refusal_are_read_without_an_alias(trader: Caller) -> None:
    case = await case_of(trader)
    about = {"channel": "SMS", "text": "Call us."}
    queued = await asked(trader, "sendMessage", caseIds=[case["id"]], **about)
    assert queued["queuedMessage"]["id"]
    refused = await asked(trader, "sendMessage", caseIds=[UNKNOWN], **about)
    assert (refused["code"], refused["details"]) == ("NOT_FOUND", NOTHING)


async def test_the_refusal_of_a_preview_has_the_case_in_its_details(trader: Caller) -> None:
    case = await case_of(trader)
    document = f"""query ($input: LiquidationPreviewInput!) {{
      liquidationPreview(input: $input) {{ refusal {{ code {DETAILS} }} }} }}"""
    keeping = {"caseId": case["id"], "keep": ["5.HK", "66.HK"]}
    refusal = (await trader.ask(document, input=keeping))["liquidationPreview"]["refusal"]
    assert refusal["details"] == NOTHING | {"case": {"id": case["id"]}}


async def test_earlier_names_still_answer(trader: Caller) -> None:
    case = await case_of(trader)
    document = """mutation ($input: UpdateRemarkInput!) { updateRemark(input: $input) { result {
      ... on Refused { code } ... on CaseCommandRefused { case { id } } } } }"""
    stale = {"idempotencyKey": uuid4().hex, "caseId": case["id"], "expectedVersion": 99, "remark": "x"}
    result = (await trader.ask(document, input=stale))["updateRemark"]["result"]
    assert result == {"code": "VERSION_CONFLICT", "case": {"id": case["id"]}}
