"""Somebody is on a case: the others see who, and whoever claims it too is told."""

from dataclasses import dataclass
from datetime import datetime

from desk.case_work.case_command import CaseCommand, CaseEdit, change_case
from desk.command import Outcome
from desk.desk import Desk
from domain.case import Case
from domain.case_edits import claimed, released
from domain.events import CaseView
from domain.principal import Capability, Principal
from domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class ClaimCase:
    """The command. `take_over`: also from somebody else."""

    of: CaseCommand
    take_over: bool


async def claim_case(desk: Desk, principal: Principal, command: ClaimCase) -> Outcome:
    """The caller is on the case; a claim lasts for a while and is renewed by claiming again."""

    async def change(view: CaseView, now: datetime) -> CaseEdit | Refusal:
        lasts = desk.rules.cases.claim_lasts
        after = claimed(view.case, principal.subject, now, lasts, command.take_over)
        return _edit(view.case, after)

    return await change_case(
        *(desk, principal, "claimCase", command.of, {"takeOver": command.take_over}, change),
        needs=Capability.ANNOTATE,
    )


async def release_case(desk: Desk, principal: Principal, command: CaseCommand) -> Outcome:
    """The caller is no longer on the case."""

    async def change(view: CaseView, now: datetime) -> CaseEdit | Refusal:
        return _edit(view.case, released(view.case, principal.subject, now))

    return await change_case(desk, principal, "releaseCase", command, {}, change, needs=Capability.ANNOTATE)


def _edit(before: Case, after: Case | Refusal) -> CaseEdit | Refusal:
    if isinstance(after, Refusal):
        return after
    return CaseEdit(after, {"before": _who(before), "after": _who(after)})


def _who(case: Case) -> str | None:
    return case.claim.by if case.claim else None
