"""Move the deadline of one case. Every move is recorded; far beyond the calendar's deadline it requires a
second person.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from desk.audit import case_entry
from desk.case_work.case_command import NO_CASE, CaseCommand, CaseEdit, CaseRequest, change_case, record_edit
from desk.context import DeskContext
from desk.four_eyes.executed import Executed
from desk.four_eyes.request_approval import ApprovalDraft, request_approval
from desk.outcomes import AwaitingApproval, Outcome
from domain.approval import Approval, ApprovalKind
from domain.case import Case
from domain.case_edits import needs_approval, with_deadline
from domain.case_records import DeadlineChange, DeadlineChangeKind
from domain.events import CaseView
from domain.ids import CaseId
from domain.principal import Capability, Principal
from domain.refusals import Refusal
from models.audit import write_audit
from models.case import lock_case
from models.case_records import insert_deadline_changes
from models.holding import symbols_of
from models.sql.codec import dumps, loads


@dataclass(frozen=True, slots=True)
class AdjustDeadline:
    """The new deadline of a case, with the reason."""

    of: CaseCommand
    deadline: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class _Move:
    """A person's move of a deadline: who, why, and who approved it, if it required approval."""

    author: str
    reason: str
    approved_by: str | None = None


async def adjust_deadline(desk: DeskContext, principal: Principal, command: AdjustDeadline) -> Outcome:
    """Shorten or extend the deadline."""

    async def change(view: CaseView, now: datetime) -> CaseEdit | Outcome | Refusal:
        after = with_deadline(view.case, command.deadline, now)
        if isinstance(after, Refusal):
            return after
        if _is_far(desk, view, command.deadline):
            return await _ask(desk, principal, view, command)
        await _record_move(desk, view.case, after, _Move(principal.subject, command.reason), now)
        return CaseEdit(after, {"reason": command.reason})

    content = {"deadline": command.deadline.isoformat(), "reason": command.reason}
    request = CaseRequest(principal, "adjustDeadline", command.of, content, Capability.ADJUST_DEADLINE)
    return await change_case(desk, request, change)


async def _record_move(desk: DeskContext, before: Case, after: Case, move: _Move, now: datetime) -> None:
    """Record the move if the deadline changed."""
    if before.deadline == after.deadline:
        return
    change = DeadlineChange(
        desk.new_id(),
        before.id,
        now,
        move.author,
        DeadlineChangeKind.PERSON,
        before.deadline,
        after.deadline,
        move.reason,
        move.approved_by,
    )
    await insert_deadline_changes([change])


def _is_far(desk: DeskContext, view: CaseView, deadline: datetime) -> bool:
    calendar = desk.calendar_for(view.account.base_currency)
    return needs_approval(view.case, deadline, calendar, desk.policy.cases.deadline_extension_trading_days)


async def _ask(
    desk: DeskContext, principal: Principal, view: CaseView, command: AdjustDeadline
) -> AwaitingApproval | Refusal:
    days = desk.policy.cases.deadline_extension_trading_days
    deadline = {"deadline": command.deadline.isoformat()}
    draft = ApprovalDraft(
        kind=ApprovalKind.DEADLINE,
        entity="case",
        entity_id=view.case.id,
        account_id=view.case.account_id,
        reason=command.reason,
        before={"deadline": view.case.deadline.isoformat()},
        after=deadline,
        command=dumps(deadline),
    )
    why = f"the deadline would be more than {days} trading days after the calendar's deadline"
    return await request_approval(desk, principal, draft, why, desk.clock())


async def execute_deadline(
    desk: DeskContext, principal: Principal, approval: Approval, now: datetime
) -> Executed | Refusal:
    """Execute an approved move."""
    locked = await lock_case(principal.audience, CaseId(approval.entity_id))
    if locked is None:
        return NO_CASE
    view = replace(locked[0], symbols=await symbols_of(locked[0].case.account_id))
    after = with_deadline(view.case, datetime.fromisoformat(loads(approval.command)["deadline"]), now)
    if isinstance(after, Refusal):
        return after
    move = _Move(approval.maker, approval.reason or "", principal.subject)
    await _record_move(desk, view.case, after, move, now)
    await record_edit(desk, view, after, now)
    detail = {"reason": approval.reason, "approval": approval.id, "maker": approval.maker}
    edited = case_entry(principal, now, view.case, after, "adjustDeadline", detail)
    await write_audit([edited] if edited else [])
    return Executed()
