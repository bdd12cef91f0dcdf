"""Statements of the book of record and of the market, besides quotes.

A statement is absolute, never a difference, so a repeated one changes nothing. It describes the state at
`as_of`; the desk adds fills recorded later.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.ids import Symbol
from domain.market import TradeStatus
from domain.message import Contact, Language, QuietHours
from domain.money import Currency


@dataclass(frozen=True, slots=True)
class PositionStated:
    """The account's signed quantity of an instrument at `as_of`; 0 closes the position."""

    account_no: str
    symbol: Symbol
    quantity: Decimal
    as_of: datetime
    average_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CashStated:
    """The account's ledger cash in one currency at `as_of`."""

    account_no: str
    currency: Currency
    balance: Decimal
    as_of: datetime
    accrued_interest: Decimal | None = None
    """None: unchanged."""


@dataclass(frozen=True, slots=True)
class TradeStatusStated:
    """The status of the instrument at `at`. `since`: when the status began, if the source states it."""

    symbol: Symbol
    status: TradeStatus
    at: datetime
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.since > self.at:
            raise ValueError(f"{self.symbol}: the status of a moment cannot have begun after it")


@dataclass(frozen=True, slots=True)
class ContactStated:
    """How to reach the client from `as_of` on; an omitted address is no longer valid."""

    client_no: str
    as_of: datetime
    email: str | None = None
    phone: str | None = None
    push_id: str | None = None
    language: Language = Language.ENGLISH
    time_zone: str = "UTC"
    quiet_hours: QuietHours | None = None

    @property
    def contact(self) -> Contact:
        """The contact without the client and the time."""
        return Contact(self.email, self.phone, self.push_id, self.language, self.time_zone, self.quiet_hours)


BookChange = PositionStated | CashStated | TradeStatusStated | ContactStated
