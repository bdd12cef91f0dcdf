"""Close a case by decision: void, for a case opened in error, or write-off, for a debt that will not be paid.

Both require two persons. A written-off account is on the bad-credit list; while the same breach lasts, no new
case of its kind is opened, since it would be for the same debt.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from desk.assessment.assess_case import assess_account
from desk.audit import case_entry
from desk.case_work.case_command import NO_CASE, CaseEdit, CaseRequest, change_case, record_edit
from desk.case_work.mark_exception import WithReason
from desk.context import DeskContext
from desk.follow_up import note
from desk.four_eyes.executed import Executed
from desk.four_eyes.request_approval import ApprovalDraft, request_approval
from desk.outcomes import Outcome
from domain.approval import Approval, ApprovalKind
from domain.case import AlertType, CaseTrigger, decide
from domain.events import CaseView
from domain.ids import AccountId, CaseId
from domain.money import ONE, exact, plain_text
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models.audit import write_audit
from models.case import lock_case
from models.holding import set_written_off, symbols_of, written_off_of
from models.sql.codec import loads

_TRIGGERS = {
    ApprovalKind.VOID: (CaseTrigger.VOIDED, "voidCase", "voiding a case requires two persons"),
    ApprovalKind.WRITE_OFF: (CaseTrigger.WRITTEN_OFF, "writeOff", "writing off a debt requires two persons"),
}


async def ask_to_close(
    desk: DeskContext, principal: Principal, kind: ApprovalKind, command: WithReason
) -> Outcome:
    """Request VOID or WRITE_OFF: always APPROVAL_REQUIRED, or the reason why the case cannot be closed so."""
    trigger, operation, why = _TRIGGERS[kind]

    async def change(view: CaseView, now: datetime) -> CaseEdit | Outcome | Refusal:
        closed = decide(view.case, trigger, now)
        if isinstance(closed, Refusal):
            return closed
        draft = ApprovalDraft(
            kind=kind,
            entity="case",
            entity_id=view.case.id,
            account_id=view.case.account_id,
            reason=command.reason,
            before={"status": view.case.status, "amount": plain_text(view.case.figures.amount)},
            after={"status": closed.status},
            command="{}",
        )
        return await request_approval(desk, principal, draft, why, now)

    content = {"reason": command.reason}
    request = CaseRequest(principal, operation, command.of, content, Capability.CLOSE_CASE)
    return await change_case(desk, request, change)


async def execute_close(
    desk: DeskContext, principal: Principal, approval: Approval, now: datetime
) -> Executed | Refusal:
    """Execute an approved void or write-off on the case in its current state."""
    trigger, operation, _ = _TRIGGERS[approval.kind]
    locked = await lock_case(principal.audience, CaseId(approval.entity_id))
    if locked is None:
        return NO_CASE
    view = replace(locked[0], symbols=await symbols_of(locked[0].case.account_id))
    closed = decide(view.case, trigger, now)
    if isinstance(closed, Refusal):
        return closed
    requested = loads(approval.before).get("amount")
    if trigger is CaseTrigger.WRITTEN_OFF:
        refused = _exceeds_approval(requested, view.case.figures.amount, desk.policy.approval_growth)
        if refused is not None:
            return refused
    closed = await note(desk, closed, approval.maker, approval.reason or "", now)
    await record_edit(desk, view, closed, now)
    if trigger is CaseTrigger.WRITTEN_OFF:
        await _forget_breach(closed.account_id, closed.alert_type)
    detail = {"reason": approval.reason, "approval": approval.id, "maker": approval.maker}
    ended = case_entry(principal, now, view.case, closed, operation, detail)
    assert ended is not None, "a case that ends differs"
    await write_audit([ended])
    await assess_account(desk, closed.account_id, now)
    current = plain_text(view.case.figures.amount)
    return Executed({} if requested == current else {"amount": (requested, current)})


def _exceeds_approval(requested: str | None, amount: Decimal, growth: Decimal) -> Refusal | None:
    """The refusal if the debt has grown beyond the amount that was approved."""
    with exact():
        if requested is None or amount <= Decimal(requested) * (ONE + growth):
            return None
    return Refusal(
        RefusalCode.VERSION_CONFLICT,
        f"The write-off would now be {plain_text(amount)}, and the request was for {requested}: decline the "
        "request and let the maker send a new one.",
    )


async def _forget_breach(account_id: AccountId, alert_type: AlertType) -> None:
    await set_written_off(account_id, await written_off_of(account_id) | {alert_type})
