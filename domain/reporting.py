"""Sums over accounts of several base currencies, in the reporting currency.

A currency without a rate does not prevent the sum of the others: it is named and left out. Several calls of
one account demand the same shortfall, so only the largest of an account counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.ids import AccountId
from domain.market import FxRate
from domain.money import MAX_STORED, ONE, ZERO, Currency, exact, round_money


@dataclass(frozen=True, slots=True)
class Converted:
    """`total` in whole minor units of the reporting currency; amounts that could not be converted by
    currency, in whole minor units of each.
    """

    total: Decimal
    unconverted: Mapping[Currency, Decimal]


@dataclass(frozen=True, slots=True)
class Worth:
    """The value of an amount in whole minor units of the reporting currency."""

    amount: Decimal
    currency: Currency

    def moved(self, after: "Worth | None") -> bool:
        """Whether it moved by more than a rate may move it without an event, or has become unknown."""
        if after is None or after.currency != self.currency:
            return True
        with exact():
            return abs(after.amount - self.amount) > self.amount * UNREPORTED_SHARE


UNREPORTED_SHARE = Decimal("0.01")
"""A rate ticks every second, and each tick changes every case of its currency slightly: lists and thresholds
need no more precision than this share.
"""


@dataclass(frozen=True, slots=True)
class ReportingRate:
    """The reporting currency per unit of an account's base currency; None: no rate is known."""

    currency: Currency
    rate: Decimal | None

    def worth(self, amount: Decimal) -> Worth | None:
        """HALF_UP to the minor unit; None without a rate, or if it is too large to store. Zero needs
        no rate.
        """
        if not amount:
            return Worth(ZERO, self.currency)
        if self.rate is None:
            return None
        with exact():
            value = amount * self.rate
        return Worth(round_money(value, self.currency), self.currency) if value < MAX_STORED else None


def reporting_rate(base: Currency, reporting: Currency, rates: Mapping[Currency, FxRate]) -> ReportingRate:
    """The rate of a base currency; `rates` are those into the reporting currency."""
    if base == reporting:
        return ReportingRate(reporting, ONE)
    return ReportingRate(reporting, rates[base].rate if base in rates else None)


@dataclass(frozen=True, slots=True)
class AmountAtLeast:
    """A threshold: an amount of a currency, and its worth.

    Amounts of that currency are compared directly, others by their worth. An amount that cannot be compared
    passes: a case whose currency has no rate should be shown rather than hidden.
    """

    amount: Decimal
    currency: Currency
    worth: Worth = field(compare=False, repr=False)
    """At the current rate; not compared, since cursors are bound to the requested amount."""

    def allows(self, amount: Decimal, currency: Currency, worth: Worth | None) -> bool:
        """Whether the amount with its worth reaches the threshold."""
        if currency == self.currency:
            return amount >= self.amount
        return worth is None or worth.currency != self.worth.currency or worth.amount >= self.worth.amount


@dataclass(frozen=True, slots=True)
class Claim:
    """The demand of one case on an account, in the account's base currency."""

    account_id: AccountId
    currency: Currency
    amount: Decimal


def convert(
    amounts: Iterable[tuple[Currency, Decimal]], rates: Mapping[Currency, FxRate], reporting: Currency
) -> Converted:
    """The sum; `rates` are those into the reporting currency. Zero needs no rate."""
    total, left_out = ZERO, dict[Currency, Decimal]()
    with exact():
        for currency, amount in amounts:
            rate = reporting_rate(currency, reporting, rates).rate
            if rate is not None:
                total += amount * rate
            elif amount:
                left_out[currency] = left_out.get(currency, ZERO) + amount
    whole = {currency: round_money(amount, currency) for currency, amount in left_out.items()}
    return Converted(round_money(total, reporting), whole)


def counted_amount(amount: Decimal, demanded_already: Iterable[Decimal]) -> Decimal:
    """The part of a call's amount that the account's other open calls do not demand: the counted amounts of
    several calls add up to the account's shortfall.
    """
    with exact():
        return max(ZERO, amount - max(demanded_already, default=ZERO))


def by_account(claims: Iterable[Claim]) -> list[tuple[Currency, Decimal]]:
    """The shortfall of each account: the largest demand of its cases."""
    largest: dict[AccountId, tuple[Currency, Decimal]] = {}
    for claim in claims:
        _, known = largest.get(claim.account_id, (claim.currency, ZERO))
        largest[claim.account_id] = (claim.currency, max(known, claim.amount))
    return list(largest.values())
