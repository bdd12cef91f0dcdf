"""Sums over accounts of several base currencies, in the reporting currency.

One currency without a rate does not end the sum of all others: it is named, and left out. Several calls of
one account ask for the same shortfall, so that of an account the largest counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.ids import AccountId
from domain.market import FxRate
from domain.money import MAX_STORED, ONE, ZERO, Currency, exact, round_money


@dataclass(frozen=True, slots=True)
class Converted:
    """`total` in whole minor units of the reporting currency; what could not be converted, by currency, in
    whole minor units of each."""

    total: Decimal
    unconverted: Mapping[Currency, Decimal]


@dataclass(frozen=True, slots=True)
class Worth:
    """What an amount of another currency comes to: whole minor units of the reporting currency."""

    amount: Decimal
    currency: Currency

    def moved(self, after: "Worth | None") -> bool:
        """By more than a rate may move it without an event of its own; or unknown by now."""
        if after is None or after.currency != self.currency:
            return True
        with exact():
            return abs(after.amount - self.amount) > self.amount * UNTOLD_SHARE


UNTOLD_SHARE = Decimal("0.01")
"""A rate ticks every second, and each tick changes every case of its currency a little: lists and thresholds
need no more than this share."""


@dataclass(frozen=True, slots=True)
class ReportingRate:
    """What one unit of an account's base currency is in the reporting currency; None: no rate is known."""

    currency: Currency
    rate: Decimal | None

    def worth(self, amount: Decimal) -> Worth | None:
        """HALF_UP to the minor unit; None without a rate or beyond what can be stored. Zero needs no rate."""
        if not amount:
            return Worth(ZERO, self.currency)
        if self.rate is None:
            return None
        with exact():
            value = amount * self.rate
        return Worth(round_money(value, self.currency), self.currency) if value < MAX_STORED else None


def reporting_rate(base: Currency, reporting: Currency, rates: Mapping[Currency, FxRate]) -> ReportingRate:
    """Of a base currency; `rates` are those into the reporting currency."""
    if base == reporting:
        return ReportingRate(reporting, ONE)
    return ReportingRate(reporting, rates[base].rate if base in rates else None)


@dataclass(frozen=True, slots=True)
class AmountAtLeast:
    """A threshold: an amount of a currency, and what it comes to.

    Amounts of that currency are compared as they are, others by their worth. What cannot be compared passes:
    a case whose currency has no rate is better shown than hidden.
    """

    amount: Decimal
    currency: Currency
    worth: Worth = field(compare=False, repr=False)
    """By the rate of now: cursors are bound to what was asked for."""

    def allows(self, amount: Decimal, currency: Currency, worth: Worth | None) -> bool:
        """Whether an amount with its worth is enough."""
        if currency == self.currency:
            return amount >= self.amount
        return worth is None or worth.currency != self.worth.currency or worth.amount >= self.worth.amount


@dataclass(frozen=True, slots=True)
class Claim:
    """What one case asks of an account, in the base currency of the account."""

    account_id: AccountId
    currency: Currency
    amount: Decimal


def convert(
    amounts: Iterable[tuple[Currency, Decimal]], rates: Mapping[Currency, FxRate], reporting: Currency
) -> Converted:
    """The sum; `rates` are those into the reporting currency. Nothing needs no rate."""
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


def counted_amount(amount: Decimal, asked_already: Iterable[Decimal]) -> Decimal:
    """Of the amount of a call what the other calls of the account that are open do not ask for: the counted
    amounts of several calls add up to what the account lacks."""
    with exact():
        return max(ZERO, amount - max(asked_already, default=ZERO))


def by_account(claims: Iterable[Claim]) -> list[tuple[Currency, Decimal]]:
    """What each account lacks: the largest of what its cases ask for."""
    largest: dict[AccountId, tuple[Currency, Decimal]] = {}
    for claim in claims:
        _, known = largest.get(claim.account_id, (claim.currency, ZERO))
        largest[claim.account_id] = (claim.currency, max(known, claim.amount))
    return list(largest.values())
