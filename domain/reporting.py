"""Sums over accounts of several base currencies, in the reporting currency.

One currency without a rate does not end the sum of all others: it is named, and left out. Several calls of
one account ask for the same shortfall, so that of an account the largest counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.ids import AccountId
from domain.market import FxRate
from domain.money import ONE, ZERO, Currency, exact, round_money


@dataclass(frozen=True, slots=True)
class Converted:
    """`total` in whole minor units of the reporting currency; what could not be converted, by currency."""

    total: Decimal
    unconverted: Mapping[Currency, Decimal]


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
            rate = ONE if currency == reporting else rates[currency].rate if currency in rates else None
            if rate is not None:
                total += amount * rate
            elif amount:
                left_out[currency] = left_out.get(currency, ZERO) + amount
    return Converted(round_money(total, reporting), left_out)


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
