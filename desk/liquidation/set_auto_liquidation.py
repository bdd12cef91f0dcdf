"""Set the automatic liquidation, at a time or at the deadline, for one case or a selection."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from desk.audit import case_entry, entry
from desk.case_work.case_command import NO_CASE, record_edit
from desk.command import CommandRequest, run_each
from desk.context import DeskContext
from desk.outcomes import Done, Outcome
from domain.case_edits import with_auto_liquidation
from domain.ids import CaseId
from domain.principal import Capability, Principal
from domain.refusals import Refusal
from models.audit import write_audit
from models.case import lock_case
from models.holding import symbols_of


@dataclass(frozen=True, slots=True)
class SetAutoLiquidation:
    """Set it to `at` or to the deadline of each case, or (with neither) remove it."""

    idempotency_key: str
    case_ids: tuple[CaseId, ...]
    at: datetime | None
    at_deadline: bool


async def set_auto_liquidation(
    desk: DeskContext, principal: Principal, command: SetAutoLiquidation
) -> Sequence[Outcome]:
    """One outcome per case, in the order given; each in a transaction of its own."""
    at = None if command.at is None else command.at.isoformat()
    content = {"cases": list(command.case_ids), "at": at, "atDeadline": command.at_deadline}
    needs = (Capability.SET_AUTO_LIQUIDATION,)
    request = CommandRequest(principal, "setAutoLiquidation", command.idempotency_key, content, needs)

    async def decide(case_id: CaseId) -> Outcome | Refusal:
        now = desk.clock()
        locked = await lock_case(principal.audience, case_id)
        if locked is None:
            return NO_CASE
        view = replace(locked[0], symbols=await symbols_of(locked[0].case.account_id))
        after = with_auto_liquidation(view.case, command.at, command.at_deadline, now, principal.subject)
        if isinstance(after, Refusal):
            return after
        detail = {"idempotencyKey": command.idempotency_key}
        await record_edit(desk, view, after, now)
        edited = case_entry(principal, now, view.case, after, "setAutoLiquidation", detail)
        same = entry(principal, now, "setAutoLiquidation", "case", case_id, detail)
        await write_audit([edited or same])
        return Done(case_id)

    return await run_each(desk, request, command.case_ids, decide)
