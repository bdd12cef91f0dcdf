"""A liquidation order: its states and what may happen in each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.ids import AccountId, CaseId, ClientOrderId, OrderId, Symbol
from domain.money import ZERO, average_price


class OrderSide(StrEnum):
    """SELL closes a long, BUY covers a short."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """FIX OrdType."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class TimeInForce(StrEnum):
    """FIX TimeInForce."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"


class TradingSession(StrEnum):
    """REGULAR hours only, or ANY session that the market has."""

    REGULAR = "REGULAR"
    ANY = "ANY"


class OrderStatus(StrEnum):
    """FIX OrdStatus, and before it the desk's own: PENDING_APPROVAL and QUEUED; UNKNOWN: the venue is silent."""

    PENDING_APPROVAL = "PENDING_APPROVAL"
    QUEUED = "QUEUED"
    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


TERMINAL = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
)


@dataclass(frozen=True, slots=True)
class Order:
    """One liquidation order. Quantities in units, prices and notional in the instrument's currency."""

    id: OrderId
    client_order_id: ClientOrderId
    case_id: CaseId
    account_id: AccountId
    symbol: Symbol
    side: OrderSide
    type: OrderType
    time_in_force: TimeInForce
    session: TradingSession
    quantity: Decimal
    limit_price: Decimal | None
    status: OrderStatus
    estimated_reduction: Decimal
    """Of the amount to collect, in the account's base currency, as planned."""
    placed_by: str
    created_at: datetime
    updated_at: datetime
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    """Sum of quantity x price over the fills (without the multiplier)."""
    cancel_requested: bool = False
    """Somebody wants it cancelled; stays true until the order is terminal or the venue refuses."""
    reason: str | None = None
    version: int = 1

    @property
    def terminal(self) -> bool:
        """Nothing but a late fill can happen any more."""
        return self.status in TERMINAL

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still fill (FIX LeavesQty): 0 when terminal."""
        return ZERO if self.terminal else self.quantity - self.filled_quantity

    @property
    def average_price(self) -> Decimal | None:
        """Of the fills (FIX AvgPx), to eight digits."""
        return average_price(self.filled_notional, self.filled_quantity) if self.filled_quantity else None
