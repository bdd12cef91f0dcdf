"""The basis of a plan: which positions may be closed, how far, and why the others may not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from domain.closing import Closable
from domain.covered_sales import Covers
from domain.ids import Symbol
from domain.liquidation_plan import LegRequest, PlanPolicy, PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import Book
from domain.money import ZERO, exact, lots_within, total
from domain.order_caps import capped
from domain.refusals import Refusal, RefusalCode
from domain.sellable import WITH_WAITING, OpenOrder, Pricing, after_open_orders, waiting_units


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """The data for planning: the book as it is, and as it will be when open orders have filled."""

    book: Book
    rest: Book
    """The book after the fill of the orders that count."""
    rest_later: Book
    """The book after the fill of the orders that wait for their market as well."""
    pricing: Pricing
    covers: Covers
    in_flight: Mapping[Symbol, Decimal]
    """Units in open orders of any kind."""
    waiting: Mapping[Symbol, Decimal]
    """The part of them in orders that do not count."""

    @property
    def request(self) -> PlanRequest:
        """The request for the plan."""
        return self.pricing.request

    @property
    def limits(self) -> PlanPolicy:
        """The limits of the plan."""
        return self.pricing.limits

    def closables(self) -> dict[Symbol, Closable | RefusalCode]:
        """Whether and how the desk may close each position that is not to be kept, in the order of the book.

        The desk does not choose a price that requires a second person: such a position must be named.
        """
        closables: dict[Symbol, Closable | RefusalCode] = {}
        for held in self.rest.holdings:
            symbol = held.instrument.symbol
            if symbol in self.request.keep:
                continue
            ready = self._may_trade(self.pricing.at_the_quote(self.rest, held))
            if isinstance(ready, Closable) and ready.second_person:
                ready = RefusalCode.PRICE_COLLAR
            closables[symbol] = ready
        return closables

    def requested(self, leg: LegRequest) -> Closable | Refusal | RefusalCode:
        """Whether and how a position named by an operator can be closed."""
        held = self.rest.holding(leg.symbol)
        if held is None:
            known = self.book.holding(leg.symbol) is not None
            return RefusalCode.NOTHING_SELLABLE if known else RefusalCode.NOT_FOUND
        if leg.limit_price is None:
            return self._may_trade(self.pricing.at_the_quote(self.rest, held))
        closable = self.pricing.at_limit(self.rest, held, leg.limit_price)
        return closable if isinstance(closable, Refusal) else self._may_trade(closable)

    def _may_trade(self, closable: Closable | RefusalCode) -> Closable | RefusalCode:
        """The position as far as one order may close it, without units that are in orders already."""
        if isinstance(closable, RefusalCode):
            return closable
        waiting = self.waiting.get(closable.symbol, ZERO)
        if waiting:
            closable = without(closable, waiting)
            if not closable.lots:
                return RefusalCode.NOTHING_SELLABLE
        caps = self.limits.caps(self.request.caps, self.book.terms.base_currency)
        within = capped(closable, caps, self.in_flight.get(closable.symbol, ZERO))
        return within if within.lots else RefusalCode.CAPPED

    def unknown_volume(self, closables: Iterable[Closable]) -> tuple[Symbol, ...]:
        """The positions of unknown volume, if the request has a volume cap."""
        by_policy = self.request.legs is None
        by_policy = by_policy and self.request.policy is LiquidationPolicy.MOST_LIQUID_FIRST
        if not by_policy and self.request.caps.adv_share is None:
            return ()
        instruments = (each.instrument for each in closables)
        return tuple(each.symbol for each in instruments if each.average_daily_volume is None)


def planning_context(book: Book, open_orders: Iterable[OpenOrder], pricing: Pricing) -> PlanningContext:
    """Built from the book and all open orders of the account."""
    orders = tuple(open_orders)
    rest = after_open_orders(book, orders)
    waiting = waiting_units(orders)
    return PlanningContext(
        book=book,
        rest=rest,
        rest_later=after_open_orders(book, orders, WITH_WAITING) if waiting else rest,
        pricing=pricing,
        covers=Covers(rest, waiting, pricing.hours.today),
        in_flight=_in_flight(orders),
        waiting=waiting,
    )


def without(ready: Closable, units: Decimal) -> Closable:
    """The position reduced by so many units, so that nothing is sold twice."""
    sign = 1 if ready.holding.quantity > 0 else -1
    left = max(ZERO, abs(ready.holding.quantity) - units)
    holding = replace(ready.holding, quantity=sign * left)
    return replace(ready, holding=holding, lots=lots_within(left, ready.instrument.lot_size))


def _in_flight(orders: tuple[OpenOrder, ...]) -> dict[Symbol, Decimal]:
    symbols = {order.symbol for order in orders}
    with exact():
        return {
            symbol: total(order.leaves_quantity for order in orders if order.symbol == symbol)
            for symbol in symbols
        }
