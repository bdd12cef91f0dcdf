"""What to close so that nothing is left to collect: the planner.

A plan is computed on the full formula of the amount, never on reliefs alone: what open orders will still
bring in is booked first, then leg after leg at its price, fees and rounding included. Executing a plan that
cures, at its prices, leaves the amount 0; with one lot less of its last leg it does not (ALL aside).
A plan never sells more than is held and not yet being sold, and never turns a long into a short.

A plan with the target INITIAL_MARGIN goes on until liquid net assets reach the initial margin and what else
is owed, such as interest accrued.

Prices: the bid for a sale, the ask for a cover, worse by the price band asked for, or the limit price if one
is given: the worst that can be paid, so a better fill leaves a surplus. Caps make orders smaller; what they
leave is reported as CAPPED. Only whole lots: a remainder smaller than a lot needs an odd-lot
order, which the desk does not place, and is reported as OFF_LOT.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from domain.closing import AmountFormula, Closable, Draft, LiquidationTarget, binding, closable_at
from domain.ids import Symbol
from domain.liquidation_policy import LiquidationPolicy, choose
from domain.margin import Book, Holding, compute_figures, total_up
from domain.market import Instrument, Quote
from domain.money import ZERO, Currency, exact, lots_within, round_money, total, whole_lots
from domain.order import OrderSide, OrderType, TimeInForce, TradingSession
from domain.order_caps import NO_CAPS, OrderCaps, capped, tighter
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder, after_open_orders, closable, side_price

__all__ = [
    "LegRequest",
    "LiquidationPolicy",
    "LiquidationTarget",
    "OpenOrder",
    "Plan",
    "PlanLimits",
    "PlanRequest",
    "PlannedLeg",
    "Uncurable",
    "after_open_orders",
    "plan",
    "refuses",
    "uncovered_amount",
]


@dataclass(frozen=True, slots=True)
class LegRequest:
    """One position that the operator wants closed: `quantity` units, or None for as many as cure the call.

    `limit_price` None: the quote. In the instrument's currency.
    """

    symbol: Symbol
    quantity: Decimal | None = None
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked for. With `legs` exactly these are closed, in this order, and the policy is not used."""

    policy: LiquidationPolicy = LiquidationPolicy.MIN_TURNOVER
    legs: tuple[LegRequest, ...] | None = None
    keep: frozenset[Symbol] = frozenset()
    """Never to be touched; naming one of them in `legs` is refused."""
    order_type: OrderType = OrderType.LIMIT
    session: TradingSession = TradingSession.REGULAR
    time_in_force: TimeInForce = TimeInForce.DAY
    target: LiquidationTarget = LiquidationTarget.MARGIN_CALL
    price_band: Decimal = ZERO
    """By which fraction limit prices are worse than the quote, so that they trade in a moving market."""
    caps: OrderCaps = NO_CAPS
    """Stricter than the desk's, or without effect."""
    override: bool = False
    """Close the quantities named in `legs` even though nothing is left to collect."""


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What the planner may not exceed."""

    max_quote_age: timedelta = timedelta(seconds=60)
    price_band: Decimal = Decimal("0.05")
    """How far a limit price may be from the quote of its side, as a fraction of that quote."""
    max_adv_share: Decimal | None = None
    max_slice_notional: Mapping[Currency, Decimal] = field(default_factory=dict)
    """By base currency of the account; a currency that is not named has no such cap."""

    def caps(self, asked: OrderCaps, currency: Currency) -> OrderCaps:
        """What holds for one order."""
        return OrderCaps(
            tighter(asked.adv_share, self.max_adv_share),
            tighter(asked.slice_notional, self.max_slice_notional.get(currency)),
        )


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One order to place. Price, limit and fee are in the instrument's currency."""

    instrument: Instrument
    side: OrderSide
    quantity: Decimal
    price: Decimal
    """What it is reckoned at: the limit price, or for a market order the quote."""
    limit_price: Decimal | None
    """None for a market order."""
    fee: Decimal
    base_notional: Decimal
    """In base currency, rounded to its minor unit."""
    reduction: Decimal
    """Of the amount to collect, after the legs before it; negative if a cover raises it."""
    quote: Quote


@dataclass(frozen=True, slots=True)
class Uncurable:
    """A position that the plan cannot use, in whole or for what a lot or a cap leaves, and why."""

    symbol: Symbol
    code: RefusalCode
    remaining: Decimal = ZERO
    """Units that stay, long or short."""


@dataclass(frozen=True, slots=True)
class Plan:
    """At least one leg. Together they lower the amount, unless the request overrides.

    Amounts are in base currency, whole minor units.
    """

    legs: tuple[PlannedLeg, ...]
    amount_before: Decimal
    """To be collected now, open orders not counted."""
    uncovered_before: Decimal
    """What remains of it when the open orders fill: what the plan is sized to."""
    amount_after: Decimal
    """What remains when the legs fill as well."""
    estimated_reduction: Decimal
    """uncovered_before - amount_after, the sum over the legs."""
    notional: Decimal
    uncurable: tuple[Uncurable, ...] = ()
    short_of_target: Decimal = ZERO
    """What then still lacks to the target of the request, the amount included."""
    unknown_volume: tuple[Symbol, ...] = ()
    """Positions whose volume the request asks to go by, and nobody knows: last, and without that cap."""

    def __post_init__(self) -> None:
        if not self.legs:
            raise ValueError("a plan has at least one leg")

    @property
    def cures(self) -> bool:
        """Nothing is left to collect afterwards."""
        return not self.amount_after


def plan(
    book: Book, open_orders: Iterable[OpenOrder], request: PlanRequest, limits: PlanLimits, now: datetime
) -> Plan | Refusal:
    """The orders that cure the account, or lower the amount as far as can be; a refusal if there are none.

    Open orders in the other direction than closing, or in something not held, count for nothing.
    """
    open_orders = tuple(open_orders)
    rest = after_open_orders(book, open_orders)
    refused = refuses(request, limits)
    if refused is not None:
        return refused
    with exact():
        start = _draft_of(rest, request.target)
        if not start.amounts()[0] and not (request.override and request.legs):
            return Refusal(
                RefusalCode.NOTHING_TO_COLLECT, "Open orders, if any, cover all that is to be collected."
            )
        before = (start if rest is book else _draft_of(book)).amounts()[0]
        ground = _Ground(book, rest, request, limits, now, _in_flight(open_orders))
        if request.legs is None:
            return _automatic(ground, start, before)
        asked = _follow(request.legs, ground, start)
        if isinstance(asked, Refusal):
            return asked
        unknown = ground.unknown_volume(asked.closed())
        return _written(asked, before, _left_by_caps(asked), unknown, request.override)


def refuses(request: PlanRequest, limits: PlanLimits) -> Refusal | None:
    """What no plan may ask for, whatever the book holds."""
    if not ZERO <= request.price_band <= limits.price_band:
        return Refusal(
            RefusalCode.PRICE_OUTSIDE_BAND, f"The price band is a fraction from 0 to {limits.price_band:f}."
        )
    if request.order_type is OrderType.MARKET and request.session is not TradingSession.REGULAR:
        return Refusal(
            RefusalCode.MARKET_CLOSED, "A market order is for the regular session only; use a limit."
        )
    return None


def uncovered_amount(
    book: Book, open_orders: Iterable[OpenOrder], now: datetime, max_age: timedelta
) -> Decimal:
    """What is left to collect when the open orders fill at their prices, on the full formula."""
    return compute_figures(after_open_orders(book, open_orders), now, max_age).amount


def _in_flight(orders: tuple[OpenOrder, ...]) -> dict[Symbol, Decimal]:
    """Units in open orders."""
    symbols = {order.symbol for order in orders}
    return {
        symbol: total(order.leaves_quantity for order in orders if order.symbol == symbol)
        for symbol in symbols
    }


def _draft_of(book: Book, target: LiquidationTarget = LiquidationTarget.MARGIN_CALL) -> Draft:
    totals = total_up(book)
    illiquid = totals.dead if book.rule.on_equity else ZERO
    formula = AmountFormula(book.terms, book.rule, totals.accrued_interest, target, illiquid)
    return Draft(formula, formula.standing(totals))


def _written(
    draft: Draft,
    amount_before: Decimal,
    uncurable: tuple[Uncurable, ...],
    unknown_volume: tuple[Symbol, ...],
    override: bool = False,
) -> Plan | Refusal:
    """The draft as a plan, unless it collects nothing."""
    amounts = draft.amounts()
    if not override and draft.need >= draft.fresh().need:
        return Refusal(
            RefusalCode.CANNOT_CURE, "Closing these positions would not lower the amount to collect."
        )
    base = draft.formula.terms.base_currency
    legs = tuple(
        PlannedLeg(
            instrument=closable.instrument,
            side=closable.side,
            quantity=closable.quantity(lots),
            price=closable.price,
            limit_price=closable.limit_price,
            fee=closable.fee(lots),
            base_notional=round_money(closable.base_notional(lots), base),
            reduction=amounts[number] - amounts[number + 1],
            quote=closable.quote,
        )
        for number, (closable, lots) in enumerate(draft.closings)
    )
    return Plan(
        legs=legs,
        amount_before=amount_before,
        uncovered_before=amounts[0],
        amount_after=amounts[-1],
        estimated_reduction=amounts[0] - amounts[-1],
        notional=total(leg.base_notional for leg in legs),
        uncurable=uncurable,
        short_of_target=round_money(max(draft.need, ZERO), base),
        unknown_volume=unknown_volume,
    )


@dataclass(frozen=True, slots=True)
class _Ground:
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


def _automatic(ground: _Ground, start: Draft, amount_before: Decimal) -> Plan | Refusal:
    found = ground.closables()
    ready = [each for each in found.values() if isinstance(each, Closable)]
    blocked = {symbol: each for symbol, each in found.items() if isinstance(each, RefusalCode)}
    if not ready:
        reasons = ", ".join(f"{symbol} {code}" for symbol, code in list(blocked.items())[:_REASONS_SHOWN])
        return Refusal(RefusalCode.NOTHING_SELLABLE, f"No position can be closed now. {reasons}".strip())
    draft = choose(ground.request.policy, ready, start)
    unused = blocked | _unused(ready, draft)
    sold = {each.instrument.symbol: each.quantity(lots) for each, lots in draft.closings}
    uncurable = tuple(
        Uncurable(held.instrument.symbol, unused[symbol], abs(held.quantity) - sold.get(symbol, ZERO))
        for held in ground.rest.holdings
        if (symbol := held.instrument.symbol) in unused
    )
    return _written(draft, amount_before, uncurable, ground.unknown_volume(ready))


def _unused(ready: list[Closable], draft: Draft) -> dict[Symbol, RefusalCode]:
    """Positions that could not help, and those of which a cap or an odd lot leaves something."""
    lots = {each.instrument.symbol: count for each, count in draft.closings}
    start, cured = draft.fresh(), draft.is_cured()
    codes: dict[Symbol, RefusalCode] = {}
    for each in ready:
        symbol = each.instrument.symbol
        if symbol not in lots:
            if not cured or binding(start.lines(each)).relief <= 0:
                codes[symbol] = RefusalCode.CANNOT_CURE
        elif lots[symbol] == each.lots and each.quantity(each.lots) != abs(each.holding.quantity):
            codes[symbol] = RefusalCode.CAPPED if each.lots_beyond_cap else RefusalCode.OFF_LOT
    return codes


def _left_by_caps(draft: Draft) -> tuple[Uncurable, ...]:
    """What of the operator's legs a cap cut off."""
    return tuple(
        Uncurable(
            each.instrument.symbol, RefusalCode.CAPPED, abs(each.holding.quantity) - each.quantity(lots)
        )
        for each, lots in draft.closings
        if each.lots_beyond_cap and lots == each.lots
    )


def _follow(legs: tuple[LegRequest, ...], ground: _Ground, draft: Draft) -> Draft | Refusal:
    """The operator's legs, one after the other; the first that cannot be refuses them all."""
    if not legs:
        return Refusal(
            RefusalCode.NOTHING_SELLABLE, "Name at least one position, or none for an automatic plan."
        )
    seen: set[Symbol] = set()
    for leg in legs:
        if leg.symbol in seen:
            return Refusal(
                RefusalCode.QUANTITY_EXCEEDS_SELLABLE, f"{leg.symbol} is named twice: use one leg."
            )
        seen.add(leg.symbol)
        ready = _asked(leg, ground)
        if isinstance(ready, Refusal):
            return ready
        refused = _close(leg, ready, draft, ground.request.override)
        if refused is not None:
            return refused
    return draft


def _asked(leg: LegRequest, ground: _Ground) -> Closable | Refusal:
    """The leg's position at the leg's price."""
    if leg.symbol in ground.request.keep:
        return Refusal(RefusalCode.NOTHING_SELLABLE, f"{leg.symbol} is both to be kept and to be closed.")
    found = ground.closable(leg.symbol)
    if isinstance(found, RefusalCode):
        return Refusal(found, _WHY_NOT[found].format(symbol=leg.symbol))
    if leg.limit_price is None:
        return found
    if found.limit_price is None:
        return Refusal(RefusalCode.PRICE_OUTSIDE_BAND, f"{leg.symbol}: a market order takes no limit price.")
    quoted = side_price(found.quote, found.side)
    assert quoted is not None, "what can be closed has a quote"
    distance = ground.limits.price_band * quoted
    if not leg.limit_price.is_finite() or not _near(leg.limit_price, quoted, distance):
        return Refusal(
            RefusalCode.PRICE_OUTSIDE_BAND,
            f"{leg.symbol}: the limit price may be at most {distance:f} away from {quoted:f}.",
        )
    ready = ground.capped(
        closable_at(found.holding, found.quote, leg.limit_price, found.rate, ground.book.rule.coefficient)
    )
    if isinstance(ready, RefusalCode):
        return Refusal(ready, _WHY_NOT[ready].format(symbol=leg.symbol))
    return ready


def _near(price: Decimal, quoted: Decimal, distance: Decimal) -> bool:
    return price > 0 and quoted - distance <= price <= quoted + distance


def _close(leg: LegRequest, ready: Closable, draft: Draft, override: bool) -> Refusal | None:
    """Add the leg to the draft; one of open quantity only if something is left to collect."""
    if not override and binding(draft.fresh().lines(ready)).relief <= 0:
        return Refusal(
            RefusalCode.CANNOT_CURE, f"Closing {leg.symbol} would not lower the amount to collect."
        )
    if leg.quantity is not None:
        lots = _lots_of(leg.symbol, leg.quantity, ready)
        if isinstance(lots, Refusal):
            return lots
        draft.close(ready, lots)
    elif not draft.is_cured():
        lots = draft.lots_to_close(ready)
        if not lots:
            return Refusal(
                RefusalCode.CANNOT_CURE, f"After the other legs {leg.symbol} lowers the amount no more."
            )
        draft.close(ready, lots)
    return None


def _lots_of(symbol: Symbol, quantity: Decimal, ready: Closable) -> int | Refusal:
    """A quantity above zero, in whole lots, within what is sellable; zero and NaN are no lots at all."""
    lot, sellable = ready.instrument.lot_size, abs(ready.holding.quantity)
    if not quantity.is_finite() or not quantity:
        return Refusal(RefusalCode.OFF_LOT, f"{symbol}: give a quantity of at least one lot of {lot:f}.")
    if quantity < 0:
        return Refusal(
            RefusalCode.INCREASES_EXPOSURE, f"{symbol}: a negative quantity would open, not close."
        )
    if quantity > sellable:
        return Refusal(
            RefusalCode.QUANTITY_EXCEEDS_SELLABLE, f"Of {symbol} only {sellable:f} can still be closed."
        )
    if whole_lots(quantity, lot) != quantity:
        return Refusal(RefusalCode.OFF_LOT, f"{symbol} trades in whole lots of {lot:f}.")
    lots = lots_within(quantity, lot)
    if lots > ready.lots:
        most = ready.quantity(ready.lots)
        return Refusal(RefusalCode.CAPPED, f"One order for {symbol} may be at most {most:f} units now.")
    return lots


_REASONS_SHOWN = 10
_WHY_NOT: Mapping[RefusalCode, str] = {
    RefusalCode.NOT_FOUND: "The account holds no {symbol}.",
    RefusalCode.NOTHING_SELLABLE: "All of {symbol} is in open orders; cancel them first.",
    RefusalCode.INSTRUMENT_SUSPENDED: "{symbol} is suspended or delisted.",
    RefusalCode.MARKET_CLOSED: "{symbol} takes no such order now; wait for its session.",
    RefusalCode.NO_QUOTE: "{symbol} has no quote on the side needed, or its currency no FX rate.",
    RefusalCode.STALE_QUOTE: "The quote of {symbol} is too old; wait for a new one.",
    RefusalCode.CAPPED: "The caps on daily volume and slices leave no lot of {symbol} to one order now.",
    RefusalCode.OFF_LOT: "What is left of {symbol} is less than one lot and needs an odd-lot order.",
}
