"""The largest size of one order: a share of the average daily volume, and a slice of a notional.

For the planner a cap makes a position smaller; the rest is reported.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from domain.closing import Closable
from domain.money import lots_within


@dataclass(frozen=True, slots=True)
class OrderCaps:
    """None: no such cap."""

    adv_share: Decimal | None = None
    """The largest share of the average daily volume that an account's open orders and a new one may have
    together.
    """
    slice_notional: Decimal | None = None
    """The largest notional of one order, in the account's base currency."""


NO_CAPS = OrderCaps()


def tighter(requested: Decimal | None, allowed: Decimal | None) -> Decimal | None:
    """The stricter of the operator's cap and the desk's."""
    if requested is None or allowed is None:
        return allowed if requested is None else requested
    return min(requested, allowed)


def capped(closable: Closable, caps: OrderCaps, in_flight: Decimal) -> Closable:
    """The position with as many lots as the caps allow, perhaps none; `in_flight`: units in its open orders.

    An unknown volume caps nothing: otherwise the desk could not sell such an instrument at all.
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
    """The most lots whose booked notional is not above `notional`."""
    one = closable.price * closable.instrument.lot_size * closable.instrument.multiplier * closable.rate
    lots = min(closable.lots, lots_within(notional, one) + 1)
    while lots and closable.base_notional(lots) > notional:
        lots -= 1
    return lots
