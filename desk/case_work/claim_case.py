"""Claims on cases: other operators see who works on the case, and are refused if they claim it too."""

from dataclasses import dataclass
from datetime import datetime

from desk.case_work.case_command import CaseCommand, CaseEdit, CaseRequest, change_case
from desk.context import DeskContext
from desk.outcomes import Outcome
from domain.case import Case
from domain.case_edits import claimed, released
from domain.events import CaseView
from domain.principal import Capability, Principal
from domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class ClaimCase:
    """A claim on a case. `take_over`: replace another operator's claim."""

    of: CaseCommand
    take_over: bool


async def claim_case(desk: DeskContext, principal: Principal, command: ClaimCase) -> Outcome:
    """Claim the case or renew the caller's claim, which expires by itself."""

    async def change(view: CaseView, now: datetime) -> CaseEdit | Refusal:
        lasts = desk.policy.cases.claim_lasts
        after = claimed(view.case, principal.subject, now, lasts, command.take_over)
        return _edit(view.case, after)

    content = {"takeOver": command.take_over}
    request = CaseRequest(principal, "claimCase", command.of, content, Capability.ANNOTATE)
    return await change_case(desk, request, change)


async def release_case(desk: DeskContext, principal: Principal, command: CaseCommand) -> Outcome:
    """Release the caller's claim."""

    async def change(view: CaseView, now: datetime) -> CaseEdit | Refusal:
        return _edit(view.case, released(view.case, principal.subject, now))

    request = CaseRequest(principal, "releaseCase", command, {}, Capability.ANNOTATE)
    return await change_case(desk, request, change)


def _edit(before: Case, after: Case | Refusal) -> CaseEdit | Refusal:
    if isinstance(after, Refusal):
        return after
    return CaseEdit(after, {"before": _who(before), "after": _who(after)})


def _who(case: Case) -> str | None:
    return case.claim.by if case.claim else None
