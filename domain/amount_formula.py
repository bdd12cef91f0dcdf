"""The amount to collect as a function of an account's standing, and as straight lines that show which lots
lower it.

Everything here runs inside `money.exact()`, entered by the caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from domain.margin import (
    AccountTerms,
    AmountRule,
    Need,
    Source,
    Standing,
    Totals,
    fixed_part,
    largest,
    needs,
    standing_of,
    weight,
)
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


class Relief(NamedTuple):
    """By how much closing one lot lowers a need of each `Source`, in their order.

    In base currency, unrounded; < 0: it raises the need.
    """

    margin: Decimal
    debt: Decimal
    initial: Decimal

    @classmethod
    def of(cls, rule: AmountRule, change: Standing) -> "Relief":
        """The relief of a trade that changes the standing by this."""
        return cls(*(-weight(rule, source, change) for source in Source))


class Line(NamedTuple):
    """One condition of a cure as a straight line: `need` must fall to 0, and every lot lowers it by
    `relief`.
    """

    need: Decimal
    relief: Decimal
    source: Source

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
        return standing_of(self.rule, totals)

    def need(self, standing: Standing) -> Decimal:
        """The largest of the needs, unrounded, possibly below 0."""
        return largest(self.needs(standing))

    def amount(self, standing: Standing) -> Decimal:
        """The amount to collect, in whole minor units; independent of the target."""
        return round_money(max(largest(self._of_the_call(standing)), ZERO), self.terms.base_currency)

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
        return weight(self.rule, Source.INITIAL, standing) + self.illiquid + fixed

    def needs(self, standing: Standing) -> tuple[Need, ...]:
        """M1, M2 and, for the target INITIAL_MARGIN, the shortfall of the initial margin."""
        conditions = self._of_the_call(standing)
        if not self._beyond_the_call:
            return conditions
        return (*conditions, (self.lacks_initial(standing), Source.INITIAL))

    def lines(self, standing: Standing, relief: Relief) -> tuple[Line, ...]:
        """The needs as straight lines."""
        return tuple(Line(need, relief[source], source) for need, source in self.needs(standing))

    def deciding(self, standing: Standing) -> Source:
        """The source of the deciding need; of equal ones the first source."""
        return max(self.needs(standing), key=lambda each: (each[0], -each[1]))[1]

    def open_needs(self, standing: Standing) -> dict[Source, Decimal]:
        """What each part of a `Relief` still has to contribute, where that is above 0."""
        return {source: need for need, source in self.needs(standing) if need > 0}

    @property
    def _beyond_the_call(self) -> bool:
        return self.target is LiquidationTarget.INITIAL_MARGIN

    def _of_the_call(self, standing: Standing) -> tuple[Need, ...]:
        return needs(self.terms, self.rule, standing, self.accrued_interest)


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
