"""The amount to collect as a function of an account's standing, and as straight lines that show which lots
lower it.

Everything here runs inside `money.exact()`, entered by the caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from domain.margin import AccountTerms, AmountRule, Totals, fixed_part, owes_whole_debt, shortfalls
from domain.money import ZERO, lots_needed, lots_within, round_money


class LiquidationTarget(StrEnum):
    """The level to which a liquidation restores an account. With each of them nothing may be left to
    collect.
    """

    MARGIN_CALL = "MARGIN_CALL"
    """Nothing is left to collect."""
    INITIAL_MARGIN = "INITIAL_MARGIN"
    """Liquid net assets also reach the initial margin after all other debts of the client are paid.

    That is M1 with the initial margin in place of the margin-call margin, and without the coefficient, which
    is a buffer of the call.
    """


class Standing(NamedTuple):
    """The values of an account that a trade changes, in base currency; net assets as the amount rule measures
    them.
    """

    cash: Decimal
    net_assets: Decimal
    margin_call: Decimal
    initial: Decimal


class Relief(NamedTuple):
    """By how much closing one lot lowers M1, the debt, and the shortfall of liquid net assets below the
    initial margin.

    In base currency, unrounded; < 0: it raises the value.
    """

    margin: Decimal
    debt: Decimal
    initial: Decimal


class Line(NamedTuple):
    """One condition of a cure as a straight line: `need` must fall to 0, and every lot lowers it by
    `relief`.
    """

    need: Decimal
    relief: Decimal

    def after(self, lots: int) -> Decimal:
        """The need after so many lots."""
        return self.need - lots * self.relief


@dataclass(frozen=True, slots=True)
class AmountFormula:
    """The amount to collect as a function of the standing; its other inputs do not change with trades."""

    terms: AccountTerms
    rule: AmountRule
    accrued_interest: Decimal
    target: LiquidationTarget = LiquidationTarget.MARGIN_CALL
    illiquid: Decimal = ZERO
    """The part of net assets, as the amount rule measures them, in dead positions."""

    def standing(self, totals: Totals) -> Standing:
        """The standing of an account with these sums."""
        equity = totals.cash + totals.long + totals.short
        net_assets = equity if self.rule.on_equity else equity - totals.dead
        return Standing(totals.cash, net_assets, totals.margin_call, totals.initial)

    def need(self, standing: Standing) -> Decimal:
        """max(M1, M2, and for the target INITIAL_MARGIN the shortfall of the initial margin), unrounded,
        possibly below 0.
        """
        need = self._to_collect(standing)
        return max(need, self.lacks_initial(standing)) if self._beyond_the_call else need

    def amount(self, standing: Standing) -> Decimal:
        """The amount to collect, in whole minor units; independent of the target."""
        return round_money(max(self._to_collect(standing), ZERO), self.terms.base_currency)

    def is_met(self, standing: Standing) -> bool:
        """Nothing is left to collect, and the target is reached to the last digit."""
        if self.amount(standing):
            return False
        return not self._beyond_the_call or self.lacks_initial(standing) <= 0

    def lacks_initial(self, standing: Standing) -> Decimal:
        """Initial margin less liquid net assets, plus interest + owed - trading limit as far as these are
        switched on, unrounded.

        Charges that are still to be debited would take the account below the initial margin again.
        """
        fixed = fixed_part(self.terms, self.rule, self.accrued_interest)
        return standing.initial - standing.net_assets + self.illiquid + fixed

    def lines(self, standing: Standing, relief: Relief) -> tuple[Line, ...]:
        """M1, M2 and the target as straight lines."""
        lines = self._lines_of_the_call(standing, relief)
        if not self._beyond_the_call:
            return lines
        return (*lines, Line(self.lacks_initial(standing), relief.initial))

    def deciding(self, standing: Standing) -> int:
        """The index in a `Relief` of the part that lowers the deciding condition."""
        places = Relief(*(Decimal(place) for place in range(len(Relief._fields))))
        return int(binding(self.lines(standing, places)).relief)

    def needs(self, standing: Standing) -> dict[int, Decimal]:
        """What each part of a `Relief` still has to contribute, by index, where that is above 0."""
        places = Relief(*(Decimal(place) for place in range(len(Relief._fields))))
        lines = self.lines(standing, places)
        return {int(line.relief): line.need for line in lines if line.need > 0}

    @property
    def _beyond_the_call(self) -> bool:
        return self.target is LiquidationTarget.INITIAL_MARGIN

    def _to_collect(self, standing: Standing) -> Decimal:
        cash, net_assets, margin_call, _ = standing
        return max(shortfalls(self.terms, self.rule, cash, net_assets, margin_call, self.accrued_interest))

    def _lines_of_the_call(self, standing: Standing, relief: Relief) -> tuple[Line, ...]:
        fixed = fixed_part(self.terms, self.rule, self.accrued_interest)
        over = -standing.cash - self.terms.financing_limit
        if self.rule.over_financing_alone:
            return (Line(over, relief.debt),)
        if owes_whole_debt(self.terms, self.rule):
            return (Line(fixed - standing.cash, relief.debt),)
        margin = self.rule.coefficient * standing.margin_call - standing.net_assets + fixed
        if not self.rule.with_over_financing:
            return (Line(margin, relief.margin),)
        return Line(margin, relief.margin), Line(over, relief.debt)


def binding(lines: Iterable[Line]) -> Line:
    """The line that decides the amount now; of two equal ones the one that improves more slowly."""
    return max(lines, key=lambda line: (line.need, -line.relief))


def useful_lots(lines: tuple[Line, ...], most: int) -> int:
    """How many of `most` lots lower the highest line.

    None if it does not fall. Otherwise up to where a line that does not fall becomes the highest; the lot on
    which that happens counts if the result is still lower.
    """
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
    """The fewest lots that bring every falling line to 0."""
    return max((lots_needed(line.need, line.relief) for line in lines if line.relief > 0), default=0)
