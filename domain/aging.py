"""For how long open calls have been open, in buckets of days."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain.ids import AccountId
from domain.money import ZERO, Currency, round_money, total
from domain.reporting import Claim


@dataclass(frozen=True, slots=True)
class AgedCase:
    """What matters of an open case."""

    opened_at: datetime
    claim: Claim


@dataclass(frozen=True, slots=True)
class AgingBucket:
    """Cases on their day `first_day` to `last_day` (None: or later); the day on which a case opens is 1."""

    first_day: int
    last_day: int | None
    cases: int
    amounts: Mapping[Currency, Decimal]
    """What the accounts lack, in whole minor units; each account is counted where its largest case is."""


def aging_buckets(cases: Iterable[AgedCase], last_days: Sequence[int], now: datetime) -> list[AgingBucket]:
    """One bucket up to each of `last_days` (ascending), and one for what is older."""
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
    """The cases, with 0 in the place of what another case of the account asks for as well: the largest one
    keeps its amount, of equal ones the oldest."""
    counted: set[AccountId] = set()
    found = []
    for case in sorted(cases, key=lambda each: (-each.claim.amount, each.opened_at)):
        again = case.claim.account_id in counted
        found.append(replace(case, claim=replace(case.claim, amount=ZERO)) if again else case)
        counted.add(case.claim.account_id)
    return found


def age_in_days(opened_at: datetime, now: datetime) -> int:
    """Whole days, rounded up, at least 1."""
    return max(1, -(-(now - opened_at) // timedelta(days=1)))
