"""Request the cancel of every open order of a case, an account, a client or an instrument, with one command.

The selection of orders is made once, under the idempotency key, when the command first arrives: a repeated
request concerns the same orders, and never one that was placed later. Each order is then decided separately,
as by `cancel`; a request that was interrupted is completed when it is repeated.
"""

from dataclasses import dataclass

from desk.admission import refused_admission
from desk.answers import Answers
from desk.context import DeskContext
from desk.orders.cancel import Cancel, cancel_each
from desk.outcomes import CancelOutcome, request_hash
from domain.ids import OrderId
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models.order import OrderFilter, count_not_cancelled, orders_to_cancel
from models.sql.codec import Codec

SELECTION = "selection"
"""The item under which the selection is stored, beside the outcomes of its orders."""


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Cancel the orders of a filter, which names a case, a client, an account or an instrument."""

    idempotency_key: str
    order_filter: OrderFilter
    reason: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """The orders that one command concerns, and how many more there were."""

    order_ids: tuple[OrderId, ...]
    remaining: int


@dataclass(frozen=True, slots=True)
class CancelsRequested:
    """One outcome per order of the selection."""

    outcomes: list[CancelOutcome]
    remaining: int


_SELECTIONS: Codec[Selection] = Codec(Selection)
_FILTERS: Codec[OrderFilter] = Codec(OrderFilter)


async def cancel_all(
    desk: DeskContext, principal: Principal, command: CancelAll
) -> CancelsRequested | Refusal:
    """Concerns at most `max_orders_per_batch` orders; orders whose cancel was requested before come last."""
    key = command.idempotency_key
    hashed = request_hash({"orders": _FILTERS.to_text(command.order_filter), "reason": command.reason})
    refused = await refused_admission(desk, principal, "cancelAll", key, hashed, Capability.CANCEL_ORDER)
    if refused is not None:
        return refused
    chosen = await _chosen(desk, principal, command)
    if isinstance(chosen, Refusal):
        return chosen
    each = Cancel(key, chosen.order_ids, command.reason)
    return CancelsRequested(await cancel_each(desk, principal, each), chosen.remaining)


async def _chosen(desk: DeskContext, principal: Principal, command: CancelAll) -> Selection | Refusal:
    answers = Answers(_SELECTIONS, principal.subject, command.idempotency_key, _refused)

    async def choose() -> Selection:
        selection = await _select(desk, principal, command.order_filter)
        await answers.store(SELECTION, selection, desk.clock())
        return selection

    given = await answers.given([SELECTION])
    if SELECTION in given:
        return given[SELECTION]
    return await answers.decide_once(SELECTION, choose)


def _refused(item: str, code: RefusalCode, message: str) -> Refusal:
    return Refusal(code, message)


async def _select(desk: DeskContext, principal: Principal, order_filter: OrderFilter) -> Selection:
    chosen = await orders_to_cancel(principal.audience, order_filter, desk.policy.max_orders_per_batch)
    to_cancel = sum(not each.cancel_requested for each in chosen)
    more = await count_not_cancelled(principal.audience, order_filter) - to_cancel
    return Selection(tuple(each.id for each in chosen), max(0, more))
