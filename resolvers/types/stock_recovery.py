"""Stock that accounts have to bring back: for their written calls, or because it was recalled."""

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
from resolvers.kit.context import Info, ReadContext
from resolvers.kit.errors import restored
from resolvers.kit.loaders import BookAndOrders
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.search import each_once
from resolvers.types.client import Account, Client, load_account, load_client
from resolvers.types.market import IF_READABLE, Instrument, instrument_of, load_instrument

if TYPE_CHECKING:
    from resolvers.types.case import Case

_IF_READABLE = " Null, with an error UNREADABLE_DATA, where stored data that it depends on is damaged."


@strawberry.type(description="A call that the account has written, and what of it is to be bought back.")
class WrittenCall:
    """From domain.covered_options.buy_backs."""

    instrument: Instrument = strawberry.field(description="The call.")
    contracts: Decimal = strawberry.field(description="Written, less what open orders may still buy back.")
    contracts_to_buy_back: Decimal = strawberry.field(
        description="Whole contracts, the fewest that end the shortfall once the open orders have filled."
    )


@strawberry.type(
    description="An account holds less of a stock than its written calls need. Quantities are units of it."
)
class CoveredOptionShortfall(Node):
    """From domain.stock_recovery.Recovery."""

    symbol: str = strawberry.field(description="Of the stock.")
    status: RecoveryStatus = strawberry.field(description="Where it stands.")
    quantity: Decimal = strawberry.field(description="What was missing when it was opened.")
    outstanding_quantity: Decimal = strawberry.field(description="What is missing now.")
    due_at: datetime = strawberry.field(description="When the stock has to be there.")
    opened_at: datetime = strawberry.field(description="When it was found.")
    closed_at: datetime | None = strawberry.field(description="When nothing was missing any more.")
    view: strawberry.Private[RecoveryView]

    @strawberry.field(description=f"The stock.{IF_READABLE}")
    async def underlying(self, info: Info) -> Instrument | None:
        """Batched."""
        return await load_instrument(info, self.view.recovery.symbol)

    @strawberry.field(description="Who has to bring it.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.view.account.account_id)

    @strawberry.field(description="Whose account it is.")
    async def client(self, info: Info) -> Client:
        """Batched."""
        return await load_client(info, self.view.account.client_id)

    @strawberry.field(description=f"The case that carries its orders.{_IF_READABLE}")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")] | None:
        """Batched."""
        return await _case(info, self.view)

    @strawberry.field(description=f"What the written calls need now.{_IF_READABLE}")
    async def required_quantity(self, info: Info) -> Decimal | None:
        """Batched."""
        return (await self._now(info)).required

    @strawberry.field(description=f"What is held now.{_IF_READABLE}")
    async def held_quantity(self, info: Info) -> Decimal | None:
        """Batched."""
        return (await self._now(info)).held

    @strawberry.field(description=f"What is still missing when the open orders fill.{_IF_READABLE}")
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


@strawberry.type(description="An account has to give back stock that it is short of. Quantities are units.")
class ShortRecovery(Node):
    """From domain.stock_recovery.Recovery."""

    symbol: str = strawberry.field(description="Of the stock.")
    status: RecoveryStatus = strawberry.field(description="Where it stands.")
    cause: RecallCause = strawberry.field(description="Why it has to come back.")
    reason: str = strawberry.field(description="Why, in the words of whoever recorded the recall.")
    recall_id: strawberry.ID = strawberry.field(
        description="Of the recall that this is a share of; filter by it to find the others."
    )
    quantity: Decimal = strawberry.field(description="What this account was asked for.")
    outstanding_quantity: Decimal = strawberry.field(
        description="What it still has to give back. A cover counts for the account's oldest recall first."
    )
    due_at: datetime = strawberry.field(description="When it has to be back.")
    overdue: bool = strawberry.field(description="Open, and due before now.")
    opened_at: datetime = strawberry.field(description="When it was recalled.")
    closed_at: datetime | None = strawberry.field(description="When all of it had come back.")
    view: strawberry.Private[RecoveryView]

    @strawberry.field(description=f"The stock.{IF_READABLE}")
    async def instrument(self, info: Info) -> Instrument | None:
        """Batched."""
        return await load_instrument(info, self.view.recovery.symbol)

    @strawberry.field(description="Who has to give it back.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.view.account.account_id)

    @strawberry.field(description="Whose account it is.")
    async def client(self, info: Info) -> Client:
        """Batched."""
        return await load_client(info, self.view.account.client_id)

    @strawberry.field(description=f"The case that carries its orders.{_IF_READABLE}")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")] | None:
        """Batched."""
        return await _case(info, self.view)

    @strawberry.field(description=f"What is still outstanding when the open orders fill.{_IF_READABLE}")
    async def uncovered_quantity(self, info: Info) -> Decimal | None:
        """Batched."""
        return await _uncovered(info, self.view)


@strawberry.input(description="Which shortfalls; what is left out does not matter.")
class CoveredOptionShortfallFilter:
    """To models.stock_recovery.RecoveryFilter."""

    status: list[RecoveryStatus] | None = strawberry.field(
        default=None, description="One of these; left out: the open ones."
    )
    underlying: str | None = strawberry.field(default=None, description="Of this stock.")
    client_id: strawberry.ID | None = strawberry.field(default=None, description="Of this client.")
    account_no: str | None = strawberry.field(default=None, description="Of this account.")

    def selection(self) -> RecoveryFilter:
        """An id of another type selects nothing."""
        return RecoveryFilter(
            AlertType.COVERED_CALL_SHORTFALL,
            status=each_once(self.status),
            symbol=None if self.underlying is None else Symbol(self.underlying),
            client_id=None if self.client_id is None else ClientId(filter_id("Client", self.client_id)),
            account_no=self.account_no,
        )


@strawberry.input(description="Which recoveries; what is left out does not matter.")
class ShortRecoveryFilter:
    """To models.stock_recovery.RecoveryFilter."""

    status: list[RecoveryStatus] | None = strawberry.field(
        default=None, description="One of these; left out: the open ones."
    )
    symbol: str | None = strawberry.field(default=None, description="Of this stock.")
    client_id: strawberry.ID | None = strawberry.field(default=None, description="Of this client.")
    account_no: str | None = strawberry.field(default=None, description="Of this account.")
    recall_id: strawberry.ID | None = strawberry.field(default=None, description="Shares of this recall.")
    due_before: datetime | None = strawberry.field(default=None, description="Due earlier than this.")

    def selection(self) -> RecoveryFilter:
        """An id of another type selects nothing."""
        recall_id = self.recall_id
        return RecoveryFilter(
            AlertType.SHORT_RECALL,
            status=each_once(self.status),
            symbol=None if self.symbol is None else Symbol(self.symbol),
            client_id=None if self.client_id is None else ClientId(filter_id("Client", self.client_id)),
            account_no=self.account_no,
            recall_id=None if recall_id is None else filter_id("StockRecall", recall_id),
            due_before=self.due_before,
        )


def shortfall_node(view: RecoveryView) -> CoveredOptionShortfall:
    """The GraphQL object of a recovery for written calls."""
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
    context: ReadContext, wanted: RecoveryFilter, first: int, after: str | None
) -> Connection[CoveredOptionShortfall]:
    """Newest first."""
    pager, request = _pager(context, wanted, first, after)
    page = await page_recoveries(context.audience, wanted, request)
    return pager.connection(
        page, request, _key, shortfall_node, lambda: count_recoveries(context.audience, wanted)
    )


async def short_recoveries_page(
    context: ReadContext, wanted: RecoveryFilter, first: int, after: str | None
) -> Connection[ShortRecovery]:
    """Newest first."""
    pager, request = _pager(context, wanted, first, after)
    page = await page_recoveries(context.audience, wanted, request)
    now = context.api.desk.clock()
    return pager.connection(
        page,
        request,
        _key,
        lambda view: short_recovery_node(view, now),
        lambda: count_recoveries(context.audience, wanted),
    )


async def find_shortfall(context: ReadContext, id_: str) -> Node | None:
    """For `node`."""
    view = await context.loaders.recoveries.load(RecoveryId(id_))
    is_one = view is not None and view.recovery.alert_type is AlertType.COVERED_CALL_SHORTFALL
    return shortfall_node(view) if view is not None and is_one else None


async def find_short_recovery(context: ReadContext, id_: str) -> Node | None:
    """For `node`."""
    view = await context.loaders.recoveries.load(RecoveryId(id_))
    if view is None or view.recovery.alert_type is not AlertType.SHORT_RECALL:
        return None
    return short_recovery_node(view, context.api.desk.clock())


def _pager(
    context: ReadContext, wanted: RecoveryFilter, first: int, after: str | None
) -> tuple[Pager[RecoveryView], PageRequest]:
    pager: Pager[RecoveryView] = Pager(("recoveries", wanted), "ts", context.api.page_size_max)
    return pager, pager.request(first, after)


def _key(view: RecoveryView) -> tuple[datetime, str]:
    return view.recovery.opened_at, view.recovery.id


async def _case(info: Info, view: RecoveryView) -> "Case":
    from resolvers.types.case import load_case

    loaded = await load_case(info, view.recovery.case_id)
    return restored(loaded)


async def _book(info: Info, view: RecoveryView) -> BookAndOrders:
    loaded = await info.context.loaders.books.load(view.account.account_id)
    return restored(loaded)


async def _uncovered(info: Info, view: RecoveryView) -> Decimal:
    if view.status is not RecoveryStatus.OPEN:
        return ZERO
    desk, loaded = info.context.api.desk, await _book(info, view)
    now = desk.clock()
    orders = loaded.open_orders(desk, now)
    return uncovered_quantity(loaded.book.book, orders, view.recovery, desk.today(now))
