"""Which positions a plan closes, and in which order, when the operator leaves the choice to the desk."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from domain.amount_formula import Line, Relief, binding, lots_to_cure, useful_lots
from domain.closing import Closable, Draft, first_cured
from domain.margin import Source, market_value
from domain.money import ZERO
from domain.order import OrderSide


class LiquidationPolicy(StrEnum):
    """How the desk chooses positions. All policies but ALL stop as soon as nothing is left to collect."""

    MIN_TURNOVER = "MIN_TURNOVER"
    """Most relief per notional first; the last leg is the cheapest that cures the call."""
    LOSERS_FIRST = "LOSERS_FIRST"
    """Largest unrealised loss first; positions of unknown cost last."""
    LARGEST_FIRST = "LARGEST_FIRST"
    """Largest market value first."""
    MOST_LIQUID_FIRST = "MOST_LIQUID_FIRST"
    """Largest average daily turnover in money first; positions of unknown volume last, by the displayed
    notional.
    """
    PRO_RATA = "PRO_RATA"
    """The same fraction of each position, rounded up to the lot."""
    ALL = "ALL"
    """All positions that can be closed."""


def choose(policy: LiquidationPolicy, closables: list[Closable], start: Draft) -> Draft:
    """The closings of the policy; with MIN_TURNOVER never more expensive than those of another policy that
    cures.
    """
    if policy is LiquidationPolicy.ALL:
        sales_first = sorted(closables, key=lambda each: each.side is OrderSide.BUY)
        return _everything(sales_first, start.fresh())
    draft = _filled(policy, closables, start)
    needs = draft.needs()
    if policy is not LiquidationPolicy.MIN_TURNOVER or len(needs) < 2:
        return draft
    balanced = start.fresh()
    _in_order(sorted(closables, key=lambda each: _yield_for(each, needs), reverse=True), balanced)
    rivals = [_filled(other, closables, start) for other in _RIVALS]
    return min((draft, balanced, *rivals), key=_cost)


def _yield_for(closable: Closable, needs: Mapping[Source, Decimal]) -> Fraction:
    """The yield per notional; a lot's relief on each line counts as a fraction of that line's need."""
    parts = (Fraction(closable.relief[source]) / Fraction(need) for source, need in needs.items())
    one_lot = closable.price * closable.instrument.lot_size * closable.instrument.multiplier * closable.rate
    return sum(parts, Fraction(0)) / Fraction(one_lot)


def _cost(draft: Draft) -> tuple[Decimal, Decimal]:
    """The sort key: first the remaining need, then the traded notional."""
    return ZERO if draft.is_cured() else draft.need, draft.notional()


def _filled(policy: LiquidationPolicy, closables: list[Closable], start: Draft) -> Draft:
    """The closings of one policy.

    A cover may be cut short because it raises the debt to the financing limit. If that leaves something to
    collect, the choice is made again with sales before covers, which leaves the most room.
    """
    sales = [each for each in closables if each.side is OrderSide.SELL]
    covers = [each for each in closables if each.side is OrderSide.BUY]
    fill = _FILLS.get(policy, _in_order)
    draft = start.fresh()
    fill(_sorted(policy, closables), draft)
    if draft.is_cured() or not (sales and covers):
        return draft
    sales_first = start.fresh()
    fill(_sorted(policy, sales), sales_first)
    fill(_sorted(policy, covers), sales_first)
    return sales_first if sales_first.need < draft.need else draft


def _sorted(policy: LiquidationPolicy, closables: list[Closable]) -> list[Closable]:
    match policy:
        case LiquidationPolicy.LOSERS_FIRST:
            return sorted(closables, key=_profit)
        case LiquidationPolicy.LARGEST_FIRST:
            return sorted(closables, key=lambda each: -abs(market_value(each.holding) * each.rate))
        case LiquidationPolicy.MOST_LIQUID_FIRST:
            return sorted(closables, key=_illiquidity)
    return closables


def _profit(closable: Closable) -> tuple[bool, Decimal]:
    """Unrealised, in base currency; positions of unknown cost sort last."""
    holding = closable.holding
    if holding.average_cost is None:
        return True, ZERO
    per_unit = (closable.quote.mark - holding.average_cost) * holding.instrument.multiplier
    return False, holding.quantity * per_unit * closable.rate


def _illiquidity(closable: Closable) -> tuple[bool, Decimal, Decimal]:
    """Small for liquid positions; those of unknown volume sort last."""
    volume = closable.instrument.average_daily_volume
    traded = (volume or ZERO) * closable.unit_value * closable.rate
    return volume is None, -traded, -_displayed(closable)


def _displayed(closable: Closable) -> Decimal:
    """Notional displayed on the opposite side of the market, in base currency."""
    quote = closable.quote
    if closable.side is OrderSide.SELL:
        size, price = quote.bid_size, quote.bid
    else:
        size, price = quote.ask_size, quote.ask
    return (size or ZERO) * (price or ZERO) * closable.instrument.multiplier * closable.rate


def _everything(closables: Iterable[Closable], draft: Draft) -> Draft:
    for closable in closables:
        draft.close(closable, closable.lots)
    return draft


def _in_order(closables: list[Closable], draft: Draft) -> None:
    for closable in closables:
        if draft.is_cured():
            return
        lots = draft.lots_to_close(closable)
        if lots:
            draft.close(closable, lots)


def _min_turnover(closables: list[Closable], draft: Draft) -> None:
    """Best yield first; once the best can cure the call alone, the cheapest position that can replaces it.

    With one binding line this is the greedy solution of the fractional knapsack, which is optimal except for
    rounding up its last leg: the notional is at most one lot above that of any plan that cures. If more than
    one line has a need, greedy is no longer optimal, as each line has its own order: `choose` then compares
    it with other plans.
    """
    left = list(closables)
    while left and not draft.is_cured():
        deciding = draft.formula.deciding(draft.standing)
        left.sort(key=lambda each, part=deciding: each.per_notional[part], reverse=True)  # type: ignore[misc]
        sized = ((each, draft.lots_to_close(each)) for each in left)
        best = next((pair for pair in sized if pair[1]), None)
        if best is None:
            return
        if draft.cures(*best):
            best = _cheapest_cure(left, draft)
        draft.close(*best)
        left.remove(best[0])


def _cheapest_cure(closables: list[Closable], draft: Draft) -> tuple[Closable, int]:
    sized = ((each, draft.lots_to_close(each)) for each in closables)
    curing = [(each, lots) for each, lots in sized if lots and draft.cures(each, lots)]
    return min(curing, key=lambda pair: pair[0].base_notional(pair[1]))


def _pro_rata(closables: list[Closable], draft: Draft) -> None:
    """The smallest common fraction that cures, before each leg is rounded up to its lot.

    It is counted in lots of the position with the most lots, and enlarged only where whole minor units bring
    in too little. Rounding up brings in more than needed, so the last legs are cut back.
    """
    helping = [each for each in closables if binding(draft.lines(each)).relief > 0]
    steps = max((each.lots for each in helping), default=0)
    lines = _lines_of_a_step(helping, draft, steps)
    most = useful_lots(lines, steps)
    guess, before = min(most, lots_to_cure(lines)), len(draft.closings)

    def cures(step: int) -> bool:
        draft.back_to(before)
        _close_fraction(helping, draft, step, steps)
        return draft.is_cured()

    if not cures(guess) and cures(most):
        cures(first_cured(cures, guess + 1, most))
    _cut_back(draft)


def _lines_of_a_step(closables: list[Closable], draft: Draft, steps: int) -> tuple[Line, ...]:
    """The effect of closing 1/steps of everything; both sides of each line are multiplied by `steps` to stay
    exact.
    """
    parts = zip(*(tuple(part * each.lots for part in each.relief) for each in closables), strict=True)
    sums = [sum(part, ZERO) for part in parts] or [ZERO] * len(Relief._fields)
    lines = draft.formula.lines(draft.standing, Relief(*sums))
    return tuple(line._replace(need=line.need * steps) for line in lines)


def _close_fraction(closables: list[Closable], draft: Draft, step: int, steps: int) -> None:
    """Close step/steps of each position, rounded up to the lot."""
    for closable in closables if step else ():
        draft.close(closable, -(-closable.lots * step // steps))


def _cut_back(draft: Draft) -> None:
    """Drop the last legs without which the draft cures, and the surplus lots of the last one that it needs.

    Such a leg may also be a cover whose whole lots exceed the financing limit.
    """
    while draft.closings:
        closable, lots = draft.drop_last()
        if not draft.is_cured():
            draft.close(closable, draft.fewest_curing(closable, lots))
            return


_FILLS: dict[LiquidationPolicy, Callable[[list[Closable], Draft], None]] = {
    LiquidationPolicy.MIN_TURNOVER: _min_turnover,
    LiquidationPolicy.PRO_RATA: _pro_rata,
}
_RIVALS = (
    LiquidationPolicy.LARGEST_FIRST,
    LiquidationPolicy.LOSERS_FIRST,
    LiquidationPolicy.MOST_LIQUID_FIRST,
    LiquidationPolicy.PRO_RATA,
)
