"""Commands on cases that a desk gives all day: follow-up, claim, exception, deadline, automation, end."""

from datetime import datetime
from typing import Annotated

import strawberry

from desk.case_work.add_follow_up import AddFollowUp, add_follow_up
from desk.case_work.adjust_deadline import AdjustDeadline, adjust_deadline
from desk.case_work.claim_case import ClaimCase, claim_case, release_case
from desk.case_work.close_case import ask_to_close
from desk.case_work.mark_exception import WithReason, clear_exception, mark_exception
from desk.liquidation.set_auto_liquidation import SetAutoLiquidation, set_auto_liquidation
from domain.approval import ApprovalKind
from domain.ids import CaseId
from resolvers.commands.case_commands import (
    CaseCommandPayload,
    CaseCommandResult,
    case_command,
    case_payload,
    case_result,
)
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import RequestInfo
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import KEY, VERSION, check_key, check_many, check_text
from resolvers.kit.node import filter_id

OPERATORS = "Needs RISK_WARNING_OPERATOR or RISK_WARNING_FULL."
ANY_VERSION = "Left out: whatever the version is; else another one is refused with VERSION_CONFLICT."


@strawberry.input(description="Append a follow-up record to a case.")
class AddFollowUpInput:
    """To desk.case_work.add_follow_up.AddFollowUp."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case.")
    expected_version: int | None = strawberry.field(default=None, description=ANY_VERSION)
    text: str = strawberry.field(description="The note, 1 to 1000 characters.")


@strawberry.input(description="Say that you are on a case.")
class ClaimCaseInput:
    """To desk.case_work.claim_case.ClaimCase."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case.")
    expected_version: int | None = strawberry.field(default=None, description=ANY_VERSION)
    take_over: bool = strawberry.field(
        default=False, description="Also while somebody else is on it, who sees that by the case's event."
    )


@strawberry.input(description="Say that you are no longer on a case.")
class ReleaseCaseInput:
    """To desk.case_work.case_command.CaseCommand."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case.")
    expected_version: int | None = strawberry.field(default=None, description=ANY_VERSION)


@strawberry.input(description="A change of a case's status that takes a reason.")
class CaseReasonInput:
    """To desk.case_work.mark_exception.WithReason."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case.")
    expected_version: int = strawberry.field(description=VERSION)
    reason: str = strawberry.field(
        description="Why, 1 to 1000 characters; kept as a follow-up record and for the auditor."
    )

    def command(self) -> WithReason:
        """For the desk."""
        check_text("reason", self.reason, at_least=1)
        return WithReason(
            case_command(self.idempotency_key, self.case_id, self.expected_version), self.reason
        )


@strawberry.input(description="Move the deadline of a case.")
class AdjustDeadlineInput:
    """To desk.case_work.adjust_deadline.AdjustDeadline."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case.")
    expected_version: int = strawberry.field(description=VERSION)
    deadline: datetime = strawberry.field(description="The new one, earlier or later, in the future.")
    reason: str = strawberry.field(description="Why, 1 to 1000 characters; kept with the change.")


@strawberry.input(
    description="When the desk sells by itself: give exactly one of at, atDeadline and clear.", one_of=True
)
class AutoLiquidationTimeInput:
    """To desk.liquidation.set_auto_liquidation.SetAutoLiquidation."""

    at: datetime | None = strawberry.field(default=strawberry.UNSET, description="At this time.")
    at_deadline: bool | None = strawberry.field(
        default=strawberry.UNSET, description="True: at the deadline of each case, which it follows."
    )
    clear: bool | None = strawberry.field(
        default=strawberry.UNSET, description="True: not at all; only people sell."
    )


@strawberry.input(description="Let the desk liquidate cases by itself.")
class SetAutoLiquidationInput:
    """To desk.liquidation.set_auto_liquidation.SetAutoLiquidation."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_ids: list[strawberry.ID] = strawberry.field(description="1 to 200 cases, each once.")
    when: AutoLiquidationTimeInput = strawberry.field(description="When, or not at all.")

    def command(self) -> SetAutoLiquidation:
        """For the desk; raises ApiError."""
        check_key(self.idempotency_key)
        when = self.when
        if when.at_deadline is False or when.clear is False:
            raise ApiError(BAD_USER_INPUT, "atDeadline and clear are true, or left out.")
        at = when.at if isinstance(when.at, datetime) else None
        ids = tuple(CaseId(filter_id("Case", case_id)) for case_id in self.case_ids)
        return SetAutoLiquidation(self.idempotency_key, ids, at, when.at_deadline is True)


@strawberry.type(description="The answer of a command on several cases.")
class CaseCommandsPayload:
    """One result per case."""

    results: list[CaseCommandResult] = strawberry.field(description="One per case, in the order asked.")


@strawberry.type
class CaseWorkMutations:
    """What a desk does with cases besides selling."""

    @strawberry.mutation(description=f"Append a follow-up record to a case. {OPERATORS}")
    async def add_follow_up(
        self, info: RequestInfo, input: Annotated[AddFollowUpInput, INPUT]
    ) -> CaseCommandPayload:
        """Permission, lock and record are the desk's."""
        check_text("text", input.text, at_least=1)
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        context = info.context
        outcome = await add_follow_up(context.api.desk, context.principal, AddFollowUp(of, input.text))
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Say that you are on a case, or renew that; it expires by itself. While somebody else is "
        f"on it CASE_CLAIMED says who; takeOver claims it all the same. {OPERATORS}"
    )
    async def claim_case(
        self, info: RequestInfo, input: Annotated[ClaimCaseInput, INPUT]
    ) -> CaseCommandPayload:
        """Permission, lock and record are the desk's."""
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        context = info.context
        outcome = await claim_case(context.api.desk, context.principal, ClaimCase(of, input.take_over))
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(description=f"Say that you are no longer on a case. {OPERATORS}")
    async def release_case(
        self, info: RequestInfo, input: Annotated[ReleaseCaseInput, INPUT]
    ) -> CaseCommandPayload:
        """Permission, lock and record are the desk's."""
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        outcome = await release_case(info.context.api.desk, info.context.principal, of)
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="The client owes, but selling cannot end it: no daily message, no liquidation until it "
        f"is cleared. Refused while liquidation orders are open. {OPERATORS}"
    )
    async def mark_exception(
        self, info: RequestInfo, input: Annotated[CaseReasonInput, INPUT]
    ) -> CaseCommandPayload:
        """Permission, lock and record are the desk's."""
        outcome = await mark_exception(info.context.api.desk, info.context.principal, input.command())
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(description=f"The case is open again. {OPERATORS}")
    async def clear_exception(
        self, info: RequestInfo, input: Annotated[CaseReasonInput, INPUT]
    ) -> CaseCommandPayload:
        """Permission, lock and record are the desk's."""
        outcome = await clear_exception(info.context.api.desk, info.context.principal, input.command())
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Move the deadline of a case; every move is kept. Further beyond the calendar's deadline "
        "than the desk allows one person, APPROVAL_REQUIRED names the request that somebody else approves. "
        f"{OPERATORS}"
    )
    async def adjust_deadline(
        self, info: RequestInfo, input: Annotated[AdjustDeadlineInput, INPUT]
    ) -> CaseCommandPayload:
        """Permission, lock and record are the desk's."""
        check_text("reason", input.reason, at_least=1)
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        command = AdjustDeadline(of, input.deadline, input.reason)
        outcome = await adjust_deadline(info.context.api.desk, info.context.principal, command)
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Let the desk liquidate cases by itself, each on its own: one answer per case. When the "
        "time comes it is refused where people decided so (exception, kill switch, switch) and waits where "
        "a price is old or the market shut; a case event and a follow-up record tell. " + OPERATORS
    )
    async def set_auto_liquidation(
        self, info: RequestInfo, input: Annotated[SetAutoLiquidationInput, INPUT]
    ) -> CaseCommandsPayload:
        """Permission, lock and record are the desk's."""
        desk = info.context.api.desk
        check_many("caseIds", input.case_ids, desk.rules.max_cases_per_batch)
        outcomes = await set_auto_liquidation(desk, info.context.principal, input.command())
        return CaseCommandsPayload(
            results=[case_result(id_, outcome) for id_, outcome in zip(input.case_ids, outcomes, strict=True)]
        )

    @strawberry.mutation(
        description="Ask for the end of a case that was opened in error, by a bad price for example: "
        "APPROVAL_REQUIRED names the request that somebody else approves. Needs RISK_WARNING_FULL."
    )
    async def void_case(
        self, info: RequestInfo, input: Annotated[CaseReasonInput, INPUT]
    ) -> CaseCommandPayload:
        """Permission, lock and record are the desk's."""
        context = info.context
        outcome = await ask_to_close(context.api.desk, context.principal, ApprovalKind.VOID, input.command())
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Ask for the write-off of a case in exception: APPROVAL_REQUIRED names the request that "
        "somebody else approves. Written-off cases are the bad-credit list. Needs RISK_WARNING_FULL."
    )
    async def write_off(
        self, info: RequestInfo, input: Annotated[CaseReasonInput, INPUT]
    ) -> CaseCommandPayload:
        """Permission, lock and record are the desk's."""
        context = info.context
        outcome = await ask_to_close(
            context.api.desk, context.principal, ApprovalKind.WRITE_OFF, input.command()
        )
        return case_payload(input.case_id, outcome)
