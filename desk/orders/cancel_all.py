"""Request the cancel of every open order of a case, an account, a client or an instrument, with one command.

The selection of orders is made once, under the idempotency key, when the command first arrives: a repeated
request concerns the same orders, and never one that was placed later. Each order is then decided separately,
as by `cancel`; a request that was interrupted is completed when it is repeated.
"""

from dataclasses import dataclass

from desk.command import CommandRequest, admission_refused, answer_each
from desk.context import DeskContext
from desk.orders.cancel import Cancel, cancel_each
from desk.outcomes import CancelOutcome, Refused
from domain.ids import OrderId
from domain.principal import Capability, Principal
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

    outcomes: dict[OrderId, CancelOutcome]
    remaining: int


_SELECTIONS: Codec[Selection | Refused] = Codec(Selection | Refused)
_FILTERS: Codec[OrderFilter] = Codec(OrderFilter)


async def cancel_all(
    desk: DeskContext, principal: Principal, command: CancelAll
) -> CancelsRequested | Refused:
    """Concerns at most `max_orders_per_batch` orders; orders whose cancel was requested before come last."""
    content = {"orders": _FILTERS.to_text(command.order_filter), "reason": command.reason}
    needs = (Capability.CANCEL_ORDER,)
    request = CommandRequest(principal, "cancelAll", command.idempotency_key, content, needs)
    refused = await admission_refused(desk, request)
    if refused is not None:
        return refused

    async def select(_: str) -> Selection:
        return await _select(desk, principal, command.order_filter)

    (selection,) = await answer_each(desk, request, [SELECTION], select, _SELECTIONS)
    if isinstance(selection, Refused):
        return selection
    each = Cancel(command.idempotency_key, selection.order_ids, command.reason)
    outcomes = await cancel_each(desk, request, each)
    return CancelsRequested(dict(zip(selection.order_ids, outcomes, strict=True)), selection.remaining)


async def _select(desk: DeskContext, principal: Principal, order_filter: OrderFilter) -> Selection:
    chosen = await orders_to_cancel(principal.audience, order_filter, desk.policy.max_orders_per_batch)
    to_cancel = sum(not each.cancel_requested for each in chosen)
    more = await count_not_cancelled(principal.audience, order_filter) - to_cancel
    return Selection(tuple(each.id for each in chosen), max(0, more))
