"""The result types that commands on a case share, and the remark."""

from typing import Annotated

import strawberry

from desk.case_work.annotate import UpdateRemark, update_remark
from desk.case_work.case_command import CaseCommand
from desk.outcomes import Done, Outcome, approval_id_of, is_seen
from domain.ids import CaseId
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import Info, RequestInfo
from resolvers.kit.errors import restored
from resolvers.kit.inputs import KEY, VERSION, check_key, check_text
from resolvers.kit.node import filter_id
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.case import Case, load_case
from resolvers.types.refusal import OTHER_TYPE, AnyRefusal, RefusalDetails


@strawberry.type(description="The command was carried out, now or when the key was first used.")
class CaseChanged:
    """From desk.outcomes.Done."""

    case_id: strawberry.Private[CaseId]

    @strawberry.field(description="The case as it is now.")
    async def case(self, info: Info) -> Case:
        """Batched over the answers."""
        return restored(await load_case(info, self.case_id))


@strawberry.type(description="The command was refused; the case is unchanged.")
class CaseCommandRefused(AnyRefusal):
    """From desk.outcomes.Refused."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case, from the input.")

    @strawberry.field(
        description="The case as it is now; null if you may not see it.",
        deprecation_reason=OTHER_TYPE.format("case"),
    )
    async def case(self, info: Info) -> Case | None:
        """Batched over the answers."""
        return await load_case(info, self.details.case_id)

    @strawberry.field(
        description="The approval request, with APPROVAL_REQUIRED and APPROVAL_PENDING; otherwise null."
    )
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.details.approval_id)


CaseCommandResult = Annotated[
    CaseChanged | CaseCommandRefused,
    strawberry.union("CaseCommandResult", description="The outcome of a command on a case."),
]


@strawberry.type(description="The payload of a command on one case.")
class CaseCommandPayload:
    """One result."""

    result: CaseCommandResult = strawberry.field(description="The outcome of the command.")


@strawberry.input(description="The new remark of a case.")
class UpdateRemarkInput:
    """To desk.case_work.annotate.UpdateRemark."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    expected_version: int = strawberry.field(description=VERSION)
    remark: str = strawberry.field(
        description="The whole new remark, at most 1000 characters. Empty: remove the remark."
    )


@strawberry.type
class CaseMutations:
    """Root fields of commands on one case."""

    @strawberry.mutation(
        description="Replace the remark of a case. Requires RISK_WARNING_OPERATOR or RISK_WARNING_FULL."
    )
    async def update_remark(
        self, info: RequestInfo, input: Annotated[UpdateRemarkInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        check_text("remark", input.remark)
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        outcome = await update_remark(
            info.context.api.desk, info.context.principal, UpdateRemark(of, input.remark)
        )
        return case_payload(input.case_id, outcome)


def case_command(key: str, case_id: strawberry.ID, expected_version: int | None) -> CaseCommand:
    """The case that the command concerns; raises ApiError for an invalid key."""
    check_key(key)
    return CaseCommand(key, CaseId(filter_id("Case", case_id)), expected_version)


def case_payload(asked: strawberry.ID, outcome: Outcome) -> CaseCommandPayload:
    """The payload of a command on one case."""
    return CaseCommandPayload(result=case_result(asked, outcome))


def case_result(asked: strawberry.ID, outcome: Outcome) -> CaseChanged | CaseCommandRefused:
    """The outcome for one case."""
    case_id = CaseId(filter_id("Case", asked))
    if isinstance(outcome, Done):
        return CaseChanged(case_id=case_id)
    seen = case_id if is_seen(outcome) else None
    details = RefusalDetails(case_id=seen, approval_id=approval_id_of(outcome))
    return CaseCommandRefused(case_id=asked, code=outcome.code, message=outcome.message, details=details)
