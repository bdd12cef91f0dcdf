"""Execution reports as a venue can say them (FIX 4.4 message 8, and 9 for a refused cancel)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.ids import ClientOrderId, ExecutionId
from domain.money import ZERO


class ExecType(StrEnum):
    """What a report says happened (FIX ExecType, tag 150; the last stands for OrderCancelReject)."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCEL_REJECTED = "CANCEL_REJECTED"


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One fact from the venue about one order. (venue, execution_id) names it for ever; it may come twice.

    `last_quantity` and `last_price` belong to a TRADE and only to it; `fee` is in the instrument's currency.
    """

    venue: str
    execution_id: ExecutionId
    client_order_id: ClientOrderId
    exec_type: ExecType
    at: datetime
    last_quantity: Decimal = ZERO
    last_price: Decimal = ZERO
    fee: Decimal = ZERO
    text: str | None = None
    raw_status: str | None = None
    """What the venue calls the order's status, in its own words, where it does."""

    def __post_init__(self) -> None:
        is_trade = self.exec_type is ExecType.TRADE
        if is_trade and not (self.last_quantity > 0 and self.last_price > 0 and self.fee >= 0):
            raise ValueError("a trade needs a quantity and a price above zero and a fee not below")
        if not is_trade and (self.last_quantity or self.last_price or self.fee):
            raise ValueError("only a trade has a quantity, a price and a fee")
