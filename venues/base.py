"""Where orders go: what the desk may rely on from any venue, simulated or real.

1. A message is taken when `submit` or `cancel` returns: the venue has stored it and will answer by a report.
   What becomes of it is said by reports only; a return means neither accepted nor cancelled.
2. `VenueUnavailable` means that the message may or may not have been taken. It is never sent again blindly:
   `history` tells.
3. A client order id is executed at most once. An order that is submitted again is not taken again, and
   makes no report: the first one stands, and its history tells what became of it.
4. `reports` says everything at least once, and of one order in the order in which it happened. A report
   counts as delivered when it is confirmed, so a reader first stores what it got; it may read on before, and
   confirm in any order. To a new reader everything that was not confirmed is said again.
5. (name, execution_id) names a report for ever, across restarts of the venue and of the desk.
6. `history` is everything the venue ever said about an order, whether delivered or not. None is final: the
   venue has never had the order, and no earlier message can still bring it.
7. A cancel that comes too late, or for an order that the venue has never had, is answered by
   CANCEL_REJECTED. Asking twice while the first cancel is under way makes no second answer.
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
    """No answer could be had: the message may or may not have been taken."""


class ClientOrderIdReused(Exception):
    """An id that names one order was sent with another: a bug on our side, and nothing was taken."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as a venue gets it (FIX NewOrderSingle, D)."""

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
            raise ValueError("an order needs a quantity above zero")
        if (self.type is OrderType.LIMIT) != (self.limit_price is not None):
            raise ValueError("a limit order has a limit price, a market order has none")


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """The wish that nothing more of the order trades (FIX OrderCancelRequest, F)."""

    client_order_id: ClientOrderId


@runtime_checkable
class CancelsClientOrders(Protocol):
    """What a venue may offer besides: it knows what clients ordered themselves, which the desk does not."""

    async def cancel_client_orders(self, account_no: str) -> int:
        """Cancel everything the client has open in the account; how many orders there were.

        Asking again is harmless. Orders of the desk are left alone. Raises `VenueUnavailable`.
        """
        ...


class Venue(Protocol):
    """The guarantees are those of the module."""

    @property
    def name(self) -> str:
        """Names the venue in reports, for ever."""
        ...

    async def submit(self, order: NewOrder) -> None:
        """Hand over an order; raises `VenueUnavailable`, and `ClientOrderIdReused` on other content."""
        ...

    async def cancel(self, request: CancelRequest) -> None:
        """Ask for the cancel; raises `VenueUnavailable`."""
        ...

    def reports(self) -> AsyncIterator[ExecutionReport]:
        """What happens, as it happens, until `close`. One reader at a time."""
        ...

    async def confirm(self, report: ExecutionReport) -> None:
        """The desk has stored the report. Confirming again does nothing; raises `VenueUnavailable`."""
        ...

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...] | None:
        """Everything ever said about the order, oldest first; None: never had it. May raise as above."""
        ...

    async def close(self) -> None:
        """Take nothing more and end `reports`."""
        ...
