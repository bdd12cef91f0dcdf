"""Every change of an approval request or a kill switch leaves one event, in the transaction of the change."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from desk.approvals import DecideApprovals, Executed, decide_approvals, expire_approvals
from desk.context import DeskContext
from desk.four_eyes.kill_switch import SetKillSwitch, set_kill_switch
from desk.four_eyes.request_approval import ApprovalDraft, request_approval
from desk.outcomes import AwaitingApproval, Done, Outcome
from domain.approval import Approval, ApprovalKind, ApprovalStatus, ApprovalTrigger
from domain.events import ApprovalEvent, ApprovalEventKind, Event, KillSwitchEvent, KillSwitchEventKind
from domain.ids import AccountId, ApprovalId, KillSwitchId
from domain.kill_switch import EVERYTHING_FROZEN, Frozen, KillSwitchScope
from domain.principal import EVERYTHING, Audience, Permission, Principal
from domain.refusals import Refusal, RefusalCode
from models.approval import load_approvals
from models.book import lock_accounts
from models.kill_switch import load_switches
from models.sql.codec import event_from_text
from models.sql.database import fetch, transaction
from tests.kit.desk_kit import NOON, TRADER, DeskKit

UNTIL = NOON + timedelta(days=365)


def someone(subject: str, permission: Permission) -> Principal:
    return Principal(subject, Audience(frozenset({permission}), None), NOON, UNTIL)


CHECKER = someone("checker", Permission.RISK_APPROVER)
ADMIN = someone("admin", Permission.RISK_SETTING_FULL)


async def approval_events() -> list[ApprovalEvent]:
    return [event for event in await _events() if isinstance(event, ApprovalEvent)]


async def switch_events() -> list[KillSwitchEvent]:
    return [event for event in await _events() if isinstance(event, KillSwitchEvent)]


async def _events() -> list[Event]:
    return [event_from_text(row["payload"]) for row in await fetch("SELECT payload FROM outbox ORDER BY id")]


async def ask(kit: DeskKit, account_id: AccountId | None) -> AwaitingApproval:
    draft = ApprovalDraft(
        ApprovalKind.VOID, "case", "c", account_id, "bad price", {"a": "1"}, {"a": "2"}, '{"secret":1}'
    )
    async with transaction():
        await lock_accounts([account_id] if account_id else [])
        requested = await request_approval(kit.desk, TRADER, draft, "a void", kit.clock())
        assert isinstance(requested, AwaitingApproval)
        return requested


async def decide(kit: DeskKit, id_: ApprovalId, trigger: ApprovalTrigger, by: Principal = CHECKER) -> Outcome:
    command = DecideApprovals(uuid4().hex, trigger, (id_,), "looked at it")
    (outcome,) = await decide_approvals(kit.desk, by, command, {ApprovalKind.VOID: _does_it})
    return outcome


async def _does_it(desk: DeskContext, by: Principal, approval: Approval, now: object) -> Executed:
    assert approval.command == '{"secret":1}', "the executor gets its data"
    return Executed({"notional": ("1", "2")})


async def _cannot(desk: DeskContext, by: Principal, approval: Approval, now: object) -> Refusal:
    return Refusal(RefusalCode.MARKET_CLOSED, "Not now.")


async def test_a_request_is_an_event_without_the_data_for_its_executor(kit: DeskKit) -> None:
    id_ = (await ask(kit, await kit.indebted_account())).approval_id
    (event,) = await approval_events()
    assert (event.kind, event.at, event.previous_status) == (ApprovalEventKind.REQUESTED, NOON, None)
    stored = (await load_approvals(CHECKER.audience, [id_]))[id_]
    assert event.view == replace(stored, approval=replace(stored.approval, command=""))
    assert event.view.account is not None
    assert event.view.account.account_no == "M1"


async def test_a_second_request_about_the_same_thing_is_no_event(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    await ask(kit, account_id)
    assert (await ask(kit, account_id)).code is RefusalCode.APPROVAL_PENDING
    assert len(await approval_events()) == 1


@pytest.mark.parametrize(
    ("trigger", "by", "kind"),
    [
        (ApprovalTrigger.APPROVE, CHECKER, ApprovalEventKind.APPROVED),
        (ApprovalTrigger.DECLINE, CHECKER, ApprovalEventKind.DECLINED),
        (ApprovalTrigger.WITHDRAW, TRADER, ApprovalEventKind.WITHDRAWN),
    ],
)
async def test_a_decision_is_one_event_however_often_it_is_tried(
    kit: DeskKit, trigger: ApprovalTrigger, by: Principal, kind: ApprovalEventKind
) -> None:
    id_ = (await ask(kit, None)).approval_id
    kit.clock.pass_(minutes=1)
    assert await decide(kit, id_, trigger, by) == Done(id_)
    assert await decide(kit, id_, trigger, by) != Done(id_)
    _, event = await approval_events()
    assert (event.kind, event.at, event.previous_status) == (kind, kit.clock(), ApprovalStatus.PENDING)
    stored = (await load_approvals(CHECKER.audience, [id_]))[id_]
    assert event.view == replace(stored, approval=replace(stored.approval, command=""))


async def test_an_approval_that_is_not_possible_now_is_no_event(kit: DeskKit) -> None:
    id_ = (await ask(kit, None)).approval_id
    command = DecideApprovals(uuid4().hex, ApprovalTrigger.APPROVE, (id_,), None)
    await decide_approvals(kit.desk, CHECKER, command, {ApprovalKind.VOID: _cannot})
    assert len(await approval_events()) == 1


async def test_an_expiry_is_an_event(kit: DeskKit) -> None:
    id_ = (await ask(kit, None)).approval_id
    kit.clock.pass_(seconds=kit.settings.approval_ttl_s)
    assert await expire_approvals(kit.desk, 10, kit.scheduler()) == 1
    _, event = await approval_events()
    assert (event.kind, event.view.approval.id) == (ApprovalEventKind.EXPIRED, id_)
    assert event.view.approval.decided_at == event.at == kit.clock()


async def test_a_switch_is_an_event_when_it_goes_on_and_when_it_goes_off(kit: DeskKit) -> None:
    await turn(kit, on=True)
    outcome = await turn(kit, on=True)
    assert isinstance(outcome, Done)
    id_ = KillSwitchId(outcome.id)
    (on,) = await switch_events()
    assert (on.kind, on.at, on.view.account_nos) == (KillSwitchEventKind.SWITCHED_ON, NOON, ())
    assert on.view.switch == (await load_switches(EVERYTHING, [id_]))[id_]
    kit.clock.pass_(minutes=1)
    asked = await turn(kit, on=False, by=CHECKER)
    assert isinstance(asked, AwaitingApproval)
    command = DecideApprovals(uuid4().hex, ApprovalTrigger.APPROVE, (asked.approval_id,), None)
    assert await decide_approvals(kit.desk, ADMIN, command) == [Done(asked.approval_id)]
    _, off = await switch_events()
    assert (off.kind, off.at) == (KillSwitchEventKind.SWITCHED_OFF, kit.clock())
    assert off.view.switch == (await load_switches(EVERYTHING, [id_]))[id_]
    assert off.view.switch.ended_by == ("checker", "admin")
    kinds = [event.kind for event in await approval_events()]
    assert kinds == [ApprovalEventKind.REQUESTED, ApprovalEventKind.APPROVED]


@pytest.mark.parametrize("scope", [KillSwitchScope.ACCOUNT, KillSwitchScope.CLIENT])
async def test_the_event_of_a_switch_names_the_accounts_that_it_freezes(
    kit: DeskKit, scope: KillSwitchScope
) -> None:
    account = (await kit.one_order()).account
    subject = account.account_id if scope is KillSwitchScope.ACCOUNT else account.client_id
    await turn(kit, on=True, frozen=Frozen(scope, subject))
    (event,) = await switch_events()
    assert event.view.account_nos == (account.account_no,)


async def turn(
    kit: DeskKit, *, on: bool, by: Principal = TRADER, frozen: Frozen = EVERYTHING_FROZEN
) -> Outcome:
    return await set_kill_switch(kit.desk, by, SetKillSwitch(uuid4().hex, frozen, on, "wrong prices"))
