"""Requests that take a second person: stored, decided once, carried out with the decision or not at all."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from desk.approvals import DecideApprovals, Executed, Executor, decide_approvals, expire_approvals
from desk.context import DeskContext
from desk.four_eyes.request_approval import ApprovalDraft, request_approval
from desk.outcomes import AwaitingApproval, Done, Outcome, Refused
from domain.approval import Approval, ApprovalKind, ApprovalStatus, ApprovalTrigger
from domain.ids import AccountId, ApprovalId
from domain.principal import EVERYTHING, Audience, Permission, Principal
from domain.refusals import Refusal, RefusalCode
from models.approval import load_approvals
from models.book import lock_accounts
from models.sql.database import UniqueViolated, execute, transaction
from tests.kit.desk_kit import NOON, TRADER, DeskKit, count

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


def approver(subject: str = "checker", *accounts: str) -> Principal:
    scope = frozenset(accounts) if accounts else None
    return Principal(subject, Audience(frozenset({Permission.RISK_APPROVER}), scope), NOON, UNTIL)


CHECKER = approver()


async def ask(kit: DeskKit, account_id: AccountId | None, entity_id: str = "c") -> AwaitingApproval:
    asked = ApprovalDraft(
        ApprovalKind.VOID,
        "case",
        entity_id,
        account_id,
        "bad price",
        {"status": "OPEN"},
        {"status": "VOID"},
        "{}",
    )
    async with transaction():
        await lock_accounts([account_id] if account_id else [])
        requested = await request_approval(kit.desk, TRADER, asked, "a void", kit.clock())
        assert isinstance(requested, AwaitingApproval)
        return requested


async def asked(kit: DeskKit) -> ApprovalId:
    refused = await ask(kit, await kit.indebted_account())
    assert refused.code is RefusalCode.APPROVAL_REQUIRED
    return refused.approval_id


async def decide(
    kit: DeskKit,
    id_: ApprovalId,
    trigger: ApprovalTrigger,
    by: Principal = CHECKER,
    key: str = "",
    executor: Executor | None = None,
) -> Outcome:
    command = DecideApprovals(key or uuid4().hex, trigger, (id_,), None)
    executors = {ApprovalKind.VOID: executor or _does_it}
    (outcome,) = await decide_approvals(kit.desk, by, command, executors)
    return outcome


async def _does_it(desk: DeskContext, by: Principal, approval: Approval, now: datetime) -> Executed:
    await execute("INSERT INTO counter (name, value) VALUES ('done', 1)")
    return Executed({"notional": ("1", "2")})


async def _cannot(desk: DeskContext, by: Principal, approval: Approval, now: datetime) -> Refusal:
    return Refusal(RefusalCode.MARKET_CLOSED, "Not now.")


async def request(id_: ApprovalId) -> Approval:
    return (await load_approvals(TRADER.audience, [id_]))[id_].approval


def code(outcome: Outcome) -> RefusalCode:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


async def test_an_approved_action_is_done_once_however_often_it_is_approved(kit: DeskKit) -> None:
    id_ = await asked(kit)
    first = await decide(kit, id_, ApprovalTrigger.APPROVE, key="k")
    again = await decide(kit, id_, ApprovalTrigger.APPROVE, key="k")
    assert first == again == Done(id_)
    other = await decide(kit, id_, ApprovalTrigger.APPROVE, by=approver("third"))
    assert code(other) is RefusalCode.APPROVAL_DECIDED
    decided = await request(id_)
    assert (decided.status, decided.decided_by) == (ApprovalStatus.APPROVED, "checker")
    assert decided.difference == '{"notional":["1","2"]}'
    assert await count("counter", "name = 'done'") == 1
    assert await count("audit", "action = 'requestApproval'") == 1
    assert await count("audit", "action = 'approve' AND actor = 'checker'") == 1


async def test_a_request_that_is_not_possible_now_stays_pending(kit: DeskKit) -> None:
    id_ = await asked(kit)
    refused = await decide(kit, id_, ApprovalTrigger.APPROVE, executor=_cannot)
    assert code(refused) is RefusalCode.MARKET_CLOSED
    assert (await request(id_)).status is ApprovalStatus.PENDING
    assert await decide(kit, id_, ApprovalTrigger.APPROVE) == Done(id_)


async def test_declined_and_withdrawn_requests_do_nothing(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    for number, (trigger, by) in enumerate(
        [(ApprovalTrigger.DECLINE, CHECKER), (ApprovalTrigger.WITHDRAW, TRADER)]
    ):
        refused = await ask(kit, account_id, f"c{number}")
        assert await decide(kit, refused.approval_id, trigger, by) == Done(refused.approval_id)
        after = await decide(kit, refused.approval_id, ApprovalTrigger.APPROVE)
        assert code(after) is RefusalCode.APPROVAL_DECIDED
    assert await count("counter", "name = 'done'") == 0


async def test_the_maker_does_not_approve_and_a_trader_may_not(kit: DeskKit) -> None:
    id_ = await asked(kit)
    assert code(await decide(kit, id_, ApprovalTrigger.APPROVE, TRADER)) is RefusalCode.FORBIDDEN
    both = Principal(TRADER.subject, Audience(frozenset(Permission), None), NOON, UNTIL)
    assert code(await decide(kit, id_, ApprovalTrigger.APPROVE, both)) is RefusalCode.SAME_PERSON


async def test_a_request_outside_of_the_scope_does_not_exist(kit: DeskKit) -> None:
    id_ = await asked(kit)
    elsewhere = approver("elsewhere", "M2")
    assert await load_approvals(elsewhere.audience, [id_]) == {}
    theirs = await decide(kit, id_, ApprovalTrigger.APPROVE, elsewhere)
    nobodys = await decide(kit, ApprovalId("-"), ApprovalTrigger.APPROVE, elsewhere)
    assert theirs == nobodys
    assert code(theirs) is RefusalCode.NOT_FOUND
    assert await decide(kit, id_, ApprovalTrigger.APPROVE, approver("here", "M1")) == Done(id_)


async def test_a_request_about_the_whole_desk_is_not_found_with_a_limited_scope(kit: DeskKit) -> None:
    refused = await ask(kit, None)
    scoped = await decide(kit, refused.approval_id, ApprovalTrigger.APPROVE, approver("x", "M1"))
    assert code(scoped) is RefusalCode.NOT_FOUND
    assert await decide(kit, refused.approval_id, ApprovalTrigger.APPROVE) == Done(refused.approval_id)


async def test_machines_and_lookers_do_not_see_requests(kit: DeskKit) -> None:
    assert await load_approvals(EVERYTHING, [await asked(kit)]) == {}


async def test_of_one_kind_one_request_is_pending_about_a_thing(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    first = await ask(kit, account_id)
    second = await ask(kit, account_id)
    assert (second.code, second.approval_id) == (RefusalCode.APPROVAL_PENDING, first.approval_id)
    await decide(kit, first.approval_id, ApprovalTrigger.DECLINE)
    assert (await ask(kit, account_id)).code is RefusalCode.APPROVAL_REQUIRED


async def test_a_request_without_a_decision_expires(kit: DeskKit) -> None:
    id_ = await asked(kit)
    assert await expire_approvals(kit.desk, 10, kit.scheduler()) == 0
    kit.clock.now += timedelta(seconds=kit.settings.approval_ttl_s)
    late = await decide(kit, id_, ApprovalTrigger.APPROVE)
    assert code(late) is RefusalCode.APPROVAL_DECIDED
    assert await expire_approvals(kit.desk, 10, kit.scheduler()) == 1
    assert await expire_approvals(kit.desk, 10, kit.scheduler()) == 0
    assert (await request(id_)).status is ApprovalStatus.EXPIRED


async def test_the_database_itself_refuses_a_maker_who_approves(kit: DeskKit) -> None:
    id_ = await asked(kit)
    with pytest.raises(UniqueViolated):
        await execute(
            "UPDATE approval SET status = 'APPROVED', decided_by = maker, decided_at = $2 WHERE id = $1",
            id_,
            NOON,
        )
