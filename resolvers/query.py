"""The query root."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from desk.liquidation.liquidation_command import LiquidateCase
from desk.liquidation.one_person_limit import load_lately
from desk.liquidation.plan_liquidation import ReadAhead, plan_now, second_person
from domain.events import CaseView
from domain.ids import AccountId, ApprovalId, CaseId, ClientId, KillSwitchId, OrderId, Symbol
from domain.message import MessageId
from domain.order import TimeInForce, TradingSession
from domain.principal import Capability, Permission
from domain.refusals import Refusal, RefusalCode
from domain.webhook import WebhookId
from models.case_list import CaseSort, count_cases, page_cases
from models.case_records import follow_ups_of
from models.client import ClientFilter as ClientSelection
from models.client import ClientRow, count_clients, page_clients
from models.order import OrderFilter as OrderSelection
from resolvers.approval import ApprovalQueries, approval_of
from resolvers.arguments import INPUT, After, First, GlobalId
from resolvers.audit import AuditQueries, find_audit_entry
from resolvers.case import Case, CaseFilter, CaseOrder, case_of, load_case, orders_page
from resolvers.case_records import follow_up_of
from resolvers.client import Account, Client, account_of, client_of, position_of
from resolvers.context import Info, ReadContext, RequestContext, RequestInfo, reader
from resolvers.enums import OrderDirection
from resolvers.kill_switch import KillSwitchQueries, kill_switch_of
from resolvers.known_names import check_symbols
from resolvers.liquidation import (
    LiquidationPreview,
    LiquidationPreviewInput,
    plan_request,
    preview_of,
    refused_preview,
)
from resolvers.market import Quote, quote_of
from resolvers.market_days import MarketDay, find_market_day, market_days_page
from resolvers.message import message_of
from resolvers.node import Node, filter_id, type_and_id
from resolvers.order import Order, OrderFilter, order_of
from resolvers.pagination import Connection, Pager
from resolvers.reports import ReportQueries
from resolvers.search import search_of
from resolvers.settings import SettingQueries, find_setting
from resolvers.snapshot import SnapshotQueries, find_snapshot
from resolvers.stock_queries import StockQueries
from resolvers.stock_recovery import find_short_recovery, find_shortfall
from resolvers.summary import CaseSummary, summarise
from resolvers.webhook import WebhookQueries, find_webhook
from resolvers.what_if import BookWhatIf, ScenarioInput, WhatIf, WhatIfInput, book_what_if, what_if


@strawberry.type(description="Who you are and what you may do.")
class Viewer:
    """From domain.principal.Principal."""

    subject: str = strawberry.field(description="Of your token.")
    permissions: list[Permission] = strawberry.field(description="What it grants.")
    account_scope: list[str] | None = strawberry.field(description="Account numbers; null: every account.")
    token_expires_at: datetime | None = strawberry.field(description="When it ends.")


@strawberry.input(description="Which clients; what is left out does not matter.")
class ClientFilter:
    """To models.client.ClientFilter."""

    search: str | None = strawberry.field(
        default=None,
        description="Case-insensitive part of the client number or, if you may see it, the name.",
    )
    group: str | None = strawberry.field(default=None, description="Of this group.")
    has_open_case: bool | None = strawberry.field(
        default=None, description="With, or without, a case that is not closed."
    )


@strawberry.type(description="Everything that can be asked.")
class Query(
    ApprovalQueries,
    AuditQueries,
    KillSwitchQueries,
    ReportQueries,
    SettingQueries,
    SnapshotQueries,
    StockQueries,
    WebhookQueries,
):
    """One method per root field; those of one subject stand together in a class of their own."""

    @strawberry.field(description="Who you are and what you may do.")
    async def viewer(self, info: RequestInfo) -> Viewer:
        """From the token."""
        principal = info.context.principal
        scope = principal.audience.account_scope
        return Viewer(
            subject=principal.subject,
            permissions=sorted(principal.audience.permissions),
            account_scope=None if scope is None else sorted(scope),
            token_expires_at=principal.token_expires_at,
        )

    @strawberry.field(description="Any object by its id; null when there is none within your scope.")
    async def node(self, info: Info, id: GlobalId) -> Node | None:
        """By the type that the id names."""
        context = reader(info)
        named = type_and_id(id)
        finder = _FINDERS.get(named[0]) if named else None
        return await finder(context, named[1]) if finder and named else None

    @strawberry.field(
        description="Margin-call cases. Without a filter the risk-warning list: all that are not closed."
    )
    async def cases(
        self,
        info: Info,
        filter: Annotated[CaseFilter | None, strawberry.argument(description="Which.")] = None,
        order_by: Annotated[CaseOrder | None, strawberry.argument(description="Sorted how.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Case]:
        """A keyset page."""
        context = reader(info)
        order = order_by or CaseOrder()
        sort, descending = CaseSort(order.field.value), order.direction is OrderDirection.DESC
        wanted = (filter or CaseFilter()).selection()
        types = "ds" if sort is CaseSort.AMOUNT else "ts"
        pager: Pager[CaseView] = Pager(("cases", wanted, sort, descending), types, context.api.page_size_max)
        request = pager.request(first, after)
        now = context.api.desk.clock()
        page = await page_cases(context.audience, wanted, request, sort, descending, now)
        return pager.connection(
            page,
            request,
            lambda view: (_SORT_KEYS[sort](view), view.case.id),
            lambda view: case_of(view, now),
            lambda: count_cases(context.audience, wanted, now),
        )

    @strawberry.field(description="One case; null when there is none within your scope.")
    async def case(self, info: Info, id: GlobalId) -> Case | None:
        """Batched over aliases."""
        reader(info)
        return await load_case(info, CaseId(filter_id("Case", id)))

    @strawberry.field(description="Totals over cases; without a filter over every case that is not closed.")
    async def case_summary(
        self,
        info: Info,
        filter: Annotated[CaseFilter | None, strawberry.argument(description="Which.")] = None,
    ) -> CaseSummary:
        """Summed exactly, outside the database."""
        return await summarise(reader(info), (filter or CaseFilter()).selection())

    @strawberry.field(description="Clients by client number.")
    async def clients(
        self,
        info: Info,
        filter: Annotated[ClientFilter | None, strawberry.argument(description="Which.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Client]:
        """A keyset page."""
        context = reader(info)
        wanted = ClientSelection()
        if filter is not None:
            wanted = ClientSelection(search_of(filter.search), filter.group, filter.has_open_case)
        pager: Pager[ClientRow] = Pager(("clients", wanted), "s", context.api.page_size_max)
        request = pager.request(first, after)
        page = await page_clients(context.audience, wanted, request)
        return pager.connection(
            page,
            request,
            lambda row: (row.client_no,),
            lambda row: client_of(row, context),
            lambda: count_clients(context.audience, wanted),
        )

    @strawberry.field(description="One client; null when there is none within your scope.")
    async def client(self, info: Info, id: GlobalId) -> Client | None:
        """Batched over aliases."""
        return await _find_client(reader(info), filter_id("Client", id))

    @strawberry.field(description="One account; null when there is none within your scope.")
    async def account(self, info: Info, id: GlobalId) -> Account | None:
        """Batched over aliases."""
        return await _find_account(reader(info), filter_id("Account", id))

    @strawberry.field(
        description="Days on which a market does not trade as its calendar says, newest word first."
    )
    async def market_days(
        self,
        info: Info,
        market: Annotated[
            str | None, strawberry.argument(description="Of this market, such as XHKG.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[MarketDay]:
        """A keyset page."""
        return await market_days_page(info, market, first, after)

    @strawberry.field(description="Liquidation orders, newest first.")
    async def orders(
        self,
        info: Info,
        filter: Annotated[OrderFilter | None, strawberry.argument(description="Which.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Order]:
        """A keyset page."""
        reader(info)
        return await orders_page(info, filter.selection() if filter else OrderSelection(), first, after)

    @strawberry.field(description="One order; null when there is none within your scope.")
    async def order(self, info: Info, id: GlobalId) -> Order | None:
        """Batched over aliases."""
        return await _find_order(reader(info), filter_id("Order", id))

    @strawberry.field(description="The last quote of an instrument; null when there is none.")
    async def quote(
        self, info: Info, symbol: Annotated[str, strawberry.argument(description="Such as 700.HK.")]
    ) -> Quote | None:
        """Batched over aliases."""
        context = reader(info)
        quote = await context.loaders.quotes.load(Symbol(symbol))
        return quote_of(quote, context.api.desk) if quote else None

    @strawberry.field(
        description="What a liquidation would do, leg by leg, on current quotes. Changes nothing."
    )
    async def liquidation_preview(
        self, info: Info, input: Annotated[LiquidationPreviewInput, INPUT]
    ) -> LiquidationPreview:
        """The same plan that liquidate would make at this moment."""
        context = reader(info, Capability.PREVIEW)
        request = plan_request(input, TradingSession.REGULAR, TimeInForce.DAY, context.api.legs_max)
        await check_symbols(context, request.keep)
        view = await context.loaders.cases.load(CaseId(filter_id("Case", input.case_id)))
        if view is None:
            return refused_preview(Refusal(RefusalCode.NOT_FOUND, "There is no such case."), Decimal(0))
        desk = context.api.desk
        loaded = await context.loaders.books.load(view.case.account_id)
        assert loaded is not None, "a case's account has a book"
        lately = (await load_lately([loaded.book], desk.clock()))[view.case.account_id]
        item, read = LiquidateCase(view.case.id, None, request), ReadAhead(loaded.book, loaded.orders, lately)
        made = await plan_now(desk, view, item, read, desk.clock())
        if isinstance(made, Refusal):
            return refused_preview(made, view.case.figures.amount)
        return preview_of(made, desk, await second_person(desk, view, item, read, made))

    @strawberry.field(
        description="An account under shocked prices and rates: figures before and after, the calls they "
        "would demand and what would be sold; null when there is none within your scope."
    )
    async def what_if(self, info: Info, input: Annotated[WhatIfInput, INPUT]) -> WhatIf | None:
        """The same code as the real figures."""
        return await what_if(reader(info, Capability.PREVIEW), input)

    @strawberry.field(
        description="Every account within your scope under shocked prices and rates: how many calls, for how "
        "much, whom first. Takes seconds on a large book; few may run at once (BOOK_BUSY)."
    )
    async def book_what_if(
        self,
        info: Info,
        input: Annotated[ScenarioInput, strawberry.argument(description="What is supposed to happen.")],
        first: First = 50,
        after: After = None,
    ) -> BookWhatIf:
        """Off the event loop."""
        return await book_what_if(reader(info, Capability.PREVIEW), input, first, after)


_SORT_KEYS = {
    CaseSort.OPENED_AT: lambda view: view.case.opened_at,
    CaseSort.DEADLINE: lambda view: view.case.deadline,
    CaseSort.AMOUNT: lambda view: view.case.figures.amount,
}


async def _find_case(context: ReadContext, id_: str) -> Case | None:
    view = await context.loaders.cases.load(CaseId(id_))
    return case_of(view, context.api.desk.clock()) if view else None


async def _find_client(context: ReadContext, id_: str) -> Client | None:
    row = await context.loaders.clients.load(ClientId(id_))
    return client_of(row, context) if row else None


async def _find_account(context: ReadContext, id_: str) -> Account | None:
    row = await context.loaders.accounts.load(AccountId(id_))
    return account_of(row) if row else None


async def _find_order(context: ReadContext, id_: str) -> Order | None:
    view = await context.loaders.orders.load(OrderId(id_))
    return order_of(view) if view else None


async def _find_position(context: ReadContext, id_: str) -> Node | None:
    account_id, _, symbol = id_.partition(":")
    loaded = await context.loaders.books.load(AccountId(account_id))
    held = loaded.book.book.holding(Symbol(symbol)) if loaded else None
    return position_of(AccountId(account_id), held, loaded) if held and loaded else None


async def _find_approval(context: ReadContext, id_: str) -> Node | None:
    view = await context.loaders.approvals.load(ApprovalId(id_))
    return approval_of(view, context) if view else None


async def _find_message(context: ReadContext, id_: str) -> Node | None:
    message = await context.loaders.messages.load(MessageId(id_))
    return message_of(message, context) if message else None


async def _find_webhook(context: ReadContext, id_: str) -> Node | None:
    assert isinstance(context, RequestContext), "node is asked for in requests only"
    return await find_webhook(context, WebhookId(id_))


async def _find_kill_switch(context: ReadContext, id_: str) -> Node | None:
    switch = await context.loaders.kill_switches.load(KillSwitchId(id_))
    return kill_switch_of(switch) if switch else None


async def _find_follow_up(context: ReadContext, id_: str) -> Node | None:
    record = (await follow_ups_of(context.audience, [id_])).get(id_)
    return follow_up_of(record) if record else None


_FINDERS = {
    "KillSwitch": _find_kill_switch,
    "Message": _find_message,
    "Webhook": _find_webhook,
    "ApprovalRequest": _find_approval,
    "Case": _find_case,
    "Client": _find_client,
    "Account": _find_account,
    "AuditEntry": find_audit_entry,
    "Order": _find_order,
    "Position": _find_position,
    "Snapshot": find_snapshot,
    "FollowUp": _find_follow_up,
    "MarketDay": find_market_day,
    "CoveredOptionShortfall": find_shortfall,
    "ShortRecovery": find_short_recovery,
    "RiskSetting": find_setting,
}
