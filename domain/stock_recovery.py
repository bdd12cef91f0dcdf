"""Stock that an account has to bring back.

There are two reasons: its written calls need more of the underlying than it holds
(COVERED_CALL_SHORTFALL), or stock that it is short of was recalled by, or can no longer be borrowed from, the
lender (SHORT_RECALL). A case of one of these alert types asks for a quantity, not for money: its amounts are
0, its figures are those of the account for information, and it is cured when nothing is outstanding of any of
its recoveries, whatever brought that about: our orders, the client's own trades or a delivery.

What is outstanding always follows from the book, never from a count of our own fills. A recall says how
much of the short may stay; several recalls of one stock from one account stand on top of each other, the
oldest on top, so a cover serves the oldest first. When a new one is opened the others move up (`moved_up`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.case import AlertType, Case
from domain.covered_options import Today, shortfall_quantity
from domain.ids import AccountId, CaseId, RecoveryId, Symbol
from domain.margin import Book, MarginFigures
from domain.money import ZERO, exact, total
from domain.sellable import OpenOrder, after_open_orders

RECOVERY_ALERTS = frozenset({AlertType.COVERED_CALL_SHORTFALL, AlertType.SHORT_RECALL})
"""Cases of these types ask for stock; all others ask for money."""


class RecallCause(StrEnum):
    """Why stock that was lent has to come back."""

    RECALLED = "RECALLED"
    """The lender wants it back."""
    UNBORROWED = "UNBORROWED"
    """It was sold short and could not be borrowed."""


class RecoveryStatus(StrEnum):
    """Where a recovery stands."""

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
    """To be recovered when it was opened."""
    outstanding: Decimal
    """Still to be recovered, open orders not counted."""
    due_at: datetime
    opened_at: datetime
    short_may_stay: Decimal = ZERO
    """Of a recall: the short quantity that is not recalled."""
    cause: RecallCause | None = None
    """Of a recall only, like the next."""
    recall_id: str | None = None
    closed_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.alert_type not in RECOVERY_ALERTS:
            raise ValueError(f"a case of {self.alert_type} asks for money")
        if self.quantity <= 0 or self.outstanding < 0 or self.short_may_stay < 0:
            raise ValueError("a recovery asks for a quantity above zero")
        if self.closed_at is not None and self.outstanding:
            raise ValueError("a recovery with something outstanding is not closed")


def outstanding_in(recovery: Recovery, book: Book, today: Today) -> Decimal:
    """What the recovery still asks for, given this book."""
    if recovery.alert_type is AlertType.COVERED_CALL_SHORTFALL:
        return shortfall_quantity(book, recovery.symbol, today)
    return _asked(short_quantity(book, recovery.symbol), recovery)


def short_quantity(book: Book, symbol: Symbol) -> Decimal:
    """How much the account is short of; 0 for a long."""
    held = book.holding(symbol)
    return max(ZERO, held.quantity.copy_negate()) if held else ZERO


def recallable_quantity(short: Decimal, recalls: Iterable[Recovery]) -> Decimal:
    """Of a short quantity what no open recall of the stock from this account asks for."""
    asked = total(_asked(short, each) for each in recalls)
    return max(ZERO, total([short, asked.copy_negate()]))


def moved_up(short: Decimal, recalls: Iterable[Recovery]) -> list[Recovery]:
    """The open recalls of the stock from this account, oldest first, as they have to stand before another one
    is opened: from the top of the short down, each still asking for as much. Only those that change.

    A short that grew, or of which a recall has ended, leaves room above or between them, which the new recall
    may ask for as well. It gets what is below them: `recallable_quantity`.
    """
    changed, may_stay = [], short
    for each in recalls:
        may_stay = total([may_stay, _asked(short, each).copy_negate()])
        if each.short_may_stay < may_stay:
            changed.append(replace(each, short_may_stay=may_stay))
    return changed


def _asked(short: Decimal, recall: Recovery) -> Decimal:
    with exact():
        return min(recall.quantity, max(ZERO, short - recall.short_may_stay))


def refreshed(recovery: Recovery, book: Book, today: Today, now: datetime) -> Recovery:
    """The open recovery as the book stands; closed, and for good, when nothing is outstanding."""
    outstanding = outstanding_in(recovery, book, today)
    return replace(recovery, outstanding=outstanding, closed_at=now if not outstanding else None)


def with_recoveries(
    case: Case, figures: MarginFigures, open_recoveries: Iterable[Recovery], now: datetime
) -> Case:
    """The live case as its open recoveries stand; the version stays."""
    cured = not any(each.outstanding for each in open_recoveries)
    return replace(
        case,
        figures=without_amount(figures),
        uncovered_amount=ZERO,
        force_eligible=case.overdue(now),
        cured_since=(case.cured_since or now) if cured else None,
    )


def without_amount(figures: MarginFigures) -> MarginFigures:
    """The account's figures as a case of recovery shows them: it collects no money."""
    return replace(figures, amount=ZERO)


def uncovered_quantity(
    book: Book, open_orders: Iterable[OpenOrder], recovery: Recovery, today: Today
) -> Decimal:
    """What is left to recover when the open orders fill."""
    return outstanding_in(recovery, after_open_orders(book, open_orders), today)
