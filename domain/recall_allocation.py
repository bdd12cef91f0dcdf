"""Which clients have to return how much of a recalled stock.

All quantities are whole lots. The shares add up to the recalled quantity, rounded down to whole lots, or to
everything recallable if that is less; no account returns more than its short. The result depends only on the
arguments: among equals the account number decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from domain.ids import AccountId
from domain.money import exact, lots_within


class AllocationRule(StrEnum):
    """The order in which accounts are asked."""

    PRO_RATA = "PRO_RATA"
    """All accounts in proportion to their short quantity, with lots assigned by the largest remainder."""
    FIFO = "FIFO"
    """The account that has been short for longest first; of unknown age last."""
    LARGEST_FIRST = "LARGEST_FIRST"
    """The account with the largest short first."""


@dataclass(frozen=True, slots=True)
class RecallableShort:
    """A short account of which `quantity` > 0 is not recalled yet."""

    account_id: AccountId
    account_no: str
    quantity: Decimal
    short_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecallShare:
    """The share that one account has to return: at least one lot."""

    account_id: AccountId
    quantity: Decimal


def allocate(
    quantity: Decimal, shorts: Iterable[RecallableShort], rule: AllocationRule, lot: Decimal
) -> tuple[RecallShare, ...]:
    """The shares, in the order of the rule; accounts that return nothing are left out."""
    ranked = sorted(shorts, key=lambda short: short.account_no)
    ranked.sort(key=_RANKS[rule])
    most = [lots_within(short.quantity, lot) for short in ranked]
    needed = min(lots_within(quantity, lot), sum(most))
    given = _pro_rata(needed, ranked, most) if rule is AllocationRule.PRO_RATA else _in_order(needed, most)
    with exact():
        return tuple(
            RecallShare(short.account_id, lots * lot)
            for short, lots in zip(ranked, given, strict=True)
            if lots
        )


def _in_order(needed: int, most: Sequence[int]) -> list[int]:
    given = []
    for lots in most:
        given.append(min(needed, lots))
        needed -= given[-1]
    return given


def _pro_rata(needed: int, shorts: Sequence[RecallableShort], most: Sequence[int]) -> list[int]:
    """Rounded down first; remaining lots by the largest remainder, as far as each account can return."""
    whole = sum((Fraction(short.quantity) for short in shorts), Fraction(0))
    fair = [needed * Fraction(short.quantity) / whole for short in shorts]
    given = [min(int(share), lots) for share, lots in zip(fair, most, strict=True)]
    by_remainder = sorted(range(len(fair)), key=lambda at: given[at] - fair[at])
    while (left := needed - sum(given)) > 0:
        for at in [at for at in by_remainder if given[at] < most[at]][:left]:
            given[at] += 1
    return given


def _age(short: RecallableShort) -> datetime:
    return short.short_since or datetime.max.replace(tzinfo=UTC)


_RANKS = {
    AllocationRule.PRO_RATA: lambda short: -short.quantity,
    AllocationRule.FIFO: _age,
    AllocationRule.LARGEST_FIRST: lambda short: -short.quantity,
}
