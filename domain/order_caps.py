"""How large one order may be: a share of what an average day trades, and a slice of so much money.

A cap makes a position smaller than it is, to the planner; what it leaves is said, never forgotten.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from domain.closing import Closable
from domain.money import lots_within


@dataclass(frozen=True, slots=True)
class OrderCaps:
    """None: no such cap."""

    adv_share: Decimal | None = None
    """The most of the average daily volume that the open orders of an account and a new one may be."""
    slice_notional: Decimal | None = None
    """The most that one order may trade, in the account's base currency."""


NO_CAPS = OrderCaps()


def tighter(asked: Decimal | None, allowed: Decimal | None) -> Decimal | None:
    """The stricter of what the operator asks for and what the desk allows."""
    if asked is None or allowed is None:
        return allowed if asked is None else asked
    return min(asked, allowed)


def capped(closable: Closable, caps: OrderCaps, in_flight: Decimal) -> Closable:
    """The same with as many lots as the caps let through, perhaps none; `in_flight`: open in its orders.

    An unknown volume caps nothing: a desk that could not sell what nobody counts would be worse off.
    """
    lots = closable.lots
    volume = closable.instrument.average_daily_volume
    if caps.adv_share is not None and volume is not None:
        room = max(caps.adv_share * volume - in_flight, Decimal(0))
        lots = min(lots, lots_within(room, closable.instrument.lot_size))
    if caps.slice_notional is not None:
        lots = min(lots, _lots_worth(closable, caps.slice_notional))
    return replace(closable, lots=lots, lots_beyond_cap=closable.lots - lots)


def _lots_worth(closable: Closable, notional: Decimal) -> int:
    """The most lots whose booked notional is not above this."""
    one = closable.price * closable.instrument.lot_size * closable.instrument.multiplier * closable.rate
    lots = min(closable.lots, lots_within(notional, one) + 1)
    while lots and closable.base_notional(lots) > notional:
        lots -= 1
    return lots
