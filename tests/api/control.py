"""What people do with kill switches and approval requests, in one line each, and what they send."""

from typing import Any
from uuid import uuid4

from tests.kit.desk_client import Caller

SWITCH = "id scope on setBy reason endedBy account { accountNo } client { clientNo }"
WHOLE_SWITCH = f"{SWITCH} since endedAt"
REQUEST = """id kind status maker reason createdAt expiresAt decidedBy decidedAt decisionReason
  neededCapabilities case { id } account { accountNo }
  changes { field before after } differences { field before after }"""
SET = f"""mutation ($input: SetKillSwitchInput!) {{ setKillSwitch(input: $input) {{ result {{ __typename
  ... on KillSwitchSet {{ killSwitch {{ {SWITCH} }} }}
  ... on KillSwitchRefused {{ code message approval {{ id kind mayDecide }} }}
}} }} }}"""
DECIDE = """mutation ($input: DecideApprovalsInput!) { %s(input: $input) { results { __typename
  ... on ApprovalRefused { code } } } }"""
CHANGE_SETTING = """mutation ($input: RequestSettingChangeInput!) { requestSettingChange(input: $input) {
  result { __typename ... on SettingChangeRefused { code } } } }"""
REQUESTS = f"""query ($filter: ApprovalRequestFilter) {{
  approvalRequests(filter: $filter, first: 100) {{ nodes {{ {REQUEST} }} }} }}"""
SWITCHES = f"query ($on: Boolean) {{ killSwitches(on: $on, first: 100) {{ nodes {{ {WHOLE_SWITCH} }} }} }}"
APPROVAL_EVENTS = f"""
subscription ($filter: ApprovalRequestFilter, $after: String, $snapshot: Boolean! = false) {{
  approvalEvents(filter: $filter, after: $after, snapshot: $snapshot) {{
    id cursor kind previousStatus request {{ {REQUEST} }}
  }}
}}
"""
KILL_SWITCH_EVENTS = f"""
subscription ($on: Boolean, $after: String, $snapshot: Boolean! = false) {{
  killSwitchEvents(on: $on, after: $after, snapshot: $snapshot) {{
    id cursor kind killSwitch {{ {WHOLE_SWITCH} }}
  }}
}}
"""


async def turn(caller: Caller, on: bool, key: str = "", **about: object) -> Any:
    """The result of setKillSwitch, for the whole desk unless an account or client is named."""
    asked = {"idempotencyKey": key or uuid4().hex, "on": on, "reason": "wrong prices", **about}
    return (await caller.ask(SET, input=asked))["setKillSwitch"]["result"]


async def decide(caller: Caller, what: str, request_id: str) -> Any:
    """The result of approve, decline or withdraw of one request."""
    asked = {"idempotencyKey": uuid4().hex, "ids": [request_id], "reason": "looked at it"}
    return (await caller.ask(DECIDE % what, input=asked))[what]["results"][0]


async def ask_for_a_setting(caller: Caller, *, expires: bool = False) -> Any:
    """The result of a request that concerns the whole desk."""
    setting = {"tradingLimitExpiry": {"expires": expires}}
    asked = {"idempotencyKey": uuid4().hex, "reason": "x", "setting": setting}
    return (await caller.ask(CHANGE_SETTING, input=asked))["requestSettingChange"]["result"]


async def requests(caller: Caller, **wanted: object) -> list[Any]:
    """Newest first."""
    nodes: list[Any] = (await caller.ask(REQUESTS, filter=wanted))["approvalRequests"]["nodes"]
    return nodes


async def switches(caller: Caller, on: bool | None = None) -> list[Any]:
    """Newest first."""
    nodes: list[Any] = (await caller.ask(SWITCHES, on=on))["killSwitches"]["nodes"]
    return nodes
