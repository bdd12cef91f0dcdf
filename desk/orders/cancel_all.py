"""Ask for the cancel of every open order of a case, an account, a client or an instrument, with one command.

Which orders those are is decided once, under the idempotency key, when the command first comes: the same
request again speaks of the same orders, and never of one that was placed meanwhile. Each order is then
decided on its own, as by `cancel`; a request that broke off half-way does the rest when it comes again.
"""

from dataclasses import dataclass

from desk.desk import Desk
from desk.orders.cancel import Cancel, cancel_each
from desk.outcomes import BUSY, KEY_REUSED, CancelOutcome, lacks, request_hash
from domain.ids import OrderId
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models.codec import Codec
from models.database import Busy, UniqueViolated, transaction
from models.idempotency import claim_key, store_outcome, stored_outcomes
from models.order import OrderFilter, count_not_cancelled, orders_to_cancel

SELECTION = "selection"
"""Under which the selection is stored, beside the outcomes of its orders."""


@dataclass(frozen=True, slots=True)
class CancelAll:
    """The command. The filter names a case, a client, an account or an instrument."""

    idempotency_key: str
    wanted: OrderFilter
    reason: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """The orders that one command speaks of, and how many more there were."""

    order_ids: tuple[OrderId, ...]
    remaining: int


@dataclass(frozen=True, slots=True)
class CancelsRequested:
    """One outcome per order of the selection."""

    outcomes: list[CancelOutcome]
    remaining: int


_SELECTIONS: Codec[Selection] = Codec(Selection)
_FILTERS: Codec[OrderFilter] = Codec(OrderFilter)


async def cancel_all(desk: Desk, principal: Principal, command: CancelAll) -> CancelsRequested | Refusal:
    """At most `max_orders_per_batch` orders; those whose cancel was asked for before come last."""
    if not principal.audience.may(Capability.CANCEL_ORDER):
        return Refusal(RefusalCode.FORBIDDEN, lacks(Capability.CANCEL_ORDER))
    key, actor = command.idempotency_key, principal.subject
    request = request_hash({"orders": _FILTERS.to_text(command.wanted), "reason": command.reason})
    if not await claim_key(actor, key, "cancelAll", request, desk.clock()):
        return Refusal(RefusalCode.IDEMPOTENCY_KEY_REUSED, KEY_REUSED)
    chosen = await _stored(actor, key) or await _select(desk, principal, command)
    if isinstance(chosen, Refusal):
        return chosen
    each = Cancel(key, chosen.order_ids, command.reason)
    return CancelsRequested(await cancel_each(desk, principal, each), chosen.remaining)


async def _select(desk: Desk, principal: Principal, command: CancelAll) -> Selection | Refusal:
    key, actor = command.idempotency_key, principal.subject
    try:
        async with transaction():
            most = desk.rules.max_orders_per_batch
            views = await orders_to_cancel(principal.audience, command.wanted, most)
            asked = sum(not view.order.cancel_requested for view in views)
            more = await count_not_cancelled(principal.audience, command.wanted) - asked
            chosen = Selection(tuple(view.order.id for view in views), max(0, more))
            await store_outcome(actor, key, SELECTION, _SELECTIONS.to_text(chosen), desk.clock())
            return chosen
    except Busy:
        # The same request, sent twice at once, is about to store what it chose.
        return Refusal(RefusalCode.VERSION_CONFLICT, BUSY)
    except UniqueViolated:
        # The same request, sent twice at once, was faster: what it chose is ours.
        stored = await _stored(actor, key)
        if stored is None:
            raise
        return stored


async def _stored(actor: str, key: str) -> Selection | None:
    text = (await stored_outcomes(actor, key, [SELECTION])).get(SELECTION)
    return None if text is None else _SELECTIONS.from_text(text)
