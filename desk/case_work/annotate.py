"""The remark of a case, which operators edit."""

from dataclasses import dataclass, replace
from datetime import datetime

from desk.case_work.case_command import CaseCommand, CaseEdit, CaseRequest, change_case
from desk.context import DeskContext
from desk.outcomes import Outcome
from domain.case import CaseTrigger, decide
from domain.events import CaseView
from domain.principal import Capability, Principal
from domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class UpdateRemark:
    """The remark that replaces the current one."""

    of: CaseCommand
    remark: str


async def update_remark(desk: DeskContext, principal: Principal, command: UpdateRemark) -> Outcome:
    """Replace the remark; the audit trail keeps the previous one."""

    async def change(view: CaseView, now: datetime) -> CaseEdit | Refusal:
        edited = decide(view.case, CaseTrigger.EDITED, now)
        if isinstance(edited, Refusal):
            return edited
        audit = {"before": view.case.remark, "after": command.remark}
        return CaseEdit(replace(edited, remark=command.remark), audit)

    content = {"remark": command.remark}
    request = CaseRequest(principal, "updateRemark", command.of, content, Capability.ANNOTATE)
    return await change_case(desk, request, change)
