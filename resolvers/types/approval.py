"""Requests that need a second person's approval."""

from datetime import datetime
from typing import Annotated

import strawberry

from desk.approvals import DecideApprovals, decide_approvals
from desk.outcomes import Done, Outcome, is_seen
from domain.approval import ApprovalKind, ApprovalStatus, ApprovalTrigger, ApprovalView
from domain.ids import ApprovalId, CaseId
from domain.principal import Capability
from domain.text import lenient_subject_form, same_subject
from models.approval import ApprovalFilter as ApprovalSelection
from models.approval import count_approvals, page_approvals
from models.sql.codec import loads
from resolvers.kit.arguments import INPUT, After, First
from resolvers.kit.context import Info, ReadContext, RequestContext, RequestInfo, reader
from resolvers.kit.errors import restored
from resolvers.kit.inputs import KEY, check_key, check_many, check_text
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.refused import AnyRefused
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
        "permission, and you are not its maker."
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


@strawberry.type(description="The request was decided.")
class ApprovalDecided:
    """From desk.outcomes.Done."""

    approval_id: strawberry.Private[ApprovalId]

    @strawberry.field(description="The request as it is now.")
    async def approval(self, info: Info) -> ApprovalRequest:
        """Batched over the answers."""
        return restored(await load_approval(info, self.approval_id))


@strawberry.type(description="The decision was refused; the request is unchanged.")
class ApprovalRefused(AnyRefused):
    """From desk.outcomes.Refused."""

    id: strawberry.ID = strawberry.field(description="The id of the request, from the input.")
    seen: strawberry.Private[ApprovalId | None]

    @strawberry.field(description="The request as it is now; null if you may not see it.")
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.seen)


ApprovalResult = Annotated[
    ApprovalDecided | ApprovalRefused,
    strawberry.union("ApprovalResult", description="The outcome for one request of a batch."),
]


@strawberry.type(description="The payload of approve, decline and withdraw.")
class ApprovalPayload:
    """One result per request."""

    results: list[ApprovalResult] = strawberry.field(
        description="One result per request, in the order of the input."
    )


@strawberry.input(description="The requests to approve, decline or withdraw.")
class DecideApprovalsInput:
    """To desk.approvals.DecideApprovals."""

    idempotency_key: str = strawberry.field(description=KEY)
    ids: list[strawberry.ID] = strawberry.field(
        description="The global ids of 1 to 100 requests (`GATEWAY_APPROVE_MAX_REQUESTS`), without "
        "duplicates."
    )
    reason: str | None = strawberry.field(
        default=None,
        description="The reason for the decision, at most 1000 characters, shown with the "
        "request and recorded in the audit trail.",
    )


@strawberry.type
class ApprovalQueries:
    """Root fields that read approval requests."""

    @strawberry.field(
        description="Approval requests, newest first. Requires any permission except RISK_WARNING_READ_ONLY "
        "and SERVICE. Requests for setting changes are shown only with RISK_APPROVER, RISK_SETTING_FULL or "
        "AUDITOR."
    )
    async def approval_requests(
        self,
        info: Info,
        filter: Annotated[
            ApprovalRequestFilter | None, strawberry.argument(description="Filter for approval requests.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[ApprovalRequest]:
        """A keyset page."""
        context = reader(info, Capability.READ_APPROVALS)
        selection = filter.selection() if filter else ApprovalSelection()
        pager: Pager[ApprovalView] = Pager(("approvals", selection), "ts", context.api.page_size_max)
        request = pager.request(first, after)
        return pager.connection(
            await page_approvals(context.audience, selection, request),
            request,
            lambda view: (view.approval.created_at, view.approval.id),
            lambda view: approval_of(view, info.context),
            lambda: count_approvals(context.audience, selection),
        )


@strawberry.type
class ApprovalMutations:
    """Root fields that decide approval requests."""

    @strawberry.mutation(
        description="Approve requests of other operators. Each request is decided on its own, and the desk "
        "carries out the action at once, on the current state; `differences` shows the differences from "
        "the request. If the action is not possible, the result is a refusal with the reason, and the "
        "request stays pending. Requires RISK_APPROVER; to end a kill switch, one of maker and checker "
        "needs RISK_APPROVER and the other RISK_SETTING_FULL."
    )
    async def approve(
        self, info: RequestInfo, input: Annotated[DecideApprovalsInput, INPUT]
    ) -> ApprovalPayload:
        """The desk checks the permission and keeps the record."""
        return await _decided(info, input, ApprovalTrigger.APPROVE)

    @strawberry.mutation(
        description="Decline requests of other operators. Each request is decided on its own. Requires the "
        "same permissions as approve."
    )
    async def decline(
        self, info: RequestInfo, input: Annotated[DecideApprovalsInput, INPUT]
    ) -> ApprovalPayload:
        """The desk checks the permission and keeps the record."""
        return await _decided(info, input, ApprovalTrigger.DECLINE)

    @strawberry.mutation(description="Withdraw your own requests. Each request is decided on its own.")
    async def withdraw(
        self, info: RequestInfo, input: Annotated[DecideApprovalsInput, INPUT]
    ) -> ApprovalPayload:
        """The desk checks the permission and keeps the record."""
        return await _decided(info, input, ApprovalTrigger.WITHDRAW)


async def _decided(
    info: RequestInfo, input: DecideApprovalsInput, trigger: ApprovalTrigger
) -> ApprovalPayload:
    desk = info.context.api.desk
    check_key(input.idempotency_key)
    check_text("reason", input.reason)
    check_many("ids", input.ids, desk.policy.max_approvals_per_batch)
    ids = tuple(ApprovalId(filter_id("ApprovalRequest", id_)) for id_ in input.ids)
    command = DecideApprovals(input.idempotency_key, trigger, ids, input.reason)
    outcomes = await decide_approvals(desk, info.context.principal, command)
    return ApprovalPayload(results=[_result(*each) for each in zip(input.ids, ids, outcomes, strict=True)])


def _result(
    asked: strawberry.ID, approval_id: ApprovalId, outcome: Outcome
) -> ApprovalDecided | ApprovalRefused:
    if isinstance(outcome, Done):
        return ApprovalDecided(approval_id=approval_id)
    seen = approval_id if is_seen(outcome) else None
    return ApprovalRefused(id=asked, code=outcome.code, message=outcome.message, seen=seen)


def approval_of(view: ApprovalView, context: ReadContext) -> ApprovalRequest:
    """The GraphQL object."""
    approval = view.approval
    subject = context.principal.subject if isinstance(context, RequestContext) else None
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
        may_decide=approval.status is ApprovalStatus.PENDING
        and subject is not None
        and not same_subject(subject, approval.maker)
        and context.audience.may(*approval.approver),
        view=view,
    )


async def load_approval(info: Info, approval_id: ApprovalId | None) -> ApprovalRequest | None:
    """The request if it exists and is visible, else None."""
    view = await info.context.loaders.approvals.load(approval_id) if approval_id else None
    return approval_of(view, info.context) if view else None


def _changes(before: dict[str, str | None], after: dict[str, str | None]) -> list[Change]:
    names = [*before, *(name for name in after if name not in before)]
    return [Change(field=name, before=before.get(name), after=after.get(name)) for name in names]
