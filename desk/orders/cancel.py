"""Request the cancel of orders. An order becomes CANCELED only when the venue confirms it."""

from dataclasses import dataclass

from desk.command import CommandRequest, admission_refused, answer_each
from desk.context import DeskContext
from desk.order_steps import store_step
from desk.outcomes import CANCEL_OUTCOMES, CancelOutcome, CancelRequested
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
    content = {"orders": list(command.order_ids), "reason": command.reason}
    needs = (Capability.CANCEL_ORDER,)
    request = CommandRequest(principal, "cancel", command.idempotency_key, content, needs)
    refused = await admission_refused(desk, request)
    if refused is not None:
        return [refused] * len(command.order_ids)
    return await cancel_each(desk, request, command)


async def cancel_each(desk: DeskContext, request: CommandRequest, command: Cancel) -> list[CancelOutcome]:
    """For an admitted request; stored answers are returned again."""

    async def decide(order_id: OrderId) -> CancelOutcome | Refusal:
        return await _cancel(desk, request.principal, command, order_id)

    return await answer_each(desk, request, command.order_ids, decide, CANCEL_OUTCOMES)


async def _cancel(
    desk: DeskContext, principal: Principal, command: Cancel, order_id: OrderId
) -> CancelOutcome | Refusal:
    now = desk.clock()
    seen = (await load_orders(principal.audience, [order_id], strict=True)).get(order_id)
    if seen is None:
        return Refusal(RefusalCode.NOT_FOUND, "No such order exists within your scope.")
    await lock_accounts([seen.order.account_id])
    view = (await load_orders(principal.audience, [order_id], strict=True))[order_id]
    change = ask_cancel(view.order, now, command.reason)
    if isinstance(change, Refusal):
        return change
    if not change.unchanged:
        detail = {"idempotencyKey": command.idempotency_key, "reason": command.reason}
        step = await store_step(desk, view, change, by=principal, action="cancel", detail=detail)
        await outbox.append([step])
    return CancelRequested(order_id, already_pending=view.order.cancel_requested)
