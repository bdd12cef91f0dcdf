"""For how long open calls have been open, in buckets of days."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.money import Currency, total


@dataclass(frozen=True, slots=True)
class AgedCase:
    """What matters of an open case."""

    opened_at: datetime
    amount: Decimal
    currency: Currency


@dataclass(frozen=True, slots=True)
class AgingBucket:
    """Cases on their day `first_day` to `last_day` (None: or later); the day on which a case opens is 1."""

    first_day: int
    last_day: int | None
    cases: int
    amounts: Mapping[Currency, Decimal]


def aging_buckets(cases: Iterable[AgedCase], last_days: Sequence[int], now: datetime) -> list[AgingBucket]:
    """One bucket up to each of `last_days` (ascending), and one for what is older."""
    known = [(age_in_days(each.opened_at, now), each) for each in cases]
    bounds = [0, *last_days]
    buckets = []
    for below, last in zip(bounds, [*last_days, None], strict=True):
        inside = [each for age, each in known if below < age and (last is None or age <= last)]
        currencies = sorted({each.currency for each in inside})
        amounts = {
            currency: total(each.amount for each in inside if each.currency == currency)
            for currency in currencies
        }
        buckets.append(AgingBucket(below + 1, last, len(inside), amounts))
    return buckets


def age_in_days(opened_at: datetime, now: datetime) -> int:
    """Whole days, rounded up, at least 1."""
    return max(1, -(-(now - opened_at) // timedelta(days=1)))
