"""Follow-up records that an operator writes for the next one who handles the case."""

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
class AddFollowUp:
    """A follow-up record to append to a case."""

    of: CaseCommand
    note: str


async def add_follow_up(desk: DeskContext, principal: Principal, command: AddFollowUp) -> Outcome:
    """Append a record; records are never changed or removed."""

    async def change(view: CaseView, now: datetime) -> CaseEdit | Refusal:
        edited = decide(view.case, CaseTrigger.EDITED, now)
        if isinstance(edited, Refusal):
            return edited
        noted = await note(desk, edited, principal.subject, command.note, now)
        return CaseEdit(noted, {"note": command.note})

    content = {"note": command.note}
    request = CaseRequest(principal, "addFollowUp", command.of, content, Capability.ANNOTATE)
    return await change_case(desk, request, change)
