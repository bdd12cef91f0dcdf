"""The orders that bring stock back: short stock is covered, written calls are bought back.

Sized to a quantity, not to the amount: the fewest whole lots that leave nothing outstanding after the fill of
the open orders, never more than the short then. Prices, quotes and lots are those of the planner.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.canonical import plain
from domain.case import AlertType
from domain.closing import Closable
from domain.covered_options import Today, written_calls
from domain.ids import Symbol
from domain.liquidation import collar_reason, no_plan, refuses
from domain.liquidation_plan import LegRequest, Plan, PlannedLeg, Uncurable
from domain.margin import Book, Holding
from domain.money import ZERO, exact, lots_needed, lots_within, round_money, total, whole_lots
from domain.order_caps import capped
from domain.planning_context import without
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder, Pricing, after_open_orders, waiting_units
from domain.stock_recovery import Recovery, outstanding_in


@dataclass(frozen=True, slots=True)
class _Goal:
    """A quantity of a stock that is missing after the fill of the open orders, and the positions that bring
    it back.
    """

    symbol: Symbol
    need: Decimal
    ways: tuple[Holding, ...]


def plan_recovery(
    book: Book,
    open_orders: Iterable[OpenOrder],
    recoveries: Sequence[Recovery],
    pricing: Pricing,
) -> Plan | Refusal:
    """The orders that bring back what is outstanding, or as much as possible; a refusal if there are none.

    `recoveries` are the open ones to serve. The policy of the request is not used; its legs, if any, name the
    positions, the largest quantities and the limits. The amounts of the plan are 0.
    """
    refused = refuses(pricing.request, pricing.limits)
    if refused is not None:
        return refused
    open_orders = tuple(open_orders)
    rest = after_open_orders(book, open_orders)
    goals = _goals(rest, recoveries, pricing.hours.today)
    if not any(goal.need for goal in goals):
        return Refusal(
            RefusalCode.NOTHING_TO_COLLECT,
            "Nothing is left to bring back: nothing is outstanding, or open orders cover it.",
        )
    draft = _Draft(rest, open_orders, pricing)
    with exact():
        refused = draft.refuses_legs(goals)
        if refused is not None:
            return refused
        for goal in goals:
            draft.serve(goal)
    return draft.written()


def _goals(rest: Book, recoveries: Sequence[Recovery], today: Today) -> list[_Goal]:
    """One per stock and reason: the demands of several recalls of a stock add up."""
    goals: dict[tuple[AlertType, Symbol], _Goal] = {}
    for each in recoveries:
        outstanding = outstanding_in(each, rest, today)
        key = (each.alert_type, each.symbol)
        known = goals.get(key)
        if known is not None:
            outstanding = total([known.need, outstanding])
        goals[key] = _Goal(each.symbol, outstanding, _ways(each, rest, today))
    return list(goals.values())


def _ways(recovery: Recovery, rest: Book, today: Today) -> tuple[Holding, ...]:
    if recovery.alert_type is AlertType.COVERED_CALL_SHORTFALL:
        return written_calls(rest, recovery.symbol, today)
    held = rest.holding(recovery.symbol)
    return (held,) if held is not None and held.quantity < 0 else ()


def _quantity_of(held: Holding, need: Decimal) -> Decimal:
    """How much of the position brings back so much stock; the rest may stay."""
    return min(abs(held.quantity), Decimal(lots_needed(need, held.instrument.multiplier)))


class _Draft:
    """The legs found so far, and the positions that could not be used."""

    def __init__(self, rest: Book, open_orders: Sequence[OpenOrder], pricing: Pricing) -> None:
        self._rest, self._orders, self._pricing = rest, open_orders, pricing
        self._request, self._limits = pricing.request, pricing.limits
        self._waiting = waiting_units(open_orders)
        self._requested = {leg.symbol: leg for leg in pricing.request.legs or ()}
        self._legs: list[PlannedLeg] = []
        self._second_person: list[str] = []
        self._uncurable: list[Uncurable] = []

    def refuses_legs(self, goals: Sequence[_Goal]) -> Refusal | None:
        """The refusal of the first leg that is not possible, if any."""
        ways = {held.instrument.symbol: held for goal in goals for held in goal.ways if goal.need}
        legs = self._request.legs or ()
        if len(self._requested) != len(legs):
            return Refusal(
                RefusalCode.QUANTITY_EXCEEDS_SELLABLE, "A position is named twice: give it one leg."
            )
        for leg in legs:
            held = ways.get(leg.symbol)
            if held is None:
                return Refusal(
                    RefusalCode.INCREASES_EXPOSURE,
                    f"Closing {leg.symbol} would bring back none of the stock: name the short position or "
                    "a written call.",
                )
            refused = self._refuses(leg, held)
            if refused is not None:
                return refused
        return None

    def serve(self, goal: _Goal) -> None:
        """Add legs until the need is met or no position is left."""
        need = goal.need
        for held in goal.ways:
            symbol = held.instrument.symbol
            if need <= 0 or (self._request.legs is not None and symbol not in self._requested):
                continue
            ready = self._closable(held)
            if isinstance(ready, RefusalCode):
                self._uncurable.append(Uncurable(symbol, ready, _quantity_of(held, need)))
                continue
            per_lot = held.instrument.multiplier * held.instrument.lot_size
            missing_lots = lots_needed(need, per_lot)
            lots = min(missing_lots, ready.lots, self._most_lots(held))
            if missing_lots > ready.lots:
                self._note_what_stays(ready, need)
            self._add(ready, lots)
            need -= lots * per_lot

    def _note_what_stays(self, ready: Closable, need: Decimal) -> None:
        """Note that more is needed than one order may close, because of a cap or an odd lot."""
        stays = _quantity_of(ready.holding, need) - ready.quantity(ready.lots)
        if stays:
            code = RefusalCode.CAPPED if ready.lots_beyond_cap else RefusalCode.OFF_LOT
            self._uncurable.append(Uncurable(ready.instrument.symbol, code, stays))

    def written(self) -> Plan | Refusal:
        """The draft as a plan, or a refusal without legs."""
        if not self._legs:
            return no_plan(tuple(self._uncurable), some_can_be_closed=False)
        return Plan(
            legs=tuple(self._legs),
            amount_before=ZERO,
            uncovered_before=ZERO,
            amount_after=ZERO,
            estimated_reduction=ZERO,
            notional=total(leg.base_notional for leg in self._legs),
            uncurable=tuple(self._uncurable),
            second_person=tuple(self._second_person),
        )

    def _closable(self, held: Holding) -> Closable | RefusalCode:
        symbol = held.instrument.symbol
        if symbol in self._request.keep:
            return RefusalCode.NOTHING_SELLABLE
        leg = self._requested.get(symbol)
        closable = self._priced(leg, held)
        if not isinstance(closable, Closable):
            return closable.code if isinstance(closable, Refusal) else closable
        if closable.second_person and leg is None:
            return RefusalCode.PRICE_COLLAR
        closable = without(closable, self._waiting.get(symbol, ZERO))
        if not closable.lots:
            return RefusalCode.NOTHING_SELLABLE
        caps = self._limits.caps(self._request.caps, self._rest.terms.base_currency)
        within = capped(closable, caps, self._in_flight(symbol))
        return within if within.lots else RefusalCode.CAPPED

    def _priced(self, leg: LegRequest | None, held: Holding) -> Closable | Refusal | RefusalCode:
        if leg is None or leg.limit_price is None:
            return self._pricing.at_the_quote(self._rest, held)
        return self._pricing.at_limit(self._rest, held, leg.limit_price)

    def _in_flight(self, symbol: Symbol) -> Decimal:
        return sum((each.leaves_quantity for each in self._orders if each.symbol == symbol), ZERO)

    def _most_lots(self, held: Holding) -> int:
        leg = self._requested.get(held.instrument.symbol)
        quantity = abs(held.quantity) if leg is None or leg.quantity is None else leg.quantity
        return lots_within(quantity, held.instrument.lot_size)

    def _refuses(self, leg: LegRequest, held: Holding) -> Refusal | None:
        lot = held.instrument.lot_size
        if leg.quantity is not None and leg.quantity <= 0:
            return Refusal(
                RefusalCode.OFF_LOT, f"{leg.symbol}: give a quantity of at least one lot of {plain(lot)}."
            )
        if leg.quantity is not None and leg.quantity > abs(held.quantity):
            return Refusal(
                RefusalCode.QUANTITY_EXCEEDS_SELLABLE,
                f"Of {leg.symbol} only {plain(abs(held.quantity))} can still be closed.",
            )
        if leg.quantity is not None and whole_lots(leg.quantity, lot) != leg.quantity:
            return Refusal(RefusalCode.OFF_LOT, f"{leg.symbol} trades in whole lots of {plain(lot)}.")
        return self._refuses_price(leg, held)

    def _refuses_price(self, leg: LegRequest, held: Holding) -> Refusal | None:
        if leg.limit_price is None:
            return None
        closable = self._priced(leg, held)
        if isinstance(closable, RefusalCode):
            return Refusal(closable, f"{leg.symbol} cannot be closed now: {closable}.")
        return closable if isinstance(closable, Refusal) else None

    def _add(self, ready: Closable, lots: int) -> None:
        if not lots:
            return
        base = self._rest.terms.base_currency
        if ready.second_person:
            self._second_person.append(collar_reason(ready))
        self._legs.append(
            PlannedLeg(
                instrument=ready.instrument,
                side=ready.side,
                quantity=ready.quantity(lots),
                price=ready.price,
                limit_price=ready.limit_price,
                fee=ready.fee(lots),
                base_notional=round_money(ready.base_notional(lots), base),
                reduction=ZERO,
                quote=ready.quote,
                market=ready.market,
            )
        )
