"""The root of queries."""

from typing import Annotated

import strawberry

from domain.ids import CaseId
from domain.principal import Capability
from models.client import (
    AccountRow,
    ClientRow,
    count_accounts,
    count_clients,
    page_accounts,
    page_clients,
)
from models.client import ClientFilter as ClientSelection
from models.order import OrderFilter as OrderSelection
from resolvers.commands.kill_switch import KillSwitchQueries
from resolvers.commands.liquidation_preview import LiquidationPreview, liquidation_preview
from resolvers.commands.liquidation_previews import LiquidationPreviews, liquidation_previews
from resolvers.commands.message_commands import MessageQueries
from resolvers.commands.plan_inputs import LiquidationPreviewInput
from resolvers.commands.settings import SettingQueries
from resolvers.commands.webhook import WebhookQueries
from resolvers.kit.arguments import INPUT, After, Before, First, GlobalId, Last, PageArguments
from resolvers.kit.context import IF_IT_FAILS, Info, RequestInfo, reader, require
from resolvers.kit.node import Node, filter_id
from resolvers.kit.pagination import Connection, FollowedConnection, Pager
from resolvers.kit.search import search_of
from resolvers.reads.book_what_if import BookWhatIf, book_what_if
from resolvers.reads.case_details import case_details
from resolvers.reads.case_list import cases_page
from resolvers.reads.desk_queries import DeskQueries
from resolvers.reads.find_node import find_account, find_client, find_node, find_order
from resolvers.reads.market_queries import MarketQueries
from resolvers.reads.reports import ReportQueries
from resolvers.reads.scenario_input import ScenarioInput
from resolvers.reads.stock_queries import StockQueries
from resolvers.reads.what_if import WhatIf, WhatIfInput, what_if
from resolvers.types.approval import ApprovalQueries
from resolvers.types.audit import AuditQueries
from resolvers.types.case import Case
from resolvers.types.case_filter import CaseFilter, CaseOrder, selected
from resolvers.types.client import Account, Client, account_of, client_of
from resolvers.types.market_days import MarketDay, market_days_page
from resolvers.types.order import Order, OrderFilter, orders_page
from resolvers.types.snapshot import SnapshotQueries
from resolvers.types.summary import CaseSummary, summarise
from resolvers.types.unwatched import UnwatchedQueries


@strawberry.input(description="Filter for clients. Omitted fields match everything.")
class ClientFilter:
    """To models.client.ClientFilter."""

    search: str | None = strawberry.field(
        default=None,
        description="Part of the client number, an account number or, if you may see personal data, the "
        "client's name; at most 200 characters. Ignores case and width of letters.",
    )
    group: str | None = strawberry.field(default=None, description="Clients of this group.")
    has_open_case: bool | None = strawberry.field(
        default=None, description="True: clients with a live case. False: clients without one."
    )


@strawberry.type(
    description="The root of all queries. A field whose description names no permission is open to every "
    "token with a permission of the desk. Answers contain only accounts within your scope, the account "
    "numbers that your token names."
)
class Query(
    ApprovalQueries,
    AuditQueries,
    DeskQueries,
    KillSwitchQueries,
    MarketQueries,
    MessageQueries,
    ReportQueries,
    SettingQueries,
    SnapshotQueries,
    StockQueries,
    UnwatchedQueries,
    WebhookQueries,
):
    """One method per root field; a class for each subject holds the fields of that subject."""

    @strawberry.field(description="Any object by its global id; null if none exists within your scope.")
    async def node(self, info: Info, id: GlobalId) -> Node | None:
        """By the type that the id contains."""
        return await find_node(reader(info), id)

    @strawberry.field(description="Margin-call cases. Without a filter all live cases.")
    async def cases(
        self,
        info: Info,
        filter: Annotated[CaseFilter | None, strawberry.argument(description="Filter for cases.")] = None,
        order_by: Annotated[
            CaseOrder | None,
            strawberry.argument(description="The sort order. Omitted: the newest case first."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> FollowedConnection[Case]:
        """A keyset page."""
        currency = reader(info).api.reporting_currency
        order = (order_by or CaseOrder()).sort(currency)
        selection, asked = await selected(filter, currency), PageArguments(first, after, last, before)
        can_be_followed = filter is None or not filter.converts(currency)
        return await cases_page(info, selection, order, asked, can_be_followed=can_be_followed)

    @strawberry.field(description="A case by its id; null if none exists within your scope.")
    async def case(self, info: Info, id: GlobalId) -> Case | None:
        """Batched over aliases."""
        reader(info)
        return await case_details(info, CaseId(filter_id("Case", id)))

    @strawberry.field(description="Totals over cases. Without a filter over all live cases." + IF_IT_FAILS)
    async def case_summary(
        self,
        info: Info,
        filter: Annotated[CaseFilter | None, strawberry.argument(description="Filter for cases.")] = None,
    ) -> CaseSummary | None:
        """Summed exactly, outside the database."""
        context = reader(info)
        return await summarise(context, await selected(filter, context.api.reporting_currency))

    @strawberry.field(description="Clients, sorted by client number.")
    async def clients(
        self,
        info: Info,
        filter: Annotated[ClientFilter | None, strawberry.argument(description="Filter for clients.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Client]:
        """A keyset page."""
        context = reader(info)
        selection = ClientSelection()
        if filter is not None:
            selection = ClientSelection(search_of(filter.search), filter.group, filter.has_open_case)
        pager: Pager[ClientRow] = Pager(("clients", selection), "s", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        return await pager.connection(
            request,
            lambda at: page_clients(context.audience, selection, at),
            lambda row: (row.client_no,),
            lambda row: client_of(row, context),
            lambda: count_clients(context.audience, selection),
        )

    @strawberry.field(description="A client by its id; null if none exists within your scope.")
    async def client(self, info: Info, id: GlobalId) -> Client | None:
        """Batched over aliases."""
        return await find_client(reader(info), filter_id("Client", id))

    @strawberry.field(description="An account by its id; null if none exists within your scope.")
    async def account(self, info: Info, id: GlobalId) -> Account | None:
        """Batched over aliases."""
        return await find_account(reader(info), filter_id("Account", id))

    @strawberry.field(description="Accounts, sorted by account number.")
    async def accounts(
        self,
        info: Info,
        search: Annotated[
            str | None,
            strawberry.argument(
                description="Part of the account number, the client number or, if you may see personal "
                "data, the client's name; at most 200 characters. Ignores case and width of letters. "
                "Omitted: all accounts."
            ),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Account]:
        """A keyset page."""
        context = reader(info)
        text = search_of(search)
        pager: Pager[AccountRow] = Pager(("accounts", text), "s", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        return await pager.connection(
            request,
            lambda at: page_accounts(context.audience, text, at),
            lambda row: (row.reference.account_no,),
            account_of,
            lambda: count_accounts(context.audience, text),
        )

    @strawberry.field(description="Overrides of exchange calendars for single days, newest first.")
    async def market_days(
        self,
        info: Info,
        market: Annotated[
            str | None,
            strawberry.argument(
                description="Overrides of this market only, such as XHKG. Omitted: all markets."
            ),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[MarketDay]:
        """A keyset page."""
        return await market_days_page(info, market, PageArguments(first, after, last, before))

    @strawberry.field(description="Liquidation orders, newest first.")
    async def orders(
        self,
        info: Info,
        filter: Annotated[
            OrderFilter | None, strawberry.argument(description="Filter for orders. Omitted: all orders.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> FollowedConnection[Order]:
        """A keyset page."""
        reader(info)
        return await orders_page(
            info,
            filter.selection() if filter else OrderSelection(),
            PageArguments(first, after, last, before),
        )

    @strawberry.field(description="An order by its id; null if none exists within your scope.")
    async def order(self, info: Info, id: GlobalId) -> Order | None:
        """Batched over aliases."""
        return await find_order(reader(info), filter_id("Order", id))

    @strawberry.field(
        description="The plan that liquidate would make of a case at the current quotes, leg by leg. "
        "Changes nothing. If liquidate would refuse, `refusal` says why; this is not an error. Requires "
        "any permission except AUDITOR." + IF_IT_FAILS
    )
    async def liquidation_preview(
        self, info: RequestInfo, input: Annotated[LiquidationPreviewInput, INPUT]
    ) -> LiquidationPreview | None:
        """Makes the same plan that liquidate would make at this moment."""
        require(info.context, Capability.PREVIEW)
        return await liquidation_preview(info.context, info.context.principal.subject, input)

    @strawberry.field(
        description="What one liquidate with all these cases would do now, with totals: what to show "
        "before a trader confirms. Changes nothing. Requires any permission except AUDITOR. An operation "
        "may have this field once." + IF_IT_FAILS
    )
    async def liquidation_previews(
        self,
        info: RequestInfo,
        inputs: Annotated[
            list[LiquidationPreviewInput],
            strawberry.argument(
                description="The cases, each once, at most 200 (`GATEWAY_LIQUIDATE_MAX_CASES`)."
            ),
        ],
    ) -> LiquidationPreviews | None:
        """Case after case, as liquidate would."""
        require(info.context, Capability.PREVIEW)
        return await liquidation_previews(info.context, inputs)

    @strawberry.field(
        description="An account under shocked prices and FX rates: its figures before and after, the calls "
        "they would demand, and the positions that would be sold. Null if no such account exists within "
        "your scope. Requires any permission except AUDITOR."
    )
    async def what_if(self, info: Info, input: Annotated[WhatIfInput, INPUT]) -> WhatIf | None:
        """Runs the same code as the real figures."""
        return await what_if(reader(info, Capability.PREVIEW), input)

    @strawberry.field(
        description="All accounts within your scope under shocked prices and FX rates: how many would be "
        "called, for which amounts, and the accounts with the largest amounts. Takes seconds on a large "
        "book; if too many runs wait, the error is BOOK_BUSY: try again later. Requires any permission "
        "except AUDITOR." + IF_IT_FAILS
    )
    async def book_what_if(
        self,
        info: Info,
        input: Annotated[ScenarioInput, strawberry.argument(description="The scenario to apply.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> BookWhatIf | None:
        """Computed off the event loop."""
        return await book_what_if(
            reader(info, Capability.PREVIEW), input, PageArguments(first, after, last, before)
        )
