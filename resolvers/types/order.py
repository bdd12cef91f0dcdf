"""Liquidation orders, their fills and their filter."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from domain.events import OrderView
from domain.ids import CaseId, ClientId, OrderId, Symbol
from domain.order import OrderSide, OrderStatus, OrderType, TimeInForce, TradingSession
from domain.raw_status import raw_status
from models.order import OrderFilter as OrderSelection
from models.order import count_orders, page_orders
from models.sql.database import Row, unreadable_rows
from models.sql.values import time
from models.sql.where import Page, PageRequest
from resolvers.kit.arguments import PageArguments
from resolvers.kit.context import Info, selected_rows
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import FollowedConnection, Pager, PageRead, followed
from resolvers.kit.search import search_of, unique
from resolvers.kit.stream_cursor import stream_cursor
from resolvers.types.client import Account, load_account
from resolvers.types.market import IF_READABLE, Instrument, load_instrument
from resolvers.types.order_rows import ORDER_ROWS

if TYPE_CHECKING:
    from resolvers.types.case import Case


@strawberry.type(description="An execution of an order at the venue.")
class Fill:
    """From domain.events.Fill."""

    execution_id: str = strawberry.field(description="The id of the execution at the venue (FIX ExecID).")
    quantity: Decimal = strawberry.field(description="The executed quantity, in units.")
    price: Decimal = strawberry.field(description="The price per unit, in the instrument's currency.")
    at: datetime = strawberry.field(description="The time of the execution at the venue.")


@strawberry.type(description="A change of an order's status.")
class OrderChange:
    """From models.order.OrderChange."""

    status: OrderStatus = strawberry.field(description="The status after the change.")
    at: datetime = strawberry.field(description="The time of the change.")
    reason: str | None = strawberry.field(description="The reason for the change; null if none was given.")


@strawberry.type(description="A liquidation order. Prices are in the instrument's currency.")
class Order(Node):
    """From domain.order.Order."""

    client_order_id: str = strawberry.field(
        description="The desk's id of the order at the venue (FIX ClOrdID)."
    )
    symbol: str = strawberry.field(description="The symbol of the instrument.")
    side: OrderSide = strawberry.field(
        description="The side: SELL closes a long position, BUY covers a short one."
    )
    type: OrderType = strawberry.field(description="The way in which the order is priced.")
    time_in_force: TimeInForce = strawberry.field(description="The time for which the order stays working.")
    session: TradingSession = strawberry.field(description="The sessions in which the order may trade.")
    quantity: Decimal = strawberry.field(description="The ordered quantity, in units.")
    limit_price: Decimal | None = strawberry.field(
        description="The limit price per unit; null for a market order."
    )
    filled_quantity: Decimal = strawberry.field(
        description="The quantity executed so far, in units (FIX CumQty)."
    )
    leaves_quantity: Decimal = strawberry.field(
        description="The quantity that may still be filled, in units (FIX LeavesQty); 0 once the order has "
        "ended."
    )
    average_price: Decimal | None = strawberry.field(
        description="The average price of the fills, rounded to eight digits; null before the first fill."
    )
    status: OrderStatus = strawberry.field(description="The status of the order now, as the desk knows it.")
    raw_status: str = strawberry.field(
        description="The status in the words of the venue, such as NewStatus; if the venue sent none, in "
        "the desk's words for that status. For display: use `status` to decide."
    )
    override: bool = strawberry.field(
        description="Whether the order was placed with `override`. Such an order is not cancelled when the "
        "case is cured."
    )
    cancellable: bool = strawberry.field(description="Whether a cancel of the order can be requested now.")
    terminal: bool = strawberry.field(
        description="Whether the order has ended. Only a late fill can still follow."
    )
    reason: str | None = strawberry.field(
        description="The reason why the order was cancelled or rejected, or why it expired; null for other "
        "orders. For display."
    )
    estimated_reduction: Decimal = strawberry.field(
        description="The planned reduction of the amount to collect, in the account's base currency."
    )
    placed_by: str = strawberry.field(
        description='The subject of the operator who liquidated; "system" if the desk did so automatically.'
    )
    created_at: datetime = strawberry.field(description="The time at which the order was recorded.")
    updated_at: datetime = strawberry.field(description="The time of the last change of the order.")
    version: int = strawberry.field(description="A number that grows with every change of the order.")
    view: strawberry.Private[OrderView]

    @strawberry.field(description="The case for which the order was placed; null if you may not see it.")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")] | None:
        """Batched."""
        from resolvers.types.case import case_of

        view = await info.context.loaders.cases.load(self.view.order.case_id)
        return case_of(view, info.context.api.desk.clock()) if view else None

    @strawberry.field(description="The account whose position the order closes.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.view.account.account_id)

    @strawberry.field(description=f"The instrument that the order trades.{IF_READABLE}")
    async def instrument(self, info: Info) -> Instrument | None:
        """Batched."""
        return await load_instrument(info, self.view.order.symbol)

    @strawberry.field(description="The executions of the order, oldest first.")
    async def fills(self, info: Info) -> list[Fill]:
        """Batched."""
        fills = await info.context.loaders.fills.load(self.view.order.id)
        return [Fill(execution_id=f.execution_id, quantity=f.quantity, price=f.price, at=f.at) for f in fills]

    @strawberry.field(description="The statuses that the order has had, oldest first.")
    async def history(self, info: Info) -> list[OrderChange]:
        """Batched."""
        changes = await info.context.loaders.changes.load(self.view.order.id)
        return [OrderChange(status=each.status, at=each.at, reason=each.reason) for each in changes]


@strawberry.input(description="Filter for orders. Omitted fields match everything.")
class OrderFilter:
    """To models.order.OrderFilter."""

    status: list[OrderStatus] | None = strawberry.field(
        default=None, description="Orders with one of these statuses."
    )
    case_id: strawberry.ID | None = strawberry.field(
        default=None, description="Orders of this case, by global id."
    )
    client_id: strawberry.ID | None = strawberry.field(
        default=None, description="Orders in accounts of this client, by global id."
    )
    account_no: str | None = strawberry.field(
        default=None, description="Orders in the account with this number."
    )
    symbol: str | None = strawberry.field(default=None, description="Orders in this instrument, by symbol.")
    search: str | None = strawberry.field(
        default=None,
        description="Part of the client number, account number, symbol, clientOrderId or, if you may see "
        "personal data, the client's name; at most 200 characters. Ignores case and width of letters.",
    )
    created_after: datetime | None = strawberry.field(
        default=None, description="Orders recorded after this time."
    )
    created_before: datetime | None = strawberry.field(
        default=None, description="Orders recorded before this time."
    )

    def selection(self) -> OrderSelection:
        """The filter for the database; an id of another type matches nothing."""
        return OrderSelection(
            status=unique(self.status),
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


async def load_order(info: Info, order_id: OrderId | None) -> Order | None:
    """The order if it exists and is visible, else None."""
    view = await info.context.loaders.orders.load(order_id) if order_id else None
    return order_of(view) if view else None


async def orders_page(
    info: Info, selection: OrderSelection, asked: PageArguments
) -> FollowedConnection[Order]:
    """A page of orders, newest first, with the cursor after which `orderEvents` continues it."""
    cursor = await stream_cursor(info, "orderEvents", selection)
    audience, pager = info.context.audience, _pager(info, selection)
    request = pager.request(asked)
    page = await pager.connection(
        request,
        lambda at: page_orders(audience, selection, at),
        _key,
        order_of,
        lambda: count_orders(audience, selection),
    )
    return followed(page, cursor)


async def orders_of_case(info: Info, case_id: CaseId, asked: PageArguments) -> FollowedConnection[Order]:
    """A page of a case's orders, newest first; the first pages of many cases are loaded together."""
    selection = OrderSelection(case_id=case_id)
    context, pager = info.context, _pager(info, selection)
    cursor = await stream_cursor(info, "orderEvents", selection)

    async def load(at: PageRequest) -> Page[Any]:
        if at.is_first:
            # A page that another field has loaded may be older than the position of the cursor.
            pages = context.loaders.orders_of if cursor is None else context.loaders.orders_after_stream_head
            return await pages.load((case_id, at.size))
        return await page_orders(context.audience, selection, at)

    async def count() -> int:
        return await context.loaders.order_counts.load(case_id) or 0

    request = pager.request(asked)
    rows = selected_rows(info, ORDER_ROWS) if request.is_first and cursor is None else None
    if rows is not None and not unreadable_rows().any_of("liquidation_order"):
        found = await context.loaders.page_rows.orders(case_id, request.size, rows.columns)
        nodes: Any = await rows.objects(found.rows, None)
        if nodes is not None:
            page = await pager.connection_of(nodes, PageRead(request, found, load), _row_key, count)
            return followed(page, cursor)
    return followed(await pager.connection(request, load, _key, order_of, count), cursor)


def _pager(info: Info, selection: OrderSelection) -> Pager[Any]:
    return Pager(("orders", selection), "ts", info.context.api.page_size_max)


def _row_key(row: Row) -> tuple[datetime, str]:
    return time(row["created_at"]), row["id"]


def _key(view: OrderView) -> tuple[datetime, str]:
    return view.order.created_at, view.order.id
