"""Every mutation of the schema as somebody uses it with success, each on an account of its own.

What a mutation needs to be there first is done by the same person, or by a second one, in its `Prepare`.
A new mutation needs a line in `EVERY`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.doubt import DoubtReason
from domain.message import Contact
from domain.principal import Permission
from feeds.book import BookClient, BookFile
from tests.api.doubts import noted
from tests.api.permission_matrix import ANSWERS
from tests.api.trading import CASES, cases, liquidate
from tests.kit.book_files import (
    BANK,
    RAIL,
    TENCENT,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
    owing,
    quotes,
)
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

NOWHERE = "http://127.0.0.1:9/"
SETTINGS: dict[str, Any] = {
    "message_sms_url": "json://127.0.0.1:9/{to}",
    "message_poll_interval_s": 86_400,
    "webhook_allow_http": True,
    "webhook_allow_private": True,
    "webhook_poll_interval_s": 86_400,
}
"""Messages and webhooks can be requested, and none is sent."""
_P = Permission


@dataclass(frozen=True, slots=True)
class Scene:
    """A desk, a case on an account of its own, and who acts on it."""

    desk: Desk
    account_no: str
    case: Any
    by: Caller

    def other(self, permission: Permission, subject: str = "") -> Caller:
        """A second person."""
        return self.desk.caller(permission, subject=subject or f"second of {self.account_no}")

    @property
    def of_case(self) -> dict[str, Any]:
        """The case as it was seen."""
        return {"caseId": self.case["id"], "expectedVersion": self.case["version"], "reason": "because"}


Prepare = Callable[[Scene], Awaitable[dict[str, Any]]]
"""The input, without its key."""


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses a mutation, and on what."""

    input_type: str
    prepare: Prepare
    by: Permission = _P.RISK_WARNING_FULL


async def the_case(scene: Scene) -> Any:
    """As it is now."""
    return (await cases(scene.by, accountNo=scene.account_no))[0]


async def use(caller: Caller, name: str, asked: Mapping[str, Any], request_id: str = "") -> Any:
    """The only result of a mutation."""
    answer = await caller.post(
        json={"query": document(name), "variables": {"input": asked}},
        headers={"X-Request-ID": request_id or uuid4().hex},
    )
    payload = answer.data[name]
    return payload["result"] if "result" in payload else payload["results"][0]


def document(name: str) -> str:
    """With what tells success from refusal."""
    asked = ANSWERS.get(name, "result { __typename ... on CaseCommandRefused { code approval { id } } }")
    return f"mutation ($input: {EVERY[name].input_type}!) {{ {name}(input: $input) {{ {asked} }} }}"


async def first(scene: Scene, name: str, asked: dict[str, Any], by: Caller | None = None) -> Any:
    """Do something that the mutation in question needs."""
    return await use(by or scene.by, name, {"idempotencyKey": uuid4().hex, **asked})


async def _case_with_version(scene: Scene) -> dict[str, Any]:
    return scene.of_case


def _case_and(**more: Any) -> Prepare:
    async def prepare(scene: Scene) -> dict[str, Any]:
        return {"caseId": scene.case["id"], **more}

    return prepare


async def _remark(scene: Scene) -> dict[str, Any]:
    return {"caseId": scene.case["id"], "expectedVersion": scene.case["version"], "remark": "calls back"}


async def _claimed(scene: Scene) -> dict[str, Any]:
    await first(scene, "claimCase", {"caseId": scene.case["id"]})
    return {"caseId": scene.case["id"]}


async def _in_exception(scene: Scene) -> dict[str, Any]:
    await first(scene, "markException", scene.of_case)
    return scene.of_case | {"expectedVersion": (await the_case(scene))["version"]}


async def _deadline(scene: Scene) -> dict[str, Any]:
    document = "query ($id: ID!) { case(id: $id) { deadline } }"
    deadline = (await scene.by.ask(document, id=scene.case["id"]))["case"]["deadline"]
    earlier = datetime.fromisoformat(deadline) - timedelta(hours=1)
    return scene.of_case | {"deadline": earlier.isoformat()}


async def _auto(scene: Scene) -> dict[str, Any]:
    return {"caseIds": [scene.case["id"]], "when": {"atDeadline": True}}


async def _market_day(scene: Scene) -> dict[str, Any]:
    return {"market": "XHKG", "day": "2020-12-30", "kind": "CLOSED", "reason": "typhoon"}


async def _pending(scene: Scene) -> dict[str, Any]:
    """Another operator has requested that the case be voided."""
    refused = await first(scene, "voidCase", scene.of_case, scene.other(_P.RISK_WARNING_FULL))
    assert refused["code"] == "APPROVAL_REQUIRED", refused
    return {"ids": [refused["approval"]["id"]], "reason": "looked at it"}


async def _own_pending(scene: Scene) -> dict[str, Any]:
    refused = await first(scene, "voidCase", scene.of_case)
    return {"ids": [refused["approval"]["id"]]}


async def _freeze(scene: Scene) -> dict[str, Any]:
    document = "query ($of: String!) { cases(filter: {accountNo: $of}) { nodes { account { id } } } }"
    found = await scene.by.ask(document, of=scene.account_no)
    account_id = found["cases"]["nodes"][0]["account"]["id"]
    return {"on": True, "accountId": account_id, "reason": "wrong prices"}


async def _setting(scene: Scene) -> dict[str, Any]:
    exempt = {"kind": "MARGIN_CALL", "scope": "ACCOUNT", "accountNo": scene.account_no}
    return {"setting": {"exemption": exempt}, "reason": "as agreed"}


async def _recall(scene: Scene, symbol: str = RAIL) -> dict[str, Any]:
    due = scene.desk.clock() + timedelta(days=2)
    return {"symbol": symbol, "quantity": "100", "dueAt": due.isoformat()}


async def recalled(scene: Scene, symbol: str = TENCENT) -> dict[str, Any]:
    """To recover what was recalled of a stock."""
    await first(scene, "recallStock", await _recall(scene, symbol))
    found = await scene.by.ask("{ shortRecoveries { nodes { id instrument { symbol } } } }")
    ids = [node["id"] for node in found["shortRecoveries"]["nodes"] if node["instrument"]["symbol"] == symbol]
    return {"recoveries": [{"recoveryId": ids[0]}], "reason": "due"}


async def _incomplete(scene: Scene) -> dict[str, Any]:
    account_id = await noted(scene.desk, scene.account_no, DoubtReason.INCOMPLETE, "NEW.US")
    return {"accountId": account_id, "subjects": ["NEW.US"], "reason": "the stock is worth nothing"}


async def _message(scene: Scene) -> dict[str, Any]:
    return {"caseIds": [scene.case["id"]], "channel": "SMS", "text": "Please call us."}


async def _webhook(scene: Scene) -> dict[str, Any]:
    return {"url": NOWHERE}


async def _registered(scene: Scene) -> dict[str, Any]:
    await first(scene, "registerWebhook", await _webhook(scene))
    (webhook,) = (await scene.by.ask("{ webhooks { nodes { id } } }"))["webhooks"]["nodes"]
    return {"webhookId": webhook["id"]}


async def _replay(scene: Scene) -> dict[str, Any]:
    return await _registered(scene) | {"fromNow": True}


async def _sale(scene: Scene) -> dict[str, Any]:
    item = {"caseId": scene.case["id"], "legs": [{"symbol": BANK, "quantity": "100"}]}
    return {"cases": [item], "reason": "because"}


async def _ordered(scene: Scene) -> dict[str, Any]:
    sold = await liquidate(scene.by, scene.case["id"], legs=[{"symbol": BANK, "quantity": "100"}])
    return {"orderIds": [sold["orders"][0]["id"]], "reason": "because"}


async def _all_ordered(scene: Scene) -> dict[str, Any]:
    await _ordered(scene)
    return {"filter": {"caseId": scene.case["id"]}, "reason": "because"}


EVERY: Mapping[str, Use] = {
    "updateRemark": Use("UpdateRemarkInput", _remark),
    "addFollowUp": Use("AddFollowUpInput", _case_and(text="called, no answer")),
    "claimCase": Use("ClaimCaseInput", _case_and()),
    "releaseCase": Use("ReleaseCaseInput", _claimed),
    "markException": Use("CaseReasonInput", _case_with_version),
    "clearException": Use("CaseReasonInput", _in_exception),
    "adjustDeadline": Use("AdjustDeadlineInput", _deadline),
    "setAutoLiquidation": Use("SetAutoLiquidationInput", _auto),
    "voidCase": Use("CaseReasonInput", _case_with_version),
    "writeOff": Use("CaseReasonInput", _in_exception),
    "setMarketDay": Use("SetMarketDayInput", _market_day),
    "approve": Use("DecideApprovalsInput", _pending, _P.RISK_APPROVER),
    "decline": Use("DecideApprovalsInput", _pending, _P.RISK_APPROVER),
    "withdraw": Use("DecideApprovalsInput", _own_pending),
    "setKillSwitch": Use("SetKillSwitchInput", _freeze),
    "requestSettingChange": Use("RequestSettingChangeInput", _setting, _P.RISK_SETTING_FULL),
    "recallStock": Use("RecallStockInput", _recall),
    "recoverStock": Use("RecoverStockInput", recalled),
    "acceptIncomplete": Use("AcceptIncompleteInput", _incomplete),
    "sendMessage": Use("SendMessageInput", _message),
    "registerWebhook": Use("RegisterWebhookInput", _webhook, _P.SERVICE),
    "removeWebhook": Use("RemoveWebhookInput", _registered, _P.SERVICE),
    "replayWebhook": Use("ReplayWebhookInput", _replay, _P.SERVICE),
    "rotateWebhookSecret": Use("RotateWebhookSecretInput", _registered, _P.SERVICE),
    "liquidate": Use("LiquidateInput", _sale),
    "cancel": Use("CancelInput", _ordered),
    "cancelAll": Use("CancelAllInput", _all_ordered),
}


def the_book(*account_nos: str) -> BookFile:
    """Accounts that will owe, of clients who can be reached; two more are short of stock and owe nothing."""
    clients = [_reached(a_client(f"C-{no}", owing(no))) for no in account_nos]
    shorts = [
        a_client(f"C-{symbol}", an_account(f"S-{symbol}", "90000000", {symbol: -1000}))
        for symbol in (RAIL, TENCENT)
    ]
    instruments = tuple(an_instrument(symbol, lot=100) for symbol in (BANK, RAIL, TENCENT))
    return a_book(*clients, *shorts, instruments=instruments)


async def a_called_desk(world: World, *account_nos: str) -> Desk:
    """On which each of these accounts has a case; nothing trades."""
    desk = await world.desk(the_book(*account_nos), **SETTINGS)
    at = world.clock()
    await world.market.says(*quotes(at, size=0), a_quote(TENCENT, at, "400", size=0))

    async def called() -> bool:
        found = await desk.caller().ask("{ cases { totalCount } }")
        return bool(found["cases"]["totalCount"] == len(account_nos))

    await desk.until(called, "every account to be called")
    return desk


async def a_scene(desk: Desk, account_no: str, by: Permission, subject: str) -> Scene:
    """With the account's case."""
    (case,) = (await desk.caller().ask(CASES, filter={"accountNo": account_no}))["cases"]["nodes"]
    return Scene(desk, account_no, case, desk.caller(by, subject=subject))


def _reached(client: BookClient) -> BookClient:
    contact = Contact("c@example.org", "+85212345678")
    return BookClient(client.client_no, client.name, client.group, client.accounts, client.factors, contact)
