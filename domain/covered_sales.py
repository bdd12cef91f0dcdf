"""Stock that covers written calls is sold only as far as the calls no longer need it.

A call is bought back before, or in the same plan, if the sale of its stock is needed to cure.
domain/covered_options.py defines which calls need cover, and what covers them. Everything here runs inside
`money.exact()`, entered by the caller.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from domain.canonical import plain
from domain.closing import Closable, Draft, first_cured
from domain.covered_options import Today, shortfall_of, written_calls
from domain.ids import Symbol
from domain.liquidation_policy import LiquidationPolicy, choose
from domain.margin import Book, Holding
from domain.money import ZERO, lots_within, total
from domain.refusals import Refusal, RefusalCode


@dataclass(frozen=True, slots=True)
class _Underlying:
    """A stock on which calls are written. `spare`: held beyond the calls' need, below 0 if it is short."""

    symbol: Symbol
    spare: Decimal
    calls: tuple[Holding, ...]


class Covers:
    """The stocks of a book that cover written calls, and what a plan may sell of them."""

    def __init__(self, rest: Book, waiting: Mapping[Symbol, Decimal], today: Today) -> None:
        """`rest`: the book after the fill of the open orders that count; `waiting`: units in all other
        orders.
        """
        symbols = {
            held.instrument.option.underlying for held in rest.holdings if held.instrument.option is not None
        }
        stocks = (_underlying(rest, symbol, waiting, today) for symbol in sorted(symbols))
        self._stocks = {each.symbol: each for each in stocks if each.calls}

    def free(self, symbol: Symbol, draft: Draft) -> Decimal | None:
        """Units that may be sold after the choices of the draft; None if no call needs the stock."""
        stock = self._stocks.get(symbol)
        return None if stock is None else self._spare(stock, draft)

    def limited(self, closables: Iterable[Closable], draft: Draft) -> list[Closable]:
        """The positions, each limited to what may be sold after the choices of the draft; those of which
        nothing may are left out.
        """
        limited = []
        for each in closables:
            free = self.free(each.symbol, draft)
            if free is not None:
                each = replace(each, lots=min(each.lots, lots_within(free, each.instrument.lot_size)))
            if each.lots:
                limited.append(each)
        return limited

    def held_back(self, closable: Closable, draft: Draft) -> bool:
        """Whether more of it could be sold after the draft if no call needed it."""
        free = self.free(closable.symbol, draft)
        if free is None:
            return False
        sold = sum(lots for each, lots in draft.closings if each.symbol == closable.symbol)
        return sold < closable.lots and free < closable.instrument.lot_size

    def refuses(self, draft: Draft) -> Refusal | None:
        """The refusal if the draft leaves more calls uncovered than there were."""
        start = draft.fresh()
        for stock in self._stocks.values():
            before, after = self._spare(stock, start), self._spare(stock, draft)
            if after < 0 and after < before:
                calls = ", ".join(call.instrument.symbol for call in stock.calls)
                most = max(ZERO, after + _traded(draft, stock.symbol))
                return Refusal(
                    RefusalCode.COVERS_WRITTEN_CALLS,
                    f"{stock.symbol} covers written calls: only {plain(most)} can be sold. Buy back "
                    f"{calls} first or in the same plan, or sell with an override, which a second "
                    "person must approve.",
                )
        return None

    def buy_backs(self, ready: Iterable[Closable], draft: Draft) -> list[Closable]:
        """The calls whose buy-back frees stock that could then be sold, in the order of the buy-backs."""
        by_symbol = {each.symbol: each for each in ready}
        calls_to_buy = []
        for stock in self._stocks.values():
            sold = by_symbol.get(stock.symbol)
            if sold is not None and self.held_back(sold, draft):
                calls = (by_symbol.get(call.instrument.symbol) for call in stock.calls)
                calls_to_buy += [call for call in calls if call is not None]
        return calls_to_buy

    def _spare(self, stock: _Underlying, draft: Draft) -> Decimal:
        freed = (_traded(draft, call.instrument.symbol) * call.instrument.multiplier for call in stock.calls)
        return stock.spare - _traded(draft, stock.symbol) + sum(freed, ZERO)


def choose_covered(
    policy: LiquidationPolicy, ready: Sequence[Closable], start: Draft, covers: Covers
) -> Draft:
    """The choices of the policy that leave no more calls uncovered than there were.

    First without the stock that calls need. If that does not cure, calls are bought back before everything
    else: the fewest that cure, or all of them if none suffice and that still helps.
    """
    plain = start.followed_by(choose(policy, covers.limited(ready, start), start.from_here()))
    everything = policy is LiquidationPolicy.ALL
    if plain.is_cured() and not everything:
        return plain
    calls = covers.buy_backs(ready, start)
    most = sum(call.lots for call in calls)
    if not most:
        return plain

    def after(lots: int) -> Draft:
        return _after_buy_backs(policy, ready, start, covers, calls, lots)

    last = after(most)
    if everything:
        return last
    if last.is_cured():
        return after(first_cured(lambda lots: after(lots).is_cured(), 1, most))
    return last if last.need < plain.need else plain


def _after_buy_backs(
    policy: LiquidationPolicy,
    ready: Sequence[Closable],
    start: Draft,
    covers: Covers,
    calls: Sequence[Closable],
    lots: int,
) -> Draft:
    """Buy back so many lots of the calls, then apply the policy to everything else."""
    draft = start.followed_by(start.from_here())
    for call in calls:
        bought = min(lots, call.lots)
        if bought:
            draft.close(call, bought)
        lots -= bought
    bought_back = {each.symbol for each in draft.closed()}
    others = [each for each in ready if each.symbol not in bought_back]
    return draft.followed_by(choose(policy, covers.limited(others, draft), draft.from_here()))


def _underlying(rest: Book, symbol: Symbol, waiting: Mapping[Symbol, Decimal], today: Today) -> _Underlying:
    shortfall = shortfall_of(rest, symbol, today)
    spare = total([shortfall.held, shortfall.required.copy_negate(), waiting.get(symbol, ZERO).copy_negate()])
    return _Underlying(symbol, spare, written_calls(rest, symbol, today))


def _traded(draft: Draft, symbol: Symbol) -> Decimal:
    """Units that the draft closes."""
    return sum((each.quantity(lots) for each, lots in draft.closings if each.symbol == symbol), ZERO)
