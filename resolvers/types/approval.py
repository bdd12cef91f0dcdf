"""Requests that need a second person's approval."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain.approval import Approval, ApprovalKind, ApprovalStatus, ApprovalView
from domain.ids import ApprovalId, CaseId
from domain.principal import Capability
from domain.text import lenient_subject_form, same_subject
from models.approval import ApprovalFilter as ApprovalSelection
from models.approval import count_approvals, page_approvals
from models.sql.codec import loads
from resolvers.kit.arguments import After, Before, First, Last, PageArguments
from resolvers.kit.context import IF_IT_FAILS, Info, ReadContext, RequestContext, reader
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.search import unique
from resolvers.types.case import Case, load_case
from resolvers.types.client import Account, account_of


@strawberry.type(description="A value that an approval request changes.")
class Change:
    """Compared from plain data by name."""

    field: str = strawberry.field(description="The name of the value, such as `deadline` or `notional`.")
    before: str | None = strawberry.field(
        description="The value before the change, as text; null if there was none."
    )
    after: str | None = strawberry.field(
        description="The value after the change, as text; null if the change removes it."
    )


@strawberry.type(description="A request that needs a second person's approval.")
class ApprovalRequest(Node):
    """From domain.approval.Approval."""

    kind: ApprovalKind = strawberry.field(description="The kind of the requested action.")
    status: ApprovalStatus = strawberry.field(description="The status of the request.")
    maker: str = strawberry.field(description="The subject of the operator who made the request.")
    reason: str | None = strawberry.field(
        description="The reason that the maker gave; null if none was given."
    )
    changes: list[Change] = strawberry.field(
        description="The changes that the request would make, as computed when it was made."
    )
    created_at: datetime = strawberry.field(description="The time at which the request was made.")
    expires_at: datetime = strawberry.field(
        description="The time at which the request expires if it is not decided."
    )
    decided_by: str | None = strawberry.field(
        description="The subject who approved, declined or withdrew the request; null while it is pending, "
        "or if it expired."
    )
    decided_at: datetime | None = strawberry.field(
        description="The time of the decision or expiry; null while the request is pending."
    )
    decision_reason: str | None = strawberry.field(
        description="The reason given with the decision; null if none was given."
    )
    differences: list[Change] = strawberry.field(
        description="The differences between the request and the action that the desk carried out, because "
        "the state had changed before the approval: `before` as requested, `after` as carried out. Empty "
        "if nothing differs, and unless the request is approved."
    )
    may_decide: bool = strawberry.field(
        description="Whether you may approve or decline this request: it is pending, your token grants the "
        "permission, and you are not its maker. Depends on the caller, so subscriptions refuse it with "
        "BAD_USER_INPUT: compare `neededCapabilities` and `maker` with those of the viewer."
    )
    needed_capabilities: list[Capability] = strawberry.field(
        description="The single rights of which the person who approves or declines needs one."
    )
    view: strawberry.Private[ApprovalView]

    @strawberry.field(
        description="The case that the request concerns; null if it concerns none, or if you may not see it."
    )
    async def case(self, info: Info) -> Case | None:
        """Batched."""
        approval = self.view.approval
        return await load_case(info, CaseId(approval.entity_id)) if approval.entity == "case" else None

    @strawberry.field(
        description="The account that the request concerns; null if it concerns no single account, or if "
        "you may not see it."
    )
    async def account(self, info: Info) -> Account | None:
        """Batched."""
        account_id = self.view.approval.account_id
        row = await info.context.loaders.accounts.load(account_id) if account_id else None
        return account_of(row) if row else None


@strawberry.input(description="Filter for approval requests. Omitted fields match everything.")
class ApprovalRequestFilter:
    """To models.approval.ApprovalFilter."""

    status: list[ApprovalStatus] | None = strawberry.field(
        default=None, description="Requests with one of these statuses."
    )
    kind: list[ApprovalKind] | None = strawberry.field(
        default=None, description="Requests of one of these kinds."
    )
    case_id: strawberry.ID | None = strawberry.field(
        default=None, description="Requests that concern this case, by global id."
    )
    maker: str | None = strawberry.field(default=None, description="Requests made by this subject.")

    def selection(self) -> ApprovalSelection:
        """The filter for the database; an id of another type matches nothing."""
        return ApprovalSelection(
            status=unique(self.status),
            kind=unique(self.kind),
            entity=None if self.case_id is None else "case",
            entity_id=None if self.case_id is None else filter_id("Case", self.case_id),
            maker=None if self.maker is None else lenient_subject_form(self.maker),
        )


@strawberry.type
class ApprovalQueries:
    """Root fields that read approval requests."""

    @strawberry.field(
        description="Approval requests, newest first. Requires any permission except RISK_WARNING_READ_ONLY "
        "and SERVICE. Requests for setting changes are shown only with RISK_APPROVER, RISK_SETTING_FULL or "
        "AUDITOR." + IF_IT_FAILS
    )
    async def approval_requests(
        self,
        info: Info,
        filter: Annotated[
            ApprovalRequestFilter | None, strawberry.argument(description="Filter for approval requests.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ApprovalRequest] | None:
        """A keyset page."""
        context = reader(info, Capability.READ_APPROVALS)
        selection = filter.selection() if filter else ApprovalSelection()
        pager: Pager[ApprovalView] = Pager(("approvals", selection), "ts", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        return await pager.connection(
            request,
            lambda at: page_approvals(context.audience, selection, at),
            lambda view: (view.approval.created_at, view.approval.id),
            lambda view: approval_of(view, info.context),
            lambda: count_approvals(context.audience, selection),
        )


def approval_of(view: ApprovalView, context: ReadContext) -> ApprovalRequest:
    """The GraphQL object for the caller of this context."""
    return _approval(view, may_decide=_may_decide(view.approval, context))


def approval_in_event(view: ApprovalView) -> ApprovalRequest:
    """The GraphQL object for many callers, none of whom may request `mayDecide`."""
    return _approval(view, may_decide=False)


def _may_decide(approval: Approval, context: ReadContext) -> bool:
    return (
        approval.status is ApprovalStatus.PENDING
        and isinstance(context, RequestContext)
        and not same_subject(context.principal.subject, approval.maker)
        and context.audience.may(*approval.approver)
    )


def _approval(view: ApprovalView, *, may_decide: bool) -> ApprovalRequest:
    approval = view.approval
    return ApprovalRequest(
        id=global_id("ApprovalRequest", approval.id),
        kind=approval.kind,
        status=approval.status,
        maker=approval.maker,
        reason=approval.reason,
        changes=_changes(loads(approval.before), loads(approval.after)),
        created_at=approval.created_at,
        expires_at=approval.expires_at,
        decided_by=approval.decided_by,
        decided_at=approval.decided_at,
        decision_reason=approval.decision_reason,
        differences=[
            Change(field=name, before=asked, after=done)
            for name, (asked, done) in loads(approval.difference or "{}").items()
        ],
        may_decide=may_decide,
        needed_capabilities=list(approval.approver),
        view=view,
    )


async def load_approval(info: Info, approval_id: ApprovalId | None) -> ApprovalRequest | None:
    """The request if it exists and is visible, else None."""
    view = await info.context.loaders.approvals.load(approval_id) if approval_id else None
    return approval_of(view, info.context) if view else None


def _changes(before: dict[str, str | None], after: dict[str, str | None]) -> list[Change]:
    names = [*before, *(name for name in after if name not in before)]
    return [Change(field=name, before=before.get(name), after=after.get(name)) for name in names]
