"""Events of approval requests and kill switches: a snapshot and what follows, resumed, filtered, in scope."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.principal import Permission
from tests.api.case_work import command
from tests.api.control import (
    APPROVAL_EVENTS,
    KILL_SWITCH_EVENTS,
    ask_for_a_setting,
    decide,
    requests,
    switches,
    turn,
)
from tests.api.moments import prices_call
from tests.api.trading import CASE_EVENTS, cases
from tests.kit.book_files import a_book, a_client, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.both_stacks


@pytest.fixture
async def desk(world: World) -> Desk:
    """The cases of M1 and M2 are open."""
    desk = await world.desk(
        a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))), approval_poll_interval_s=0.2
    )
    await prices_call(desk)
    return desk


@pytest.fixture
def trader(desk: Desk) -> Caller:
    return desk.caller(subject="ann")


@pytest.fixture
def checker(desk: Desk) -> Caller:
    return desk.caller(Permission.RISK_APPROVER, subject="bob")


@pytest.fixture
def admin(desk: Desk) -> Caller:
    return desk.caller(Permission.RISK_SETTING_FULL, subject="carol")


async def ask_for_a_void(maker: Caller, account_no: str) -> str:
    """The id of the request."""
    (case,) = await cases(maker, accountNo=account_no)
    refused = await command(maker, "voidCase", case, reason="bad price")
    assert refused["code"] == "APPROVAL_REQUIRED", refused
    return str(refused["approval"]["id"])


async def account_id_of(caller: Caller, account_no: str) -> str:
    document = "query ($of: String!) { cases(filter: {accountNo: $of}) { nodes { account { id } } } }"
    return str((await caller.ask(document, of=account_no))["cases"]["nodes"][0]["account"]["id"])


def of(kind: str) -> Callable[[Any], bool]:
    return lambda event: bool(event["kind"] == kind)


@pytest.mark.parametrize(
    ("what", "kind"), [("approve", "APPROVED"), ("decline", "DECLINED"), ("withdraw", "WITHDRAWN")]
)
async def test_a_request_and_its_decision_arrive(
    trader: Caller, checker: Caller, what: str, kind: str
) -> None:
    events = await checker.subscribe(APPROVAL_EVENTS)
    id_ = await ask_for_a_void(trader, "M1")
    asked = await events.next()
    assert (asked["kind"], asked["previousStatus"], asked["request"]["id"]) == ("REQUESTED", None, id_)
    assert asked["request"] == (await requests(checker))[0]
    assert asked["request"]["neededCapabilities"] == ["APPROVE_CASE_ACTION"]
    result = await decide(trader if what == "withdraw" else checker, what, id_)
    assert result["__typename"] == "ApprovalDecided"
    decided = await events.next()
    assert (decided["kind"], decided["previousStatus"]) == (kind, "PENDING")
    assert decided["request"] == (await requests(checker))[0]
    assert decided["id"] != asked["id"]


async def test_a_request_that_expires_arrives(
    world: World, desk: Desk, trader: Caller, checker: Caller
) -> None:
    events = await checker.subscribe(APPROVAL_EVENTS)
    id_ = await ask_for_a_void(trader, "M1")
    world.clock.advance(seconds=desk.settings.approval_ttl_s)
    expired = (await events.until(of("EXPIRED")))[-1]
    assert (expired["request"]["id"], expired["previousStatus"]) == (id_, "PENDING")
    assert expired["request"] == (await requests(checker))[0]


async def test_a_switch_arrives_when_it_goes_on_and_when_two_persons_switch_it_off(
    trader: Caller, checker: Caller, admin: Caller
) -> None:
    every, on = (
        await trader.subscribe(KILL_SWITCH_EVENTS),
        await trader.subscribe(KILL_SWITCH_EVENTS, on=True),
    )
    await turn(trader, on=True)
    for events in (every, on):
        event = await events.next()
        assert (event["kind"], event["killSwitch"]) == ("SWITCHED_ON", (await switches(trader))[0])
    required = await turn(checker, on=False)
    await decide(admin, "approve", required["approval"]["id"])
    off, gone = await every.next(), await on.next()
    assert (off["kind"], gone["kind"]) == ("SWITCHED_OFF", "REMOVED")
    assert off["killSwitch"] == gone["killSwitch"] == (await switches(trader))[0]
    assert off["killSwitch"]["endedBy"] == ["bob", "carol"]
    assert off["id"] == gone["id"]


async def test_a_snapshot_is_followed_by_the_later_events(
    trader: Caller, checker: Caller, admin: Caller
) -> None:
    first = await ask_for_a_void(trader, "M1")
    await decide(checker, "decline", await ask_for_a_void(trader, "M2"))
    await turn(trader, on=True)
    pending = await checker.subscribe(APPROVAL_EVENTS, snapshot=True, filter={"status": ["PENDING"]})
    begin = await pending.next()
    assert (begin["kind"], begin["previousStatus"], begin["request"]["id"]) == ("SNAPSHOT", None, first)
    on = await admin.subscribe(KILL_SWITCH_EVENTS, snapshot=True, on=True)
    begin = await on.next()
    assert (begin["kind"], begin["killSwitch"]) == ("SNAPSHOT", (await switches(admin))[0])
    second = (await turn(checker, on=False))["approval"]["id"]
    assert (await pending.next())["request"]["id"] == second
    await decide(trader, "withdraw", first)
    await decide(admin, "approve", second)
    left = [await pending.next(), await pending.next()]
    assert [(event["kind"], event["request"]["id"]) for event in left] == [
        ("REMOVED", first),
        ("REMOVED", second),
    ]
    assert (await on.next())["kind"] == "REMOVED"


async def test_resuming_brings_every_later_event_once_and_in_order(
    trader: Caller, checker: Caller, admin: Caller
) -> None:
    feeds = {field: await checker.subscribe(field) for field in (APPROVAL_EVENTS, KILL_SWITCH_EVENTS)}
    for _ in range(2):
        await turn(trader, on=True)
        await decide(admin, "approve", (await turn(checker, on=False))["approval"]["id"])
    await decide(checker, "decline", await ask_for_a_void(trader, "M1"))
    told = {
        APPROVAL_EVENTS: await feeds[APPROVAL_EVENTS].until(of("DECLINED")),
        KILL_SWITCH_EVENTS: [await feeds[KILL_SWITCH_EVENTS].next() for _ in range(4)],
    }
    assert len(told[APPROVAL_EVENTS]) == 6
    socket = await checker.socket()
    for field, heard in told.items():
        assert len({event["id"] for event in heard}) == len(heard)
        for number, event in enumerate(heard[:-1], start=1):
            resumed = await socket.operate(field, after=event["cursor"])
            assert [await resumed.next() for _ in heard[number:]] == heard[number:]


async def test_a_scope_gets_the_events_of_its_accounts_and_the_switch_of_the_desk(
    desk: Desk, trader: Caller, checker: Caller, admin: Caller
) -> None:
    only_m1 = desk.caller(Permission.RISK_APPROVER, subject="eve", accounts=["M1"])
    asked, frozen = await only_m1.subscribe(APPROVAL_EVENTS), await only_m1.subscribe(KILL_SWITCH_EVENTS)
    await ask_for_a_void(trader, "M2")
    await ask_for_a_setting(admin)
    mine = await ask_for_a_void(trader, "M1")
    assert (await asked.next())["request"]["id"] == mine
    (client,) = (await trader.ask('{ clients(filter: {search: "C2"}) { nodes { id } } }'))["clients"]["nodes"]
    await turn(trader, on=True, clientId=client["id"])
    await turn(trader, on=True, accountId=await account_id_of(trader, "M2"))
    await turn(trader, on=True, accountId=await account_id_of(trader, "M1"))
    await turn(trader, on=True)
    told = [await frozen.next(), await frozen.next()]
    assert [event["killSwitch"]["scope"] for event in told] == ["ACCOUNT", "DESK"]
    assert told[0]["killSwitch"]["account"] == {"accountNo": "M1"}
    listed = {switch["id"]: switch for switch in await switches(only_m1)}
    assert {event["killSwitch"]["id"]: event["killSwitch"] for event in told} == listed


async def test_requests_for_settings_are_sent_to_those_who_may_see_settings(
    trader: Caller, checker: Caller, admin: Caller
) -> None:
    to_trader, to_checker = await trader.subscribe(APPROVAL_EVENTS), await checker.subscribe(APPROVAL_EVENTS)
    await ask_for_a_setting(admin)
    await ask_for_a_void(trader, "M1")
    assert [(await to_checker.next())["request"]["kind"] for _ in range(2)] == ["SETTING", "VOID"]
    assert (await to_trader.next())["request"]["kind"] == "VOID"


async def test_badges_of_several_persons_share_one_execution(desk: Desk) -> None:
    for subject in ("bob", "dave", "erin"):
        await desk.caller(Permission.RISK_APPROVER, subject=subject).subscribe(APPROVAL_EVENTS)

    async def one_group_has_all() -> bool:
        groups = [group for group in desk.application.live.feed.groups if group.members]
        return [len(group.members) for group in groups if group.operation.field == "approvalEvents"] == [3]

    await desk.until(one_group_has_all, "the three to share an execution")


@pytest.mark.parametrize(
    "document",
    [
        "subscription { approvalEvents { request { mayDecide } } }",
        "subscription { approvalEvents { ... { request { may: mayDecide } } } }",
        """subscription { approvalEvents { request { ...some } } }
        fragment some on ApprovalRequest { id ...more } fragment more on ApprovalRequest { mayDecide }""",
    ],
)
async def test_a_subscription_does_not_select_what_depends_on_the_caller(
    checker: Caller, document: str
) -> None:
    assert await (await checker.subscribe(document)).error_codes() == ["BAD_USER_INPUT"]


async def test_a_cursor_is_good_for_its_own_field_and_filter_only(trader: Caller, checker: Caller) -> None:
    await ask_for_a_void(trader, "M1")
    await turn(trader, on=True)
    asked = await checker.subscribe(APPROVAL_EVENTS, snapshot=True)
    frozen = await checker.subscribe(KILL_SWITCH_EVENTS, snapshot=True)
    of_requests, of_switches = (await asked.next())["cursor"], (await frozen.next())["cursor"]
    socket = await checker.socket()
    for field, variables in (
        (KILL_SWITCH_EVENTS, {"after": of_requests}),
        (KILL_SWITCH_EVENTS, {"after": of_switches, "on": True}),
        (APPROVAL_EVENTS, {"after": of_switches}),
        (APPROVAL_EVENTS, {"after": of_requests, "filter": {"status": ["PENDING"]}}),
        (CASE_EVENTS, {"after": of_requests}),
    ):
        refused = await socket.operate(field, **variables)
        assert await refused.error_codes() == ["CURSOR_INVALID"], variables
    narrower = await trader.subscribe(APPROVAL_EVENTS, after=of_requests)
    assert await narrower.error_codes() == ["CURSOR_INVALID"], "the kinds that the caller may see are others"
    both = await socket.operate(APPROVAL_EVENTS, after=of_requests, snapshot=True)
    assert await both.error_codes() == ["BAD_USER_INPUT"]
