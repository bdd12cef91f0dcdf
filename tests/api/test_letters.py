"""What letters say and when they may leave: by hand, by themselves, and right before they are sent."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.book_changes import CashStated
from domain.ids import Symbol
from domain.margin import AccountType
from domain.message import Contact, QuietHours
from feeds.book import BookFile
from tests.api.case_work import command, set_market_day, work
from tests.api.moments import prices_call, time_comes
from tests.api.risk_desk import AMOUNT_RULE, put_in_force
from tests.api.test_messages import case_of, channels, messages, reached, send, settled, text_of
from tests.api.test_stock_recovery import RECALL
from tests.api.trading import cases, liquidate
from tests.kit.book_files import (
    BANK,
    HKD,
    RAIL,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
    owing,
    quotes,
)
from tests.kit.desk_server import Desk, World
from tests.kit.outside import MORNING
from tests.kit.receiver import Receiver, a_receiver

NEW = Symbol("NEW.HK")
ENGLISH = Contact(phone="+85212345678", time_zone="Asia/Hong_Kong")
QUIET = Contact(phone="+85212345678", time_zone="Asia/Hong_Kong", quiet_hours=QuietHours.parse("22:00-08:00"))
LETTER = """query ($id: ID!) { case(id: $id) { messages(first: 50) { nodes {
  template status reason figuresAsOf parameters { name value } earlierBodies body } } } }"""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


def one_client(contact: Contact = ENGLISH, account_type: AccountType = AccountType.MARGIN) -> BookFile:
    return a_book(reached(a_client("C1", owing("M1", account_type)), contact))


async def called_alone(
    world: World, receiver: Receiver, book: BookFile, *, by_itself: bool = False, **more: object
) -> Desk:
    """A desk that has called the one account that owes; `by_itself` it writes without being asked."""
    automatic = {"message_automatic_channels": ("SMS",)} if by_itself else {}
    desk = await world.desk(book, **(channels(receiver, "sms") | automatic | more))
    await prices_call(desk, accounts=1)
    return desk


async def letters(desk: Desk, case_id: str) -> list[Any]:
    caller = desk.caller(minutes=60 * 24 * 30)
    nodes: list[Any] = (await caller.ask(LETTER, id=case_id))["case"]["messages"]["nodes"]
    return nodes


async def test_a_recall_names_the_stock_the_quantity_and_when_it_is_due_and_asks_for_no_money(
    world: World, receiver: Receiver
) -> None:
    short = an_account("S1", "1000000", {BANK: -500})
    book = a_book(reached(a_client("C1", short), ENGLISH), a_client("C2", owing("M2")))
    desk = await called_alone(world, receiver, book, by_itself=True)
    recall = {"idempotencyKey": "r", "symbol": BANK, "quantity": "300", "cause": "RECALLED", "reason": "x"}
    due = {"dueAt": "2020-03-18T08:30:00Z"}
    recalled = (await desk.caller().ask(RECALL, input=recall | due))["recallStock"]["result"]
    assert recalled["__typename"] == "StockRecalled", recalled
    (posted,) = await receiver.until(1)
    letter = text_of(posted)
    assert "Recall of stock" in letter["title"]
    assert "300 5.HK by 16:30 HKT on 18 Mar 2020" in letter["message"]
    assert "HKD" not in letter["message"]
    case = await case_of(desk, "S1")
    (sent,) = await settled(desk, case["id"], "SENT")
    (kept,) = await letters(desk, case["id"])
    assert sent["template"] == "MARGIN_CALL"
    assert kept["figuresAsOf"] is None
    assert {"name": "stock", "value": "300 5.HK by 16:30 HKT on 18 Mar 2020"} in kept["parameters"]
    (by_hand,) = await send(desk.caller(), case["id"], key="hand", template="REMINDER")
    assert "300 5.HK" in by_hand["message"]["body"]


async def test_a_letter_names_the_time_from_which_an_intraday_account_has_to_be_flat(
    world: World, receiver: Receiver
) -> None:
    book = one_client(account_type=AccountType.INTRADAY)
    desk = await called_alone(world, receiver, book, by_itself=True)
    (posted,) = await receiver.until(1)
    letter = text_of(posted)
    assert "Intraday account" in letter["title"]
    assert "from 15:45 HKT on 16 Mar 2020 on" in letter["message"]
    (call,) = await settled(desk, (await case_of(desk, "M1"))["id"], "SENT")
    assert call["template"] == "MARGIN_CALL"


async def test_a_letter_that_would_be_wrong_is_refused_when_sent_by_hand(
    world: World, receiver: Receiver
) -> None:
    desk = await called_alone(world, receiver, one_client())
    case = await case_of(desk, "M1")
    trader = desk.caller(minutes=60 * 24 * 30)
    for key, template in (("w", "WITHDRAWN"), ("s", "SOLD")):
        (refused,) = await send(trader, case["id"], key=key, template=template)
        assert refused["code"] == "TEMPLATE_UNFIT"
    world.clock.now = MORNING + timedelta(hours=4)
    (old,) = await send(trader, case["id"], key="old", template="REMINDER")
    assert old["code"] == "FIGURES_TOO_OLD"
    (free,) = await send(trader, case["id"], key="free", text="Please call us.")
    assert free["__typename"] == "MessageQueued"
    await world.market.says(*quotes(world.clock()))
    (fresh,) = await send(trader, case["id"], key="fresh", template="REMINDER")
    assert "as of 14:00 HKT on 16 Mar 2020" in fresh["message"]["body"]
    world.clock.now = MORNING + timedelta(days=3)
    await world.market.says(*quotes(world.clock()))
    (late,) = await send(trader, case["id"], key="late", template="REMINDER")
    assert late["code"] == "TOO_LATE"


async def test_a_case_with_nothing_to_collect_asks_for_nothing(world: World, receiver: Receiver) -> None:
    desk = await called_alone(world, receiver, one_client(), close_hold_s=3600)
    case = await case_of(desk, "M1")
    await world.market.says(*quotes(world.clock(), "200", size=0))

    async def owes_nothing() -> bool:
        return bool((await case_of(desk, "M1"))["amount"] == "0")

    await desk.until(owes_nothing, "nothing to be owed")
    (refused,) = await send(desk.caller(), case["id"], template="REMINDER")
    assert refused["code"] == "NOTHING_TO_COLLECT"


async def test_the_last_price_before_the_close_is_stated_and_is_not_too_old(
    world: World, receiver: Receiver
) -> None:
    world.clock.now = datetime(2020, 3, 16, 7, 59, 30, tzinfo=UTC)
    desk = await called_alone(world, receiver, one_client())
    world.clock.now = datetime(2020, 3, 17, 1, 0, tzinfo=UTC)
    case = (await cases(desk.caller(minutes=3000), accountNo="M1"))[0]
    (sent,) = await send(desk.caller(minutes=3000), case["id"], template="REMINDER")
    assert "as of 09:00 HKT on 17 Mar 2020" in sent["message"]["body"], "nothing was traded since"


async def test_a_letter_tells_the_figures_of_when_it_is_sent(world: World, receiver: Receiver) -> None:
    desk = await called_alone(world, receiver, one_client(QUIET))
    case = await case_of(desk, "M1")
    world.clock.now = datetime(2020, 3, 16, 15, 0, tzinfo=UTC)
    await world.market.says(*quotes(world.clock()))
    (held,) = await send(desk.caller(minutes=6000), case["id"], template="REMINDER")
    assert "HKD 20,000.00" in held["message"]["body"]
    paid = CashStated("M1", HKD, Decimal(-140_000), world.clock())
    await world.market.says(paid)
    world.clock.now = datetime(2020, 3, 17, 0, 0, tzinfo=UTC)
    (posted,) = await receiver.until(1)
    assert "HKD 10,000.00" in text_of(posted)["message"]
    assert "as of 08:00 HKT on 17 Mar 2020" in text_of(posted)["message"]
    (kept,) = await letters(desk, case["id"])
    assert kept["body"] == text_of(posted)["message"], "what was sent is what is kept"
    assert kept["figuresAsOf"] == "2020-03-17T00:00:00Z"
    assert {"name": "amount", "value": "HKD 10,000.00"} in kept["parameters"]


async def test_a_letter_that_asks_for_nothing_when_its_time_comes_is_dropped_with_the_reason(
    world: World, receiver: Receiver
) -> None:
    desk = await called_alone(world, receiver, one_client(QUIET), close_hold_s=10**6)
    case = await case_of(desk, "M1")
    world.clock.now = datetime(2020, 3, 16, 15, 0, tzinfo=UTC)
    await world.market.says(*quotes(world.clock()))
    await send(desk.caller(minutes=6000), case["id"], template="REMINDER")
    await world.market.says(*quotes(world.clock(), "200", size=0))
    world.clock.now = datetime(2020, 3, 17, 0, 0, tzinfo=UTC)

    async def dropped() -> bool:
        (letter,) = await letters(desk, case["id"])
        return bool(letter["status"] == "EXPIRED")

    await desk.until(dropped, "the letter to be dropped")
    (letter,) = await letters(desk, case["id"])
    assert letter["reason"] == "The amount to collect is 0."
    assert receiver.posted == []


async def test_a_letter_whose_quiet_hours_last_until_after_the_deadline_is_refused(
    world: World, receiver: Receiver
) -> None:
    quiet = Contact(
        phone="+85212345678", time_zone="Asia/Hong_Kong", quiet_hours=QuietHours.parse("00:00-23:00")
    )
    desk = await called_alone(world, receiver, one_client(quiet, AccountType.INTRADAY))
    case = await case_of(desk, "M1")
    (refused,) = await send(desk.caller(), case["id"], template="MARGIN_CALL")
    assert refused["code"] == "TOO_LATE"


async def test_a_letter_waits_for_prices_and_goes_out_with_them(world: World, receiver: Receiver) -> None:
    desk = await called_alone(world, receiver, one_client(), by_itself=True)
    case = await case_of(desk, "M1")
    await receiver.until(1)
    world.clock.now = MORNING + timedelta(days=1)

    async def waits() -> bool:
        newest, *_ = await letters(desk, case["id"])
        return newest["status"] == "QUEUED" and "The figures are as of" in (newest["reason"] or "")

    await desk.until(waits, "the reminder to wait")
    assert len(receiver.posted) == 1
    await time_comes(world, minutes=2)
    _, reminder = await receiver.until(2)
    assert "as of 10:02 HKT on 17 Mar 2020" in text_of(reminder)["message"]


async def test_an_amount_that_lacks_a_price_waits_for_it_a_while_and_then_says_so(
    world: World, receiver: Receiver
) -> None:
    """A short without a price counts as nothing: the account owes 20,000 at the least."""
    owes = an_account("M1", "-150000", {BANK: 1000, RAIL: 1000, NEW: -100})
    instruments = tuple(an_instrument(symbol, lot=100) for symbol in (BANK, RAIL, NEW))
    book = a_book(reached(a_client("C1", owes), ENGLISH), instruments=instruments)
    desk = await called_alone(world, receiver, book, by_itself=True)
    case = await case_of(desk, "M1")

    async def waits() -> bool:
        kept = await letters(desk, case["id"])
        return [each["reason"] for each in kept] == [f"The amount lacks a price or rate: {NEW}."]

    await desk.until(waits, "the call to wait")
    (by_hand,) = await send(desk.caller(), case["id"], template="REMINDER")
    assert f"no price or exchange rate for {NEW}" in by_hand["message"]["body"]
    await receiver.until(1)
    await time_comes(world, seconds=desk.settings.message_price_wait_s)
    _, call = await receiver.until(2)
    assert "HKD 20,000.00" in text_of(call)["message"]
    assert f"no price or exchange rate for {NEW}" in text_of(call)["message"]
    await settled(desk, case["id"], "SENT", "SENT")
    assert {"name": "unvalued", "value": NEW} in (await letters(desk, case["id"]))[0]["parameters"]
    await world.market.says(a_quote(NEW, world.clock(), "100"))

    async def costs_more() -> bool:
        return bool((await case_of(desk, "M1"))["amount"] != "20000")

    await desk.until(costs_more, "the short to count")
    (known,) = await send(desk.caller(minutes=600), case["id"], key="known", template="REMINDER")
    assert str(NEW) not in known["message"]["body"]


async def test_one_shortfall_is_one_letter(world: World, receiver: Receiver) -> None:
    account = an_account("M1", "-150000", {BANK: 1000, RAIL: 1000}, financing_limit="140000")
    other = an_account("M2", "-150000", {BANK: 2000, RAIL: 2000}, financing_limit="140000")
    book = a_book(reached(a_client("C1", account, other), ENGLISH))
    desk = await world.desk(book, **channels(receiver, "sms"), message_automatic_channels=("SMS",))
    await prices_call(desk, accounts=1)
    await put_in_force(desk, {"amountRule": AMOUNT_RULE | {"overFinancingTriggers": True}})

    async def all_open() -> bool:
        return len(await cases(desk.caller())) == 3

    await desk.until(all_open, "two cases of M1, one of M2")
    await receiver.until(2)
    by_type = {case["alertType"]: case for case in await cases(desk.caller(), accountNo="M1")}
    (call,) = await settled(desk, by_type["MAINTENANCE"]["id"], "SENT")
    assert call["template"] == "MARGIN_CALL"
    assert await messages(desk.caller(), by_type["OVER_FINANCING"]["id"]) == []
    (refused,) = await send(desk.caller(), by_type["OVER_FINANCING"]["id"], template="REMINDER")
    assert refused["code"] == "SAME_SHORTFALL"
    (alone,) = await cases(desk.caller(), accountNo="M2")
    (limit,) = await settled(desk, alone["id"], "SENT")
    assert "HKD 10,000.00 more than its financing limit" in limit["body"]


async def test_a_case_in_exception_leaves_the_letters_to_its_twin_from_the_next_day_on(
    world: World, receiver: Receiver
) -> None:
    desk = await twin_desk(world, **channels(receiver, "sms"), message_automatic_channels=("SMS",))
    await desk.market.says(*quotes(desk.clock(), size=0))
    await receiver.until(1)
    trader = desk.caller(minutes=60 * 24 * 30)
    twins = {case["alertType"]: case for case in await cases(trader)}
    call, limit = twins["MAINTENANCE"], twins["OVER_FINANCING"]
    await settled(desk, call["id"], "SENT")
    (refused,) = await send(trader, limit["id"], key="before", template="REMINDER")
    assert refused["code"] == "SAME_SHORTFALL"
    marked = await command(trader, "markException", await work(trader, call["id"]), reason="x")
    assert marked["__typename"] == "CaseChanged", marked
    (by_hand,) = await send(trader, limit["id"], key="after", template="REMINDER")
    assert by_hand["__typename"] == "MessageQueued", by_hand
    await settled(desk, limit["id"], "SENT")
    await time_comes(world, days=1)
    (daily, first) = await settled(desk, limit["id"], "SENT", "SENT")
    assert (daily["template"], first["template"]) == ("REMINDER", "REMINDER")
    assert "HKD 10,000.00 more than its financing limit" in daily["body"]
    await settled(desk, call["id"], "SENT")


async def twin_desk(world: World, **settings: object) -> Desk:
    """Its only account owes by both kinds of call as soon as prices come."""
    account = an_account("M1", "-150000", {BANK: 1000, RAIL: 1000}, financing_limit="140000")
    desk = await world.desk(a_book(reached(a_client("C1", account), ENGLISH)), **settings)
    await put_in_force(desk, {"amountRule": AMOUNT_RULE | {"overFinancingTriggers": True}})
    return desk


WORK = """query ($id: ID!) { case(id: $id) { status version
  account { deskWork { status cases claims { caseNo by } } } } }"""


EVENTS_OF_WORK = """subscription { caseEvents { kind case {
  alertType account { deskWork { status cases claims { caseNo by } } } } } }"""


async def test_work_on_one_case_shows_on_the_account_of_its_twin(world: World, receiver: Receiver) -> None:
    desk = await twin_desk(world)
    await desk.market.says(*quotes(desk.clock(), size=0))

    async def both_open() -> bool:
        return len(await cases(desk.caller())) == 2

    await desk.until(both_open, "both cases")
    trader = desk.caller()
    twins = {case["alertType"]: case for case in await cases(trader)}
    sold, twin = twins["MAINTENANCE"], twins["OVER_FINANCING"]
    claimed = await command(trader, "claimCase", await work(trader, sold["id"]))
    assert claimed["__typename"] == "CaseChanged", claimed
    await liquidate(trader, sold["id"])
    seen = (await trader.ask(WORK, id=twin["id"]))["case"]
    assert seen["status"] == "OPEN"
    assert seen["account"]["deskWork"] == {
        "status": "LIQUIDATING",
        "cases": 2,
        "claims": [{"caseNo": sold["caseNo"], "by": "trader"}],
    }


async def test_an_event_of_each_twin_case_shows_the_work_on_the_other(
    world: World, receiver: Receiver
) -> None:
    desk = await twin_desk(world)
    trader = desk.caller()
    events = await trader.subscribe(EVENTS_OF_WORK)
    await desk.market.says(*quotes(desk.clock(), size=0))

    def shows(alert: str, **expected: object) -> Callable[[Any], bool]:
        def holds(event: Any) -> bool:
            case = event["case"]
            return bool(
                case["alertType"] == alert and expected.items() <= case["account"]["deskWork"].items()
            )

        return holds

    await events.until(lambda event: event["case"]["account"]["deskWork"]["cases"] == 2)
    twins = {case["alertType"]: case for case in await cases(trader)}
    sold, twin = twins["MAINTENANCE"], "OVER_FINANCING"
    claim = [{"caseNo": sold["caseNo"], "by": "trader"}]
    await command(trader, "claimCase", await work(trader, sold["id"]))
    await events.until(shows(twin, claims=claim))
    await command(trader, "releaseCase", await work(trader, sold["id"]))
    await events.until(shows(twin, claims=[]))
    await liquidate(trader, sold["id"])
    await events.until(shows(twin, status="LIQUIDATING"))


async def test_a_client_receives_a_report_of_the_sales(world: World, receiver: Receiver) -> None:
    desk = await called_alone(world, receiver, one_client(), by_itself=True)
    case = await case_of(desk, "M1")
    await receiver.until(1)
    await world.market.says(*quotes(world.clock()))
    await liquidate(desk.caller(), case["id"])
    _, sold, *_ = await receiver.until(2)
    assert "Positions of account M1 were closed" in text_of(sold)["title"]
    assert re.search(r"^sold [\d,]+ (5|66)\.HK at HKD 100$", text_of(sold)["message"], re.MULTILINE)
    kept = [each for each in await letters(desk, case["id"]) if each["template"] == "SOLD"]
    assert len(kept) == 1


async def test_an_earlier_deadline_is_announced_at_once_and_a_later_one_in_the_next_letter(
    world: World, receiver: Receiver
) -> None:
    """By a person and by a market day; an intraday account learns when it has to be flat now."""
    day_trader = reached(a_client("C2", owing("I1", AccountType.INTRADAY)), ENGLISH)
    book = a_book(reached(a_client("C1", owing("M1")), ENGLISH), day_trader)
    desk = await world.desk(
        book,
        **channels(receiver, "sms"),
        message_automatic_channels=("SMS",),
        market_day_poll_interval_s=0.05,
    )
    await prices_call(desk)
    of = {number: await case_of(desk, number) for number in ("M1", "I1")}
    for each in of.values():
        await settled(desk, each["id"], "SENT")
    world.clock.advance(seconds=1)

    async def move(deadline: str) -> None:
        seen = await work(desk.caller(), of["M1"]["id"])
        moved = await command(desk.caller(), "adjustDeadline", seen, deadline=deadline, reason="x")
        assert moved["__typename"] == "CaseChanged", moved

    await move("2020-03-17T03:00:00Z")
    told, _ = await settled(desk, of["M1"]["id"], "SENT", "SENT")
    assert told["template"] == "REMINDER"
    assert "11:00 HKT on 17 Mar 2020" in told["body"]
    world.clock.advance(seconds=1)
    await move("2020-03-17T05:00:00Z")
    await set_market_day(desk.caller(), "XHKG", "2020-03-16", "HALF", closesAt="12:30")
    warned, _ = await settled(desk, of["I1"]["id"], "SENT", "SENT")
    assert warned["template"] == "FORCE_CLOSE_WARNING"
    assert "has to owe nothing from 11:45 HKT on 16 Mar 2020 on" in warned["body"]
    assert len(await letters(desk, of["M1"]["id"])) == 2, "more time can wait"


async def test_sales_are_reported_once_of_a_case_that_is_in_exception_by_then(
    world: World, receiver: Receiver
) -> None:
    quiet = Contact(
        phone="+85212345678", time_zone="Asia/Hong_Kong", quiet_hours=QuietHours.parse("09:00-11:00")
    )
    desk = await called_alone(world, receiver, one_client(quiet), by_itself=True)
    (case,) = await cases(desk.caller())
    await liquidate(desk.caller(), case["id"], legs=[{"symbol": BANK, "quantity": "100"}])
    await world.market.says(*quotes(world.clock()))

    async def is_open_again() -> bool:
        return bool((await cases(desk.caller()))[0]["status"] == "OPEN")

    await desk.until(is_open_again, "the sale to end")
    seen = await work(desk.caller(), case["id"])
    assert (await command(desk.caller(), "markException", seen, reason="x"))["__typename"] == "CaseChanged"
    await time_comes(world, hours=1)
    (posted,) = await receiver.until(1)
    assert "Positions of account M1 were closed" in text_of(posted)["title"]
    await settled(desk, case["id"], "SENT")


async def test_a_case_that_the_desk_fails_at_holds_up_no_other_letter(
    world: World, receiver: Receiver
) -> None:
    book = a_book(
        *(reached(a_client(f"C{number}", owing(f"M{number}")), ENGLISH) for number in (1, 2)),
    )
    desk = await world.desk(book, **channels(receiver, "sms"))
    await prices_call(desk, accounts=2)
    bad, good = await case_of(desk, "M1"), await case_of(desk, "M2")
    await desk.rows(f"UPDATE margin_case SET figures = '{{' WHERE case_no = '{bad['caseNo']}' RETURNING id")
    await desk.stop()
    desk = await world.desk(**channels(receiver, "sms"), message_automatic_channels=("SMS",))
    (posted,) = await receiver.until(1)
    assert "account M2" in text_of(posted)["title"]
    await settled(desk, good["id"], "SENT")
