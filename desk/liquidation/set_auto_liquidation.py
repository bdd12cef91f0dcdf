"""Set the automatic liquidation, at a time or at the deadline, for one case or a selection."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from desk.audit import case_entry, entry
from desk.case_work.case_command import NO_CASE, record_edit
from desk.command import Done, Outcome, run_each, run_once
from desk.context import DeskContext
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
    request = {"cases": list(command.case_ids), "at": at, "atDeadline": command.at_deadline}
    return await run_each(
        desk, command.case_ids, lambda case_id: _set(desk, principal, command, case_id, request)
    )


async def _set(
    desk: DeskContext,
    principal: Principal,
    command: SetAutoLiquidation,
    case_id: CaseId,
    request: dict[str, Any],
) -> Outcome:
    async def decide() -> Outcome | Refusal:
        now = desk.clock()
        locked = await lock_case(principal.audience, case_id)
        if locked is None:
            return NO_CASE
        view = replace(locked[0], symbols=await symbols_of(locked[0].case.account_id))
        after = with_auto_liquidation(view.case, command.at, command.at_deadline, now, principal.subject)
        if isinstance(after, Refusal):
            return after
        detail = {"idempotencyKey": key}
        await record_edit(desk, view, after, now)
        edited = case_entry(principal, now, view.case, after, "setAutoLiquidation", detail)
        same = entry(principal, now, "setAutoLiquidation", "case", case_id, detail)
        await write_audit([edited or same])
        return Done(case_id)

    key = command.idempotency_key
    return await run_once(
        *(desk, principal, "setAutoLiquidation", key, case_id, request, decide),
        needs=Capability.SET_AUTO_LIQUIDATION,
    )
