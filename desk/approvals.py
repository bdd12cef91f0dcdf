"""Approve, decline, withdraw and expire approval requests.

An approval and the action that it approves are one transaction: the executor of the request's kind runs in
it, on the current state. If the executor refuses, the request stays pending and the checker gets the refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from desk.audit import entry
from desk.case_work.adjust_deadline import execute_deadline
from desk.case_work.close_case import execute_close
from desk.command import CommandRequest, run_each
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.four_eyes.change_setting import execute_setting
from desk.four_eyes.executed import Executed as Executed
from desk.four_eyes.executed import Executor as Executor
from desk.four_eyes.kill_switch import execute_kill_switch_off
from desk.four_eyes.request_approval import approval_event
from desk.liquidation.approved_liquidation import execute_liquidation
from desk.outcomes import Done, Outcome
from domain.approval import (
    APPROVER,
    Approval,
    ApprovalKind,
    ApprovalStatus,
    ApprovalTrigger,
    decide,
    expire,
)
from domain.ids import ApprovalId
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models import outbox
from models.approval import load_approvals, lock_approval, overdue_approvals, save_approval
from models.audit import AuditEntry, write_audit
from models.book import lock_accounts
from models.sql.codec import dumps
from models.sql.database import transaction

NO_REQUEST = Refusal(RefusalCode.NOT_FOUND, "No such approval request exists within your scope.")
DESK = "desk"
"""The actor of requests that expire undecided."""


EXECUTORS: Mapping[ApprovalKind, Executor] = {
    ApprovalKind.LIQUIDATION: execute_liquidation,
    ApprovalKind.KILL_SWITCH_OFF: execute_kill_switch_off,
    ApprovalKind.DEADLINE: execute_deadline,
    ApprovalKind.VOID: execute_close,
    ApprovalKind.WRITE_OFF: execute_close,
    ApprovalKind.SETTING: execute_setting,
}
"""The executor of each kind of approval request."""

_NEEDS: Mapping[ApprovalTrigger, tuple[Capability, ...]] = {
    ApprovalTrigger.APPROVE: tuple({one for needed in APPROVER.values() for one in needed}),
    ApprovalTrigger.DECLINE: tuple({one for needed in APPROVER.values() for one in needed}),
    ApprovalTrigger.WITHDRAW: (Capability.READ_APPROVALS,),
}


@dataclass(frozen=True, slots=True)
class DecideApprovals:
    """Decisions about several approval requests, each named once."""

    idempotency_key: str
    trigger: ApprovalTrigger
    ids: tuple[ApprovalId, ...]
    reason: str | None


async def decide_approvals(
    desk: DeskContext,
    principal: Principal,
    command: DecideApprovals,
    executors: Mapping[ApprovalKind, Executor] = EXECUTORS,
) -> list[Outcome]:
    """One outcome per request, in the order given, each in a transaction of its own."""
    content = {"ids": list(command.ids), "reason": command.reason}
    needs = _NEEDS[command.trigger]
    request = CommandRequest(principal, command.trigger.lower(), command.idempotency_key, content, needs)

    async def decide_one(id_: ApprovalId) -> Outcome | Refusal:
        return await _decide(desk, principal, command, id_, executors)

    return await run_each(desk, request, command.ids, decide_one)


async def expire_approvals(desk: DeskContext, batch: int, scheduler: FairScheduler) -> int:
    """Expire overdue requests, read `batch` at a time and independent of each other; returns how many."""
    expired: list[ApprovalId] = []
    last: ApprovalId | None = None
    while page := await overdue_approvals(desk.clock(), batch, last):
        for last in page:
            who = f"approval {last}"
            if not scheduler.waits(who):
                await scheduler.run(
                    who, "expiring an approval request", partial(_expire, desk, last, expired)
                )
    return len(expired)


async def _expire(desk: DeskContext, approval_id: ApprovalId, expired: list[ApprovalId]) -> None:
    async with transaction():
        view, now = await lock_approval(approval_id, wait=False), desk.clock()
        after = expire(view.approval, now)
        if isinstance(after, Refusal):
            return
        await save_approval(after)
        await write_audit([_audit(after, DESK, ApprovalTrigger.EXPIRE, {}, now)])
        await outbox.append([approval_event(desk, replace(view, approval=after), now)])
    expired.append(approval_id)


async def _decide(
    desk: DeskContext,
    principal: Principal,
    command: DecideApprovals,
    id_: ApprovalId,
    executors: Mapping[ApprovalKind, Executor],
) -> Outcome | Refusal:
    seen = (await load_approvals(principal.audience, [id_], strict=True)).get(id_)
    if seen is None:
        return NO_REQUEST
    if seen.approval.account_id is not None:
        await lock_accounts([seen.approval.account_id])
    view, now = await lock_approval(id_), desk.clock()
    approval = view.approval
    decided = decide(approval, command.trigger, principal, command.reason, now)
    if isinstance(decided, Refusal):
        return decided
    executed = Executed()
    if command.trigger is ApprovalTrigger.APPROVE:
        did = await executors[approval.kind](desk, principal, approval, now)
        if isinstance(did, Refusal):
            return did
        executed = did
    detail = {"idempotencyKey": command.idempotency_key, "difference": dict(executed.difference)}
    after = replace(decided, difference=dumps(dict(executed.difference)))
    await save_approval(after)
    await write_audit([_audit(after, principal, command.trigger, detail, now)])
    await outbox.append([approval_event(desk, replace(view, approval=after), now)])
    return Done(id_)


def _audit(
    approval: Approval,
    actor: Principal | str,
    trigger: ApprovalTrigger,
    detail: dict[str, Any],
    now: datetime,
) -> AuditEntry:
    about = {
        "kind": approval.kind,
        "about": [approval.entity, approval.entity_id],
        "maker": approval.maker,
        "reason": approval.decision_reason,
    }
    return entry(actor, now, trigger.lower(), "approval", approval.id, about | detail).changing(
        before={"status": ApprovalStatus.PENDING}, after={"status": approval.status}
    )
