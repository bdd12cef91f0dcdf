"""What may happen to a request for approval, and by whom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from domain.approval import (
    APPROVER,
    REFUSED,
    TRANSITIONS,
    Approval,
    ApprovalKind,
    ApprovalStatus,
    ApprovalTrigger,
    decide,
    expire,
    visible_kinds,
)
from domain.ids import AccountId, ApprovalId
from domain.principal import Audience, Capability, Permission, Principal
from domain.refusals import Refusal, RefusalCode

NOW = datetime(2020, 3, 9, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PERSONAL = [trigger for trigger in ApprovalTrigger if trigger is not ApprovalTrigger.EXPIRE]


def a_request(kind: ApprovalKind = ApprovalKind.LIQUIDATION) -> Approval:
    return Approval(
        ApprovalId("r"),
        kind,
        "case",
        "c",
        AccountId("a"),
        APPROVER[kind],
        "maker",
        None,
        "{}",
        "{}",
        "{}",
        NOW,
        LATER,
    )


def someone(subject: str, *permissions: Permission) -> Principal:
    return Principal(subject, Audience(frozenset(permissions), None), NOW, LATER)


APPROVER_ = someone("checker", Permission.RISK_APPROVER)


def test_every_pair_is_allowed_or_refused() -> None:
    pairs = set(product(ApprovalStatus, ApprovalTrigger))
    assert TRANSITIONS.keys() | REFUSED.keys() == pairs
    assert not TRANSITIONS.keys() & REFUSED.keys()


def test_another_person_with_the_right_approves_or_declines() -> None:
    for trigger, status in (
        (ApprovalTrigger.APPROVE, ApprovalStatus.APPROVED),
        (ApprovalTrigger.DECLINE, ApprovalStatus.DECLINED),
    ):
        decided = decide(a_request(), trigger, APPROVER_, "fine", NOW)
        assert isinstance(decided, Approval)
        assert (decided.status, decided.decided_by, decided.decided_at) == (status, "checker", NOW)
        assert decided.decision_reason == "fine"


@pytest.mark.parametrize("trigger", [ApprovalTrigger.APPROVE, ApprovalTrigger.DECLINE])
def test_the_maker_does_not_decide_whatever_the_token_grants(trigger: ApprovalTrigger) -> None:
    for kind in ApprovalKind:
        refused = decide(a_request(kind), trigger, someone("maker", *Permission), None, NOW)
        assert isinstance(refused, Refusal)
        assert refused.code is RefusalCode.SAME_PERSON


def test_a_caller_without_the_permission_does_not_decide() -> None:
    refused = decide(
        a_request(), ApprovalTrigger.APPROVE, someone("x", Permission.RISK_WARNING_FULL), None, NOW
    )
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.FORBIDDEN


def test_only_the_maker_withdraws() -> None:
    trader = someone("maker", Permission.RISK_WARNING_FULL)
    withdrawn = decide(a_request(), ApprovalTrigger.WITHDRAW, trader, None, NOW)
    assert isinstance(withdrawn, Approval)
    assert withdrawn.status is ApprovalStatus.WITHDRAWN
    refused = decide(a_request(), ApprovalTrigger.WITHDRAW, APPROVER_, None, NOW)
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.FORBIDDEN


@pytest.mark.parametrize("trigger", PERSONAL)
def test_nothing_is_decided_after_the_time_is_up(trigger: ApprovalTrigger) -> None:
    refused = decide(a_request(), trigger, APPROVER_, None, LATER)
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.APPROVAL_DECIDED
    expired = expire(a_request(), LATER)
    assert isinstance(expired, Approval)
    assert expired.status is ApprovalStatus.EXPIRED


def test_a_decision_by_the_maker_cannot_even_be_built() -> None:
    with pytest.raises(ValueError, match="another person"):
        replace(a_request(), status=ApprovalStatus.APPROVED, decided_by="maker", decided_at=NOW)


def test_a_request_that_was_decided_cannot_be_decided_again_and_does_not_expire() -> None:
    declined = decide(a_request(), ApprovalTrigger.DECLINE, APPROVER_, None, NOW)
    assert isinstance(declined, Approval)
    for trigger in PERSONAL:
        assert decide(declined, trigger, APPROVER_, None, NOW) == REFUSED[declined.status, trigger]
    assert expire(declined, LATER) == REFUSED[declined.status, ApprovalTrigger.EXPIRE]


def test_a_request_expires_by_no_person_and_for_no_reason() -> None:
    expired = expire(a_request(), LATER)
    assert isinstance(expired, Approval)
    assert (expired.decided_by, expired.decided_at, expired.decision_reason) == (None, LATER, None)


def test_requests_about_settings_are_seen_by_readers_of_settings_alone() -> None:
    every = someone("x", *Permission).audience
    assert visible_kinds(every) == list(ApprovalKind)
    assert visible_kinds(Audience(frozenset(), None)) == []
    for permission in Permission:
        audience = someone("x", permission).audience
        settings = ApprovalKind.SETTING in visible_kinds(audience)
        others = set(visible_kinds(audience)) - {ApprovalKind.SETTING}
        assert settings is audience.may(Capability.READ_SETTINGS)
        assert bool(others) is audience.may(Capability.READ_APPROVALS)


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW},
        {"status": ApprovalStatus.APPROVED, "decided_by": "checker"},
        {"decided_at": NOW},
        {"status": ApprovalStatus.DECLINED, "decided_at": NOW},
        {"status": ApprovalStatus.DECLINED, "decided_at": NOW, "decided_by": "maker"},
    ],
)
def test_an_impossible_request_cannot_be_built(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"request|person"):
        replace(a_request(), **changes)
