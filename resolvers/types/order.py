"""Liquidation orders."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.events import OrderView
from domain.ids import CaseId, ClientId, Symbol
from domain.order import OrderSide, OrderStatus, OrderType, TimeInForce, TradingSession
from domain.raw_status import raw_status
from models.order import OrderFilter as OrderSelection
from resolvers.kit.context import Info
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.search import each_once, search_of
from resolvers.types.client import Account, load_account
from resolvers.types.market import IF_READABLE, Instrument, load_instrument

if TYPE_CHECKING:
    from resolvers.types.case import Case


@strawberry.type(description="One execution of an order.")
class Fill:
    """From domain.events.Fill."""

    execution_id: str = strawberry.field(description="The venue's name for it (FIX ExecID).")
    quantity: Decimal = strawberry.field(description="Units.")
    price: Decimal = strawberry.field(description="Per unit, in the instrument's currency.")
    at: datetime = strawberry.field(description="When the venue executed it.")


@strawberry.type(description="One step of an order's life.")
class OrderChange:
    """From models.order.OrderChange."""

    status: OrderStatus = strawberry.field(description="The status from then on.")
    at: datetime = strawberry.field(description="When.")
    reason: str | None = strawberry.field(description="Why, where somebody said.")


@strawberry.type(description="A liquidation order. Prices are in the instrument's currency.")
class Order(Node):
    """From domain.order.Order."""

    client_order_id: str = strawberry.field(description="Our name for it at the venue (FIX ClOrdID).")
    symbol: str = strawberry.field(description="Of the instrument that it trades.")
    side: OrderSide = strawberry.field(description="SELL closes a long, BUY covers a short.")
    type: OrderType = strawberry.field(description="How it is priced.")
    time_in_force: TimeInForce = strawberry.field(description="How long it lives.")
    session: TradingSession = strawberry.field(description="When it may trade.")
    quantity: Decimal = strawberry.field(description="Units ordered.")
    limit_price: Decimal | None = strawberry.field(description="Null for a market order.")
    filled_quantity: Decimal = strawberry.field(description="Units executed (FIX CumQty).")
    leaves_quantity: Decimal = strawberry.field(description="Units that may still fill; 0 when it has ended.")
    average_price: Decimal | None = strawberry.field(description="Of the fills, to eight digits.")
    status: OrderStatus = strawberry.field(description="Where it stands.")
    raw_status: str = strawberry.field(
        description="In the words of the venue, where it said any, else in those of the reference product."
    )
    override: bool = strawberry.field(description="Placed although nothing was left to collect.")
    cancellable: bool = strawberry.field(description="A cancel may be asked for.")
    terminal: bool = strawberry.field(description="It has ended; only a late fill can still come.")
    reason: str | None = strawberry.field(description="Why it was cancelled, rejected or expired.")
    estimated_reduction: Decimal = strawberry.field(
        description="Of the amount to collect, as planned, in the account's base currency."
    )
    placed_by: str = strawberry.field(description="Who liquidated.")
    created_at: datetime = strawberry.field(description="When it was recorded.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Grows with every change.")
    view: strawberry.Private[OrderView]

    @strawberry.field(description="The case it was placed for.")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")] | None:
        """Batched."""
        from resolvers.types.case import case_of

        view = await info.context.loaders.cases.load(self.view.order.case_id)
        return case_of(view, info.context.api.desk.clock()) if view else None

    @strawberry.field(description="Whose position it closes.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.view.account.account_id)

    @strawberry.field(description=f"What it trades.{IF_READABLE}")
    async def instrument(self, info: Info) -> Instrument | None:
        """Batched."""
        return await load_instrument(info, self.view.order.symbol)

    @strawberry.field(description="Its executions, oldest first.")
    async def fills(self, info: Info) -> list[Fill]:
        """Batched."""
        fills = await info.context.loaders.fills.load(self.view.order.id)
        return [Fill(execution_id=f.execution_id, quantity=f.quantity, price=f.price, at=f.at) for f in fills]

    @strawberry.field(description="Every status it had, oldest first.")
    async def history(self, info: Info) -> list[OrderChange]:
        """Batched."""
        changes = await info.context.loaders.changes.load(self.view.order.id)
        return [OrderChange(status=each.status, at=each.at, reason=each.reason) for each in changes]


@strawberry.input(description="Which orders; what is left out does not matter.")
class OrderFilter:
    """To models.order.OrderFilter."""

    status: list[OrderStatus] | None = strawberry.field(default=None, description="One of these.")
    case_id: strawberry.ID | None = strawberry.field(default=None, description="Of this case.")
    client_id: strawberry.ID | None = strawberry.field(default=None, description="Of this client.")
    account_no: str | None = strawberry.field(default=None, description="Of this account.")
    symbol: str | None = strawberry.field(default=None, description="In this instrument.")
    search: str | None = strawberry.field(
        default=None,
        description="Part of client name, client number, account number, symbol or client order id, whatever "
        "the case and width of its letters.",
    )
    created_after: datetime | None = strawberry.field(default=None, description="Later than this.")
    created_before: datetime | None = strawberry.field(default=None, description="Earlier than this.")

    def selection(self) -> OrderSelection:
        """An id of another type selects nothing."""
        return OrderSelection(
            status=each_once(self.status),
            case_id=None if self.case_id is None else CaseId(filter_id("Case", self.case_id)),
            client_id=None if self.client_id is None else ClientId(filter_id("Client", self.client_id)),
            account_no=self.account_no,
            symbol=None if self.symbol is None else Symbol(self.symbol),
            search=search_of(self.search),
            created_after=self.created_after,
            created_before=self.created_before,
        )


def order_of(view: OrderView) -> Order:
    """The GraphQL object."""
    order = view.order
    return Order(
        id=global_id("Order", order.id),
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        session=order.session,
        quantity=order.quantity,
        limit_price=order.limit_price,
        filled_quantity=order.filled_quantity,
        leaves_quantity=order.leaves_quantity,
        average_price=order.average_price,
        status=order.status,
        raw_status=raw_status(order),
        override=order.override,
        cancellable=order.cancellable,
        terminal=order.terminal,
        reason=order.reason,
        estimated_reduction=order.estimated_reduction,
        placed_by=order.placed_by,
        created_at=order.created_at,
        updated_at=order.updated_at,
        version=order.version,
        view=view,
    )
