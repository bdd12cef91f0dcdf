"""Follow-up, claim, exception, deadline, end and history of cases, as a desk goes through them."""

import asyncio
from datetime import date
from typing import Any

import asyncpg
import pytest

from domain.calendar import MarketDay, MarketDayKind
from domain.principal import Permission
from gateway.cli.market_day_command import put_in
from tests.api.case_work import (
    WORK_EVENTS,
    approve,
    command,
    history,
    records,
    set_market_day,
    work,
)
from tests.api.moments import all_accounts_assessed
from tests.api.trading import cases, liquidate
from tests.kit.book_files import a_book, a_client, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

AT_ONCE = 50
IN_EVERY_LANGUAGE = """query ($id: ID!) { case(id: $id) { followUps { nodes { byDesk code text
  simplified: text(language: SIMPLIFIED_CHINESE) traditional: text(language: TRADITIONAL_CHINESE) } } } }"""


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1 and M2 owe; nothing trades. It is Monday, 10:00 in Hong Kong."""
    desk = await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))))
    events = await desk.caller().subscribe(WORK_EVENTS)
    await world.market.says(*quotes(world.clock(), size=0))
    await events.next()
    await events.next()
    return desk


@pytest.fixture
def ann(desk: Desk) -> Caller:
    return desk.caller(subject="ann")


@pytest.fixture
async def called(desk: Desk, ann: Caller) -> Any:
    return (await cases(ann, accountNo="M1"))[0]


def approver(desk: Desk) -> Caller:
    return desk.caller(Permission.RISK_APPROVER, subject="chief")


async def test_a_follow_up_is_stored_with_author_and_time_and_sends_an_event(
    desk: Desk, ann: Caller, called: Any
) -> None:
    events = await ann.subscribe(WORK_EVENTS, filter={"accountNo": "M1"})
    operator = desk.caller(Permission.RISK_WARNING_OPERATOR, subject="bob")
    for text in ("rang twice", "pays today"):
        await command(operator, "addFollowUp", called, expectedVersion=None, text=text)
    told = await events.until(lambda event: event["case"]["followUpCount"] == 2)
    assert told[-1]["kind"] == "UPDATED"
    kept = (await records(ann, called["id"]))["followUps"]
    assert {row["code"] for row in kept["nodes"]} == {None}
    assert [(row["text"], row["by"], row["byDesk"]) for row in kept["nodes"]] == [
        ("pays today", "bob", False),
        ("rang twice", "bob", False),
    ]
    found = await ann.ask("query ($id: ID!) { node(id: $id) { __typename } }", id=kept["nodes"][0]["id"])
    assert found["node"]["__typename"] == "FollowUp"
    elsewhere = desk.caller(accounts=["M2"])
    hidden = await elsewhere.ask("query ($id: ID!) { node(id: $id) { id } }", id=kept["nodes"][0]["id"])
    assert hidden["node"] is None


async def test_of_fifty_claims_at_once_one_holds_and_the_refusals_name_its_operator(
    desk: Desk, called: Any
) -> None:
    callers = [desk.caller(subject=f"trader-{number}") for number in range(AT_ONCE)]
    answers = await asyncio.gather(
        *(command(each, "claimCase", called, expectedVersion=None) for each in callers)
    )
    holders = {answer["case"]["claim"]["by"] for answer in answers if answer["__typename"] == "CaseChanged"}
    assert len(holders) == 1
    refused = [answer for answer in answers if answer["__typename"] == "CaseCommandRefused"]
    assert len(refused) == AT_ONCE - 1
    # VERSION_CONFLICT: the account's lock was not to be had in time.
    assert {answer["code"] for answer in refused} <= {"CASE_CLAIMED", "VERSION_CONFLICT"}
    (holder,) = holders
    assert all(
        holder in answer["message"] and answer["now"]["claim"]["by"] == holder
        for answer in refused
        if answer["code"] == "CASE_CLAIMED"
    )


async def test_a_claim_sends_events_is_renewed_taken_over_released_and_expires(
    desk: Desk, ann: Caller, called: Any
) -> None:
    bob = desk.caller(subject="bob")
    events = await ann.subscribe(WORK_EVENTS, filter={"accountNo": "M1"})
    await command(ann, "claimCase", called, expectedVersion=None)
    told = await events.until(lambda event: event["case"]["claim"] is not None)
    assert told[-1]["case"]["claim"]["by"] == "ann"
    assert (await command(bob, "releaseCase", called, expectedVersion=None))["code"] == "CASE_CLAIMED"
    taken = await command(bob, "claimCase", called, expectedVersion=None, takeOver=True)
    assert taken["case"]["claim"]["by"] == "bob"
    released = await command(bob, "releaseCase", called, expectedVersion=None)
    assert released["case"]["claim"] is None
    await command(bob, "claimCase", called, expectedVersion=None)
    desk.clock.advance(minutes=16)
    assert (await work(ann, called["id"]))["claim"] is None
    assert (await command(ann, "claimCase", called, expectedVersion=None))["__typename"] == "CaseChanged"


async def test_a_case_in_exception_is_not_liquidated_and_sends_no_message(
    desk: Desk, ann: Caller, called: Any
) -> None:
    assert not (await work(ann, called["id"]))["messagesMuted"]
    marked = (await command(ann, "markException", called, reason="all of it is suspended"))["case"]
    assert (marked["status"], marked["messagesMuted"]) == ("EXCEPTION", True)
    assert (await liquidate(ann, called["id"]))["code"] == "CASE_IN_EXCEPTION"
    (listed,) = await cases(ann, status=["EXCEPTION"])
    assert listed["id"] == called["id"]
    assert (await records(ann, called["id"]))["followUps"]["nodes"][0]["text"] == "all of it is suspended"
    cleared = (await command(ann, "clearException", marked, reason="trades again"))["case"]
    assert (cleared["status"], cleared["messagesMuted"]) == ("OPEN", False)
    assert (await liquidate(ann, called["id"]))["__typename"] == "LiquidationStarted"
    refused = await command(ann, "markException", cleared, reason="late", expectedVersion=cleared["version"])
    assert refused["code"] == "VERSION_CONFLICT"
    now = refused["now"]
    assert (await command(ann, "markException", now, reason="late"))["code"] == "CASE_HAS_OPEN_ORDERS"


async def test_a_deadline_is_moved_and_every_move_is_kept(desk: Desk, ann: Caller, called: Any) -> None:
    before = await work(ann, called["id"])
    assert before["deadline"] == "2020-03-18T06:00:00Z"
    sooner = await command(ann, "adjustDeadline", before, deadline="2020-03-17T06:00:00Z", reason="wants out")
    assert sooner["case"]["deadline"] == "2020-03-17T06:00:00Z"
    # Three trading days behind Wednesday is Monday.
    later = await command(
        ann, "adjustDeadline", sooner["case"], deadline="2020-03-23T09:00:00Z", reason="wire is late"
    )
    assert later["case"]["deadline"] == "2020-03-23T09:00:00Z"
    assert later["case"]["originalDeadline"] == "2020-03-18T06:00:00Z"
    past = await command(ann, "adjustDeadline", later["case"], deadline="2020-03-16T01:00:00Z", reason="no")
    assert past["code"] == "TOO_LATE"
    kept = (await records(ann, called["id"]))["deadlineChanges"]
    assert kept["totalCount"] == 2
    assert [(row["after"], row["by"], row["kind"], row["approvedBy"]) for row in kept["nodes"]] == [
        ("2020-03-23T09:00:00Z", "ann", "PERSON", None),
        ("2020-03-17T06:00:00Z", "ann", "PERSON", None),
    ]


async def test_a_deadline_far_behind_the_calendars_takes_a_second_person(
    desk: Desk, ann: Caller, called: Any
) -> None:
    far = await command(ann, "adjustDeadline", called, deadline="2020-03-24T06:00:00Z", reason="a month")
    assert (far["code"], far["approval"]["kind"]) == ("APPROVAL_REQUIRED", "DEADLINE")
    assert (await work(ann, called["id"]))["deadline"] == "2020-03-18T06:00:00Z"
    approved = await approve(approver(desk), far["approval"]["id"])
    assert approved["__typename"] == "ApprovalDecided", approved
    assert (await work(ann, called["id"]))["deadline"] == "2020-03-24T06:00:00Z"
    (move,) = (await records(ann, called["id"]))["deadlineChanges"]["nodes"]
    assert (move["by"], move["approvedBy"], move["reason"]) == ("ann", "chief", "a month")


async def test_a_write_off_needs_two_people_and_lists_bad_credit_once(
    world: World, desk: Desk, ann: Caller, called: Any
) -> None:
    assert (await command(ann, "writeOff", called, reason="gone"))["code"] == "NOT_IN_EXCEPTION"
    marked = (await command(ann, "markException", called, reason="gone"))["case"]
    asked = await command(ann, "writeOff", marked, reason="insolvent")
    assert (asked["code"], asked["approval"]["kind"]) == ("APPROVAL_REQUIRED", "WRITE_OFF")
    assert (await approve(ann, asked["approval"]["id"]))["code"] in ("SAME_PERSON", "FORBIDDEN")
    events = await ann.subscribe(WORK_EVENTS, filter={"accountNo": "M1"})
    assert (await approve(approver(desk), asked["approval"]["id"]))["__typename"] == "ApprovalDecided"
    told = await events.until(lambda event: event["kind"] == "CLOSED")
    assert told[-1]["case"]["closeReason"] == "WRITTEN_OFF"
    (bad,) = await history(ann, closed=True, status=["WRITTEN_OFF"])
    assert bad["id"] == called["id"]
    # The same debt is no new case, not even when prices move; a new breach after a cure is one.
    await all_accounts_assessed(desk, witness="M2")
    assert not await cases(ann, accountNo="M1")
    await world.market.says(*quotes(world.clock(), "200", size=0))
    await desk.until(lambda: _forgotten(desk), "the end of the breach")
    await world.market.says(*quotes(world.clock(), "99", size=0))
    (opened,) = [event for event in [await events.next()] if event["kind"] == "OPENED"]
    (again,) = await history(ann, accountNo="M1")
    assert (again["id"], again["reopenedFrom"]["id"]) == (opened["case"]["id"], called["id"])


async def test_a_write_off_that_was_approved_covers_no_debt_that_has_grown_far_beyond_it(
    world: World, desk: Desk, ann: Caller, called: Any
) -> None:
    marked = (await command(ann, "markException", called, reason="gone"))["case"]
    asked = await command(ann, "writeOff", marked, reason="insolvent")
    events = await ann.subscribe(WORK_EVENTS, filter={"accountNo": "M1"})
    world.clock.advance(seconds=1)
    await world.market.says(*quotes(world.clock(), "60", size=0))
    grown = (await events.until(lambda event: event["case"]["amount"] != called["amount"]))[-1]["case"]
    refused = await approve(approver(desk), asked["approval"]["id"])
    assert (refused["code"], refused["message"]) == (
        "VERSION_CONFLICT",
        f"The write-off would now be {grown['amount']}, and the request was for {called['amount']}: "
        "decline the request and let the maker send a new one.",
    )
    assert (await work(ann, called["id"]))["status"] == "EXCEPTION"


async def _forgotten(desk: Desk) -> bool:
    return not await desk.rows("SELECT id FROM account WHERE written_off_alerts IS NOT NULL")


async def test_a_void_needs_two_people_and_the_history_has_the_figures_before_and_after(
    world: World, desk: Desk, ann: Caller, called: Any
) -> None:
    asked = await command(ann, "voidCase", called, reason="a bad price")
    assert asked["approval"]["kind"] == "VOID"
    second = await command(ann, "voidCase", called, reason="a bad price")
    assert second["code"] == "APPROVAL_PENDING"
    assert (await approve(approver(desk), asked["approval"]["id"]))["__typename"] == "ApprovalDecided"
    (closed,) = await history(ann, closed=True)
    assert (closed["status"], closed["closeReason"]) == ("VOID", "VOIDED")
    summary = "{ caseSummary(filter: {closed: true}) { openCases totalAmount byStatus { status count } } }"
    assert (await ann.ask(summary))["caseSummary"] == {
        "openCases": 0, "totalAmount": "0", "byStatus": [{"status": "VOID", "count": 1}]
    }  # fmt: skip
    assert closed["figuresAtOpen"]["amount"] == closed["amountAtOpen"] == "20000"
    assert closed["figuresAtClose"]["amount"] == "20000"
    # The breach is still there: a new case, linked to the one that ended.
    (again,) = await history(ann, accountNo="M1")
    assert again["reopenedFrom"]["id"] == called["id"]
    assert again["figuresAtClose"] is None
    late = await command(ann, "addFollowUp", closed, expectedVersion=None, text="too late")
    assert late["code"] == "CASE_CLOSED"


async def test_a_typhoon_day_entered_by_hand_moves_the_deadlines_of_live_cases_and_says_so(
    desk: Desk, ann: Caller, called: Any
) -> None:
    events = await ann.subscribe(WORK_EVENTS, filter={"accountNo": "M1"})
    scoped = desk.caller(accounts=["M1"])
    assert (await set_market_day(scoped, "XHKG", "2020-03-17", "CLOSED"))["code"] == "FORBIDDEN"
    assert (await set_market_day(ann, "MARS", "2020-03-17", "CLOSED"))["code"] == "NOT_FOUND"
    done = await set_market_day(ann, "XHKG", "2020-03-17", "CLOSED")
    assert done["marketDay"] | {"id": ""} == {
        "id": "", "market": "XHKG", "day": "2020-03-17", "kind": "CLOSED", "closesAt": None, "by": "ann"
    }  # fmt: skip
    told = await events.until(lambda event: event["case"]["deadline"] == "2020-03-19T06:00:00Z")
    assert told[-1]["case"]["originalDeadline"] == "2020-03-19T06:00:00Z"
    kept = await records(ann, called["id"])
    (move,) = kept["deadlineChanges"]["nodes"]
    assert (move["kind"], move["before"]) == ("CALENDAR", "2020-03-18T06:00:00Z")
    moved = await ann.ask(IN_EVERY_LANGUAGE, id=called["id"])
    assert moved["case"]["followUps"]["nodes"] == [
        {
            "byDesk": True,
            "code": "DEADLINE_MOVED",
            "text": "The trading days of the market changed. "
            "The deadline moved from 2020-03-18 06:00 UTC to 2020-03-19 06:00 UTC.",
            "simplified": "\u5e02\u573a\u7684\u4ea4\u6613\u65e5\u6709\u53d8\uff0c"
            "\u671f\u9650\u7531 2020-03-18 06:00 UTC "
            "\u6539\u4e3a 2020-03-19 06:00 UTC\u3002",
            "traditional": "\u5e02\u5834\u7684\u4ea4\u6613\u65e5\u6709\u8b8a\uff0c"
            "\u671f\u9650\u7531 2020-03-18 06:00 UTC "
            "\u6539\u70ba 2020-03-19 06:00 UTC\u3002",
        }
    ]
    await set_market_day(ann, "XHKG", "2020-03-19", "HALF", closesAt="12:00")
    await events.until(lambda event: event["case"]["deadline"] == "2020-03-19T04:00:00Z")
    await set_market_day(ann, "XHKG", "2020-03-17", "REGULAR")
    await events.until(lambda event: event["case"]["deadline"] == "2020-03-18T06:00:00Z")
    listed = await ann.ask('{ marketDays(market: "XHKG") { totalCount nodes { day kind } } }')
    assert listed["marketDays"]["totalCount"] == 3
    shifts = await desk.rows(
        "SELECT * FROM audit WHERE action = 'shiftDeadline' AND before_state LIKE '%03-18%'"
    )
    assert {row["actor"] for row in shifts} == {"system"}
    assert any('"deadline":"2020-03-19T06:00:00.000000+00:00"' in row["after_state"] for row in shifts)
    days = await desk.rows("SELECT * FROM audit WHERE action = 'setMarketDay' ORDER BY id")
    assert days[0]["before_state"] is None
    assert '"kind":"CLOSED"' in days[2]["before_state"], "the word that held until then"
    assert '"kind":"REGULAR"' in days[2]["after_state"]


async def test_a_withdrawn_market_day_restores_a_persons_deadline(ann: Caller, called: Any) -> None:
    events = await ann.subscribe(WORK_EVENTS, filter={"accountNo": "M1"})
    await command(ann, "adjustDeadline", called, deadline="2020-03-18T03:00:00Z", reason="wants out")

    async def moves(due: str, kind: str, **closes: str) -> None:
        await set_market_day(ann, "XHKG", "2020-03-18", kind, **closes)
        await events.until(lambda event: event["case"]["deadline"] == due)

    await moves("2020-03-18T02:30:00Z", "HALF", closesAt="10:30")
    await moves("2020-03-18T03:00:00Z", "REGULAR")
    await moves("2020-03-19T03:00:00Z", "CLOSED")
    await moves("2020-03-18T03:00:00Z", "REGULAR")


async def test_the_command_of_a_market_day_tells_which_deadlines_moved(
    desk: Desk, ann: Caller, called: Any
) -> None:
    resources = desk.application.resources
    typhoon = MarketDay("XHKG", date(2020, 3, 17), MarketDayKind.CLOSED, None, "typhoon")
    with resources.database.active():
        moved = await put_in(resources.desk, resources.market_days, typhoon)
    told = next(each for each in moved if each.case_no == called["caseNo"])
    assert (told.account_no, told.before.day, told.after.day) == ("M1", 18, 19)
    assert (await work(ann, called["id"]))["deadline"] == "2020-03-19T06:00:00Z"


@pytest.mark.parametrize("world", ["postgres-redis"], indirect=True)
async def test_the_command_of_a_market_day_waits_for_an_account_that_is_locked(
    world: World, desk: Desk, ann: Caller, called: Any
) -> None:
    """As the leader locks it while it moves the same deadline."""
    resources = desk.application.resources
    typhoon = MarketDay("XHKG", date(2020, 3, 17), MarketDayKind.CLOSED, None, "typhoon")
    session = await asyncpg.connect(world.database_url)
    try:
        lock = session.transaction()
        await lock.start()
        await session.execute("SELECT 1 FROM account WHERE account_no = 'M1' FOR UPDATE")
        with resources.database.active():
            putting = asyncio.create_task(put_in(resources.desk, resources.market_days, typhoon))

        async def other_is_moved() -> bool:
            late = "2020-03-19T06:00:00Z"
            return late in [(await work(ann, each["id"]))["deadline"] for each in await cases(ann)]

        await desk.until(other_is_moved, "the deadline of the other account to move")
        await lock.rollback()
        assert called["caseNo"] in {each.case_no for each in await putting}
    finally:
        await session.close()


@pytest.mark.parametrize("world", ["postgres-redis"], indirect=True)
async def test_a_market_day_holds_in_every_process(world: World, desk: Desk, ann: Caller) -> None:
    other = await world.desk()
    await set_market_day(other.caller(subject="bob"), "XHKG", "2020-03-17", "CLOSED")

    async def both_know() -> bool:
        deadlines = [(await work(ann, each["id"]))["deadline"] for each in await cases(ann)]
        return set(deadlines) == {"2020-03-19T06:00:00Z"}

    await desk.until(both_know, "the deadlines to move")
