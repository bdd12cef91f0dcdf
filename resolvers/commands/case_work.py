"""Everyday commands on cases: follow-up, claim, exception, deadline, automatic liquidation, closing."""

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
from resolvers.kit.inputs import ANY_VERSION, KEY, VERSION, check_key, check_many, check_text
from resolvers.kit.node import filter_id

OPERATORS = "Requires RISK_WARNING_OPERATOR or RISK_WARNING_FULL."


@strawberry.input(description="A new follow-up record of a case.")
class AddFollowUpInput:
    """To desk.case_work.add_follow_up.AddFollowUp."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    expected_version: int | None = strawberry.field(default=None, description=ANY_VERSION)
    text: str = strawberry.field(description="The text of the record, 1 to 1000 characters.")


@strawberry.input(description="The case that the caller claims.")
class ClaimCaseInput:
    """To desk.case_work.claim_case.ClaimCase."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    expected_version: int | None = strawberry.field(default=None, description=ANY_VERSION)
    take_over: bool = strawberry.field(
        default=False,
        description="Whether to take over the claim of another operator. A case event reports the new claim.",
    )


@strawberry.input(description="The case whose claim the caller releases.")
class ReleaseCaseInput:
    """To desk.case_work.case_command.CaseCommand."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    expected_version: int | None = strawberry.field(default=None, description=ANY_VERSION)


@strawberry.input(description="The case to change, and the reason.")
class CaseReasonInput:
    """To desk.case_work.mark_exception.WithReason."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    expected_version: int = strawberry.field(description=VERSION)
    reason: str = strawberry.field(
        description="The reason, 1 to 1000 characters, kept as a follow-up record and in the audit trail."
    )

    def command(self) -> WithReason:
        """The command for the desk."""
        check_text("reason", self.reason, at_least=1)
        return WithReason(
            case_command(self.idempotency_key, self.case_id, self.expected_version), self.reason
        )


@strawberry.input(description="The new deadline of a case.")
class AdjustDeadlineInput:
    """To desk.case_work.adjust_deadline.AdjustDeadline."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    expected_version: int = strawberry.field(description=VERSION)
    deadline: datetime = strawberry.field(
        description="The new deadline: a time in the future, earlier or later than the current deadline."
    )
    reason: str = strawberry.field(description="The reason, 1 to 1000 characters, kept with the change.")


@strawberry.input(
    description="The time at which the desk liquidates automatically. Give exactly one of at, atDeadline "
    "and clear.",
    one_of=True,
)
class AutoLiquidationTimeInput:
    """To desk.liquidation.set_auto_liquidation.SetAutoLiquidation."""

    at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="A fixed time in the future."
    )
    at_deadline: bool | None = strawberry.field(
        default=strawberry.UNSET, description="True: the deadline of each case, also after it is moved."
    )
    clear: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="True: switch automatic liquidation off, so that only operators liquidate.",
    )


@strawberry.input(description="The automatic liquidation to set, and its cases.")
class SetAutoLiquidationInput:
    """To desk.liquidation.set_auto_liquidation.SetAutoLiquidation."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_ids: list[strawberry.ID] = strawberry.field(
        description="The global ids of 1 to 200 cases (`GATEWAY_LIQUIDATE_MAX_CASES`), without duplicates."
    )
    when: AutoLiquidationTimeInput = strawberry.field(
        description="The time of the automatic liquidation, or `clear` to switch it off."
    )

    def command(self) -> SetAutoLiquidation:
        """The command for the desk; raises ApiError."""
        check_key(self.idempotency_key)
        when = self.when
        if when.at_deadline is False or when.clear is False:
            raise ApiError(BAD_USER_INPUT, "atDeadline and clear must be true or omitted.")
        at = when.at if isinstance(when.at, datetime) else None
        ids = tuple(CaseId(filter_id("Case", case_id)) for case_id in self.case_ids)
        return SetAutoLiquidation(self.idempotency_key, ids, at, when.at_deadline is True)


@strawberry.type(description="The payload of a command on several cases.")
class CaseCommandsPayload:
    """One result per case."""

    results: list[CaseCommandResult] = strawberry.field(
        description="One result per case, in the order of the input."
    )


@strawberry.type
class CaseWorkMutations:
    """Root fields of commands on cases other than liquidation."""

    @strawberry.mutation(description=f"Add a follow-up record to a case. {OPERATORS}")
    async def add_follow_up(
        self, info: RequestInfo, input: Annotated[AddFollowUpInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        check_text("text", input.text, at_least=1)
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        context = info.context
        outcome = await add_follow_up(context.api.desk, context.principal, AddFollowUp(of, input.text))
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Claim a case or renew your claim. A claim expires automatically. If another operator "
        "has claimed the case, the refusal CASE_CLAIMED names the operator, unless takeOver is true. "
        f"{OPERATORS}"
    )
    async def claim_case(
        self, info: RequestInfo, input: Annotated[ClaimCaseInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        context = info.context
        outcome = await claim_case(context.api.desk, context.principal, ClaimCase(of, input.take_over))
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Release your claim of a case. If another operator holds the claim, the refusal is "
        f"CASE_CLAIMED. {OPERATORS}"
    )
    async def release_case(
        self, info: RequestInfo, input: Annotated[ReleaseCaseInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        outcome = await release_case(info.context.api.desk, info.context.principal, of)
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Mark a case as an exception: the client owes, but selling cannot end the case. No "
        "daily message is sent and nothing is liquidated until the exception is cleared. Refused while "
        f"liquidation orders are open. {OPERATORS}"
    )
    async def mark_exception(
        self, info: RequestInfo, input: Annotated[CaseReasonInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        outcome = await mark_exception(info.context.api.desk, info.context.principal, input.command())
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description=f"Clear the exception of a case, which returns to the status OPEN. {OPERATORS}"
    )
    async def clear_exception(
        self, info: RequestInfo, input: Annotated[CaseReasonInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        outcome = await clear_exception(info.context.api.desk, info.context.principal, input.command())
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Move the deadline of a case; every move is recorded. A deadline more than "
        "`GATEWAY_DEADLINE_EXTENSION_TRADING_DAYS` trading days after that of the calendar needs a second "
        f"person's approval: the refusal APPROVAL_REQUIRED contains the request. {OPERATORS}"
    )
    async def adjust_deadline(
        self, info: RequestInfo, input: Annotated[AdjustDeadlineInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        check_text("reason", input.reason, at_least=1)
        of = case_command(input.idempotency_key, input.case_id, input.expected_version)
        command = AdjustDeadline(of, input.deadline, input.reason)
        outcome = await adjust_deadline(info.context.api.desk, info.context.principal, command)
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Set, change or clear the automatic liquidation of cases. Each case is decided on its "
        "own and has its own result. At the set time the desk does not sell if an operator has decided "
        "against it (exception, kill switch, liquidation switch), and it waits while a price is too old or "
        f"the market is closed; a case event and a follow-up record report either. {OPERATORS}"
    )
    async def set_auto_liquidation(
        self, info: RequestInfo, input: Annotated[SetAutoLiquidationInput, INPUT]
    ) -> CaseCommandsPayload:
        """The desk checks the permission, locks and keeps the record."""
        desk = info.context.api.desk
        check_many("caseIds", input.case_ids, desk.policy.max_cases_per_batch)
        outcomes = await set_auto_liquidation(desk, info.context.principal, input.command())
        return CaseCommandsPayload(
            results=[case_result(id_, outcome) for id_, outcome in zip(input.case_ids, outcomes, strict=True)]
        )

    @strawberry.mutation(
        description="Request that a case opened in error, for example because of a bad price, be voided. "
        "The refusal APPROVAL_REQUIRED contains the request, which a second person approves. Requires "
        "RISK_WARNING_FULL."
    )
    async def void_case(
        self, info: RequestInfo, input: Annotated[CaseReasonInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        context = info.context
        outcome = await ask_to_close(context.api.desk, context.principal, ApprovalKind.VOID, input.command())
        return case_payload(input.case_id, outcome)

    @strawberry.mutation(
        description="Request the write-off of a case in exception. The refusal APPROVAL_REQUIRED contains "
        "the request, which a second person approves. Written-off cases form the list of bad credit. "
        "Requires RISK_WARNING_FULL."
    )
    async def write_off(
        self, info: RequestInfo, input: Annotated[CaseReasonInput, INPUT]
    ) -> CaseCommandPayload:
        """The desk checks the permission, locks and keeps the record."""
        context = info.context
        outcome = await ask_to_close(
            context.api.desk, context.principal, ApprovalKind.WRITE_OFF, input.command()
        )
        return case_payload(input.case_id, outcome)
