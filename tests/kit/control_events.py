"""An approval request and a kill switch, and their events."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.account_reference import AccountReference
from domain.approval import APPROVER, Approval, ApprovalKind, ApprovalStatus, ApprovalView
from domain.events import (
    ApprovalEvent,
    ApprovalEventKind,
    KillSwitchEvent,
    KillSwitchEventKind,
    KillSwitchView,
)
from domain.ids import ApprovalId, EventId, KillSwitchId
from domain.kill_switch import Frozen, KillSwitch
from tests.kit.live_desk import case_event

DECIDED: dict[ApprovalStatus, ApprovalEventKind] = {
    ApprovalStatus.APPROVED: ApprovalEventKind.APPROVED,
    ApprovalStatus.DECLINED: ApprovalEventKind.DECLINED,
    ApprovalStatus.WITHDRAWN: ApprovalEventKind.WITHDRAWN,
    ApprovalStatus.EXPIRED: ApprovalEventKind.EXPIRED,
}


def an_account(now: datetime, account_no: str = "A1") -> AccountReference:
    return case_event(now, account_no).view.account


def an_approval(
    now: datetime,
    status: ApprovalStatus = ApprovalStatus.PENDING,
    kind: ApprovalKind = ApprovalKind.VOID,
    account: AccountReference | None = None,
) -> Approval:
    """About the case `case-1`, made by ann; decided by bob if it is decided."""
    is_decided = status is not ApprovalStatus.PENDING
    return Approval(
        id=ApprovalId("request-1"),
        kind=kind,
        entity="case",
        entity_id="case-1",
        account_id=account.account_id if account else None,
        approver=APPROVER[kind],
        maker="ann",
        reason="bad price",
        before='{"status":"OPEN"}',
        after='{"status":"VOID"}',
        command="",
        created_at=now,
        expires_at=now + timedelta(hours=4),
        status=status,
        decided_by="bob" if is_decided else None,
        decided_at=now if is_decided else None,
    )


def an_approval_event(
    now: datetime,
    status: ApprovalStatus = ApprovalStatus.PENDING,
    kind: ApprovalKind = ApprovalKind.VOID,
    account: AccountReference | None = None,
) -> ApprovalEvent:
    """The event with which the request came into this status."""
    approval = an_approval(now, status, kind, account)
    previous = None if status is ApprovalStatus.PENDING else ApprovalStatus.PENDING
    event_kind = DECIDED.get(status, ApprovalEventKind.REQUESTED)
    return ApprovalEvent(EventId("1"), now, event_kind, ApprovalView(approval, account), previous)


def a_switch_event(now: datetime, frozen: Frozen, *account_nos: str, on: bool = True) -> KillSwitchEvent:
    """The event with which the switch was switched on, or off."""
    switch = KillSwitch(KillSwitchId("switch-1"), frozen, "ann", "wrong prices", now)
    if not on:
        switch = replace(switch, ended_at=now, ended_by=("bob", "carol"))
    kind = KillSwitchEventKind.SWITCHED_ON if on else KillSwitchEventKind.SWITCHED_OFF
    return KillSwitchEvent(EventId("1"), now, kind, KillSwitchView(switch, account_nos))
