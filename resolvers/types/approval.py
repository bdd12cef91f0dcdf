"""Requests that take a second person."""

from datetime import datetime
from typing import Annotated

import strawberry

from desk.approvals import DecideApprovals, decide_approvals
from desk.command import Done, Outcome
from domain.approval import ApprovalKind, ApprovalStatus, ApprovalTrigger, ApprovalView
from domain.ids import ApprovalId, CaseId
from domain.principal import Capability
from domain.refusals import RefusalCode
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
from resolvers.kit.search import each_once
from resolvers.types.case import Case, load_case
from resolvers.types.client import Account, account_of


@strawberry.type(description="One thing that changes.")
class Change:
    """Of plain data by name."""

    field: str = strawberry.field(description="What.")
    before: str | None = strawberry.field(description="As it was; null: there was nothing.")
    after: str | None = strawberry.field(description="As it becomes; null: nothing.")


@strawberry.type(description="Somebody asked for what takes two: another person approves or declines it.")
class ApprovalRequest(Node):
    """From domain.approval.Approval."""

    kind: ApprovalKind = strawberry.field(description="What was asked for.")
    status: ApprovalStatus = strawberry.field(description="Where it stands.")
    maker: str = strawberry.field(description="Who asked.")
    reason: str | None = strawberry.field(description="Why, in the maker's words.")
    changes: list[Change] = strawberry.field(description="What would change, as of the asking.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    expires_at: datetime = strawberry.field(description="When it ends undecided.")
    decided_by: str | None = strawberry.field(description="Who decided; null while nobody did.")
    decided_at: datetime | None = strawberry.field(description="When.")
    decision_reason: str | None = strawberry.field(description="Why, in the decider's words.")
    differences: list[Change] = strawberry.field(
        description="Of an approved one: what was done otherwise than asked, for things had moved meanwhile; "
        "`before` as asked, `after` as done."
    )
    may_decide: bool = strawberry.field(
        description="Your token lets you approve or decline it: you have the right, and did not ask yourself."
    )
    view: strawberry.Private[ApprovalView]

    @strawberry.field(description="The case that it is about, if it is about one.")
    async def case(self, info: Info) -> Case | None:
        """Batched."""
        approval = self.view.approval
        return await load_case(info, CaseId(approval.entity_id)) if approval.entity == "case" else None

    @strawberry.field(description="The account that it is about; null: the whole desk.")
    async def account(self, info: Info) -> Account | None:
        """Batched."""
        account_id = self.view.approval.account_id
        row = await info.context.loaders.accounts.load(account_id) if account_id else None
        return account_of(row) if row else None


@strawberry.input(description="Which requests; what is left out does not matter.")
class ApprovalRequestFilter:
    """To models.approval.ApprovalFilter."""

    status: list[ApprovalStatus] | None = strawberry.field(default=None, description="One of these.")
    kind: list[ApprovalKind] | None = strawberry.field(default=None, description="One of these.")
    case_id: strawberry.ID | None = strawberry.field(default=None, description="About this case.")
    maker: str | None = strawberry.field(default=None, description="Asked for by this subject.")

    def selection(self) -> ApprovalSelection:
        """An id of another type selects nothing."""
        return ApprovalSelection(
            status=each_once(self.status),
            kind=each_once(self.kind),
            entity=None if self.case_id is None else "case",
            entity_id=None if self.case_id is None else filter_id("Case", self.case_id),
            maker=None if self.maker is None else lenient_subject_form(self.maker),
        )


@strawberry.type(description="The request was decided.")
class ApprovalDecided:
    """From desk.command.Done."""

    approval_id: strawberry.Private[ApprovalId]

    @strawberry.field(description="The request as it is now.")
    async def approval(self, info: Info) -> ApprovalRequest:
        """Batched over the answers."""
        return restored(await load_approval(info, self.approval_id))


@strawberry.type(description="The request stands as before.")
class ApprovalRefused:
    """From desk.command.Refused."""

    id: strawberry.ID = strawberry.field(description="As asked.")
    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")
    seen: strawberry.Private[ApprovalId | None]

    @strawberry.field(description="The request as it is now; null where you may not see it.")
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.seen)


ApprovalResult = Annotated[
    ApprovalDecided | ApprovalRefused,
    strawberry.union("ApprovalResult", description="What became of one request of a batch."),
]


@strawberry.type(description="The answer of approve, decline and withdraw.")
class ApprovalPayload:
    """One result per request."""

    results: list[ApprovalResult] = strawberry.field(description="One per request, in the order asked.")


@strawberry.input(description="Decide requests.")
class DecideApprovalsInput:
    """To desk.approvals.DecideApprovals."""

    idempotency_key: str = strawberry.field(description=KEY)
    ids: list[strawberry.ID] = strawberry.field(description="1 to 100 requests, each once.")
    reason: str | None = strawberry.field(default=None, description="Kept for the auditor.")


@strawberry.type
class ApprovalQueries:
    """Looking at requests."""

    @strawberry.field(
        description="What was asked for and takes a second person, newest first. Needs a permission "
        "that acts or audits."
    )
    async def approval_requests(
        self,
        info: Info,
        filter: Annotated[ApprovalRequestFilter | None, strawberry.argument(description="Which.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[ApprovalRequest]:
        """A keyset page."""
        context = reader(info, Capability.READ_APPROVALS)
        wanted = filter.selection() if filter else ApprovalSelection()
        pager: Pager[ApprovalView] = Pager(("approvals", wanted), "ts", context.api.page_size_max)
        request = pager.request(first, after)
        return pager.connection(
            await page_approvals(context.audience, wanted, request),
            request,
            lambda view: (view.approval.created_at, view.approval.id),
            lambda view: approval_of(view, info.context),
            lambda: count_approvals(context.audience, wanted),
        )


@strawberry.type
class ApprovalMutations:
    """Deciding requests."""

    @strawberry.mutation(
        description="Approve requests of others, each on its own: what was asked for is done in the same "
        "moment, on things as they are now; `differences` says what that changed. Where it cannot be done "
        "the request stays pending. Needs RISK_APPROVER; for the end of a kill switch also RISK_SETTING_FULL."
    )
    async def approve(
        self, info: RequestInfo, input: Annotated[DecideApprovalsInput, INPUT]
    ) -> ApprovalPayload:
        """The desk's."""
        return await _decided(info, input, ApprovalTrigger.APPROVE)

    @strawberry.mutation(description="Decline requests of others, each on its own. Needs what approve needs.")
    async def decline(
        self, info: RequestInfo, input: Annotated[DecideApprovalsInput, INPUT]
    ) -> ApprovalPayload:
        """The desk's."""
        return await _decided(info, input, ApprovalTrigger.DECLINE)

    @strawberry.mutation(description="Take back requests of your own, each on its own.")
    async def withdraw(
        self, info: RequestInfo, input: Annotated[DecideApprovalsInput, INPUT]
    ) -> ApprovalPayload:
        """The desk's."""
        return await _decided(info, input, ApprovalTrigger.WITHDRAW)


async def _decided(
    info: RequestInfo, input: DecideApprovalsInput, trigger: ApprovalTrigger
) -> ApprovalPayload:
    desk = info.context.api.desk
    check_key(input.idempotency_key)
    check_text("reason", input.reason)
    check_many("ids", input.ids, desk.rules.max_approvals_per_batch)
    ids = tuple(ApprovalId(filter_id("ApprovalRequest", id_)) for id_ in input.ids)
    command = DecideApprovals(input.idempotency_key, trigger, ids, input.reason)
    outcomes = await decide_approvals(desk, info.context.principal, command)
    return ApprovalPayload(results=[_result(*each) for each in zip(input.ids, ids, outcomes, strict=True)])


def _result(
    asked: strawberry.ID, approval_id: ApprovalId, outcome: Outcome
) -> ApprovalDecided | ApprovalRefused:
    if isinstance(outcome, Done):
        return ApprovalDecided(approval_id=approval_id)
    seen = approval_id if outcome.seen else None
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
    """The request, if it is there and may be seen."""
    view = await info.context.loaders.approvals.load(approval_id) if approval_id else None
    return approval_of(view, info.context) if view else None


def _changes(before: dict[str, str | None], after: dict[str, str | None]) -> list[Change]:
    names = [*before, *(name for name in after if name not in before)]
    return [Change(field=name, before=before.get(name), after=after.get(name)) for name in names]
