"""Exceptions: the client owes, but selling cannot end the case.

An operator follows up; the daily message stops and nothing is liquidated until the exception is cleared.
"""

from dataclasses import dataclass
from datetime import datetime

from desk.case_work.case_command import CaseCommand, CaseEdit, CaseRequest, change_case
from desk.context import DeskContext
from desk.follow_up import note
from desk.outcomes import Outcome
from domain.case import CaseTrigger, decide
from domain.events import CaseView
from domain.principal import Capability, Principal
from domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class WithReason:
    """A command on a case that has a reason."""

    of: CaseCommand
    reason: str


async def mark_exception(desk: DeskContext, principal: Principal, command: WithReason) -> Outcome:
    """Mark the case as an exception, with the reason as a follow-up record; refused while liquidation orders
    are open.
    """
    return await _move(desk, principal, "markException", command, CaseTrigger.EXCEPTION_MARKED)


async def clear_exception(desk: DeskContext, principal: Principal, command: WithReason) -> Outcome:
    """Clear the exception: the case is open again."""
    return await _move(desk, principal, "clearException", command, CaseTrigger.EXCEPTION_CLEARED)


async def _move(
    desk: DeskContext, principal: Principal, operation: str, command: WithReason, trigger: CaseTrigger
) -> Outcome:
    async def change(view: CaseView, now: datetime) -> CaseEdit | Refusal:
        moved = decide(view.case, trigger, now)
        if isinstance(moved, Refusal):
            return moved
        audit = {"before": view.case.status, "after": moved.status, "reason": command.reason}
        if moved.status is not view.case.status:
            moved = await note(desk, moved, principal.subject, command.reason, now)
        return CaseEdit(moved, audit)

    content = {"reason": command.reason}
    request = CaseRequest(principal, operation, command.of, content, Capability.MARK_EXCEPTION)
    return await change_case(desk, request, change)
