"""The mutations that decide approval requests."""

from typing import Annotated

import strawberry

from desk.approvals import DecideApprovals, decide_approvals
from desk.outcomes import Done, Outcome, is_seen
from domain.approval import ApprovalTrigger
from domain.ids import ApprovalId
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import Info, RequestInfo
from resolvers.kit.errors import restored
from resolvers.kit.inputs import KEY, check_key, check_many, check_text
from resolvers.kit.node import filter_id
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.refusal import OTHER_TYPE, AnyRefusal, RefusalDetails


@strawberry.type(description="The request was decided.")
class ApprovalDecided:
    """From desk.outcomes.Done."""

    approval_id: strawberry.Private[ApprovalId]

    @strawberry.field(description="The request as it is now.")
    async def approval(self, info: Info) -> ApprovalRequest:
        """Batched over the answers."""
        return restored(await load_approval(info, self.approval_id))


@strawberry.type(description="The decision was refused; the request is unchanged.")
class ApprovalRefused(AnyRefusal):
    """From desk.outcomes.Refused."""

    id: strawberry.ID = strawberry.field(description="The id of the request, from the input.")

    @strawberry.field(
        description="The request as it is now; null if you may not see it.",
        deprecation_reason=OTHER_TYPE.format("approval"),
    )
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.details.approval_id)


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
    details = RefusalDetails(approval_id=seen)
    return ApprovalRefused(id=asked, code=outcome.code, message=outcome.message, details=details)
