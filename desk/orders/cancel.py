"""Request the cancel of orders. An order becomes CANCELED only when the venue confirms it."""

from dataclasses import dataclass
from functools import partial

from desk.admission import refused_admission
from desk.answers import Answers, each_answered
from desk.context import DeskContext
from desk.order_steps import store_step
from desk.outcomes import (
    CANCEL_OUTCOMES,
    CancelOutcome,
    CancelRefused,
    CancelRequested,
    cancel_refused,
    request_hash,
)
from domain.ids import OrderId
from domain.order import ask_cancel
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models import outbox
from models.book import lock_accounts
from models.order import load_orders


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel several orders, each named once."""

    idempotency_key: str
    order_ids: tuple[OrderId, ...]
    reason: str | None


async def cancel(desk: DeskContext, principal: Principal, command: Cancel) -> list[CancelOutcome]:
    """One outcome per order, in the order given."""
    ids = command.order_ids
    key, hashed = command.idempotency_key, request_hash({"orders": list(ids), "reason": command.reason})
    refused = await refused_admission(desk, principal, "cancel", key, hashed, Capability.CANCEL_ORDER)
    if refused is not None:
        return [CancelRefused(id_, refused.code, refused.message, False) for id_ in ids]
    return await cancel_each(desk, principal, command)


async def cancel_each(desk: DeskContext, principal: Principal, command: Cancel) -> list[CancelOutcome]:
    """For a permitted caller and a claimed key; stored answers are returned again."""
    ids = command.order_ids
    answers = Answers(CANCEL_OUTCOMES, principal.subject, command.idempotency_key, cancel_refused)
    given = await answers.given(ids)

    async def answer(id_: OrderId) -> CancelOutcome:
        if id_ in given:
            return given[id_]
        return await answers.decide_once(id_, partial(_decide_order, desk, principal, command, answers, id_))

    outcomes = await each_answered(desk.attempt, ids, answer, cancel_refused)
    desk.on_commit()
    return outcomes


async def _decide_order(
    desk: DeskContext,
    principal: Principal,
    command: Cancel,
    answers: Answers[CancelOutcome, CancelRefused],
    order_id: OrderId,
) -> CancelOutcome:
    now = desk.clock()
    seen = (await load_orders(principal.audience, [order_id], strict=True)).get(order_id)
    if seen is None:
        return CancelRefused(
            order_id, RefusalCode.NOT_FOUND, "No such order exists within your scope.", False
        )
    await lock_accounts([seen.order.account_id])
    view = (await load_orders(principal.audience, [order_id], strict=True))[order_id]
    change = ask_cancel(view.order, now, command.reason)
    outcome: CancelOutcome
    if isinstance(change, Refusal):
        outcome = CancelRefused(order_id, change.code, change.message, True)
    else:
        outcome = CancelRequested(order_id, already_pending=view.order.cancel_requested)
        if not change.unchanged:
            detail = {"idempotencyKey": command.idempotency_key, "reason": command.reason}
            step = await store_step(desk, view, change, by=principal, action="cancel", detail=detail)
            await outbox.append([step])
    await answers.store(order_id, outcome, now)
    return outcome
