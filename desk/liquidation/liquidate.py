"""Plan and record the liquidation of cases. Calls no venue: recorded orders are dispatched afterwards.

One transaction per case, under the lock of its account: two traders, or the same request twice, run one after
the other, and the second sees what the first did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from desk.command import CommandRequest, admission_refused, answer_each
from desk.context import DeskContext
from desk.liquidation.approved_liquidation import request_second_person
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.liquidation.one_person_limit import OrdersOfDay, alone_today, second_person_reason
from desk.liquidation.plan_liquidation import (
    PlannedLiquidation,
    ReadAhead,
    fresh,
    plan_expected,
    read_ahead,
)
from desk.liquidation.record_liquidation import record_liquidation
from desk.liquidation.resting_orders import call_off, resting_orders
from desk.outcomes import LIQUIDATION_OUTCOMES, ExpectationExceeded, LiquidationOutcome, Refused
from domain.amount_formula import LiquidationTarget
from domain.ids import AccountId, CaseId
from domain.liquidation_plan import Expectation, PlanRequest
from domain.money import plain_text
from domain.phrase import Phrase
from domain.phrase_texts import english
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models.case import lock_case
from models.person import lock_person

READ_AHEAD_CASES = 50
"""Cases read at once: enough to save round trips, few enough that quotes stay fresh."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Cases that are read together before each is decided."""

    principal: Principal
    command: Liquidate
    items: Mapping[CaseId, LiquidateCase]
    ahead: Mapping[AccountId, ReadAhead]


async def liquidate(desk: DeskContext, principal: Principal, command: Liquidate) -> list[LiquidationOutcome]:
    """One outcome per case, in the order given."""
    content, needs = plain_request(command), (Capability.LIQUIDATE,)
    request = CommandRequest(principal, "liquidate", command.idempotency_key, content, needs)
    refused = await admission_refused(desk, request)
    if refused is not None:
        return [refused] * len(command.cases)
    outcomes: list[LiquidationOutcome] = []
    for start in range(0, len(command.cases), READ_AHEAD_CASES):
        cases = command.cases[start : start + READ_AHEAD_CASES]
        items = {item.case_id: item for item in cases}
        ahead = await read_ahead(desk, principal, list(items.values()))
        chunk = _Chunk(principal, command, items, ahead)

        async def decide(case_id: CaseId, chunk: _Chunk = chunk) -> LiquidationOutcome | Refusal:
            return await _liquidate(desk, chunk, chunk.items[case_id])

        # All ids that belong to no case are one and the same, and each has its outcome.
        ids = [item.case_id for item in cases]
        outcomes += await answer_each(desk, request, ids, decide, LIQUIDATION_OUTCOMES)
    return outcomes


async def _liquidate(desk: DeskContext, chunk: _Chunk, item: LiquidateCase) -> LiquidationOutcome | Refusal:
    now, principal = desk.clock(), chunk.principal
    locked = await lock_case(principal.audience, item.case_id)
    if locked is None:
        return Refusal(RefusalCode.NOT_FOUND, "No such case exists within your scope.")
    view, book_version = locked
    read = await fresh(desk, view, book_version, chunk.ahead, now)
    plan = await plan_expected(view, item, read, desk, now)
    if isinstance(plan, Refusal):
        # Of a case that the caller sees, also where the account holds no such symbol.
        return Refused(plan.code, plan.message)
    if resting := resting_orders(desk, view.case, read.book.book, read.orders, now):
        return await call_off(desk, principal, resting, now)
    if exceeded := item.expected.exceeded_by(plan):
        return ExpectationExceeded(exceeded.code, exceeded.message, plan)
    planned = PlannedLiquidation(item, view, read, plan, chunk.command)
    if why := await _second_person_reason(desk, principal, planned, now):
        return await request_second_person(desk, principal, planned, english(why), now)
    alone = replace(chunk.command, ordered_alone_by=principal.subject)
    return await record_liquidation(desk, principal, replace(planned, command=alone), now)


async def _second_person_reason(
    desk: DeskContext, principal: Principal, planned: PlannedLiquidation, now: datetime
) -> Phrase | None:
    """Why it requires a second person; waits for other requests of the same person that run at the
    same time.
    """
    await lock_person(principal.subject)
    recent = planned.read.recent
    ordered = OrdersOfDay(recent, await alone_today(desk, principal.subject, recent.rates, now))
    cases, override = len(planned.command.cases), planned.item.plan.override
    return second_person_reason(desk, planned.read.book, ordered, planned.plan, cases, override)


def plain_request(command: Liquidate) -> dict[str, object]:
    """The request as plain data, which two requests under one idempotency key must share."""
    return {"reason": command.reason, "cases": [_plain_item(item) for item in command.cases]}


def _plain_item(item: LiquidateCase) -> dict[str, object]:
    request = item.plan
    legs = (
        None
        if request.legs is None
        else [[leg.symbol, plain_text(leg.quantity), plain_text(leg.limit_price)] for leg in request.legs]
    )
    return (
        {
            "case": item.case_id,
            "expectedVersion": item.expected_version,
            "legs": legs,
            "policy": request.policy,
            "keep": sorted(request.keep),
            "order": [request.order_type, request.session, request.time_in_force],
        }
        | _plain_knobs(request)
        | ({"recoveries": list(item.recoveries)} if item.recoveries else {})
        | _plain_expectation(item.expected)
    )


def _plain_expectation(expected: Expectation) -> dict[str, object]:
    most = {
        "notionalAtMost": plain_text(expected.notional_at_most),
        "amountAfterAtMost": plain_text(expected.amount_after_at_most),
    }
    named = {name: value for name, value in most.items() if value is not None}
    return {"expected": named} if named else {}


def _plain_knobs(request: PlanRequest) -> dict[str, object]:
    """Options without a value are left out, so that stored requests from before they existed keep
    their hash.
    """
    knobs = {
        "target": request.target if request.target is not LiquidationTarget.MARGIN_CALL else None,
        "priceBand": plain_text(request.price_band or None),
        "maxAdvShare": plain_text(request.caps.adv_share),
        "maxSliceNotional": plain_text(request.caps.slice_notional),
        "override": request.override or None,
    }
    return {name: knob for name, knob in knobs.items() if knob is not None}
