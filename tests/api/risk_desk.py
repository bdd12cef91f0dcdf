"""The actions of the risk back office, in one line each: request a setting, let another person approve it."""

from typing import Any
from uuid import uuid4

from domain.principal import Permission
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk

VALUE = """__typename
  ... on AmountRuleSetting { accountType coefficient withInterest overFinancingTriggers }
  ... on LiquidationSwitchSetting { tradeType forceType on }
  ... on ExemptionSetting {
    ruleId exempts: kind scope accountNo clientGroup enabled until conditions { field operator value }
  }
  ... on InstrumentFactorsSetting { symbol factors { initial maintenance marginCall forceClose source } }
  ... on ClientFactorsSetting { client { clientNo } symbol factors { initial source } }
  ... on CoveredOptionSetting { enabled triggerTime skipShort }
  ... on ApprovalLimitsSetting { notional cases }
  ... on TradingLimitExpirySetting { expires }
"""
SETTING = f"""id kind effectiveAt requestedBy requestedAt approvedBy approvedAt reason
  value {{ {VALUE} }} before {{ {VALUE} }}"""
REQUEST = """mutation ($input: RequestSettingChangeInput!) { requestSettingChange(input: $input) { result {
  __typename
  ... on SettingChangeRequested { approval { id status maker reason changes { field before after } } }
  ... on SettingChangeRefused { code message pending: approval { id } }
} } }"""
APPROVE = """mutation ($input: DecideApprovalsInput!) { approve(input: $input) { results { __typename
  ... on ApprovalDecided { approval { status decidedBy differences { field before after } } }
  ... on ApprovalRefused { code message }
} } }"""
SETTINGS = f"""query ($at: DateTime) {{ settings(at: $at) {{
  at settings {{ kind value {{ {VALUE} }} setting {{ {SETTING} }} }} factors {{ nodes {{ {SETTING} }} }}
}} }}"""
HISTORY = f"""query ($kind: SettingKind, $first: Int! = 50, $after: String) {{
  settingHistory(kind: $kind, first: $first, after: $after) {{
    totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {SETTING} }}
  }}
}}"""

AMOUNT_RULE = {
    "accountType": "MARGIN",
    "coefficient": "1",
    "withInterest": True,
    "withOutstandingMargin": True,
    "withTradingLimit": True,
    "withOverFinancing": True,
    "overFinancingTriggers": False,
}
"""As it is by default."""


def maker(desk: Desk, accounts: list[str] | None = None) -> Caller:
    """Who asks."""
    return desk.caller(Permission.RISK_SETTING_FULL, subject="mary", accounts=accounts)


def checker(desk: Desk) -> Caller:
    """Who approves."""
    return desk.caller(Permission.RISK_APPROVER, subject="carl")


async def ask_for(caller: Caller, setting: dict[str, Any], key: str = "", **more: object) -> Any:
    """The result of the request."""
    asked = {"idempotencyKey": key or uuid4().hex, "setting": setting, "reason": "as agreed", **more}
    return (await caller.ask(REQUEST, input=asked))["requestSettingChange"]["result"]


async def approve(caller: Caller, approval: str, key: str = "") -> Any:
    """The result for one request."""
    asked = {"idempotencyKey": key or uuid4().hex, "ids": [approval], "reason": None}
    (result,) = (await caller.ask(APPROVE, input=asked))["approve"]["results"]
    return result


async def put_in_force(desk: Desk, setting: dict[str, Any], **more: Any) -> Any:
    """Asked for and approved, by two people; the newest version."""
    requested = await ask_for(maker(desk), setting, **more)
    assert requested["__typename"] == "SettingChangeRequested", requested
    decided = await approve(checker(desk), requested["approval"]["id"])
    assert decided["__typename"] == "ApprovalDecided", decided
    return (await history(maker(desk)))[0]


async def history(caller: Caller, kind: str | None = None) -> list[Any]:
    """Approved last first."""
    nodes: list[Any] = (await caller.ask(HISTORY, kind=kind))["settingHistory"]["nodes"]
    return nodes


async def in_force(caller: Caller, kind: str, at: str | None = None) -> list[Any]:
    """What counts of this kind."""
    found = (await caller.ask(SETTINGS, at=at))["settings"]["settings"]
    return [each for each in found if each["kind"] == kind]
