"""Execution reports as a venue can say them (FIX 4.4 message 8, and 9 for a refused cancel).

A report is built from whatever the venue says, also where it cannot be true: `domain.execution_check` says
what is wrong with it, so that it is kept and shown to a person instead of being lost on the way in.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.ids import ClientOrderId, ExecutionId, Symbol
from domain.money import ZERO


class OrderSide(StrEnum):
    """SELL closes a long, BUY covers a short."""

    BUY = "BUY"
    SELL = "SELL"


class ExecType(StrEnum):
    """What a report says happened (FIX ExecType, tag 150; CANCEL_REJECTED stands for OrderCancelReject)."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    TRADE_CANCEL = "TRADE_CANCEL"
    """The venue takes an earlier execution back (a bust)."""


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One fact from the venue about one order. (venue, execution_id) names it for ever; it may come twice.

    `last_quantity` and `last_price` belong to a TRADE or the trade taken back; `fee` is in the instrument's
    currency, below zero where the venue pays a rebate.
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
    symbol: Symbol | None = None
    side: OrderSide | None = None
    account_no: str | None = None
    """What the venue says of the order, where it does: compared with ours, never taken over."""
    refers_to: ExecutionId | None = None
    """The execution that a TRADE_CANCEL takes back (FIX ExecRefID)."""

    def __post_init__(self) -> None:
        is_trade = self.exec_type in (ExecType.TRADE, ExecType.TRADE_CANCEL)
        if not is_trade and (self.last_quantity or self.last_price or self.fee):
            raise ValueError("only a trade has a quantity, a price and a fee")
