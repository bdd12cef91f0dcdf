"""Stock that accounts have to bring in: for their written calls, or because it was recalled."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain import covered_options
from domain.case import AlertType
from domain.ids import ClientId, RecoveryId, Symbol
from domain.money import ZERO
from domain.sellable import after_open_orders
from domain.stock_recovery import RecallCause, RecoveryStatus, uncovered_quantity
from models.sql.where import PageRequest
from models.stock_recovery import RecoveryFilter, RecoveryView, count_recoveries, page_recoveries
from resolvers.kit.arguments import PageArguments
from resolvers.kit.context import Info, ReadContext
from resolvers.kit.errors import restored
from resolvers.kit.loaders import BookAndOrders
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.search import unique
from resolvers.types.client import Account, Client, load_account, load_client
from resolvers.types.market import IF_READABLE, Instrument, instrument_of, load_instrument

if TYPE_CHECKING:
    from resolvers.types.case import Case

_IF_READABLE = " Null, with an error UNREADABLE_DATA, if stored data that it depends on is damaged."


@strawberry.type(description="A call option that the account has written, with the part to buy back.")
class WrittenCall:
    """From domain.covered_options.buy_backs."""

    instrument: Instrument = strawberry.field(description="The instrument of the written call.")
    contracts: Decimal = strawberry.field(
        description="The written contracts, less those that open orders may still buy back."
    )
    contracts_to_buy_back: Decimal = strawberry.field(
        description="The contracts to buy back: the fewest whole ones that end the shortfall once the open "
        "orders are filled."
    )


@strawberry.type(
    description="A shortfall of an account that holds less of a stock than its written calls need. "
    "Quantities are in units of the stock."
)
class CoveredOptionShortfall(Node):
    """From domain.stock_recovery.Recovery."""

    symbol: str = strawberry.field(description="The symbol of the stock.")
    status: RecoveryStatus = strawberry.field(description="The status of the shortfall.")
    quantity: Decimal = strawberry.field(description="The missing quantity when the shortfall was found.")
    outstanding_quantity: Decimal = strawberry.field(
        description="The quantity that is missing now; 0 once the shortfall has ended."
    )
    due_at: datetime = strawberry.field(description="The time until which the account has to hold the stock.")
    opened_at: datetime = strawberry.field(description="The time at which the shortfall was found.")
    closed_at: datetime | None = strawberry.field(
        description="The time at which the shortfall ended; null while it is open."
    )
    view: strawberry.Private[RecoveryView]

    @strawberry.field(description=f"The instrument of the stock.{IF_READABLE}")
    async def underlying(self, info: Info) -> Instrument | None:
        """Batched."""
        return await load_instrument(info, self.view.recovery.symbol)

    @strawberry.field(description="The account that holds too little of the stock.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.view.account.account_id)

    @strawberry.field(description="The client who owns the account.")
    async def client(self, info: Info) -> Client:
        """Batched."""
        return await load_client(info, self.view.account.client_id)

    @strawberry.field(description=f"The case that asks for the stock and has the orders.{_IF_READABLE}")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")] | None:
        """Batched."""
        return await _case(info, self.view)

    @strawberry.field(description=f"The quantity that the written calls need now.{_IF_READABLE}")
    async def required_quantity(self, info: Info) -> Decimal | None:
        """Batched."""
        return (await self._now(info)).required

    @strawberry.field(description=f"The quantity that the account holds now.{_IF_READABLE}")
    async def held_quantity(self, info: Info) -> Decimal | None:
        """Batched."""
        return (await self._now(info)).held

    @strawberry.field(
        description=f"The quantity that will still be missing after the open orders are filled.{_IF_READABLE}"
    )
    async def uncovered_quantity(self, info: Info) -> Decimal | None:
        """Batched."""
        return await _uncovered(info, self.view)

    @strawberry.field(
        description=f"The written calls, in the order in which they are bought back.{_IF_READABLE}"
    )
    async def written_calls(self, info: Info) -> list[WrittenCall] | None:
        """Batched."""
        loaded = await _book(info, self.view)
        desk = info.context.api.desk
        now = desk.clock()
        rest = after_open_orders(loaded.book.book, loaded.open_orders(desk, now))
        today = desk.today(now)
        missing = covered_options.shortfall_of(rest, self.view.recovery.symbol, today)
        return [
            WrittenCall(
                instrument=instrument_of(held.instrument),
                contracts=abs(held.quantity),
                contracts_to_buy_back=contracts,
            )
            for held, contracts in covered_options.buy_backs(rest, missing, today)
        ]

    async def _now(self, info: Info) -> covered_options.Shortfall:
        desk, loaded = info.context.api.desk, await _book(info, self.view)
        return covered_options.shortfall_of(
            loaded.book.book, self.view.recovery.symbol, desk.today(desk.clock())
        )


@strawberry.type(
    description="The recovery of recalled stock from an account that is short of it. Quantities are in units."
)
class ShortRecovery(Node):
    """From domain.stock_recovery.Recovery."""

    symbol: str = strawberry.field(description="The symbol of the stock.")
    status: RecoveryStatus = strawberry.field(description="The status of the recovery.")
    cause: RecallCause = strawberry.field(
        description="The reason why the stock has to be returned, as a code."
    )
    reason: str = strawberry.field(
        description="The reason in the words of the operator who recorded the recall; empty if none was "
        "given."
    )
    recall_id: strawberry.ID = strawberry.field(
        description="The id of the recall of which this recovery is a share. Filter `shortRecoveries` by "
        "it to find the other shares."
    )
    quantity: Decimal = strawberry.field(description="The quantity that the account was asked to return.")
    outstanding_quantity: Decimal = strawberry.field(
        description="The quantity that the account still has to return. If the account has several recalls "
        "of the stock, purchases count for the oldest first."
    )
    due_at: datetime = strawberry.field(description="The time until which the stock has to be returned.")
    overdue: bool = strawberry.field(description="Whether the recovery is open and its due time has passed.")
    opened_at: datetime = strawberry.field(description="The time of the recall.")
    closed_at: datetime | None = strawberry.field(
        description="The time at which the recovery ended; null while it is open."
    )
    view: strawberry.Private[RecoveryView]

    @strawberry.field(description=f"The instrument of the stock.{IF_READABLE}")
    async def instrument(self, info: Info) -> Instrument | None:
        """Batched."""
        return await load_instrument(info, self.view.recovery.symbol)

    @strawberry.field(description="The account that has to return the stock.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.view.account.account_id)

    @strawberry.field(description="The client who owns the account.")
    async def client(self, info: Info) -> Client:
        """Batched."""
        return await load_client(info, self.view.account.client_id)

    @strawberry.field(description=f"The case that asks for the stock and has the orders.{_IF_READABLE}")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")] | None:
        """Batched."""
        return await _case(info, self.view)

    @strawberry.field(
        description="The quantity that will still be outstanding after the open orders are "
        f"filled.{_IF_READABLE}"
    )
    async def uncovered_quantity(self, info: Info) -> Decimal | None:
        """Batched."""
        return await _uncovered(info, self.view)


@strawberry.input(
    description="Filter for shortfalls. Omitted fields match everything, but without `status` only open "
    "shortfalls match."
)
class CoveredOptionShortfallFilter:
    """To models.stock_recovery.RecoveryFilter."""

    status: list[RecoveryStatus] | None = strawberry.field(
        default=None, description="Shortfalls with one of these statuses. Omitted: open ones only."
    )
    underlying: str | None = strawberry.field(
        default=None, description="Shortfalls of this stock, by symbol."
    )
    client_id: strawberry.ID | None = strawberry.field(
        default=None, description="Shortfalls in accounts of this client, by global id."
    )
    account_no: str | None = strawberry.field(
        default=None, description="Shortfalls in the account with this number."
    )

    def selection(self) -> RecoveryFilter:
        """The filter for the database; an id of another type matches nothing."""
        return RecoveryFilter(
            AlertType.COVERED_CALL_SHORTFALL,
            status=unique(self.status),
            symbol=None if self.underlying is None else Symbol(self.underlying),
            client_id=None if self.client_id is None else ClientId(filter_id("Client", self.client_id)),
            account_no=self.account_no,
        )


@strawberry.input(
    description="Filter for recoveries. Omitted fields match everything, but without `status` only open "
    "recoveries match."
)
class ShortRecoveryFilter:
    """To models.stock_recovery.RecoveryFilter."""

    status: list[RecoveryStatus] | None = strawberry.field(
        default=None, description="Recoveries with one of these statuses. Omitted: open ones only."
    )
    symbol: str | None = strawberry.field(default=None, description="Recoveries of this stock, by symbol.")
    client_id: strawberry.ID | None = strawberry.field(
        default=None, description="Recoveries from accounts of this client, by global id."
    )
    account_no: str | None = strawberry.field(
        default=None, description="Recoveries from the account with this number."
    )
    recall_id: strawberry.ID | None = strawberry.field(
        default=None, description="Recoveries that are shares of this recall, by its `recallId`."
    )
    due_before: datetime | None = strawberry.field(
        default=None, description="Recoveries due before this time."
    )

    def selection(self) -> RecoveryFilter:
        """The filter for the database; an id of another type matches nothing."""
        recall_id = self.recall_id
        return RecoveryFilter(
            AlertType.SHORT_RECALL,
            status=unique(self.status),
            symbol=None if self.symbol is None else Symbol(self.symbol),
            client_id=None if self.client_id is None else ClientId(filter_id("Client", self.client_id)),
            account_no=self.account_no,
            recall_id=None if recall_id is None else filter_id("StockRecall", recall_id),
            due_before=self.due_before,
        )


def shortfall_node(view: RecoveryView) -> CoveredOptionShortfall:
    """The GraphQL object of a shortfall of written calls."""
    recovery = view.recovery
    return CoveredOptionShortfall(
        id=global_id("CoveredOptionShortfall", recovery.id),
        symbol=recovery.symbol,
        status=view.status,
        quantity=recovery.quantity,
        outstanding_quantity=recovery.outstanding,
        due_at=recovery.due_at,
        opened_at=recovery.opened_at,
        closed_at=recovery.closed_at,
        view=view,
    )


def short_recovery_node(view: RecoveryView, now: datetime) -> ShortRecovery:
    """The GraphQL object of a recovery of recalled stock."""
    recovery = view.recovery
    assert recovery.cause is not None, "a recovery of a recall"
    assert recovery.recall_id is not None, "a recovery of a recall"
    return ShortRecovery(
        id=global_id("ShortRecovery", recovery.id),
        symbol=recovery.symbol,
        status=view.status,
        cause=recovery.cause,
        reason=view.reason or "",
        recall_id=global_id("StockRecall", recovery.recall_id),
        quantity=recovery.quantity,
        outstanding_quantity=recovery.outstanding,
        due_at=recovery.due_at,
        overdue=view.status is RecoveryStatus.OPEN and recovery.due_at < now,
        opened_at=recovery.opened_at,
        closed_at=recovery.closed_at,
        view=view,
    )


async def shortfalls_page(
    context: ReadContext, selection: RecoveryFilter, asked: PageArguments
) -> Connection[CoveredOptionShortfall]:
    """A page, newest first."""
    pager, request = _pager(context, selection, asked)
    return await pager.connection(
        request,
        lambda at: page_recoveries(context.audience, selection, at),
        _key,
        shortfall_node,
        lambda: count_recoveries(context.audience, selection),
    )


async def short_recoveries_page(
    context: ReadContext, selection: RecoveryFilter, asked: PageArguments
) -> Connection[ShortRecovery]:
    """A page, newest first."""
    pager, request = _pager(context, selection, asked)
    now = context.api.desk.clock()
    return await pager.connection(
        request,
        lambda at: page_recoveries(context.audience, selection, at),
        _key,
        lambda view: short_recovery_node(view, now),
        lambda: count_recoveries(context.audience, selection),
    )


async def find_shortfall(context: ReadContext, id_: str) -> Node | None:
    """For the `node` field."""
    view = await context.loaders.recoveries.load(RecoveryId(id_))
    is_one = view is not None and view.recovery.alert_type is AlertType.COVERED_CALL_SHORTFALL
    return shortfall_node(view) if view is not None and is_one else None


async def find_short_recovery(context: ReadContext, id_: str) -> Node | None:
    """For the `node` field."""
    view = await context.loaders.recoveries.load(RecoveryId(id_))
    if view is None or view.recovery.alert_type is not AlertType.SHORT_RECALL:
        return None
    return short_recovery_node(view, context.api.desk.clock())


def _pager(
    context: ReadContext, selection: RecoveryFilter, asked: PageArguments
) -> tuple[Pager[RecoveryView], PageRequest]:
    pager: Pager[RecoveryView] = Pager(("recoveries", selection), "ts", context.api.page_size_max)
    return pager, pager.request(asked)


def _key(view: RecoveryView) -> tuple[datetime, str]:
    return view.recovery.opened_at, view.recovery.id


async def _case(info: Info, view: RecoveryView) -> "Case":
    from resolvers.types.case import load_case

    loaded = await load_case(info, view.recovery.case_id)
    return restored(loaded)


async def _book(info: Info, view: RecoveryView) -> BookAndOrders:
    loaded = await info.context.loaders.books.load(view.account.account_id)
    await info.context.pace.turn()
    return restored(loaded)


async def _uncovered(info: Info, view: RecoveryView) -> Decimal:
    if view.status is not RecoveryStatus.OPEN:
        return ZERO
    desk, loaded = info.context.api.desk, await _book(info, view)
    now = desk.clock()
    orders = loaded.open_orders(desk, now)
    return uncovered_quantity(loaded.book.book, orders, view.recovery, desk.today(now))
