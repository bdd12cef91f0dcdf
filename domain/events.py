"""The facts that the desk publishes. Each carries the whole state that a subscriber may ask for.

An event may reach a subscriber twice and then has the same id; the order in which events of one account
arrive is the order in which they were committed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.case import Case, CaseStatus
from domain.ids import AccountId, ClientId, EventId, ExecutionId, Symbol
from domain.margin import AccountType
from domain.money import Currency
from domain.order import Order, OrderStatus
from domain.reporting import Worth


class CaseEventKind(StrEnum):
    """What happened to a case."""

    SNAPSHOT = "SNAPSHOT"
    OPENED = "OPENED"
    UPDATED = "UPDATED"
    STATUS_CHANGED = "STATUS_CHANGED"
    CLOSED = "CLOSED"
    REMOVED = "REMOVED"


class OrderEventKind(StrEnum):
    """What happened to an order."""

    SNAPSHOT = "SNAPSHOT"
    CREATED = "CREATED"
    STATUS_CHANGED = "STATUS_CHANGED"
    FILL = "FILL"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    LATE_FILL = "LATE_FILL"
    REMOVED = "REMOVED"


@dataclass(frozen=True, slots=True)
class AccountReference:
    """Whose account it is: what filters and permissions look at."""

    account_id: AccountId
    account_no: str
    account_type: AccountType
    base_currency: Currency
    client_id: ClientId
    client_no: str
    client_name: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with whose it is and which symbols the account holds."""

    case: Case
    account: AccountReference
    symbols: tuple[Symbol, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with whose it is."""

    order: Order
    account: AccountReference


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order; the price is in the instrument's currency."""

    execution_id: ExecutionId
    quantity: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """A case as it stood right after the change."""

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
    """As told by the event before, so that whoever selects by them learns what left; None: unknown."""


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order as it stood right after the change."""

    id: EventId
    at: datetime
    kind: OrderEventKind
    view: OrderView
    previous_status: OrderStatus | None = None
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class BookChanged:
    """Cash or positions of an account were stated anew: the monitor looks again."""

    id: EventId
    at: datetime
    account_id: AccountId


@dataclass(frozen=True, slots=True)
class LostEvent:
    """In the place of an event that cannot be read: something happened, and nobody can be told what."""

    id: EventId
    at: datetime


Event = CaseEvent | OrderEvent | BookChanged
