"""Follow-up records: what whoever handled a case leaves for the next, and what the desk did by itself."""

from dataclasses import dataclass, replace
from datetime import datetime

from desk.case_command import CaseCommand, CaseEdit, change_case
from desk.command import Outcome
from desk.desk import Desk
from domain.case import Case, CaseTrigger, decide
from domain.case_records import FollowUp
from domain.events import CaseView
from domain.principal import SYSTEM, Capability, Principal
from domain.refusals import Refusal
from models.case_records import insert_follow_up


@dataclass(frozen=True, slots=True)
class AddFollowUp:
    """The command."""

    of: CaseCommand
    note: str


async def add_follow_up(desk: Desk, principal: Principal, command: AddFollowUp) -> Outcome:
    """Append a record; nobody ever changes or removes one."""

    async def change(view: CaseView, now: datetime) -> CaseEdit | Refusal:
        edited = decide(view.case, CaseTrigger.EDITED, now)
        if isinstance(edited, Refusal):
            return edited
        noted = await note(desk, edited, principal.subject, command.note, now)
        return CaseEdit(noted, {"note": command.note})

    request = {"note": command.note}
    return await change_case(
        desk, principal, "addFollowUp", command.of, request, change, needs=Capability.ANNOTATE
    )


async def note(desk: Desk, case: Case, author: str, text: str, now: datetime) -> Case:
    """Append a record, in the caller's transaction; the case that counts it, still to be stored."""
    await insert_follow_up(FollowUp(desk.new_id(), case.id, now, author, author == SYSTEM, text))
    return replace(case, follow_ups=case.follow_ups + 1)
