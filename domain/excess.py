"""Open orders that could trade more than is held: which of them are cancelled, and what may still happen.

An order of the desk only reduces a position. Changes to the account while it is open (a statement, a fill
elsewhere, a position that dies or expires) can make the order larger than the rest of the position. An order
cannot be changed at the venue, so it is cancelled as a whole. The oldest orders stay as long as they fit;
orders that were never sent are cancelled first, since their cancel is certain.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.ids import Symbol
from domain.money import ZERO, total
from domain.order import Order, OrderSide, OrderStatus

_NOT_SENT = frozenset({OrderStatus.PENDING_APPROVAL, OrderStatus.QUEUED})


@dataclass(frozen=True, slots=True)
class Excess:
    """Open orders that exceed the position in one instrument on one side."""

    symbol: Symbol
    side: OrderSide
    held: Decimal
    """The signed position that orders may reduce: 0 if it is dead or has expired."""
    open_in_all: Decimal
    """Units of all its open orders."""
    call_off: tuple[Order, ...]
    """Orders whose cancel has to be requested now."""
    at_risk: Decimal
    """Units that the venue may still trade beyond the position, until it has confirmed every cancel."""


def find_excess(positions: Mapping[Symbol, Decimal], orders: Iterable[Order]) -> list[Excess]:
    """By instrument and side; `positions` are those that may be reduced, and a missing instrument counts as
    0.
    """
    grouped: dict[tuple[Symbol, OrderSide], list[Order]] = defaultdict(list)
    for order in orders:
        if order.leaves_quantity > 0:
            grouped[order.symbol, order.side].append(order)
    excesses = [
        _excess(symbol, side, positions.get(symbol, ZERO), grouped[symbol, side])
        for symbol, side in sorted(grouped)
    ]
    return [each for each in excesses if each.call_off or each.at_risk]


def _excess(symbol: Symbol, side: OrderSide, held: Decimal, orders: list[Order]) -> Excess:
    room = reducible(held, side)
    kept = ZERO
    call_off: list[Order] = []
    for order in sorted(orders, key=lambda each: (each.status in _NOT_SENT, each.created_at, each.id)):
        if order.cancel_requested:
            continue
        if total([kept, order.leaves_quantity]) <= room:
            kept = total([kept, order.leaves_quantity])
        else:
            call_off.append(order)
    certain = {order.id for order in call_off if order.status in _NOT_SENT}
    may_trade = total(order.leaves_quantity for order in orders if order.id not in certain)
    at_risk = max(ZERO, total([may_trade, room.copy_negate()]))
    open_in_all = total(order.leaves_quantity for order in orders)
    return Excess(symbol, side, held, open_in_all, tuple(call_off), at_risk)


def reducible(held: Decimal, side: OrderSide) -> Decimal:
    """How much an order of this side may trade before the position changes its sign."""
    return max(ZERO, held if side is OrderSide.SELL else held.copy_negate())


def turns(held: Decimal, signed_quantity: Decimal) -> bool:
    """Whether a fill moves the position away from 0: through it, from it, or further on the same side."""
    after = total([held, signed_quantity])
    return bool(after) and (after > 0) is (signed_quantity > 0)


def is_turned(stated: Decimal, held: Decimal) -> bool:
    """Whether a position is on the other side of 0 from the stated one."""
    return bool(held) and (not stated or (stated > 0) is not (held > 0))
