"""Stock that an account has to bring back.

There are two reasons: its written calls need more of the underlying than it holds (COVERED_CALL_SHORTFALL),
or stock that it is short of was recalled by, or can no longer be borrowed from, the lender (SHORT_RECALL). A
case of one of these alert types demands a quantity, not money: its amounts are 0, its figures are those of
the account for information, and it is cured when nothing is outstanding on any of its recoveries, whatever
the cause: the desk's orders, the client's own trades or a delivery.

The outstanding quantity always follows from the book, never from a count of the desk's fills. A recall states
how much of the short may stay; several recalls of one stock from one account are stacked, the oldest on top,
so a cover serves the oldest first. When a new one is opened the others move up (`moved_up`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.case import RECOVERY_ALERTS, AlertType, Case
from domain.covered_options import Today, shortfall_quantity
from domain.ids import AccountId, CaseId, RecoveryId, Symbol
from domain.margin import Book, MarginFigures
from domain.money import ZERO, exact, total
from domain.sellable import OpenOrder, after_open_orders


class RecallCause(StrEnum):
    """Why borrowed stock has to be returned."""

    RECALLED = "RECALLED"
    """The lender recalls it."""
    UNBORROWED = "UNBORROWED"
    """It was sold short and could not be borrowed."""


class RecoveryStatus(StrEnum):
    """The status of a recovery."""

    OPEN = "OPEN"
    RECOVERED = "RECOVERED"
    """Nothing is outstanding any more."""
    CANCELED = "CANCELED"
    """Its case ended in another way."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One stock that one account has to bring back. Quantities are units of the stock."""

    id: RecoveryId
    account_id: AccountId
    case_id: CaseId
    alert_type: AlertType
    symbol: Symbol
    quantity: Decimal
    """The quantity to recover when it was opened."""
    outstanding: Decimal
    """The quantity still to be recovered, without open orders."""
    due_at: datetime
    opened_at: datetime
    short_may_stay: Decimal = ZERO
    """For a recall: the short quantity that is not recalled."""
    cause: RecallCause | None = None
    """For a recall only, like the next field."""
    recall_id: str | None = None
    closed_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.alert_type not in RECOVERY_ALERTS:
            raise ValueError(f"a case of {self.alert_type} demands money, not stock")
        if self.quantity <= 0 or self.outstanding < 0 or self.short_may_stay < 0:
            raise ValueError("a recovery must demand a quantity above zero")
        if self.closed_at is not None and self.outstanding:
            raise ValueError("a recovery with something outstanding must not be closed")


def outstanding_in(recovery: Recovery, book: Book, today: Today) -> Decimal:
    """The outstanding quantity of the recovery, given this book."""
    if recovery.alert_type is AlertType.COVERED_CALL_SHORTFALL:
        return shortfall_quantity(book, recovery.symbol, today)
    return _demanded(short_quantity(book, recovery.symbol), recovery)


def short_quantity(book: Book, symbol: Symbol) -> Decimal:
    """The size of the account's short; 0 for a long position."""
    held = book.holding(symbol)
    return max(ZERO, held.quantity.copy_negate()) if held else ZERO


def recallable_quantity(short: Decimal, recalls: Iterable[Recovery]) -> Decimal:
    """The part of a short quantity that no open recall of the stock from this account demands."""
    demanded = total(_demanded(short, each) for each in recalls)
    return max(ZERO, total([short, demanded.copy_negate()]))


def moved_up(short: Decimal, recalls: Iterable[Recovery]) -> list[Recovery]:
    """The account's open recalls of the stock, oldest first, moved up before another one is opened: from the
    top of the short down, each with the same demand. Only those that change.

    If the short grew, or a recall ended, there is room above or between them that the new recall may demand
    as well. It gets what is below them: `recallable_quantity`.
    """
    changed, may_stay = [], short
    for each in recalls:
        may_stay = total([may_stay, _demanded(short, each).copy_negate()])
        if each.short_may_stay < may_stay:
            changed.append(replace(each, short_may_stay=may_stay))
    return changed


def _demanded(short: Decimal, recall: Recovery) -> Decimal:
    with exact():
        return min(recall.quantity, max(ZERO, short - recall.short_may_stay))


def refreshed(recovery: Recovery, book: Book, today: Today, now: datetime) -> Recovery:
    """The open recovery updated from the book; closed for good when nothing is outstanding."""
    outstanding = outstanding_in(recovery, book, today)
    return replace(recovery, outstanding=outstanding, closed_at=now if not outstanding else None)


def with_recoveries(
    case: Case, figures: MarginFigures, open_recoveries: Iterable[Recovery], now: datetime
) -> Case:
    """The live case updated from its open recoveries; the version stays the same."""
    cured = not any(each.outstanding for each in open_recoveries)
    return replace(
        case,
        figures=without_amount(figures),
        uncovered_amount=ZERO,
        force_eligible=case.overdue(now),
        cured_since=(case.cured_since or now) if cured else None,
    )


def without_amount(figures: MarginFigures) -> MarginFigures:
    """The account's figures as shown on a recovery case: it collects no money."""
    return replace(figures, amount=ZERO)


def uncovered_quantity(
    book: Book, open_orders: Iterable[OpenOrder], recovery: Recovery, today: Today
) -> Decimal:
    """The quantity left to recover when the open orders fill."""
    return outstanding_in(recovery, after_open_orders(book, open_orders), today)
