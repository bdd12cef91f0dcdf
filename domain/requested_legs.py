"""The legs that an operator names, in order: each as it can be closed, or the reason why not."""

from collections.abc import Mapping
from decimal import Decimal

from domain.amount_formula import binding
from domain.canonical import plain
from domain.closing import Closable, Draft
from domain.ids import Symbol
from domain.liquidation_plan import LegRequest
from domain.money import lots_within, whole_lots
from domain.planning_context import PlanningContext
from domain.refusals import Refusal, RefusalCode


def follow(legs: tuple[LegRequest, ...], context: PlanningContext, draft: Draft) -> Draft | Refusal:
    """Apply the operator's legs in order; the first that cannot be closed refuses them all."""
    if not legs:
        return Refusal(
            RefusalCode.NOTHING_SELLABLE,
            "Give at least one leg, or omit `legs` so that the desk selects the positions.",
        )
    seen: set[Symbol] = set()
    for leg in legs:
        if leg.symbol in seen:
            return Refusal(
                RefusalCode.QUANTITY_EXCEEDS_SELLABLE, f"{leg.symbol} is named twice: give it one leg."
            )
        seen.add(leg.symbol)
        ready = _requested(leg, context)
        if isinstance(ready, Refusal):
            return ready
        refused = _close(leg, ready, draft, context)
        if refused is not None:
            return refused
    uncovers = None if context.request.override else context.covers.refuses(draft)
    return draft if uncovers is None else uncovers


def _requested(leg: LegRequest, context: PlanningContext) -> Closable | Refusal:
    """The leg's position at the leg's price."""
    if leg.symbol in context.request.keep:
        return Refusal(
            RefusalCode.NOTHING_SELLABLE, f"{leg.symbol} is in `keep` and in `legs`: name it in one of them."
        )
    closable = context.requested(leg)
    if isinstance(closable, RefusalCode):
        return Refusal(closable, WHY_NOT[closable].format(symbol=leg.symbol))
    return closable


def _close(leg: LegRequest, ready: Closable, draft: Draft, context: PlanningContext) -> Refusal | None:
    """Add the leg to the draft.

    A leg without a quantity is added only if something is left to collect, and only as far as written calls
    do not need the stock.
    """
    if not context.request.override and binding(draft.fresh().lines(ready)).relief <= 0:
        return Refusal(
            RefusalCode.CANNOT_CURE, f"Closing {leg.symbol} would not lower the amount to collect."
        )
    if leg.quantity is not None:
        lots = _lots_of(leg.symbol, leg.quantity, ready)
        if isinstance(lots, Refusal):
            return lots
        draft.close(ready, lots)
    elif not draft.is_cured():
        free = context.covers.limited([ready], draft)
        if not free:
            return Refusal(
                RefusalCode.COVERS_WRITTEN_CALLS,
                WHY_NOT[RefusalCode.COVERS_WRITTEN_CALLS].format(symbol=leg.symbol),
            )
        (ready,) = free
        lots = draft.lots_to_close(ready)
        if not lots:
            return Refusal(
                RefusalCode.CANNOT_CURE,
                f"After the other legs, closing {leg.symbol} would not lower the amount further.",
            )
        draft.close(ready, lots)
    return None


def _lots_of(symbol: Symbol, quantity: Decimal, ready: Closable) -> int | Refusal:
    """A quantity above zero, in whole lots, within what can be sold; zero and NaN are refused."""
    lot, sellable = ready.instrument.lot_size, abs(ready.holding.quantity)
    if not quantity.is_finite() or not quantity:
        return Refusal(RefusalCode.OFF_LOT, f"{symbol}: give a quantity of at least one lot of {plain(lot)}.")
    if quantity < 0:
        return Refusal(
            RefusalCode.INCREASES_EXPOSURE,
            f"{symbol}: a negative quantity would open a position, not close it.",
        )
    if quantity > sellable:
        return Refusal(
            RefusalCode.QUANTITY_EXCEEDS_SELLABLE, f"Of {symbol} only {plain(sellable)} can still be closed."
        )
    if whole_lots(quantity, lot) != quantity:
        return Refusal(RefusalCode.OFF_LOT, f"{symbol} trades in whole lots of {plain(lot)}.")
    lots = lots_within(quantity, lot)
    if lots > ready.lots:
        most = ready.quantity(ready.lots)
        return Refusal(RefusalCode.CAPPED, f"One order for {symbol} may be at most {plain(most)} units now.")
    return lots


WHY_NOT: Mapping[RefusalCode, str] = {
    RefusalCode.NOT_FOUND: "The account holds no {symbol}.",
    RefusalCode.NOTHING_SELLABLE: "All of {symbol} is in open orders: cancel them first.",
    RefusalCode.INSTRUMENT_SUSPENDED: "{symbol} is suspended or delisted.",
    RefusalCode.MARKET_CLOSED: "{symbol} does not accept such an order now: wait for its trading session.",
    RefusalCode.PRICE_COLLAR: "The quote of {symbol} is too far from its mark, even with a second "
    "person's approval.",
    RefusalCode.COVERS_WRITTEN_CALLS: "All of {symbol} covers written calls: buy the calls back first.",
    RefusalCode.NO_QUOTE: "{symbol} has no quote on the required side, or no FX rate for its currency.",
    RefusalCode.STALE_QUOTE: "The quote of {symbol} is too old: wait for a new one.",
    RefusalCode.CAPPED: "The caps on daily volume and slices leave less than one lot of {symbol} for "
    "an order now.",
    RefusalCode.OFF_LOT: "The remaining {symbol} is less than one lot and needs an odd-lot order.",
}
