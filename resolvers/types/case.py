"""Margin-call cases."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Optional

import strawberry

from domain.case import LIVE, AlertType, AutoLiquidationTrigger, CaseCloseReason, CaseStatus, Claim
from domain.case import AutoLiquidation as AutomaticSale
from domain.currencies import unknown_currencies
from domain.events import CaseView, OrderView
from domain.ids import CaseId, ClientId, Symbol
from domain.margin import AccountType
from domain.market import FxRate
from domain.money import Currency
from domain.refusals import RefusalCode
from domain.reporting import AmountAtLeast, Worth, reporting_rate
from models.book import load_fx_rates, rates_by_base
from models.case_list import CaseFilter as CaseSelection
from models.order import OrderFilter, count_orders, page_orders
from models.stock_recovery import RecoveryView
from resolvers.kit.arguments import After, First
from resolvers.kit.context import Info
from resolvers.kit.enums import CaseOrderField, OrderDirection
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.search import each_once, search_of
from resolvers.types.case_records import DeadlineChange, FollowUp, deadline_changes_page, follow_ups_page
from resolvers.types.client import Account, Client, load_account, load_client
from resolvers.types.currency_amount import CurrencyAmount
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.look_ahead import LookAhead, look_ahead
from resolvers.types.message import Message, messages_page
from resolvers.types.order import Order, order_of
from resolvers.types.snapshot import Snapshot, snapshots_page
from resolvers.types.stock_recovery import (
    CoveredOptionShortfall,
    ShortRecovery,
    short_recovery_node,
    shortfall_node,
)


@strawberry.type(description="The desk will sell by itself.")
class AutoLiquidation:
    """From domain.case.AutoLiquidation."""

    at: datetime = strawberry.field(description="When.")
    trigger: AutoLiquidationTrigger = strawberry.field(description="What sets the time.")
    held: RefusalCode | None = strawberry.field(
        description="It was due and waits because of this; CAPPED: a slice is sold, and the next follows "
        "when its orders have ended; null: nothing has held it up."
    )
    held_until: datetime | None = strawberry.field(description="When the desk tries again.")


@strawberry.type(description="Somebody is on the case.")
class CaseClaim:
    """From domain.case.Claim."""

    by: str = strawberry.field(description="Who: the subject of their token.")
    at: datetime = strawberry.field(description="Since when.")
    expires_at: datetime = strawberry.field(description="Until when, unless it is renewed or released.")


@strawberry.type(description="A margin call. Amounts are in the account's base currency.")
class Case(Node):
    """From domain.case.Case."""

    case_no: str = strawberry.field(description="As people call it.")
    alert_type: AlertType = strawberry.field(description="Why it was opened.")
    status: CaseStatus = strawberry.field(description="Where it stands.")
    amount: Decimal = strawberry.field(
        description="What is to be collected now: figures.amount. 0 for a case that asks for stock: see "
        "coveredOptionShortfalls and shortRecoveries."
    )
    reporting_amount: CurrencyAmount | None = strawberry.field(
        description="The amount in the reporting currency, in whole minor units; a list by AMOUNT is sorted "
        "by it. A rate alone that moves it by at most 1 % changes nothing here and sends no event. Null: no "
        "rate is known."
    )
    amount_at_open: Decimal = strawberry.field(description="What was to be collected when it opened.")
    uncovered_amount: Decimal = strawberry.field(
        description="The amount less what the open liquidation orders will still relieve: a further "
        "liquidation is sized to it."
    )
    figures: MarginFigures = strawberry.field(description="As last stored.")
    opened_at: datetime = strawberry.field(description="When the call was triggered.")
    deadline: datetime = strawberry.field(
        description="Last moment for the client to cure: 14:00 local on the third trading day, "
        "the notice day counted; of an INTRADAY case the time from which the account has to be flat."
    )
    overdue: bool = strawberry.field(description="The deadline has passed and the case is not closed.")
    force_eligible: bool = strawberry.field(
        description="The desk may sell: the deadline has passed, or net assets are below force-close margin."
    )
    elapsed_hours: int = strawberry.field(
        description="Since it opened, until it was closed: whole hours, rounded up, at least 1."
    )
    long_term_unsettled: bool = strawberry.field(description="Open for more than 90 days.")
    auto_liquidation: AutoLiquidation | None = strawberry.field(description="Null: only people sell.")
    claim: CaseClaim | None = strawberry.field(
        description="Who is on it; null: nobody. Nothing is sent when it expires: mind expiresAt."
    )
    follow_up_count: int = strawberry.field(description="The number of its follow-up records.")
    original_deadline: datetime = strawberry.field(
        description="What the calendar says, whatever people made of it since."
    )
    messages_muted: bool = strawberry.field(
        description="No daily message is sent: it is closed, in exception, or past its deadline."
    )
    remark: str = strawberry.field(description="The desk's note.")
    figures_at_close: MarginFigures | None = strawberry.field(
        description="The figures when it ended; null while it is live."
    )
    closed_at: datetime | None = strawberry.field(description="Null while it is live.")
    close_reason: CaseCloseReason | None = strawberry.field(description="Null while it is live.")
    exempted_by: strawberry.ID | None = strawberry.field(
        description="Of a case that ended as EXEMPTED: the ruleId of the exemption."
    )
    version: int = strawberry.field(
        description="Grows with every change of state or by a person (status, orders, deadline, remark ...), "
        "never with recomputed figures; pass it as expectedVersion."
    )
    view: strawberry.Private[CaseView]

    @strawberry.field(
        description="A kill switch is on for its account: nothing is sold. No case event tells of it."
    )
    async def frozen(self, info: Info) -> bool:
        """Batched."""
        return await info.context.loaders.frozen.load(self.view.account)

    @strawberry.field(description="The account that was called.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.view.account.account_id)

    @strawberry.field(description="Whose account it is.")
    async def client(self, info: Info) -> Client:
        """Batched."""
        return await load_client(info, self.view.account.client_id)

    @strawberry.field(
        description="Its account as the next session of its market will find it, at today's prices: whether "
        "it will still be called, and for how much. Null once it is closed. No case event tells of it."
    )
    async def look_ahead(self, info: Info) -> LookAhead | None:
        """Batched."""
        return await look_ahead(info.context, self.view.account) if self.view.case.live else None

    @strawberry.field(description="The figures that opened it; null for a case from before they were kept.")
    async def figures_at_open(self, info: Info) -> MarginFigures | None:
        """Batched."""
        figures = await info.context.loaders.figures_at_open.load(self.view.case.id)
        return figures_of(figures) if figures else None

    @strawberry.field(
        description="The case that ended before this one of the same account and kind opened; null: it is "
        "the first."
    )
    async def reopened_from(self, info: Info) -> Optional["Case"]:
        """Batched."""
        return await load_case(info, self.view.case.reopened_from)

    @strawberry.field(description="What people, and the desk itself, noted about it, newest first.")
    async def follow_ups(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
    ) -> Connection[FollowUp]:
        """A keyset page."""
        return await follow_ups_page(info, self.view.case.id, first, after)

    @strawberry.field(description="Every move of its deadline, newest first.")
    async def deadline_changes(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
    ) -> Connection[DeadlineChange]:
        """A keyset page."""
        return await deadline_changes_page(info, self.view.case.id, first, after)

    @strawberry.field(description="What stock it asks for to cover written calls, oldest first.")
    async def covered_option_shortfalls(self, info: Info) -> list[CoveredOptionShortfall]:
        """Batched."""
        return [shortfall_node(view) for view in await self._recoveries(info, of_a_recall=False)]

    @strawberry.field(description="What recalled stock it asks back, oldest first.")
    async def short_recoveries(self, info: Info) -> list[ShortRecovery]:
        """Batched."""
        now = info.context.api.desk.clock()
        return [short_recovery_node(view, now) for view in await self._recoveries(info, of_a_recall=True)]

    async def _recoveries(self, info: Info, of_a_recall: bool) -> list[RecoveryView]:
        if (self.view.case.alert_type is AlertType.SHORT_RECALL) is not of_a_recall:
            return []
        return list(await info.context.loaders.recoveries_of.load(self.view.case.id))

    @strawberry.field(description="Its liquidation orders, newest first.")
    async def orders(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
    ) -> Connection[Order]:
        """The first pages of many cases are batched."""
        case_id = self.view.case.id
        wanted = OrderFilter(case_id=case_id)
        if after is not None:
            return await orders_page(info, wanted, first, after)
        loaders, pager = info.context.loaders, _order_pager(info, wanted)
        request = pager.request(first, None)

        async def count() -> int:
            return await loaders.order_counts.load(case_id) or 0

        page = await loaders.orders_of.load((case_id, first))
        return pager.connection(page, request, _order_key, order_of, count)

    @strawberry.field(description="What was known of it at the moments that count, newest first.")
    async def snapshots(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
    ) -> Connection[Snapshot]:
        """Not batched: for the page of one case."""
        return await snapshots_page(info, self.view.case.id, first, after)

    @strawberry.field(description="What was, or will be, told to the client about it, newest first.")
    async def messages(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
    ) -> Connection[Message]:
        """The first pages of many cases are batched."""
        return await messages_page(info, self.view.case.id, first, after)


@strawberry.input(description="Which cases; what is left out does not matter.")
class CaseFilter:
    """To models.case_list.CaseFilter."""

    status: list[CaseStatus] | None = strawberry.field(
        default=None, description="One of these; left out: every case that is not closed."
    )
    closed: bool | None = strawberry.field(
        default=None,
        description="True: the history, every case that has ended; false: every live one. With status: both.",
    )
    alert_type: list[AlertType] | None = strawberry.field(default=None, description="One of these.")
    account_type: list[AccountType] | None = strawberry.field(default=None, description="One of these.")
    client_id: strawberry.ID | None = strawberry.field(default=None, description="Of this client.")
    account_no: str | None = strawberry.field(default=None, description="Of this account.")
    search: str | None = strawberry.field(
        default=None,
        description="Part of client name, client number, account number or case number, whatever the case "
        "and width of its letters.",
    )
    symbol: str | None = strawberry.field(default=None, description="The account holds this instrument.")
    amount_at_least: Decimal | None = strawberry.field(
        default=None,
        description="At least this much, in amountCurrency. A case of an account in that currency is "
        "compared by its amount, any other case by its reportingAmount; a case without one is listed.",
    )
    amount_currency: str | None = strawberry.field(
        default=None,
        description="The currency of amountAtLeast; left out: the reporting currency. Lists convert another "
        "currency by the rate of now; subscriptions refuse it, for its rate would move while they last.",
    )
    overdue: bool | None = strawberry.field(default=None, description="Past its deadline, or not.")
    opened_after: datetime | None = strawberry.field(default=None, description="Later than this.")
    opened_before: datetime | None = strawberry.field(default=None, description="Earlier than this.")
    closed_after: datetime | None = strawberry.field(default=None, description="Ended later than this.")
    closed_before: datetime | None = strawberry.field(default=None, description="Ended earlier than this.")

    def selection(self, reporting: Currency, rates: Mapping[Currency, FxRate]) -> CaseSelection:
        """An id of another type selects nothing; `rates` are those into the reporting currency."""
        return CaseSelection(
            status=self._statuses(),
            alert_type=each_once(self.alert_type),
            account_type=each_once(self.account_type),
            client_id=None if self.client_id is None else ClientId(filter_id("Client", self.client_id)),
            account_no=self.account_no,
            search=search_of(self.search),
            symbol=None if self.symbol is None else Symbol(self.symbol),
            amount_at_least=self._at_least(reporting, rates),
            overdue=self.overdue,
            opened_after=self.opened_after,
            opened_before=self.opened_before,
            closed_after=self.closed_after,
            closed_before=self.closed_before,
        )

    def _at_least(self, reporting: Currency, rates: Mapping[Currency, FxRate]) -> AmountAtLeast | None:
        currency = reporting if self.amount_currency is None else Currency(self.amount_currency)
        if unknown_currencies([currency]):
            raise ApiError(BAD_USER_INPUT, f"amountCurrency {currency!r} is not a currency of ISO 4217.")
        if self.amount_at_least is None:
            return None
        worth = reporting_rate(currency, reporting, rates).worth(self.amount_at_least)
        if worth is None:
            raise ApiError(
                BAD_USER_INPUT,
                f"The desk has no rate from {currency} into {reporting}: leave amountCurrency out, and give "
                f"amountAtLeast in {reporting}.",
            )
        return AmountAtLeast(self.amount_at_least, currency, worth)

    def _statuses(self) -> tuple[CaseStatus, ...] | None:
        chosen = each_once(self.status)
        if self.closed is None:
            return chosen
        wanted = tuple(CaseStatus) if chosen is None else chosen
        return tuple(status for status in wanted if (status not in LIVE) is self.closed)


async def selected(filter: CaseFilter | None, reporting: Currency) -> CaseSelection:
    """The filter of a list, by the rates of now."""
    if filter is None:
        return CaseSelection()
    converts = filter.amount_currency not in (None, reporting)
    rates = rates_by_base(await load_fx_rates()) if converts else {}
    return filter.selection(reporting, rates.get(reporting, {}))


@strawberry.input(description="The order of a list of cases.")
class CaseOrder:
    """To models.case_list.CaseSort and a direction."""

    field: CaseOrderField = strawberry.field(default=CaseOrderField.OPENED_AT, description="What to sort by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.DESC, description="Which way.")


def case_of(view: CaseView, now: datetime) -> Case:
    """The GraphQL object, as it stands at `now`."""
    case = view.case
    return Case(
        id=global_id("Case", case.id),
        case_no=case.case_no,
        alert_type=case.alert_type,
        status=case.status,
        amount=case.figures.amount,
        reporting_amount=_reporting_amount_of(case.worth),
        amount_at_open=case.amount_at_open,
        uncovered_amount=case.uncovered_amount,
        figures=figures_of(case.figures),
        opened_at=case.opened_at,
        deadline=case.deadline,
        overdue=case.overdue(now),
        force_eligible=case.force_eligible,
        elapsed_hours=case.elapsed_hours(now),
        long_term_unsettled=case.long_term_unsettled(now),
        auto_liquidation=_auto_liquidation_of(case.auto_liquidation),
        claim=_claim_of(case.claimed_now(now)),
        follow_up_count=case.follow_ups,
        original_deadline=case.original_deadline or case.deadline,
        messages_muted=case.messages_muted(now),
        remark=case.remark,
        figures_at_close=None if case.live else figures_of(case.figures),
        closed_at=case.closed_at,
        close_reason=case.close_reason,
        exempted_by=None if case.exempted_by is None else global_id("Exemption", case.exempted_by),
        version=case.version,
        view=view,
    )


def _auto_liquidation_of(auto: AutomaticSale | None) -> AutoLiquidation | None:
    if auto is None:
        return None
    return AutoLiquidation(at=auto.at, trigger=auto.trigger, held=auto.held, held_until=auto.held_until)


def _reporting_amount_of(worth: Worth | None) -> CurrencyAmount | None:
    return CurrencyAmount(currency=worth.currency, amount=worth.amount) if worth else None


def _claim_of(claim: Claim | None) -> CaseClaim | None:
    return CaseClaim(by=claim.by, at=claim.at, expires_at=claim.expires_at) if claim else None


async def orders_page(info: Info, wanted: OrderFilter, first: int, after: str | None) -> Connection[Order]:
    """A page of orders, newest first."""
    audience, pager = info.context.audience, _order_pager(info, wanted)
    request = pager.request(first, after)
    page = await page_orders(audience, wanted, request)
    return pager.connection(page, request, _order_key, order_of, lambda: count_orders(audience, wanted))


def _order_pager(info: Info, wanted: OrderFilter) -> Pager[OrderView]:
    return Pager(("orders", wanted), "ts", info.context.api.page_size_max)


def _order_key(view: OrderView) -> tuple[datetime, str]:
    return view.order.created_at, view.order.id


async def load_case(info: Info, case_id: CaseId | None) -> Case | None:
    """The case, if it is there and may be seen."""
    view = await info.context.loaders.cases.load(case_id) if case_id else None
    return case_of(view, info.context.api.desk.clock()) if view else None
