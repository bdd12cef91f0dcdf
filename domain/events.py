"""The facts that the desk publishes. Each carries the whole state that a subscriber may request.

A subscriber may get an event twice, with the same id; events of one account arrive in the order in which they
were committed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.account_reference import AccountReference as AccountReference
from domain.approval import ApprovalStatus, ApprovalView
from domain.case import Case, CaseStatus
from domain.ids import AccountId, EventId, ExecutionId, Symbol
from domain.kill_switch import KillSwitch
from domain.order import Order, OrderStatus
from domain.reporting import Worth


class CaseEventKind(StrEnum):
    """The kind of a case event."""

    SNAPSHOT = "SNAPSHOT"
    OPENED = "OPENED"
    UPDATED = "UPDATED"
    STATUS_CHANGED = "STATUS_CHANGED"
    CLOSED = "CLOSED"
    REMOVED = "REMOVED"


class OrderEventKind(StrEnum):
    """The kind of an order event."""

    SNAPSHOT = "SNAPSHOT"
    CREATED = "CREATED"
    STATUS_CHANGED = "STATUS_CHANGED"
    FILL = "FILL"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    LATE_FILL = "LATE_FILL"
    REMOVED = "REMOVED"


class ApprovalEventKind(StrEnum):
    """The kind of an event of an approval request."""

    SNAPSHOT = "SNAPSHOT"
    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    REMOVED = "REMOVED"


class KillSwitchEventKind(StrEnum):
    """The kind of an event of a kill switch."""

    SNAPSHOT = "SNAPSHOT"
    SWITCHED_ON = "SWITCHED_ON"
    SWITCHED_OFF = "SWITCHED_OFF"
    REMOVED = "REMOVED"


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with its account and the symbols that the account holds."""

    case: Case
    account: AccountReference
    symbols: tuple[Symbol, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its account."""

    order: Order
    account: AccountReference


@dataclass(frozen=True, slots=True)
class KillSwitchView:
    """A kill switch with the numbers of the accounts that it freezes; empty for the whole desk."""

    switch: KillSwitch
    account_nos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order; the price is in the instrument's currency."""

    execution_id: ExecutionId
    quantity: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """A case right after the change."""

    id: EventId
    at: datetime
    kind: CaseEventKind
    view: CaseView
    previous_status: CaseStatus | None = None
    """The status before the change; None for a new case."""
    previous_amount: Decimal | None = None
    previous_worth: Worth | None = None
    previous_symbols: tuple[Symbol, ...] | None = None
    previous_overdue: bool | None = None
    """As in the previous event, so that subscribers who filter by it learn which cases left; None: unknown.
    """
    figures_only: bool = False
    """Nothing but recomputed figures: a newer event of the case tells all that this one does."""


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order right after the change."""

    id: EventId
    at: datetime
    kind: OrderEventKind
    view: OrderView
    previous_status: OrderStatus | None = None
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class ApprovalEvent:
    """An approval request right after it was made or decided, without the data for its executor."""

    id: EventId
    at: datetime
    kind: ApprovalEventKind
    view: ApprovalView
    previous_status: ApprovalStatus | None = None
    """The status before the change; None for a new request."""


@dataclass(frozen=True, slots=True)
class KillSwitchEvent:
    """A kill switch right after it was switched on or off."""

    id: EventId
    at: datetime
    kind: KillSwitchEventKind
    view: KillSwitchView


@dataclass(frozen=True, slots=True)
class BookChanged:
    """Cash or positions of an account were stated: the monitor assesses the account."""

    id: EventId
    at: datetime
    account_id: AccountId


@dataclass(frozen=True, slots=True)
class LostEvent:
    """Replaces an event that cannot be read: something happened, but its content is unknown."""

    id: EventId
    at: datetime


Event = CaseEvent | OrderEvent | ApprovalEvent | KillSwitchEvent | BookChanged
