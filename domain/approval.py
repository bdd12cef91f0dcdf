"""An approval request: the maker asks, the checker decides. Its states and transitions.

`TRANSITIONS` and `REFUSED` are the whole state machine, as for cases. The checker is not the maker and has
the capability that the request names; only the maker withdraws.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.account_reference import AccountReference
from domain.ids import AccountId, ApprovalId
from domain.principal import Audience, Capability, Principal
from domain.refusals import Refusal, RefusalCode
from domain.text import same_subject


class ApprovalKind(StrEnum):
    """The kind of action that an approval request is for."""

    LIQUIDATION = "LIQUIDATION"
    SETTING = "SETTING"
    WRITE_OFF = "WRITE_OFF"
    VOID = "VOID"
    DEADLINE = "DEADLINE"
    KILL_SWITCH_OFF = "KILL_SWITCH_OFF"


class ApprovalStatus(StrEnum):
    """The status of an approval request."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


class ApprovalTrigger(StrEnum):
    """The events of an approval request."""

    APPROVE = "APPROVE"
    DECLINE = "DECLINE"
    WITHDRAW = "WITHDRAW"
    EXPIRE = "EXPIRE"
    """The request was not decided in time."""


APPROVER: Mapping[ApprovalKind, tuple[Capability, ...]] = {
    ApprovalKind.LIQUIDATION: (Capability.APPROVE_CASE_ACTION,),
    ApprovalKind.SETTING: (Capability.APPROVE_SETTINGS,),
    ApprovalKind.WRITE_OFF: (Capability.APPROVE_CASE_ACTION,),
    ApprovalKind.VOID: (Capability.APPROVE_CASE_ACTION,),
    ApprovalKind.DEADLINE: (Capability.APPROVE_CASE_ACTION,),
    ApprovalKind.KILL_SWITCH_OFF: (Capability.UNFREEZE_AS_APPROVER, Capability.UNFREEZE_AS_RISK_ADMIN),
}
"""Capabilities of which the checker needs one, unless the request itself is narrower."""

READER: Mapping[ApprovalKind, Capability] = {
    kind: Capability.READ_SETTINGS if kind is ApprovalKind.SETTING else Capability.READ_APPROVALS
    for kind in ApprovalKind
}
"""The capability to see requests of a kind."""

_S, _T = ApprovalStatus, ApprovalTrigger
TRANSITIONS: Mapping[tuple[ApprovalStatus, ApprovalTrigger], ApprovalStatus] = {
    (_S.PENDING, _T.APPROVE): _S.APPROVED,
    (_S.PENDING, _T.DECLINE): _S.DECLINED,
    (_S.PENDING, _T.WITHDRAW): _S.WITHDRAWN,
    (_S.PENDING, _T.EXPIRE): _S.EXPIRED,
}
"""The status after each trigger, for each status in which the trigger is allowed."""

DECIDED_MESSAGE = "The request is no longer pending: send a new request if it is still needed."

REFUSED: Mapping[tuple[ApprovalStatus, ApprovalTrigger], Refusal] = {
    (status, trigger): Refusal(RefusalCode.APPROVAL_DECIDED, DECIDED_MESSAGE)
    for status in ApprovalStatus
    if status is not ApprovalStatus.PENDING
    for trigger in ApprovalTrigger
}
"""The refusal for every other pair of status and trigger."""

_EXPIRED = Refusal(RefusalCode.APPROVAL_DECIDED, "The request has expired: send a new request.")
_OWN = Refusal(RefusalCode.SAME_PERSON, "The requester cannot decide their own request.")
_NOT_OWN = Refusal(RefusalCode.FORBIDDEN, "Only the requester can withdraw it; decline it instead.")
_NO_RIGHT = Refusal(RefusalCode.FORBIDDEN, "Your token does not permit deciding requests of this kind.")


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval request. `before`, `after` and `difference` are plain data as JSON text."""

    id: ApprovalId
    kind: ApprovalKind
    entity: str
    """The object of the request: its type, such as "case", and its id. At most one request is pending for
    each.
    """
    entity_id: str
    account_id: AccountId | None
    """The account whose scope the request falls in; None: it concerns the whole desk."""
    approver: tuple[Capability, ...]
    """Capabilities of which the checker needs one."""
    maker: str
    reason: str | None
    before: str
    after: str
    command: str
    """The data for the executor of the kind."""
    created_at: datetime
    expires_at: datetime
    status: ApprovalStatus = ApprovalStatus.PENDING
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None
    difference: str | None = None
    """How the execution differs from the request."""

    def __post_init__(self) -> None:
        if self.expires_at <= self.created_at:
            raise ValueError("a request expires after it was made")
        if (self.status is ApprovalStatus.PENDING) is not (self.decided_at is None):
            raise ValueError("a request is pending until it was decided")
        both = self.status in (ApprovalStatus.APPROVED, ApprovalStatus.DECLINED)
        if both and (self.decided_by is None or same_subject(self.decided_by, self.maker)):
            raise ValueError("another person decides")


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """A request with the account and client that it concerns."""

    approval: Approval
    account: AccountReference | None


def visible_kinds(audience: Audience) -> list[ApprovalKind]:
    """The kinds whose requests the audience may see."""
    return [kind for kind in ApprovalKind if audience.may(READER[kind])]


def decide(
    approval: Approval, trigger: ApprovalTrigger, by: Principal, reason: str | None, now: datetime
) -> Approval | Refusal:
    """The request after a person's decision, or the refusal."""
    assert trigger is not ApprovalTrigger.EXPIRE
    no = REFUSED.get((approval.status, trigger)) or _unfit(approval, trigger, by, now)
    return no or _moved(approval, trigger, by.subject, reason, now)


def expire(approval: Approval, now: datetime) -> Approval | Refusal:
    """The request after its time has run out, or the refusal."""
    assert now >= approval.expires_at
    return REFUSED.get((approval.status, ApprovalTrigger.EXPIRE)) or _moved(
        approval, ApprovalTrigger.EXPIRE, None, None, now
    )


def _unfit(approval: Approval, trigger: ApprovalTrigger, by: Principal, now: datetime) -> Refusal | None:
    if now >= approval.expires_at:
        return _EXPIRED
    own = same_subject(by.subject, approval.maker)
    if trigger is ApprovalTrigger.WITHDRAW:
        return None if own else _NOT_OWN
    if not by.audience.may(*approval.approver):
        return _NO_RIGHT
    return _OWN if own else None


def _moved(
    approval: Approval, trigger: ApprovalTrigger, by: str | None, reason: str | None, now: datetime
) -> Approval:
    return replace(
        approval,
        status=TRANSITIONS[approval.status, trigger],
        decided_by=by,
        decided_at=now,
        decision_reason=reason,
    )
