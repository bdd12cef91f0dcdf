"""The effect of closing a position on the amount to collect, and how much of it has to be closed.

The size is first estimated by a closed form without rounding, then corrected by the full formula with every
cash move booked in whole minor units. The resulting number of lots cures, and one lot less does not.
Everything here runs inside `money.exact()`, entered by the caller.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from domain.amount_formula import AmountFormula, Line, Relief, lots_to_cure, useful_lots
from domain.booking import booked
from domain.ids import Symbol
from domain.margin import AmountRule, Holding, Source, Standing
from domain.market import Instrument, Quote
from domain.market_hours import MarketState
from domain.money import ZERO, lots_within, rank_ratio
from domain.order import OrderSide


@dataclass(frozen=True, slots=True)
class Closable:
    """A position of which up to `lots` whole lots can be closed now at `price`. Created by `closable_at`."""

    holding: Holding
    quote: Quote
    price: Decimal
    limit_price: Decimal | None
    lots: int
    rate: Decimal
    """Units of the base currency per unit of the instrument's currency."""
    unit_value: Decimal
    """The valuation of one unit, in the instrument's currency."""
    relief: Relief
    """The relief of one lot."""
    per_notional: Relief
    """The relief per unit of notional, for ranking only."""
    lots_beyond_cap: int = 0
    """Additional whole lots that could be closed if the order size had no cap."""
    second_person: bool = False
    """Its price requires a second person."""
    market: MarketState = MarketState.OPEN
    """Whether its market is in session."""

    @property
    def instrument(self) -> Instrument:
        """The instrument of the position."""
        return self.holding.instrument

    @property
    def symbol(self) -> Symbol:
        """The symbol of the position."""
        return self.holding.instrument.symbol

    @property
    def side(self) -> OrderSide:
        """SELL for a long position, BUY for a short one."""
        return closing_side(self.holding)

    def quantity(self, lots: int) -> Decimal:
        """Units in so many lots."""
        return lots * self.instrument.lot_size

    def fee(self, lots: int) -> Decimal:
        """The fee of one order for so many lots, in the instrument's currency."""
        return booked(self.instrument, self.quantity(lots), self.price)[1]

    def base_notional(self, lots: int) -> Decimal:
        """The notional of so many lots in base currency, unrounded."""
        return booked(self.instrument, self.quantity(lots), self.price)[0] * self.rate

    def closed(self, standing: Standing, lots: int) -> Standing:
        """The standing after so many lots are filled at the price, exactly as they will be booked."""
        quantity = self.quantity(lots)
        gross, fee = booked(self.instrument, quantity, self.price)
        value, size = quantity * self.unit_value, quantity * abs(self.unit_value)
        if self.holding.quantity > 0:
            cash, given_up = gross - fee, value
        else:
            cash, given_up = -gross - fee, -value
        return Standing(
            standing.cash + cash * self.rate,
            standing.net_assets + (cash - given_up) * self.rate,
            standing.margin_call - size * self.holding.factors.margin_call * self.rate,
            standing.initial - size * self.holding.factors.initial * self.rate,
        )


def closable_at(
    holding: Holding,
    quote: Quote,
    price: Decimal,
    rate: Decimal,
    rule: AmountRule,
    limit_price: Decimal | None,
) -> Closable:
    """All whole lots of the position at `price`.

    `rate`: base currency per unit of the instrument's currency.
    """
    instrument, long = holding.instrument, holding.quantity > 0
    unit_value = quote.mark * instrument.multiplier
    value = unit_value * instrument.lot_size * rate
    notional = price * instrument.lot_size * instrument.multiplier * rate
    fee = notional * instrument.fee_rate
    cash = (notional if long else -notional) - fee
    change = Standing(
        cash,
        cash - (value if long else -value),
        -holding.factors.margin_call * abs(value),
        -holding.factors.initial * abs(value),
    )
    relief = Relief.of(rule, change)
    per_notional = Relief(*(rank_ratio(part, notional) for part in relief))
    lots = lots_within(abs(holding.quantity), instrument.lot_size)
    return Closable(holding, quote, price, limit_price, lots, rate, unit_value, relief, per_notional)


def closing_side(holding: Holding) -> OrderSide:
    """SELL for a long position, BUY for a short one."""
    return OrderSide.SELL if holding.quantity > 0 else OrderSide.BUY


def first_cured(is_cured: Callable[[int], bool], guess: int, most: int) -> int:
    """A number of lots that cures while one less does not, given that 0 does not; `most` if none cures.

    Tries the guess and its neighbours, then bisects: at most log2(most) + 4 evaluations.
    """
    low, high = 0, most
    for probe in (guess, guess - 1, guess + 1):
        if low < probe < high:
            low, high = (low, probe) if is_cured(probe) else (probe, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_cured(middle) else (middle, high)
    return high


class Draft:
    """Closings chosen so far, in order, and the account's standing after each."""

    def __init__(self, formula: AmountFormula, standing: Standing) -> None:
        self.formula = formula
        self._standings = [standing]
        self.closings: list[tuple[Closable, int]] = []

    def fresh(self) -> "Draft":
        """An empty draft with the same start."""
        return Draft(self.formula, self._standings[0])

    @property
    def standing(self) -> Standing:
        """The standing after all chosen closings."""
        return self._standings[-1]

    @property
    def need(self) -> Decimal:
        """The need that remains after all chosen closings, unrounded."""
        return self.formula.need(self.standing)

    def is_cured(self) -> bool:
        """Nothing is left to collect, and the target is reached."""
        return self.formula.is_met(self.standing)

    def needs(self) -> dict[Source, Decimal]:
        """The largest contribution required of each part of a `Relief`, from the start to here."""
        most: dict[Source, Decimal] = {}
        for standing in self._standings:
            for source, need in self.formula.open_needs(standing).items():
                most[source] = max(need, most.get(source, ZERO))
        return most

    def notional(self) -> Decimal:
        """The notional of all chosen closings in base currency, unrounded."""
        return sum((closable.base_notional(lots) for closable, lots in self.closings), ZERO)

    def amounts(self) -> list[Decimal]:
        """The amount to collect at the start and after each closing."""
        return [self.formula.amount(standing) for standing in self._standings]

    def lines(self, closable: Closable) -> tuple[Line, ...]:
        """The effect of closing it on the conditions of a cure, from here on."""
        return self.formula.lines(self.standing, closable.relief)

    def close(self, closable: Closable, lots: int) -> None:
        """Choose so many lots of it."""
        self._standings.append(closable.closed(self.standing, lots))
        self.closings.append((closable, lots))

    def closed(self) -> list[Closable]:
        """The chosen closings, in order."""
        return [closable for closable, _ in self.closings]

    def from_here(self) -> "Draft":
        """An empty draft that starts where this one ends."""
        return Draft(self.formula, self.standing)

    def followed_by(self, other: "Draft") -> "Draft":
        """This draft followed by the other."""
        both = self.fresh()
        for closable, lots in (*self.closings, *other.closings):
            both.close(closable, lots)
        return both

    def drop_last(self) -> tuple[Closable, int]:
        """Remove the last choice and return it."""
        self._standings.pop()
        return self.closings.pop()

    def back_to(self, length: int) -> None:
        """Remove all but the first `length` choices."""
        while len(self.closings) > length:
            self.drop_last()

    def cures(self, closable: Closable, lots: int) -> bool:
        """Whether so many lots of it would cure the call."""
        return self.formula.is_met(closable.closed(self.standing, lots))

    def lots_to_close(self, closable: Closable) -> int:
        """The fewest lots of it that cure; if none do, those that lower the need most; 0 if it only rises."""
        lines = self.lines(closable)
        most = useful_lots(lines, closable.lots)
        if not most:
            return 0
        if self.cures(closable, most):
            return self.fewest_curing(closable, most)
        return most if self.formula.need(closable.closed(self.standing, most)) < self.need else 0

    def fewest_curing(self, closable: Closable, most: int) -> int:
        """The fewest lots that cure, given that 0 do not; `most` if none cure."""
        guess = lots_to_cure(self.lines(closable))
        return first_cured(lambda lots: self.cures(closable, lots), guess, most)
