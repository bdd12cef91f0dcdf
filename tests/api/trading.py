"""What traders do, in one line each, and the documents that they send."""

from typing import Any
from uuid import uuid4

from tests.kit.desk_client import Answer, Caller

CASE = "id caseNo alertType status amount amountAtOpen uncoveredAmount forceEligible version closeReason"
ORDER = (
    "id clientOrderId side type quantity limitPrice filledQuantity leavesQuantity averagePrice status "
    "cancellable terminal reason version instrument { symbol }"
)
LIQUIDATE = f"""
mutation ($input: LiquidateInput!) {{ liquidate(input: $input) {{ results {{ __typename
  ... on LiquidationStarted {{
    estimatedReduction amountAfter uncurable {{ symbol reason }} case {{ {CASE} }} orders {{ {ORDER} }}
  }}
  ... on LiquidationRefused {{ caseId code message current: case {{ {CASE} }} }}
}} }} }}
"""
CANCEL = f"""
mutation ($input: CancelInput!) {{ cancel(input: $input) {{ results {{ __typename
  ... on CancelRequested {{ alreadyPending order {{ {ORDER} }} }}
  ... on CancelRefused {{ orderId code message current: order {{ {ORDER} }} }}
}} }} }}
"""
CANCEL_ALL = f"""
mutation ($input: CancelAllInput!) {{ cancelAll(input: $input) {{ result {{ __typename
  ... on CancelsRequested {{ remaining results {{ __typename
    ... on CancelRequested {{ alreadyPending order {{ {ORDER} }} }}
    ... on CancelRefused {{ orderId code message current: order {{ {ORDER} }} }}
  }} }}
  ... on CancelAllRefused {{ code message }}
}} }} }}
"""
PREVIEW = """
query ($input: LiquidationPreviewInput!) { liquidationPreview(input: $input) {
  amountBefore amountAfter estimatedReduction notional cures
  legs { instrument { symbol } side quantity price fee baseNotional reduction }
  uncurable { symbol reason } refusal { code }
} }
"""
CASES = f"query ($filter: CaseFilter) {{ cases(filter: $filter) {{ nodes {{ {CASE} }} }} }}"
ORDERS = f"query ($filter: OrderFilter) {{ orders(filter: $filter) {{ nodes {{ {ORDER} }} }} }}"
CASE_EVENTS = f"""
subscription ($filter: CaseFilter, $after: String, $snapshot: Boolean! = false) {{
  caseEvents(filter: $filter, after: $after, snapshot: $snapshot) {{ id cursor kind case {{ {CASE} }} }}
}}
"""
ORDER_EVENTS = f"""
subscription ($filter: OrderFilter, $after: String, $snapshot: Boolean! = false) {{
  orderEvents(filter: $filter, after: $after, snapshot: $snapshot) {{
    id cursor kind previousStatus fill {{ quantity price }} order {{ {ORDER} }}
  }}
}}
"""


async def cases(caller: Caller, **wanted: object) -> list[Any]:
    """Cases that are not closed, newest first, unless a status is wanted."""
    nodes: list[Any] = (await caller.ask(CASES, filter=wanted))["cases"]["nodes"]
    return nodes


async def orders(caller: Caller, **wanted: object) -> list[Any]:
    """Newest first."""
    nodes: list[Any] = (await caller.ask(ORDERS, filter=wanted))["orders"]["nodes"]
    return nodes


async def case(caller: Caller, case_id: str) -> Any:
    document = f"query ($id: ID!) {{ case(id: $id) {{ {CASE} }} }}"
    return (await caller.ask(document, id=case_id))["case"]


async def order(caller: Caller, order_id: str) -> Any:
    document = f"query ($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}"
    return (await caller.ask(document, id=order_id))["order"]


async def preview(caller: Caller, case_id: str, **asked: object) -> Any:
    answer = await caller.ask(PREVIEW, input={"caseId": case_id, **asked})
    return answer["liquidationPreview"]


async def liquidate(caller: Caller, case_id: str, key: str | None = None, **asked: object) -> Any:
    """The result for one case; `asked` are further fields of its input."""
    (result,) = (await try_to_liquidate(caller, [{"caseId": case_id, **asked}], key)).data["liquidate"][
        "results"
    ]
    return result


async def try_to_liquidate(caller: Caller, items: list[Any], key: str | None = None) -> Answer:
    """Whatever comes."""
    asked = {"idempotencyKey": key or uuid4().hex, "cases": items, "reason": "test"}
    return await caller.answer(LIQUIDATE, input=asked)


async def cancel(caller: Caller, *order_ids: str, key: str | None = None) -> list[Any]:
    """The results, by order."""
    asked = {"idempotencyKey": key or uuid4().hex, "orderIds": order_ids, "reason": "test"}
    results: list[Any] = (await caller.ask(CANCEL, input=asked))["cancel"]["results"]
    return results


async def freeze(caller: Caller, **whose: str) -> None:
    """Turn the kill switch on, for the whole desk unless an account or client is named."""
    document = """mutation ($input: SetKillSwitchInput!) { setKillSwitch(input: $input) {
      result { __typename } } }"""
    await caller.ask(document, input={"idempotencyKey": uuid4().hex, "on": True, "reason": "audit", **whose})


async def cancel_all(caller: Caller, key: str | None = None, **wanted: object) -> Any:
    """What became of all open orders of a selection."""
    asked = {"idempotencyKey": key or uuid4().hex, "filter": wanted, "reason": "test"}
    return (await caller.ask(CANCEL_ALL, input=asked))["cancelAll"]["result"]
