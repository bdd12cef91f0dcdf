"""What a desk does with cases besides selling, in one line each."""

from typing import Any
from uuid import uuid4

from tests.kit.desk_client import Caller

WORK = """id caseNo status version amount deadline originalDeadline messagesMuted followUpCount closeReason
  overdue
  claim { by at expiresAt } autoLiquidation { at trigger held heldUntil }"""
RESULT = f"""__typename
  ... on CaseChanged {{ case {{ {WORK} }} }}
  ... on CaseCommandRefused {{ caseId code message approval {{ id kind }} now: case {{ {WORK} }} }}"""
WORK_EVENTS = f"""subscription ($filter: CaseFilter) {{
  caseEvents(filter: $filter) {{ kind case {{ {WORK} }} }} }}"""
RECORDS = """query ($id: ID!) { case(id: $id) {
  followUps { totalCount nodes { id at by byDesk code text } }
  deadlineChanges { totalCount nodes { by approvedBy kind before after reason } }
} }"""
HISTORY = f"""query ($filter: CaseFilter) {{ cases(filter: $filter) {{ nodes {{ {WORK} amountAtOpen
  reopenedFrom {{ id caseNo }} figuresAtOpen {{ amount equity }}
  figuresAtClose {{ amount equity }} }} }} }}"""
APPROVE = """mutation ($input: DecideApprovalsInput!) { approve(input: $input) { results { __typename
  ... on ApprovalDecided { approval { status } } ... on ApprovalRefused { code message } } } }"""


async def command(caller: Caller, name: str, case: Any, **asked: Any) -> Any:
    """The result of a command on one case; `expectedVersion` is the case's unless said otherwise."""
    kind = {"markException": "CaseReason", "clearException": "CaseReason"}
    kind |= {"voidCase": "CaseReason", "writeOff": "CaseReason"}
    document = (
        f"mutation ($input: {kind.get(name, name[0].upper() + name[1:])}Input!)"
        f" {{ {name}(input: $input) {{ result {{ {RESULT} }} }} }}"
    )
    base = {"idempotencyKey": uuid4().hex, "caseId": case["id"], "expectedVersion": case["version"]}
    return (await caller.ask(document, input=base | asked))[name]["result"]


async def set_auto(caller: Caller, case_ids: list[str], key: str | None = None, **when: Any) -> list[Any]:
    """The results of setAutoLiquidation, by case."""
    document = f"""mutation ($input: SetAutoLiquidationInput!) {{
      setAutoLiquidation(input: $input) {{ results {{ {RESULT} }} }} }}"""
    asked = {"idempotencyKey": key or uuid4().hex, "caseIds": case_ids, "when": when}
    results: list[Any] = (await caller.ask(document, input=asked))["setAutoLiquidation"]["results"]
    return results


async def set_market_day(caller: Caller, market: str, day: str, kind: str, **more: Any) -> Any:
    """The result of setMarketDay."""
    document = """mutation ($input: SetMarketDayInput!) { setMarketDay(input: $input) { result { __typename
      ... on MarketDaySet { marketDay { id market day kind closesAt by } }
      ... on MarketDayRefused { code message } } } }"""
    asked = {"idempotencyKey": uuid4().hex, "market": market, "day": day, "kind": kind, "reason": "typhoon"}
    return (await caller.ask(document, input=asked | more))["setMarketDay"]["result"]


async def work(caller: Caller, case_id: str) -> Any:
    """The case as a desk works on it."""
    return (await caller.ask(f"query ($id: ID!) {{ case(id: $id) {{ {WORK} }} }}", id=case_id))["case"]


async def records(caller: Caller, case_id: str) -> Any:
    """Follow-ups and moves of the deadline."""
    return (await caller.ask(RECORDS, id=case_id))["case"]


async def history(caller: Caller, **wanted: Any) -> list[Any]:
    """Cases with the figures before and after."""
    nodes: list[Any] = (await caller.ask(HISTORY, filter=wanted))["cases"]["nodes"]
    return nodes


async def approve(caller: Caller, request_id: str) -> Any:
    """The result of approving one request."""
    asked = {"idempotencyKey": uuid4().hex, "ids": [request_id], "reason": "fine"}
    return (await caller.ask(APPROVE, input=asked))["approve"]["results"][0]
