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

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from domain.amount_formula import AmountFormula, LiquidationTarget, binding
from domain.asked_legs import follow
from domain.closing import Closable, Draft
from domain.ids import Symbol
from domain.liquidation_plan import Plan, PlanLimits, PlannedLeg, PlanRequest, Uncurable
from domain.liquidation_policy import choose
from domain.margin import Book, compute_figures, total_up
from domain.money import ZERO, exact, round_money, total
from domain.order import OrderType, TradingSession
from domain.plan_ground import Ground
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder, after_open_orders, covering


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
        covered = after_open_orders(book, covering(open_orders))
        start = _draft_of(covered, request.target)
        if not start.amounts()[0] and not (request.override and request.legs):
            return Refusal(
                RefusalCode.NOTHING_TO_COLLECT, "Open orders, if any, cover all that is to be collected."
            )
        before = (start if covered is book else _draft_of(book)).amounts()[0]
        ground = Ground(book, rest, request, limits, now, _in_flight(open_orders))
        if request.legs is None:
            return _automatic(ground, start, before)
        asked = follow(request.legs, ground, start)
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
    return compute_figures(after_open_orders(book, covering(open_orders)), now, max_age).amount


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


def _automatic(ground: Ground, start: Draft, amount_before: Decimal) -> Plan | Refusal:
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


_REASONS_SHOWN = 10
