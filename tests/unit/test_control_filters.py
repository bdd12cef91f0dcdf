"""Which events of approval requests and kill switches a subscriber gets, and as what."""

from datetime import UTC, datetime

import pytest

from domain.approval import ApprovalKind, ApprovalStatus
from domain.events import ApprovalEventKind, KillSwitchEvent, KillSwitchEventKind
from domain.kill_switch import EVERYTHING_FROZEN, Frozen, KillSwitchScope
from domain.principal import EVERYTHING, Audience, Permission
from models.approval import ApprovalFilter
from resolvers.live_feed.filters import approval_event_kind, kill_switch_event_kind
from tests.kit.control_events import a_switch_event, an_account, an_approval_event

NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
PENDING, DECLINED = ApprovalStatus.PENDING, ApprovalStatus.DECLINED
OF_CLIENT = Frozen(KillSwitchScope.CLIENT, "client A1")


def seen_by(permission: Permission, *accounts: str) -> Audience:
    return Audience(frozenset({permission}), frozenset(accounts) if accounts else None)


APPROVER = seen_by(Permission.RISK_APPROVER)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (ApprovalFilter(), ApprovalEventKind.DECLINED),
        (ApprovalFilter(status=(DECLINED,)), ApprovalEventKind.DECLINED),
        (ApprovalFilter(status=(PENDING, DECLINED)), ApprovalEventKind.DECLINED),
        (ApprovalFilter(status=(PENDING,)), ApprovalEventKind.REMOVED),
        (ApprovalFilter(status=(ApprovalStatus.EXPIRED,)), None),
        (ApprovalFilter(status=()), None),
        (ApprovalFilter(kind=(ApprovalKind.VOID,)), ApprovalEventKind.DECLINED),
        (ApprovalFilter(status=(PENDING,), kind=(ApprovalKind.DEADLINE,)), None),
        (ApprovalFilter(entity="case", entity_id="case-1"), ApprovalEventKind.DECLINED),
        (ApprovalFilter(entity="case", entity_id="another"), None),
        (ApprovalFilter(maker="ann"), ApprovalEventKind.DECLINED),
        (ApprovalFilter(maker="bob"), None),
    ],
)
def test_a_request_that_leaves_the_wanted_statuses_is_removed(
    wanted: ApprovalFilter, told: ApprovalEventKind | None
) -> None:
    event = an_approval_event(NOW, DECLINED, account=an_account(NOW))
    assert approval_event_kind(event, wanted, APPROVER) is told


def test_a_new_request_is_removed_from_no_list() -> None:
    event = an_approval_event(NOW)
    assert approval_event_kind(event, ApprovalFilter(status=(PENDING,)), APPROVER) is event.kind
    assert approval_event_kind(event, ApprovalFilter(status=(DECLINED,)), APPROVER) is None


@pytest.mark.parametrize(
    ("audience", "kind", "of_account", "is_seen"),
    [
        (APPROVER, ApprovalKind.VOID, True, True),
        (APPROVER, ApprovalKind.SETTING, False, True),
        (seen_by(Permission.RISK_APPROVER, "A1"), ApprovalKind.VOID, True, True),
        (seen_by(Permission.RISK_APPROVER, "A2"), ApprovalKind.VOID, True, False),
        (seen_by(Permission.RISK_APPROVER, "A1"), ApprovalKind.SETTING, False, False),
        (seen_by(Permission.RISK_WARNING_FULL), ApprovalKind.VOID, True, True),
        (seen_by(Permission.RISK_WARNING_FULL), ApprovalKind.SETTING, False, False),
        (EVERYTHING, ApprovalKind.VOID, True, False),
        (Audience(frozenset(), None), ApprovalKind.VOID, True, False),
    ],
)
def test_a_request_is_visible_as_in_the_list(
    audience: Audience, kind: ApprovalKind, of_account: bool, is_seen: bool
) -> None:
    event = an_approval_event(NOW, kind=kind, account=an_account(NOW) if of_account else None)
    assert (approval_event_kind(event, ApprovalFilter(), audience) is not None) is is_seen


@pytest.mark.parametrize(
    ("switched_on", "wanted", "told"),
    [
        (True, None, KillSwitchEventKind.SWITCHED_ON),
        (True, True, KillSwitchEventKind.SWITCHED_ON),
        (True, False, None),
        (False, None, KillSwitchEventKind.SWITCHED_OFF),
        (False, True, KillSwitchEventKind.REMOVED),
        (False, False, KillSwitchEventKind.SWITCHED_OFF),
    ],
)
def test_a_switch_that_is_off_is_removed_from_those_that_are_on(
    switched_on: bool, wanted: bool | None, told: KillSwitchEventKind | None
) -> None:
    event = a_switch_event(NOW, EVERYTHING_FROZEN, on=switched_on)
    assert kill_switch_event_kind(event, wanted, EVERYTHING) is told


@pytest.mark.parametrize(
    ("event", "accounts", "is_seen"),
    [
        (a_switch_event(NOW, EVERYTHING_FROZEN), ("A3",), True),
        (a_switch_event(NOW, OF_CLIENT, "A1", "A2"), (), True),
        (a_switch_event(NOW, OF_CLIENT, "A1", "A2"), ("A2", "A3"), True),
        (a_switch_event(NOW, OF_CLIENT, "A1", "A2"), ("A3",), False),
        (a_switch_event(NOW, OF_CLIENT), ("A3",), False),
    ],
)
def test_a_switch_is_visible_as_in_the_list(
    event: KillSwitchEvent, accounts: tuple[str, ...], is_seen: bool
) -> None:
    audience = seen_by(Permission.RISK_WARNING_READ_ONLY, *accounts)
    assert (kill_switch_event_kind(event, None, audience) is not None) is is_seen


def test_without_a_permission_of_the_desk_no_switch_is_visible() -> None:
    for frozen in (EVERYTHING_FROZEN, OF_CLIENT):
        event = a_switch_event(NOW, frozen, "A1")
        assert kill_switch_event_kind(event, None, Audience(frozenset(), None)) is None
