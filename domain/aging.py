"""The age of open calls, in buckets of days."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain.ids import AccountId
from domain.money import ZERO, Currency, round_money, total
from domain.reporting import Claim


@dataclass(frozen=True, slots=True)
class AgedCase:
    """The data of an open case that its aging depends on."""

    opened_at: datetime
    claim: Claim


@dataclass(frozen=True, slots=True)
class AgingBucket:
    """Cases from day `first_day` to `last_day` (None: or later); the day on which a case opens is day 1."""

    first_day: int
    last_day: int | None
    cases: int
    amounts: Mapping[Currency, Decimal]
    """The amounts to collect by currency, in whole minor units; each account counts in the bucket of its
    largest case.
    """


def aging_buckets(cases: Iterable[AgedCase], last_days: Sequence[int], now: datetime) -> list[AgingBucket]:
    """One bucket up to each of `last_days` (ascending), and one for older cases."""
    known = [(age_in_days(each.opened_at, now), each) for each in _once_per_account(cases)]
    bounds = [0, *last_days]
    buckets = []
    for below, last in zip(bounds, [*last_days, None], strict=True):
        inside = [each for age, each in known if below < age and (last is None or age <= last)]
        currencies = sorted({each.claim.currency for each in inside})
        amounts = {
            currency: total(
                round_money(each.claim.amount, currency) for each in inside if each.claim.currency == currency
            )
            for currency in currencies
        }
        buckets.append(AgingBucket(below + 1, last, len(inside), amounts))
    return buckets


def _once_per_account(cases: Iterable[AgedCase]) -> list[AgedCase]:
    """The cases, with amount 0 for money that another case of the account demands as well.

    The largest case keeps its amount; of equal ones the oldest.
    """
    counted: set[AccountId] = set()
    counted_once = []
    for case in sorted(cases, key=lambda each: (-each.claim.amount, each.opened_at)):
        again = case.claim.account_id in counted
        counted_once.append(replace(case, claim=replace(case.claim, amount=ZERO)) if again else case)
        counted.add(case.claim.account_id)
    return counted_once


def age_in_days(opened_at: datetime, now: datetime) -> int:
    """Whole days, rounded up, at least 1."""
    return max(1, -(-(now - opened_at) // timedelta(days=1)))
