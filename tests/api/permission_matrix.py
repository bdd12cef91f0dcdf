"""Who may use which root field, as the desk's permission matrix says it: a row for every field of the schema.

The sets of roles are written out here and not taken from `domain.principal.CAPABILITIES`, so that a test
compares two statements of the same thing. A new root field needs a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.principal import Permission
from resolvers.kit.node import global_id

_P = Permission
EVERYBODY = frozenset(Permission)
OPERATORS = frozenset({_P.RISK_WARNING_OPERATOR, _P.RISK_WARNING_FULL})
MAY_LIQUIDATE = frozenset({_P.RISK_WARNING_FULL})
MAY_CANCEL = OPERATORS | {_P.RISK_APPROVER}
MAY_PREVIEW = EVERYBODY - {_P.AUDITOR}
MAY_DECIDE = frozenset({_P.RISK_APPROVER, _P.RISK_SETTING_FULL})
SEES_APPROVALS = OPERATORS | MAY_DECIDE | {_P.AUDITOR}
READS_SETTINGS = MAY_DECIDE | {_P.AUDITOR}
CHANGES_SETTINGS = frozenset({_P.RISK_SETTING_FULL})
MAY_FREEZE = EVERYBODY - {_P.RISK_WARNING_READ_ONLY, _P.AUDITOR}
SETS_MARKET_DAYS = frozenset({_P.RISK_WARNING_FULL, _P.RISK_SETTING_FULL})
MAY_MESSAGE = OPERATORS | {_P.SERVICE}
MAY_HOOK = frozenset({_P.RISK_SETTING_FULL, _P.SERVICE})
MAY_EXPORT = MAY_DECIDE | {_P.AUDITOR}

CASE, CLIENT, ACCOUNT, ORDER, REQUEST = (
    global_id(kind, "0" * 32) for kind in ("Case", "Client", "Account", "Order", "ApprovalRequest")
)
A_DAY = 'from: "2020-03-16T00:00:00Z", to: "2020-03-17T00:00:00Z"'
SNAPSHOT = global_id("Snapshot", "0" * 32)
"""Ids that nothing has: who may is answered NOT_FOUND or null, and nothing changes."""


@dataclass(frozen=True, slots=True)
class Row:
    """A document of one root field, and the roles that may use it. `{key}` in an input is a fresh key."""

    document: str
    allowed: frozenset[Permission]
    variables: Mapping[str, Any] = field(default_factory=dict)


def mutation(name: str, input_type: str, allowed: frozenset[Permission], **input: Any) -> Row:
    """A mutation of one input; only the type name is asked for of the answer."""
    document = (
        f"mutation ($input: {input_type}!) {{ {name}(input: $input) {{ {ANSWERS.get(name, RESULT)} }} }}"
    )
    return Row(document, allowed, {"input": {"idempotencyKey": "{key}", **input}})


RESULT = "result { __typename ... on CaseCommandRefused { code } }"
"""What most commands on a case answer."""
_APPROVAL = "results { __typename ... on ApprovalRefused { code } }"
_WEBHOOK = "result { __typename ... on WebhookRefused { code } }"
ANSWERS = {
    "sendMessage": "results { __typename ... on MessageRefused { code } }",
    "registerWebhook": _WEBHOOK,
    "removeWebhook": _WEBHOOK,
    "replayWebhook": _WEBHOOK,
    "rotateWebhookSecret": _WEBHOOK,
    "liquidate": "results { __typename ... on LiquidationRefused { code } }",
    "cancel": "results { __typename ... on CancelRefused { code } }",
    "cancelAll": "result { __typename ... on CancelAllRefused { code } }",
    "setKillSwitch": "result { __typename ... on KillSwitchRefused { code } }",
    "approve": _APPROVAL,
    "decline": _APPROVAL,
    "withdraw": _APPROVAL,
    "setAutoLiquidation": "results { __typename ... on CaseCommandRefused { code } }",
    "setMarketDay": "result { __typename ... on MarketDayRefused { code } }",
    "acceptIncomplete": "result { __typename ... on AcceptIncompleteRefused { code } }",
    "recallStock": "result { __typename ... on RecallRefused { code } }",
    "recoverStock": "results { __typename ... on StockRecoveryRefused { code } }",
    "requestSettingChange": "result { __typename ... on SettingChangeRefused { code } }",
}
"""What others answer: whatever it is, a refusal's `code` has to be asked for."""

QUERIES: Mapping[str, Row] = {
    "webhooks": Row("{ webhooks { nodes { id } } }", MAY_HOOK),
    "viewer": Row("{ viewer { subject } }", EVERYBODY),
    "node": Row("query ($id: ID!) { node(id: $id) { id } }", EVERYBODY, {"id": CASE}),
    "cases": Row("{ cases { totalCount } }", EVERYBODY),
    "case": Row("query ($id: ID!) { case(id: $id) { id } }", EVERYBODY, {"id": CASE}),
    "caseSummary": Row("{ caseSummary { openCases } }", EVERYBODY),
    "accounts": Row("{ accounts { totalCount } }", EVERYBODY),
    "clients": Row("{ clients { totalCount } }", EVERYBODY),
    "client": Row("query ($id: ID!) { client(id: $id) { id } }", EVERYBODY, {"id": CLIENT}),
    "account": Row("query ($id: ID!) { account(id: $id) { id } }", EVERYBODY, {"id": ACCOUNT}),
    "orders": Row("{ orders { totalCount } }", EVERYBODY),
    "order": Row("query ($id: ID!) { order(id: $id) { id } }", EVERYBODY, {"id": ORDER}),
    "desk": Row("{ desk { version } }", EVERYBODY),
    "markets": Row("{ markets { code } }", EVERYBODY),
    "instruments": Row("{ instruments { totalCount } }", EVERYBODY),
    "quote": Row('{ quote(symbol: "5.HK") { at } }', EVERYBODY),
    "instrument": Row('{ instrument(symbol: "5.HK") { name } }', EVERYBODY),
    "liquidationPreview": Row(
        "query ($input: LiquidationPreviewInput!) { liquidationPreview(input: $input) { refusal { code } } }",
        MAY_PREVIEW,
        {"input": {"caseId": CASE}},
    ),
    "liquidationPreviews": Row(
        "query ($inputs: [LiquidationPreviewInput!]!) { liquidationPreviews(inputs: $inputs) { refused } }",
        MAY_PREVIEW,
        {"inputs": [{"caseId": CASE}]},
    ),
    "messagePreview": Row(
        """query ($input: MessagePreviewInput!) { messagePreview(input: $input) {
        ... on MessageRefused { code } } }""",
        MAY_MESSAGE,
        {"input": {"caseId": CASE, "channel": "SMS", "template": "REMINDER"}},
    ),
    "unwatched": Row("{ unwatched { totalCount } }", EVERYBODY),
    "marketDays": Row("{ marketDays { totalCount } }", EVERYBODY),
    "snapshot": Row("query ($id: ID!) { snapshot(id: $id) { id } }", EVERYBODY, {"id": SNAPSHOT}),
    "auditTrail": Row("{ auditTrail { totalCount } }", MAY_EXPORT),
    "killSwitches": Row("{ killSwitches { totalCount } }", EVERYBODY),
    "coveredOptionShortfalls": Row("{ coveredOptionShortfalls { totalCount } }", EVERYBODY),
    "shortRecoveries": Row("{ shortRecoveries { totalCount } }", EVERYBODY),
    "stockBorrow": Row("{ stockBorrow { totalCount } }", EVERYBODY),
    "whatIf": Row(
        "query ($input: WhatIfInput!) { whatIf(input: $input) { calls } }",
        MAY_PREVIEW,
        {"input": {"accountId": ACCOUNT, "scenario": {}}},
    ),
    "bookWhatIf": Row("{ bookWhatIf(input: {}) { asOf } }", MAY_PREVIEW),
    "marginRecords": Row(f"{{ marginRecords({A_DAY}) {{ totalCount }} }}", MAY_EXPORT),
    "liquidationReport": Row(f"{{ liquidationReport({A_DAY}) {{ totalCount }} }}", MAY_EXPORT),
    "agingBuckets": Row("{ agingBuckets { cases } }", EVERYBODY),
    "approvalRequests": Row("{ approvalRequests { totalCount } }", SEES_APPROVALS),
    "settings": Row("{ settings { at } }", READS_SETTINGS),
    "settingHistory": Row("{ settingHistory { totalCount } }", READS_SETTINGS),
}

MUTATIONS: Mapping[str, Row] = {
    "sendMessage": mutation(
        "sendMessage", "SendMessageInput", MAY_MESSAGE, caseIds=[CASE], channel="SMS", text="x"
    ),
    "registerWebhook": mutation("registerWebhook", "RegisterWebhookInput", MAY_HOOK, url="refused"),
    "removeWebhook": mutation("removeWebhook", "RemoveWebhookInput", MAY_HOOK, webhookId=CASE),
    "replayWebhook": mutation("replayWebhook", "ReplayWebhookInput", MAY_HOOK, webhookId=CASE),
    "rotateWebhookSecret": mutation(
        "rotateWebhookSecret", "RotateWebhookSecretInput", MAY_HOOK, webhookId=CASE
    ),
    "liquidate": mutation("liquidate", "LiquidateInput", MAY_LIQUIDATE, cases=[{"caseId": CASE}]),
    "cancel": mutation("cancel", "CancelInput", MAY_CANCEL, orderIds=[ORDER]),
    "cancelAll": mutation("cancelAll", "CancelAllInput", MAY_CANCEL, filter={"caseId": CASE}),
    **{
        name: mutation(name, kind, OPERATORS, caseId=CASE, **more)
        for name, kind, more in (
            ("addFollowUp", "AddFollowUpInput", {"text": "x"}),
            ("claimCase", "ClaimCaseInput", {}),
            ("releaseCase", "ReleaseCaseInput", {}),
            ("markException", "CaseReasonInput", {"expectedVersion": 1, "reason": "x"}),
            ("clearException", "CaseReasonInput", {"expectedVersion": 1, "reason": "x"}),
            (
                "adjustDeadline",
                "AdjustDeadlineInput",
                {"expectedVersion": 1, "deadline": "2030-01-02T06:00:00Z", "reason": "x"},
            ),
        )
    },
    **{
        name: mutation(name, "CaseReasonInput", MAY_LIQUIDATE, caseId=CASE, expectedVersion=1, reason="x")
        for name in ("voidCase", "writeOff")
    },
    "setAutoLiquidation": mutation(
        "setAutoLiquidation", "SetAutoLiquidationInput", OPERATORS, caseIds=[CASE], when={"clear": True}
    ),
    "setMarketDay": mutation(
        "setMarketDay",
        "SetMarketDayInput",
        SETS_MARKET_DAYS,
        market="NONE",
        day="2030-01-02",
        kind="CLOSED",
        reason="x",
    ),
    "acceptIncomplete": mutation(
        "acceptIncomplete",
        "AcceptIncompleteInput",
        MAY_LIQUIDATE,
        accountId=ACCOUNT,
        subjects=["NEW.US"],
        reason="x",
    ),
    "updateRemark": mutation(
        "updateRemark", "UpdateRemarkInput", OPERATORS, caseId=CASE, expectedVersion=1, remark="x"
    ),
    "setKillSwitch": mutation(
        "setKillSwitch", "SetKillSwitchInput", MAY_FREEZE, on=True, accountId=ACCOUNT, reason="x"
    ),
    "approve": mutation("approve", "DecideApprovalsInput", MAY_DECIDE, ids=[REQUEST]),
    "decline": mutation("decline", "DecideApprovalsInput", MAY_DECIDE, ids=[REQUEST]),
    "withdraw": mutation("withdraw", "DecideApprovalsInput", SEES_APPROVALS, ids=[REQUEST]),
    "recallStock": mutation(
        "recallStock",
        "RecallStockInput",
        OPERATORS,
        symbol="NONE.HK",
        quantity="1",
        dueAt="2030-01-02T06:00:00Z",
    ),
    "recoverStock": mutation(
        "recoverStock", "RecoverStockInput", MAY_LIQUIDATE, recoveries=[{"recoveryId": ORDER}]
    ),
    "requestSettingChange": mutation(
        "requestSettingChange",
        "RequestSettingChangeInput",
        CHANGES_SETTINGS,
        reason="x",
        setting={"tradingLimitExpiry": {"expires": False}},
    ),
}

SUBSCRIPTIONS: Mapping[str, Row] = {
    "caseEvents": Row("subscription { caseEvents(snapshot: true) { id } }", EVERYBODY),
    "orderEvents": Row("subscription { orderEvents(snapshot: true) { id } }", EVERYBODY),
    "approvalEvents": Row("subscription { approvalEvents(snapshot: true) { id } }", SEES_APPROVALS),
    "killSwitchEvents": Row("subscription { killSwitchEvents(snapshot: true) { id } }", EVERYBODY),
    "caseSummary": Row("subscription { caseSummary { openCases } }", EVERYBODY),
    "quotes": Row('subscription { quotes(symbols: ["5.HK"]) { at } }', EVERYBODY),
}
