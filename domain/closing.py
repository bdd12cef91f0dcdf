"""What closing a position does to the amount to collect, and how much of it has to be closed.

Sizing starts from the closed form, which knows no rounding, and ends on the full formula with every cash
move booked in whole minor units. So the lots it names cure, and one lot less does not.
Everything here runs inside `money.exact()`, entered by the caller.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from domain.booking import booked
from domain.margin import (
    AccountTerms,
    AmountRule,
    Holding,
    Totals,
    fixed_part,
    owes_whole_debt,
    shortfalls,
)
from domain.market import Instrument, Quote
from domain.money import ZERO, lots_needed, lots_within, rank_ratio, round_money
from domain.order import OrderSide


class LiquidationTarget(StrEnum):
    """Up to where a liquidation brings an account. Whatever it is, nothing may be left to collect."""

    MARGIN_CALL = "MARGIN_CALL"
    """Nothing is left to collect."""
    INITIAL_MARGIN = "INITIAL_MARGIN"
    """Liquid net assets reach the initial margin as well, with what else the client owes paid off: M1 with
    the initial margin in place of the margin-call margin, and without the coefficient, which is a buffer of
    the call."""


class Standing(NamedTuple):
    """What of an account a trade changes, in base currency; net assets as the amount rule measures them."""

    cash: Decimal
    net_assets: Decimal
    margin_call: Decimal
    initial: Decimal


class Relief(NamedTuple):
    """By how much closing one lot lowers M1, the debt and what liquid net assets lack of the initial margin.

    In base currency, unrounded; < 0: it raises it.
    """

    margin: Decimal
    debt: Decimal
    initial: Decimal


class Line(NamedTuple):
    """One condition of a cure as a straight line: `need` must come down to 0, by `relief` with every lot."""

    need: Decimal
    relief: Decimal

    def after(self, lots: int) -> Decimal:
        """What is then needed of it."""
        return self.need - lots * self.relief


@dataclass(frozen=True, slots=True)
class AmountFormula:
    """The amount to collect as a function of the standing; the rest of it no trade changes."""

    terms: AccountTerms
    rule: AmountRule
    accrued_interest: Decimal
    target: LiquidationTarget = LiquidationTarget.MARGIN_CALL
    illiquid: Decimal = ZERO
    """What net assets, as the amount rule measures them, hold of dead positions."""

    def standing(self, totals: Totals) -> Standing:
        """Where these sums put the account."""
        equity = totals.cash + totals.long + totals.short
        net_assets = equity if self.rule.on_equity else equity - totals.dead
        return Standing(totals.cash, net_assets, totals.margin_call, totals.initial)

    def need(self, standing: Standing) -> Decimal:
        """max(M1, M2, and with that target what the initial margin lacks), unrounded and maybe below 0."""
        need = self._to_collect(standing)
        return max(need, self.lacks_initial(standing)) if self._beyond_the_call else need

    def amount(self, standing: Standing) -> Decimal:
        """What is to be collected, in whole minor units; the target does not count."""
        return round_money(max(self._to_collect(standing), ZERO), self.terms.base_currency)

    def is_met(self, standing: Standing) -> bool:
        """Nothing is left to collect, and the target is reached to the last digit."""
        if self.amount(standing):
            return False
        return not self._beyond_the_call or self.lacks_initial(standing) <= 0

    def lacks_initial(self, standing: Standing) -> Decimal:
        """Initial margin less liquid net assets, plus interest + owed - trading limit as far as they are
        switched on, unrounded: what is still to be debited would take the account below it again."""
        fixed = fixed_part(self.terms, self.rule, self.accrued_interest)
        return standing.initial - standing.net_assets + self.illiquid + fixed

    def lines(self, standing: Standing, relief: Relief) -> tuple[Line, ...]:
        """M1, M2 and the target as straight lines; of a cash account the debt, and the rest of M1."""
        lines = self._lines_of_the_call(standing, relief)
        if not self._beyond_the_call:
            return lines
        return (*lines, Line(self.lacks_initial(standing), relief.initial))

    def deciding(self, standing: Standing) -> int:
        """Which part of a `Relief`, by its place, lowers what decides the need."""
        places = Relief(*(Decimal(place) for place in range(len(Relief._fields))))
        place = int(binding(self.lines(standing, places)).relief)
        return 1 if not place and owes_whole_debt(self.terms, self.rule) else place

    def needs(self, standing: Standing) -> dict[int, Decimal]:
        """What each part of a `Relief`, by its place, still has to bring, where that is above 0."""
        places = Relief(*(Decimal(place) for place in range(len(Relief._fields))))
        lines = self.lines(standing, places)
        if owes_whole_debt(self.terms, self.rule):
            lines = tuple(line for line in lines if line.relief)  # What is owed besides no trade lowers.
        return {int(line.relief): line.need for line in lines if line.need > 0}

    @property
    def _beyond_the_call(self) -> bool:
        return self.target is LiquidationTarget.INITIAL_MARGIN

    def _to_collect(self, standing: Standing) -> Decimal:
        cash, net_assets, margin_call, _ = standing
        return max(shortfalls(self.terms, self.rule, cash, net_assets, margin_call, self.accrued_interest))

    def _lines_of_the_call(self, standing: Standing, relief: Relief) -> tuple[Line, ...]:
        fixed = fixed_part(self.terms, self.rule, self.accrued_interest)
        if owes_whole_debt(self.terms, self.rule):
            return Line(fixed - standing.cash, relief.debt), Line(fixed, ZERO)
        margin = self.rule.coefficient * standing.margin_call - standing.net_assets + fixed
        if not self.rule.with_over_financing:
            return (Line(margin, relief.margin),)
        over = -standing.cash - self.terms.financing_limit
        return Line(margin, relief.margin), Line(over, relief.debt)


@dataclass(frozen=True, slots=True)
class Closable:
    """A position of which up to `lots` whole lots can be closed now, at `price`. Made by `closable_at`."""

    holding: Holding
    quote: Quote
    price: Decimal
    limit_price: Decimal | None
    lots: int
    rate: Decimal
    """Units of the base currency per unit of the instrument's currency."""
    unit_value: Decimal
    """What one unit is valued at, in the instrument's currency."""
    relief: Relief
    """Of one lot."""
    per_notional: Relief
    """The same per unit of notional, for ranking only."""
    lots_beyond_cap: int = 0
    """Whole lots that could be closed besides, had one order no cap."""

    @property
    def instrument(self) -> Instrument:
        """What is held."""
        return self.holding.instrument

    @property
    def side(self) -> OrderSide:
        """SELL for a long, BUY for a short."""
        return closing_side(self.holding)

    def quantity(self, lots: int) -> Decimal:
        """Units in so many lots."""
        return lots * self.instrument.lot_size

    def fee(self, lots: int) -> Decimal:
        """Of one order for so many lots, in the instrument's currency."""
        return booked(self.instrument, self.quantity(lots), self.price)[1]

    def base_notional(self, lots: int) -> Decimal:
        """Of so many lots, in base currency, unrounded."""
        return booked(self.instrument, self.quantity(lots), self.price)[0] * self.rate

    def closed(self, standing: Standing, lots: int) -> Standing:
        """The standing after so many lots were filled at the price, exactly as it will be booked."""
        quantity = self.quantity(lots)
        gross, fee = booked(self.instrument, quantity, self.price)
        value = quantity * self.unit_value
        if self.holding.quantity > 0:
            cash, given_up = gross - fee, value
        else:
            cash, given_up = -gross - fee, -value
        return Standing(
            standing.cash + cash * self.rate,
            standing.net_assets + (cash - given_up) * self.rate,
            standing.margin_call - value * self.holding.factors.margin_call * self.rate,
            standing.initial - value * self.holding.factors.initial * self.rate,
        )


def closable_at(
    holding: Holding, quote: Quote, price: Decimal, rate: Decimal, coefficient: Decimal
) -> Closable:
    """All whole lots of the position, at `price` and with it as the limit.

    `rate`: base currency per unit of the instrument's; `coefficient`: that of the amount rule.
    """
    instrument, long = holding.instrument, holding.quantity > 0
    unit_value = quote.mark * instrument.multiplier
    value = unit_value * instrument.lot_size * rate
    notional = price * instrument.lot_size * instrument.multiplier * rate
    fee = notional * instrument.fee_rate
    debt = (notional if long else -notional) - fee
    given_up = value if long else -value
    relief = Relief(
        coefficient * holding.factors.margin_call * value + debt - given_up,
        debt,
        holding.factors.initial * value + debt - given_up,
    )
    per_notional = Relief(*(rank_ratio(part, notional) for part in relief))
    lots = lots_within(abs(holding.quantity), instrument.lot_size)
    return Closable(holding, quote, price, price, lots, rate, unit_value, relief, per_notional)


def closing_side(holding: Holding) -> OrderSide:
    """SELL for a long, BUY for a short."""
    return OrderSide.SELL if holding.quantity > 0 else OrderSide.BUY


def binding(lines: Iterable[Line]) -> Line:
    """The line that decides the amount now; of two alike the one that gets better more slowly."""
    return max(lines, key=lambda line: (line.need, -line.relief))


def useful_lots(lines: tuple[Line, ...], most: int) -> int:
    """Of `most` lots those that lower the highest line: none if it does not fall, else up to where another
    that does not fall becomes the highest, and the lot on which that happens if it still ends lower."""
    first = binding(lines)
    if first.relief <= 0:
        return 0
    for other in lines:
        if other.relief <= 0:
            lots = lots_within(first.need - other.need, first.relief - other.relief)
            ends_lower = other.after(lots + 1) < first.after(lots)
            most = min(most, lots + 1 if ends_lower else lots)
    return most


def lots_to_cure(lines: tuple[Line, ...]) -> int:
    """The fewest lots that bring every line that falls to 0."""
    return max((lots_needed(line.need, line.relief) for line in lines if line.relief > 0), default=0)


def first_cured(is_cured: Callable[[int], bool], guess: int, most: int) -> int:
    """A number of lots that cures while one less does not, given that `most` cures and 0 does not.

    Tries the guess and its neighbours, then halves the interval: at most log2(most) + 4 evaluations.
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
    """Closings chosen so far, in order, and where each leaves the account."""

    def __init__(self, formula: AmountFormula, standing: Standing) -> None:
        self.formula = formula
        self._standings = [standing]
        self.closings: list[tuple[Closable, int]] = []

    def fresh(self) -> "Draft":
        """Nothing chosen yet, from the same start."""
        return Draft(self.formula, self._standings[0])

    @property
    def standing(self) -> Standing:
        """After everything chosen."""
        return self._standings[-1]

    @property
    def need(self) -> Decimal:
        """What still has to come down to 0 after everything chosen, unrounded."""
        return self.formula.need(self.standing)

    def is_cured(self) -> bool:
        """Nothing is left to collect, and the target is reached."""
        return self.formula.is_met(self.standing)

    def needs(self) -> dict[int, Decimal]:
        """The most that each part of a `Relief`, by its place, had to bring from the start to here."""
        most: dict[int, Decimal] = {}
        for standing in self._standings:
            for place, need in self.formula.needs(standing).items():
                most[place] = max(need, most.get(place, ZERO))
        return most

    def notional(self) -> Decimal:
        """Of everything chosen, in base currency, unrounded."""
        return sum((closable.base_notional(lots) for closable, lots in self.closings), ZERO)

    def amounts(self) -> list[Decimal]:
        """To collect at first, and after each closing."""
        return [self.formula.amount(standing) for standing in self._standings]

    def lines(self, closable: Closable) -> tuple[Line, ...]:
        """What closing it does to the conditions of a cure, from here on."""
        return self.formula.lines(self.standing, closable.relief)

    def close(self, closable: Closable, lots: int) -> None:
        """Choose so many lots of it."""
        self._standings.append(closable.closed(self.standing, lots))
        self.closings.append((closable, lots))

    def closed(self) -> list[Closable]:
        """What was chosen, in order."""
        return [closable for closable, _ in self.closings]

    def drop_last(self) -> tuple[Closable, int]:
        """Take the last choice back."""
        self._standings.pop()
        return self.closings.pop()

    def back_to(self, length: int) -> None:
        """Take all but the first `length` choices back."""
        while len(self.closings) > length:
            self.drop_last()

    def cures(self, closable: Closable, lots: int) -> bool:
        """Whether so many lots of it would end the call."""
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
        """The fewest lots that cure, given that `most` do and that none do not."""
        guess = lots_to_cure(self.lines(closable))
        return first_cured(lambda lots: self.cures(closable, lots), guess, most)
