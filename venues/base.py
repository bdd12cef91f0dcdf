"""The guarantees of a venue, simulated or real, on which the desk relies.

1. A message is accepted when `submit` or `cancel` returns: the venue has stored it and will answer by a
   report. Only reports state its result; a return means neither accepted by the market nor cancelled.
2. `VenueUnavailable` means that the message may or may not have been accepted. It is never sent again
   blindly: `history` shows the result.
3. A client order id is executed at most once. An order that is submitted again is ignored and makes no
   report: the first one stands, and its history shows its result.
4. `reports` delivers every report at least once, and those of one order in the order of their events. A
   report counts as delivered when it is confirmed, so a reader first stores it; it may read on before, and
   confirm in any order. A new reader gets all unconfirmed reports again.
5. (name, execution_id) identifies a report for ever, across restarts of the venue and of the desk.
6. `history` is every report that the venue ever made about an order, delivered or not. None is final: the
   venue never received the order, and no earlier message can still bring it.
7. A cancel that comes too late, or for an order that the venue never received, is answered by
   CANCEL_REJECTED. A second request while the first cancel is pending gets no second answer.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, runtime_checkable

from domain.execution import ExecutionReport
from domain.ids import ClientOrderId
from domain.market import Instrument
from domain.order import OrderSide, OrderType, TimeInForce, TradingSession


class VenueUnavailable(Exception):
    """No answer was received: the message may or may not have been accepted."""


class ClientOrderIdReused(Exception):
    """The id of an order was used for another order: a bug of the desk; the venue accepted nothing."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as sent to a venue (FIX NewOrderSingle, D)."""

    client_order_id: ClientOrderId
    instrument: Instrument
    side: OrderSide
    type: OrderType
    time_in_force: TimeInForce
    session: TradingSession
    quantity: Decimal
    limit_price: Decimal | None

    def __post_init__(self) -> None:
        if self.quantity <= 0:
            raise ValueError("an order must have a quantity above zero")
        if (self.type is OrderType.LIMIT) != (self.limit_price is not None):
            raise ValueError("a limit order must have a limit price, a market order must have none")


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """A request to cancel the rest of an order (FIX OrderCancelRequest, F)."""

    client_order_id: ClientOrderId


@runtime_checkable
class CancelsClientOrders(Protocol):
    """An optional ability of venues: cancelling the clients' own orders, which the desk does not know."""

    async def cancel_client_orders(self, account_no: str) -> int:
        """Cancel all open orders of the client in the account; returns how many there were.

        Safe to repeat. Orders of the desk are not affected. Raises `VenueUnavailable`.
        """
        ...


class Venue(Protocol):
    """The module's docstring states the guarantees."""

    @property
    def name(self) -> str:
        """The venue's name in reports, which never changes."""
        ...

    async def submit(self, order: NewOrder) -> None:
        """Send an order; raises `VenueUnavailable`, and `ClientOrderIdReused` for other content."""
        ...

    async def cancel(self, request: CancelRequest) -> None:
        """Request the cancel; raises `VenueUnavailable`."""
        ...

    def reports(self) -> AsyncIterator[ExecutionReport]:
        """Reports as they are made, until `close`. One reader at a time."""
        ...

    async def confirm(self, report: ExecutionReport) -> None:
        """Confirm that the desk has stored the report. Safe to repeat; raises `VenueUnavailable`."""
        ...

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...] | None:
        """All reports on the order, oldest first; None: the venue never received it. May raise as above."""
        ...

    async def close(self) -> None:
        """Accept nothing more and end `reports`."""
        ...
