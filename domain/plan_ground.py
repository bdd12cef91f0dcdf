"""The ground a plan stands on: what of the book may be closed, how far, and why the rest may not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.closing import Closable
from domain.ids import Symbol
from domain.liquidation_plan import PlanLimits, PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import Book, Holding
from domain.money import ZERO
from domain.order_caps import capped
from domain.refusals import RefusalCode
from domain.sellable import closable


@dataclass(frozen=True, slots=True)
class Ground:
    """What planning goes by: the book as it is, and as it will be when the open orders have filled."""

    book: Book
    rest: Book
    request: PlanRequest
    limits: PlanLimits
    now: datetime
    in_flight: Mapping[Symbol, Decimal]

    def closables(self) -> dict[Symbol, Closable | RefusalCode]:
        """Whether and how each position that is not to be kept can be closed, in the order of the book."""
        symbols = {held.instrument.symbol: held for held in self.rest.holdings}
        return {
            symbol: self._closable(held)
            for symbol, held in symbols.items()
            if symbol not in self.request.keep
        }

    def closable(self, symbol: Symbol) -> Closable | RefusalCode:
        """Whether and how the position can be closed."""
        held = self.rest.holding(symbol)
        if held is None:
            return (
                RefusalCode.NOT_FOUND if self.book.holding(symbol) is None else RefusalCode.NOTHING_SELLABLE
            )
        return self._closable(held)

    def _closable(self, held: Holding) -> Closable | RefusalCode:
        found = closable(
            *(self.rest, held, self.request.order_type, self.limits.max_quote_age, self.now),
            self.request.price_band,
        )
        return found if isinstance(found, RefusalCode) else self.capped(found)

    def capped(self, ready: Closable) -> Closable | RefusalCode:
        """The position as far as one order may go."""
        caps = self.limits.caps(self.request.caps, self.book.terms.base_currency)
        within = capped(ready, caps, self.in_flight.get(ready.instrument.symbol, ZERO))
        return within if within.lots else RefusalCode.CAPPED

    def unknown_volume(self, closables: Iterable[Closable]) -> tuple[Symbol, ...]:
        """Those of which the request wants to know the volume in vain."""
        by_policy = self.request.legs is None
        by_policy = by_policy and self.request.policy is LiquidationPolicy.MOST_LIQUID_FIRST
        if not by_policy and self.request.caps.adv_share is None:
            return ()
        instruments = (each.instrument for each in closables)
        return tuple(each.symbol for each in instruments if each.average_daily_volume is None)
