"""Execution reports in the form in which a venue sends them (FIX 4.4 message 8, and 9 for a refused cancel).

A report can hold anything that a venue says, even if it cannot be true: `domain.execution_check` finds what
is wrong with it, so that it is stored and reported instead of being lost at the entry.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.ids import ClientOrderId, ExecutionId, Symbol
from domain.money import ZERO


class OrderSide(StrEnum):
    """SELL closes a long position, BUY covers a short one."""

    BUY = "BUY"
    SELL = "SELL"


class ExecType(StrEnum):
    """The event of a report (FIX ExecType, tag 150; CANCEL_REJECTED stands for OrderCancelReject)."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    TRADE_CANCEL = "TRADE_CANCEL"
    """The venue cancels an earlier execution (a bust)."""


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One fact from the venue about one order, identified by (venue, execution_id); it may arrive twice.

    `last_quantity` and `last_price` belong to a TRADE or the cancelled trade; `fee` is in the instrument's
    currency, below zero if the venue pays a rebate.
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
    """The order's status in the venue's own words, if stated."""
    symbol: Symbol | None = None
    side: OrderSide | None = None
    account_no: str | None = None
    """The venue's view of the order, if stated: compared with the order, never stored in it."""
    refers_to: ExecutionId | None = None
    """The execution that a TRADE_CANCEL cancels (FIX ExecRefID)."""

    def __post_init__(self) -> None:
        is_trade = self.exec_type in (ExecType.TRADE, ExecType.TRADE_CANCEL)
        if not is_trade and (self.last_quantity or self.last_price or self.fee):
            raise ValueError("only a trade has a quantity, a price and a fee")
