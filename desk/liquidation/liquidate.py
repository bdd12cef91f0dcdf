"""Plan and record the liquidation of cases. Calls no venue: recorded orders are dispatched afterwards.

One transaction per case, under the lock of its account: two traders, or the same request twice, run one after
the other, and the second sees what the first did.
"""

from dataclasses import replace
from datetime import datetime
from functools import partial

from desk.admission import refused_admission
from desk.answers import Answers, each_answered
from desk.context import DeskContext
from desk.liquidation.approved_liquidation import ask_another
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase, content_hash
from desk.liquidation.one_person_limit import alone_today, second_person_reason
from desk.liquidation.plan_liquidation import ReadAhead, fresh, plan_expected, read_ahead
from desk.liquidation.record_liquidation import record_liquidation
from desk.liquidation.resting_orders import call_off, resting_orders
from desk.outcomes import (
    LIQUIDATION_OUTCOMES,
    LiquidationOutcome,
    LiquidationRefused,
    liquidation_refused,
)
from domain.ids import AccountId, CaseId
from domain.liquidation_plan import Plan
from domain.phrase import Phrase
from domain.phrase_texts import english
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models.case import lock_case
from models.person import lock_person

READ_AHEAD_CASES = 50
"""Cases read at once: enough to save round trips, few enough that quotes stay fresh."""


async def liquidate(desk: DeskContext, principal: Principal, command: Liquidate) -> list[LiquidationOutcome]:
    """One outcome per case, in the order given."""
    ids = [item.case_id for item in command.cases]
    key, hashed = command.idempotency_key, content_hash(command)
    refused = await refused_admission(desk, principal, "liquidate", key, hashed, Capability.LIQUIDATE)
    if refused is not None:
        return [LiquidationRefused(id_, refused.code, refused.message, False) for id_ in ids]
    answers = Answers(LIQUIDATION_OUTCOMES, principal.subject, key, liquidation_refused)
    outcomes = await answers.given(ids)
    todo = [item for item in command.cases if item.case_id not in outcomes]
    for start in range(0, len(todo), READ_AHEAD_CASES):
        chunk = {item.case_id: item for item in todo[start : start + READ_AHEAD_CASES]}
        ahead = await read_ahead(desk, principal, list(chunk.values()))

        async def answer(
            id_: CaseId,
            chunk: dict[CaseId, LiquidateCase] = chunk,
            ahead: dict[AccountId, ReadAhead] = ahead,
        ) -> LiquidationOutcome:
            decide = partial(_decide_case, desk, principal, command, answers, chunk[id_], ahead)
            return await answers.decide_once(id_, decide)

        answered = await each_answered(desk.attempt, list(chunk), answer, liquidation_refused)
        outcomes |= zip(chunk, answered, strict=True)
    desk.on_commit()
    return [outcomes[id_] for id_ in ids]


async def _decide_case(
    desk: DeskContext,
    principal: Principal,
    command: Liquidate,
    answers: Answers[LiquidationOutcome, LiquidationRefused],
    item: LiquidateCase,
    ahead: dict[AccountId, ReadAhead],
) -> LiquidationOutcome:
    now = desk.clock()
    locked = await lock_case(principal.audience, item.case_id)
    if locked is None:
        return LiquidationRefused(
            item.case_id, RefusalCode.NOT_FOUND, "No such case exists within your scope.", False
        )
    view, book_version = locked
    read = await fresh(desk, view, book_version, ahead, now)
    plan = await plan_expected(view, item, read, desk, now)
    outcome: LiquidationOutcome
    if isinstance(plan, Refusal):
        outcome = LiquidationRefused(item.case_id, plan.code, plan.message, True)
    elif resting := resting_orders(desk, view.case, read.book.book, read.orders, now):
        waits = await call_off(desk, principal, resting, now)
        outcome = LiquidationRefused(item.case_id, waits.code, waits.message, True)
    elif exceeded := item.expected.exceeded_by(plan):
        outcome = LiquidationRefused(item.case_id, exceeded.code, exceeded.message, True, plan=plan)
    elif why := await _why_two(desk, principal, command, item, read, plan, now):
        outcome = await ask_another(desk, principal, command, item, view, plan, english(why), now)
    else:
        alone = replace(command, ordered_alone_by=principal.subject)
        outcome = await record_liquidation(desk, principal, alone, item, view, plan, read, now)
    await answers.store(item.case_id, outcome, now)
    return outcome


async def _why_two(
    desk: DeskContext,
    principal: Principal,
    command: Liquidate,
    item: LiquidateCase,
    read: ReadAhead,
    plan: Plan,
    now: datetime,
) -> Phrase | None:
    """Why it requires a second person; waits for other requests of the same person that run at the
    same time.
    """
    await lock_person(principal.subject)
    alone = await alone_today(desk, principal.subject, now)
    return second_person_reason(
        desk, read.book, read.recent, alone, plan, len(command.cases), item.plan.override
    )
