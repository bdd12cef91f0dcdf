"""The evidence for a plan: the account's figures after it, and what one lot less would leave to collect.

Both are computed on the full formula, from the book on which the plan was made, with the fill of each leg
booked at its price and fee. The planner has computed its `amount_after` in another way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.booking import after_fill, trade_fee
from domain.ids import Symbol
from domain.liquidation_plan import Plan, PlannedLeg
from domain.margin import Book, MarginFigures, compute_figures
from domain.money import exact
from domain.order import OrderSide
from domain.sellable import COUNTED, WITH_WAITING, OpenOrder, after_open_orders


@dataclass(frozen=True, slots=True)
class OneLotLess:
    """The effect of the plan with its last leg one lot smaller."""

    symbol: Symbol
    quantity: Decimal
    """Units of the last leg then; 0 if it has a single lot."""
    amount_after: Decimal
    """The amount then left to collect, in base currency, in whole minor units."""


@dataclass(frozen=True, slots=True)
class PlanEvidence:
    """Figures under the amount rule of the call, in base currency."""

    figures_after: MarginFigures
    """After the fill of the open orders that the plan counts on, and of all legs."""
    one_lot_less: OneLotLess


def evidence_of(
    plan: Plan, book: Book, open_orders: Iterable[OpenOrder], now: datetime, max_age: timedelta
) -> PlanEvidence:
    """For a plan of `domain.liquidation` made of this book and these orders at `now`; `max_age`: the age from
    which a price is stale.
    """
    *others, last = plan.legs
    with exact():
        fewer = last.quantity - last.instrument.lot_size
        before_last = after_open_orders(book, open_orders, WITH_WAITING if plan.counts_waiting else COUNTED)
        for leg in others:
            before_last = _filled(before_last, leg, leg.quantity)
        after, less = _filled(before_last, last, last.quantity), _filled(before_last, last, fewer)
    amount = compute_figures(less, now, max_age).amount
    return PlanEvidence(
        compute_figures(after, now, max_age), OneLotLess(last.instrument.symbol, fewer, amount)
    )


def _filled(book: Book, leg: PlannedLeg, quantity: Decimal) -> Book:
    if not quantity:
        return book
    signed = quantity if leg.side is OrderSide.BUY else quantity.copy_negate()
    fee = trade_fee(leg.instrument, quantity, leg.price)
    return after_fill(book, leg.instrument.symbol, signed, leg.price, fee)
