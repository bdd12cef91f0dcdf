"""The planner: what to close so that nothing is left to collect.

A plan is computed on the full formula of the amount, never on reliefs alone: first the expected fills of open
orders are booked, then leg after leg at its price, with fees and rounding. Executing a plan that cures, at
its prices, leaves the amount 0; with one lot less of its last leg it does not (except with ALL). A plan never
sells more than is held and not yet being sold, never turns a long into a short, and never takes stock that
covers written calls.

Positions that trade now come first. Only if they do not cure does a plan use positions in closed markets, and
each such leg says so. An open order that waits for its market does not cover anything that can be sold now.

A plan with the target INITIAL_MARGIN continues until liquid net assets reach the initial margin and the other
debts, such as accrued interest.

Prices: the bid for a sale, the ask for a cover, worse by the requested price band, or the limit price if one
is given. This is the worst price that can be paid, so a better fill leaves a surplus. Each is a valid price
of its instrument and within the price collar. Caps reduce orders; what they leave is reported as CAPPED.
Orders have whole lots: a remainder smaller than a lot needs an odd-lot order, which the desk does not place,
and is reported as OFF_LOT.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.amount_formula import AmountFormula, LiquidationTarget, binding
from domain.canonical import plain
from domain.closing import Closable, Draft
from domain.covered_sales import choose_covered
from domain.ids import Symbol
from domain.liquidation_plan import LegRequest, NoPlan, Plan, PlannedLeg, PlanPolicy, PlanRequest, Uncurable
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import Book, compute_figures, total_up
from domain.market_hours import BY_THE_FEED_ALONE, MarketHours, MarketState
from domain.money import ZERO, exact, round_money, total
from domain.order import OrderType, TradingSession
from domain.planning_context import PlanningContext, planning_context
from domain.refusals import Refusal, RefusalCode
from domain.requested_legs import follow
from domain.sellable import OpenOrder, Pricing, after_open_orders


def plan(
    book: Book,
    open_orders: Iterable[OpenOrder],
    request: PlanRequest,
    limits: PlanPolicy,
    now: datetime,
    hours: MarketHours = BY_THE_FEED_ALONE,
) -> Plan | Refusal:
    """The orders that cure the account, or lower the amount as far as possible; a refusal if there are none.

    Open orders that do not close a position, or in something that is not held, do not count.
    """
    refused = refuses(request, limits)
    if refused is not None:
        return refused
    with exact():
        context = planning_context(book, open_orders, Pricing(request, limits, now, hours))
        start = _draft_of(context.rest, request.target)
        if not start.amounts()[0] and not (request.override and request.legs):
            return _NOTHING_TO_COLLECT
        before = (start if context.rest is book else _draft_of(book)).amounts()[0]
        if request.legs is None:
            return _automatic(context, start, before)
        return _by_hand(request.legs, context, start, before)


_NOTHING_TO_COLLECT = Refusal(
    RefusalCode.NOTHING_TO_COLLECT,
    "Nothing is left to collect: the account owes nothing, or open orders cover it. An order that "
    "waits for its market to open counts where nothing else can be sold now.",
)


def refuses(request: PlanRequest, limits: PlanPolicy) -> Refusal | None:
    """The refusal of a request that no plan may fulfil, whatever the book holds."""
    if not ZERO <= request.price_band <= limits.price_band:
        return Refusal(
            RefusalCode.PRICE_OUTSIDE_BAND,
            f"The price band must be a fraction from 0 to {plain(limits.price_band)}.",
        )
    if request.order_type is OrderType.MARKET and request.session is not TradingSession.REGULAR:
        return Refusal(
            RefusalCode.MARKET_CLOSED,
            "Market orders are accepted in the regular session only: use a limit order.",
        )
    return None


def uncovered_amount(
    book: Book, open_orders: Iterable[OpenOrder], now: datetime, max_age: timedelta
) -> Decimal:
    """The amount left to collect when the open orders fill at their prices, on the full formula."""
    return compute_figures(after_open_orders(book, open_orders), now, max_age).amount


def _draft_of(book: Book, target: LiquidationTarget = LiquidationTarget.MARGIN_CALL) -> Draft:
    totals = total_up(book)
    illiquid = totals.dead if book.rule.on_equity else ZERO
    formula = AmountFormula(book.terms, book.rule, totals.accrued_interest, target, illiquid)
    return Draft(formula, formula.standing(totals))


def _by_hand(
    legs: tuple[LegRequest, ...], context: PlanningContext, start: Draft, before: Decimal
) -> Plan | Refusal:
    """A plan of exactly these legs. If one waits for its market, the open orders that wait count for it."""
    with_waiting = bool(context.waiting) and any(_waits(leg, context) for leg in legs)
    if with_waiting:
        later = _draft_of(context.rest_later, context.request.target)
        if not later.amounts()[0] and not context.request.override:
            return _NOTHING_TO_COLLECT
        start = later
    draft = follow(legs, context, start)
    if isinstance(draft, Refusal):
        return draft
    remarks = _Remarks(_left_by_caps(draft), context.unknown_volume(draft.closed()), with_waiting)
    return _written(draft, context, before, remarks)


def _waits(leg: LegRequest, context: PlanningContext) -> bool:
    held = context.book.holding(leg.symbol)
    return held is not None and not context.pricing.hours.in_session(held.instrument.market)


def _automatic(context: PlanningContext, start: Draft, before: Decimal) -> Plan | Refusal:
    closables = context.closables()
    ready = [each for each in closables.values() if isinstance(each, Closable)]
    blocked = {symbol: each for symbol, each in closables.items() if isinstance(each, RefusalCode)}
    chosen = _chosen(ready, context, start)
    if chosen is None:
        return _NOTHING_TO_COLLECT
    draft, with_waiting = chosen
    uncurable = _uncurable(context, blocked | _unused(ready, draft, context), draft)
    if not draft.closings:
        return no_plan(uncurable if ready else _each_position(context, uncurable), bool(ready))
    remarks = _Remarks(uncurable, context.unknown_volume(ready), with_waiting)
    return _written(draft, context, before, remarks)


def _chosen(ready: Sequence[Closable], context: PlanningContext, start: Draft) -> tuple[Draft, bool] | None:
    """Positions that trade now, then, if these do not cure, those that wait for their market; and whether the
    open orders that wait count for them.

    None if open orders that wait for their market leave nothing to collect, and nothing else helps.
    """
    policy, everything = context.request.policy, context.request.policy is LiquidationPolicy.ALL
    now = [each for each in ready if each.market is MarketState.OPEN]
    later = [each for each in ready if each.market is not MarketState.OPEN]
    draft = choose_covered(policy, now, start.fresh(), context.covers)
    if draft.is_cured() and not everything:
        return draft, False
    if context.waiting:
        draft = _draft_of(context.rest_later, context.request.target).followed_by(draft)
        if draft.is_cured() and not draft.closings:
            return None
    if not draft.is_cured() or everything:
        draft = choose_covered(policy, later, draft, context.covers)
    return draft, bool(context.waiting)


def _uncurable(
    context: PlanningContext, codes: Mapping[Symbol, RefusalCode], draft: Draft
) -> tuple[Uncurable, ...]:
    """Positions that the draft leaves, each with the reason, in the order of the book."""
    sold = {each.symbol: each.quantity(lots) for each, lots in draft.closings}
    return tuple(
        Uncurable(held.instrument.symbol, codes[symbol], abs(held.quantity) - sold.get(symbol, ZERO))
        for held in context.rest.holdings
        if (symbol := held.instrument.symbol) in codes
    )


def _each_position(context: PlanningContext, uncurable: tuple[Uncurable, ...]) -> tuple[Uncurable, ...]:
    """Adds the positions to be kept, and those that are completely in open orders."""
    named = {each.symbol for each in uncurable}
    others = (held for held in context.book.holdings if held.instrument.symbol not in named)
    return uncurable + tuple(
        Uncurable(held.instrument.symbol, RefusalCode.NOTHING_SELLABLE, abs(held.quantity)) for held in others
    )


def no_plan(uncurable: tuple[Uncurable, ...], some_can_be_closed: bool) -> NoPlan:
    """The refusal if nothing can be placed. The collar is named if it is the obstacle, since persons can lift
    it.
    """
    reasons = ", ".join(f"{each.symbol} {each.code}" for each in uncurable[:POSITIONS_SHOWN])
    if any(each.code is RefusalCode.PRICE_COLLAR for each in uncurable):
        code, why = RefusalCode.PRICE_COLLAR, "The market is too far from the mark or the previous close."
    elif some_can_be_closed:
        code, why = RefusalCode.CANNOT_CURE, "Closing these positions would not lower the amount to collect."
    else:
        code, why = RefusalCode.NOTHING_SELLABLE, "No position can be closed now."
    return NoPlan(code, f"{why} {reasons}".strip(), uncurable)


@dataclass(frozen=True, slots=True)
class _Remarks:
    """What a plan says beside its legs; see `Plan`."""

    uncurable: tuple[Uncurable, ...]
    unknown_volume: tuple[Symbol, ...]
    counts_waiting: bool


def _written(
    draft: Draft, context: PlanningContext, amount_before: Decimal, remarks: _Remarks
) -> Plan | Refusal:
    """The draft as a plan, or a refusal if it collects nothing."""
    amounts = draft.amounts()
    if not context.request.override and draft.need >= draft.fresh().need:
        return no_plan(remarks.uncurable, some_can_be_closed=True)
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
            market=closable.market,
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
        uncurable=remarks.uncurable,
        short_of_target=round_money(max(draft.need, ZERO), base),
        unknown_volume=remarks.unknown_volume,
        second_person=_second_person(draft, context),
        counts_waiting=remarks.counts_waiting,
    )


def _second_person(draft: Draft, context: PlanningContext) -> tuple[str, ...]:
    """Why these legs require a second person regardless of their size; each is the end of a sentence."""
    reasons = [collar_reason(each) for each in draft.closed() if each.second_person]
    uncovered = context.covers.refuses(draft)
    if uncovered is not None:
        reasons.append("the sale includes stock that covers written calls")
    return tuple(reasons)


def collar_reason(closable: Closable) -> str:
    """Why closing it requires a second person, as the end of a sentence."""
    price, quote = closable.limit_price or closable.price, closable.quote
    measures = f"mark {plain(quote.mark)}"
    if quote.known_close is not None:
        measures += f", previous close {plain(quote.known_close)}"
    return f"{closable.symbol} would be priced at {plain(price)}, outside its price collar ({measures})"


def _unused(ready: Sequence[Closable], draft: Draft, context: PlanningContext) -> dict[Symbol, RefusalCode]:
    """Positions that did not help, and those of which a cover, a cap or an odd lot leaves something."""
    lots = {each.symbol: count for each, count in draft.closings}
    start, cured = draft.fresh(), draft.is_cured()
    codes: dict[Symbol, RefusalCode] = {}
    for each in ready:
        symbol = each.symbol
        if context.covers.held_back(each, draft):
            codes[symbol] = RefusalCode.COVERS_WRITTEN_CALLS
        elif symbol not in lots:
            if not cured or binding(start.lines(each)).relief <= 0:
                codes[symbol] = RefusalCode.CANNOT_CURE
        elif lots[symbol] == each.lots and each.quantity(each.lots) != abs(each.holding.quantity):
            codes[symbol] = RefusalCode.CAPPED if each.lots_beyond_cap else RefusalCode.OFF_LOT
    return codes


def _left_by_caps(draft: Draft) -> tuple[Uncurable, ...]:
    """The part of the operator's legs that a cap cut off."""
    return tuple(
        Uncurable(each.symbol, RefusalCode.CAPPED, abs(each.holding.quantity) - each.quantity(lots))
        for each, lots in draft.closings
        if each.lots_beyond_cap and lots == each.lots
    )


POSITIONS_SHOWN = 10
