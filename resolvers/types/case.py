"""Margin-call cases."""

from datetime import datetime
from decimal import Decimal
from typing import Optional

import strawberry

from domain.case import AlertType, AutoLiquidationTrigger, CaseCloseReason, CaseStatus, Claim
from domain.case import AutoLiquidation as AutomaticSale
from domain.events import CaseView
from domain.ids import CaseId
from domain.refusals import RefusalCode
from domain.reporting import Worth
from models.stock_recovery import RecoveryView
from resolvers.kit.arguments import SNAPSHOTS, After, Before, First, FirstSnapshots, Last, PageArguments
from resolvers.kit.context import Info
from resolvers.kit.loaded import loaded
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection, FollowedConnection
from resolvers.types.case_records import DeadlineChange, FollowUp, deadline_changes_page, follow_ups_page
from resolvers.types.client import Account, Client, account_in_scope, client_in_scope
from resolvers.types.currency_amount import CurrencyAmount
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.look_ahead import LookAhead, look_ahead
from resolvers.types.message import Message, messages_page
from resolvers.types.order import Order, orders_of_case
from resolvers.types.snapshot import Snapshot, snapshots_page
from resolvers.types.stock_recovery import (
    CoveredOptionShortfall,
    ShortRecovery,
    short_recovery_node,
    shortfall_node,
)


@strawberry.type(
    description="The automatic liquidation that an operator or the rules for intraday "
    "accounts set for a case."
)
class AutoLiquidation:
    """From domain.case.AutoLiquidation."""

    at: datetime = strawberry.field(description="The time from which the desk liquidates the case.")
    trigger: AutoLiquidationTrigger = strawberry.field(
        description="The way in which the time is set: by "
        "an operator, by the deadline or by the rules for intraday accounts."
    )
    held: RefusalCode | None = strawberry.field(
        description="The reason why the liquidation waits although its time has come; null if it does not "
        "wait. CAPPED: a slice is being sold, and the next one follows when its orders have ended."
    )
    held_until: datetime | None = strawberry.field(
        description="The time at which the desk tries again; null if it does not wait."
    )


@strawberry.type(description="An operator's time-limited claim on a case.")
class CaseClaim:
    """From domain.case.Claim."""

    by: str = strawberry.field(description="The subject of the operator who claimed the case.")
    at: datetime = strawberry.field(description="The time of the claim.")
    expires_at: datetime = strawberry.field(
        description="The time at which the claim ends, unless it is renewed or released before."
    )


@strawberry.type(
    description="One margin call of one account, from its opening to its closing. Amounts are in the "
    "account's base currency unless stated otherwise."
)
class Case(Node):
    """From domain.case.Case."""

    case_no: str = strawberry.field(
        description="The case number, such as MC2020-000001, for display and search."
    )
    alert_type: AlertType = strawberry.field(description="The rule that opened the case.")
    status: CaseStatus = strawberry.field(description="The status of the case.")
    amount: Decimal = strawberry.field(
        description="The amount to collect now, the same as figures.amount; 0 for a case that asks for "
        "stock: see coveredOptionShortfalls and shortRecoveries."
    )
    reporting_amount: CurrencyAmount | None = strawberry.field(
        description="The amount in the reporting currency, rounded to its minor unit, by which orderBy "
        "AMOUNT sorts. The desk ignores a change of the FX rate alone that moves it by at most 1 percent. "
        "Null while no rate is known."
    )
    amount_at_open: Decimal = strawberry.field(description="The amount to collect when the case opened.")
    uncovered_amount: Decimal = strawberry.field(
        description="The amount to collect, less the part that the open liquidation orders will collect. "
        "The next liquidation is sized to it."
    )
    figures: MarginFigures = strawberry.field(
        description="The margin figures of the account, as the desk last stored them with the case."
    )
    opened_at: datetime = strawberry.field(description="The time at which the case opened.")
    deadline: datetime = strawberry.field(
        description="The time until which the client may meet the call. By default 14:00 "
        "(`GATEWAY_DEADLINE_CUTOFF`) in the account's market on the third trading day, counting the day of "
        "the opening, or the next trading day if the case opens later than that. For an INTRADAY case, the "
        "time from which the account has to be flat. Operators can move it."
    )
    overdue: bool = strawberry.field(
        description="Whether the deadline has passed and the case is not closed."
    )
    force_eligible: bool = strawberry.field(
        description="Whether the desk may sell without the client's consent: the deadline has passed, or "
        "liquid net assets are below the force-close margin."
    )
    elapsed_hours: int = strawberry.field(
        description="Hours from the opening to the closing, or until now; rounded up to whole hours, at "
        "least 1."
    )
    long_term_unsettled: bool = strawberry.field(
        description="Whether the case has been live for more than 90 days."
    )
    auto_liquidation: AutoLiquidation | None = strawberry.field(
        description="The automatic liquidation that is set for the case; null if none is set, so that only "
        "operators liquidate."
    )
    claim: CaseClaim | None = strawberry.field(
        description="The claim in force; null if no operator has claimed the case. The end of an expired "
        "claim sends no event: see expiresAt."
    )
    follow_up_count: int = strawberry.field(description="The number of follow-up records of the case.")
    original_deadline: datetime = strawberry.field(
        description="The deadline by the market's calendar, without the moves by operators."
    )
    messages_muted: bool = strawberry.field(
        description="Whether the daily messages are off, because the case is closed, in exception or past "
        "its deadline."
    )
    remark: str = strawberry.field(
        description="The remark of the operators. Each updateRemark replaces it; empty if there is none."
    )
    figures_at_close: MarginFigures | None = strawberry.field(
        description="The margin figures when the case closed; null while it is live."
    )
    closed_at: datetime | None = strawberry.field(
        description="The time at which the case closed; null while it is live."
    )
    close_reason: CaseCloseReason | None = strawberry.field(
        description="The reason why the case was closed; null while it is live."
    )
    exempted_by: strawberry.ID | None = strawberry.field(
        description="The ruleId of the exemption that closed the case; null unless closeReason is EXEMPTED."
    )
    version: int = strawberry.field(
        description="The version of the case. It grows with every change of status, orders, deadline, "
        "automatic liquidation, claim, remark or follow-up records, but not with recomputed figures. Pass "
        "it as expectedVersion."
    )
    view: strawberry.Private[CaseView]

    frozen: bool = loaded(
        "Whether a kill switch is on for the account, its client or the whole desk, so that no order is "
        "sent. Computed when you read it: a change sends no case event.",
        key=lambda case: case.view.account,
        loader=lambda loaders: loaders.frozen,
    )
    account: Account = loaded(
        "The account that the case is about.",
        key=lambda case: case.view.account.account_id,
        loader=lambda loaders: loaders.accounts,
        node=account_in_scope,
    )
    client: Client = loaded(
        "The client who owns the account.",
        key=lambda case: case.view.account.client_id,
        loader=lambda loaders: loaders.clients,
        node=client_in_scope,
    )

    @strawberry.field(
        description="The account as it will stand in the next session of its market, at today's prices: "
        "whether it will still be called, and for how much. Null when the case is closed. Computed when "
        "you read it: a change sends no case event."
    )
    async def look_ahead(self, info: Info) -> LookAhead | None:
        """Batched."""
        return await look_ahead(info.context, self.view.account) if self.view.case.live else None

    @strawberry.field(
        description="The margin figures that opened the case; null for an old case whose figures were not "
        "stored."
    )
    async def figures_at_open(self, info: Info) -> MarginFigures | None:
        """Batched."""
        figures = await info.context.loaders.figures_at_open.load(self.view.case.id)
        return figures_of(figures) if figures else None

    @strawberry.field(
        description="The previous case of the same account and alert type; null if this is the first. A "
        "closed case never opens again."
    )
    async def reopened_from(self, info: Info) -> Optional["Case"]:
        """Batched."""
        return await load_case(info, self.view.case.reopened_from)

    @strawberry.field(
        description="The follow-up records of the case, by operators and by the desk, newest first."
    )
    async def follow_ups(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[FollowUp]:
        """A keyset page."""
        return await follow_ups_page(info, self.view.case.id, PageArguments(first, after, last, before))

    @strawberry.field(description="The changes of the deadline, newest first.")
    async def deadline_changes(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[DeadlineChange]:
        """A keyset page."""
        return await deadline_changes_page(info, self.view.case.id, PageArguments(first, after, last, before))

    @strawberry.field(
        description="The shortfalls of written calls for which the case asks for stock, oldest first; "
        "empty for other alert types."
    )
    async def covered_option_shortfalls(self, info: Info) -> list[CoveredOptionShortfall]:
        """Batched."""
        return [shortfall_node(view) for view in await self._recoveries(info, of_a_recall=False)]

    @strawberry.field(
        description="The recoveries of recalled stock that the case asks for, oldest first; "
        "empty for other alert types."
    )
    async def short_recoveries(self, info: Info) -> list[ShortRecovery]:
        """Batched."""
        now = info.context.api.desk.clock()
        return [short_recovery_node(view, now) for view in await self._recoveries(info, of_a_recall=True)]

    async def _recoveries(self, info: Info, of_a_recall: bool) -> list[RecoveryView]:
        if (self.view.case.alert_type is AlertType.SHORT_RECALL) is not of_a_recall:
            return []
        return list(await info.context.loaders.recoveries_of.load(self.view.case.id))

    @strawberry.field(description="The liquidation orders of the case, newest first.")
    async def orders(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> FollowedConnection[Order]:
        """Batches the first pages of many cases."""
        return await orders_of_case(info, self.view.case.id, PageArguments(first, after, last, before))

    @strawberry.field(
        description="The snapshots of the case's inputs and figures, taken when it opened, at decisions, "
        "daily and when it closed; newest first."
    )
    async def snapshots(
        self,
        info: Info,
        first: FirstSnapshots = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Snapshot]:
        """Not batched: meant for the page of one case."""
        return await snapshots_page(
            info, self.view.case.id, PageArguments(first, after, last, before, rows=SNAPSHOTS)
        )

    @strawberry.field(
        description="The messages to the client about the case, queued ones included, newest first."
    )
    async def messages(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Message]:
        """Batches the first pages of many cases."""
        return await messages_page(info, self.view.case.id, PageArguments(first, after, last, before))


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


async def load_case(info: Info, case_id: CaseId | None) -> Case | None:
    """The case if it exists and is visible, else None."""
    view = await info.context.loaders.cases.load(case_id) if case_id else None
    return case_of(view, info.context.api.desk.clock()) if view else None
