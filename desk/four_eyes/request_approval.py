"""Create an approval request, which `desk.approvals` executes when a second person approves it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from desk.audit import entry
from desk.context import DeskContext
from desk.outcomes import AwaitingApproval
from domain.approval import APPROVER, Approval, ApprovalKind, ApprovalStatus, ApprovalView
from domain.events import ApprovalEvent, ApprovalEventKind
from domain.ids import AccountId, ApprovalId
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models import outbox
from models.approval import insert_approval, pending_approval, view_of
from models.audit import AuditEntry, write_audit
from models.sql.codec import dumps, loads

Facts = Mapping[str, str | None]
"""Plain data by name, for persons to compare: decimals and times as text."""
_KINDS: Mapping[ApprovalStatus, ApprovalEventKind] = {
    ApprovalStatus.PENDING: ApprovalEventKind.REQUESTED,
    ApprovalStatus.APPROVED: ApprovalEventKind.APPROVED,
    ApprovalStatus.DECLINED: ApprovalEventKind.DECLINED,
    ApprovalStatus.WITHDRAWN: ApprovalEventKind.WITHDRAWN,
    ApprovalStatus.EXPIRED: ApprovalEventKind.EXPIRED,
}
"""A request enters each status once, so the status names the event."""


@dataclass(frozen=True, slots=True)
class ApprovalDraft:
    """The requested action. `command` is for the executor of its kind only."""

    kind: ApprovalKind
    entity: str
    entity_id: str
    account_id: AccountId | None
    """None: the request concerns the whole desk and is visible to operators with access to all accounts."""
    reason: str | None
    before: Facts
    after: Facts
    command: str
    approver: tuple[Capability, ...] = ()
    """Capabilities of which the checker needs one; empty: those of the kind."""


async def request_approval(
    desk: DeskContext, principal: Principal, draft: ApprovalDraft, why: str, now: datetime
) -> AwaitingApproval | Refusal:
    """Store the request; returns APPROVAL_REQUIRED with its id, or APPROVAL_PENDING with the id of an earlier
    one. A refusal: the earlier request was decided at this moment.

    Runs in the caller's transaction, which holds the lock of the account. `why` ends the sentence "A second
    person must approve it: ...".
    """
    approval = Approval(
        id=ApprovalId(desk.new_id()),
        kind=draft.kind,
        entity=draft.entity,
        entity_id=draft.entity_id,
        account_id=draft.account_id,
        approver=draft.approver or APPROVER[draft.kind],
        maker=principal.subject,
        reason=draft.reason,
        before=dumps(dict(draft.before)),
        after=dumps(dict(draft.after)),
        command=draft.command,
        created_at=now,
        expires_at=now + desk.policy.approval_ttl,
    )
    if not await insert_approval(approval):
        pending = await pending_approval(draft.kind, draft.entity, draft.entity_id)
        refusal = _pending(pending)
        return AwaitingApproval(refusal.code, refusal.message, pending.id) if pending else refusal
    await write_audit([_audit(principal, approval)])
    await outbox.append([approval_event(desk, await view_of(approval), now)])
    refusal = _required(why)
    return AwaitingApproval(refusal.code, refusal.message, approval.id)


async def would_ask(kind: ApprovalKind, entity: str, entity_id: str, why: str) -> Refusal:
    """The answer that `request_approval` would give now, without making a request."""
    pending = await pending_approval(kind, entity, entity_id)
    return _pending(pending) if pending else _required(why)


def approval_event(desk: DeskContext, view: ApprovalView, now: datetime) -> ApprovalEvent:
    """The event of a request that was made or decided now; the caller appends it in the transaction of the
    change.

    The data for the executor stays in the row: no subscriber may request it.
    """
    approval = view.approval
    is_new = approval.status is ApprovalStatus.PENDING
    return ApprovalEvent(
        id=desk.event_id(),
        at=now,
        kind=_KINDS[approval.status],
        view=replace(view, approval=replace(approval, command="")),
        previous_status=None if is_new else ApprovalStatus.PENDING,
    )


def _required(why: str) -> Refusal:
    return Refusal(RefusalCode.APPROVAL_REQUIRED, f"A second person must approve it: {why}.")


def _pending(pending: Approval | None) -> Refusal:
    who = f" by {pending.maker}" if pending else ""
    return Refusal(
        RefusalCode.APPROVAL_PENDING,
        f"The same approval request is already pending{who}: decide or withdraw that request first.",
    )


def _audit(principal: Principal, approval: Approval) -> AuditEntry:
    detail = {
        "kind": approval.kind,
        "about": [approval.entity, approval.entity_id],
        "reason": approval.reason,
        "expiresAt": approval.expires_at.isoformat(),
    }
    return entry(principal, approval.created_at, "requestApproval", "approval", approval.id, detail).changing(
        before=loads(approval.before) or None, after=loads(approval.after)
    )
