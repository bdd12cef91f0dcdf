"""Messages to clients, by hand and by themselves, sent by Apprise to a real server."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.book_changes import ContactStated
from domain.message import Contact, Language, QuietHours
from domain.principal import Permission
from feeds.book import BookClient, BookFile
from models.sql.database import fetch
from models.sql.values import time
from tests.api.case_work import command, work
from tests.api.moments import prices_call, time_comes
from tests.api.trading import cases
from tests.kit.book_files import a_book, a_client, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World, scraped
from tests.kit.outside import MORNING
from tests.kit.patience import FAR_S
from tests.kit.poison import poison
from tests.kit.receiver import Posted, Receiver, a_receiver

AT_ONCE = 50
MESSAGE = (
    "id channel template language title body recipient status automatic placedBy createdAt earliestAt"
    " latestAt attempts nextAttemptAt settledAt reason"
)
SEND = f"""mutation ($input: SendMessageInput!) {{ sendMessage(input: $input) {{ results {{ __typename
  ... on MessageQueued {{ message {{ {MESSAGE} case {{ caseNo }} }} }}
  ... on MessageRefused {{ caseId code text: message case {{ caseNo }} }}
}} }} }}"""
MESSAGES = f"""query ($id: ID!, $first: Int! = 50, $after: String) {{ case(id: $id) {{
  messages(first: $first, after: $after) {{
    totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {MESSAGE} }} }} }} }}"""
CONTACT = "query ($id: ID!) { case(id: $id) { client { contact { email phone language quietHours } } } }"
PATIENT = f"&rto={FAR_S:.0f}&cto={FAR_S:.0f}"
HELD = datetime(2020, 3, 16, 15, 0, tzinfo=UTC)
"""23:00 in Hong Kong."""
CLIENT = Contact("c1@example.org", "+85212345678", "device-1", Language.TRADITIONAL_CHINESE, "Asia/Hong_Kong")


def reached(client: BookClient, contact: Contact | None = CLIENT) -> BookClient:
    return BookClient(client.client_no, client.name, client.group, client.accounts, client.factors, contact)


def a_reached_book(contact: Contact | None = CLIENT) -> BookFile:
    """M1 and M2 owe; C1 can be reached, C2 cannot."""
    return a_book(reached(a_client("C1", owing("M1")), contact), a_client("C2", owing("M2")))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


def channels(receiver: Receiver, *names: str) -> dict[str, Any]:
    """Settings: these channels lead to paths of the receiver."""
    return {
        f"message_{name}_url": receiver.url(f"/{name}?:to={{to}}&+Idempotency-Key={{id}}{PATIENT}", "json")
        for name in names
    } | {
        "message_poll_interval_s": 0.02,
        "message_sweep_interval_s": 0.02,
        "message_circuit_failures": 3,
        "message_timeout_s": FAR_S,
    }


async def called(world: World, receiver: Receiver, *names: str, book: BookFile, **more: object) -> Desk:
    """A desk that has called both, with these channels."""
    desk = await world.desk(book, **(channels(receiver, *names) | more))
    await prices_call(desk)
    return desk


async def send(caller: Caller, *case_ids: str, key: str = "k", **asked: object) -> list[Any]:
    given = {"idempotencyKey": key, "caseIds": case_ids, "channel": "SMS", **asked}
    results: list[Any] = (await caller.ask(SEND, input=given))["sendMessage"]["results"]
    return results


async def case_of(desk: Desk, account_no: str) -> Any:
    return (await cases(desk.caller(), accountNo=account_no))[0]


async def messages(caller: Caller, case_id: str) -> list[Any]:
    nodes: list[Any] = (await caller.ask(MESSAGES, id=case_id))["case"]["messages"]["nodes"]
    return nodes


async def settled(desk: Desk, case_id: str, *statuses: str) -> list[Any]:
    """The case's messages, once they stand like this, newest first."""

    async def stand() -> bool:
        return [each["status"] for each in await messages(desk.caller(), case_id)] == list(statuses)

    await desk.until(stand, f"messages to be {statuses}")
    return await messages(desk.caller(), case_id)


def text_of(posted: Posted) -> Any:
    return json.loads(posted.body)


PREVIEW = """query ($input: MessagePreviewInput!) { messagePreview(input: $input) { __typename
  ... on PreviewedMessage { language title body recipient earliestAt latestAt figuresAsOf }
  ... on MessageRefused { caseId code text: message case { caseNo } }
} }"""


async def previewed(caller: Caller, case_id: str, **asked: object) -> Any:
    given = {"caseId": case_id, "channel": "SMS", **asked}
    return (await caller.ask(PREVIEW, input=given))["messagePreview"]


@pytest.mark.parametrize("asked", [{"template": "MARGIN_CALL"}, {"text": "Please call us."}], ids=str)
async def test_the_preview_of_a_message_is_what_is_sent(
    world: World, receiver: Receiver, asked: dict[str, str]
) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book())
    case = await case_of(desk, "M1")
    operator = desk.caller(Permission.RISK_WARNING_OPERATOR)
    before = await desk.rows("SELECT * FROM client_message")
    shown = await previewed(operator, case["id"], **asked)
    assert shown["__typename"] == "PreviewedMessage"
    assert shown["recipient"] == "+85212345678"
    assert await desk.rows("SELECT * FROM client_message") == before == []
    assert await messages(operator, case["id"]) == []
    (result,) = await send(operator, case["id"], **asked)
    sent = result["message"]
    assert [sent[name] for name in ("language", "title", "body", "recipient")] == [
        shown[name] for name in ("language", "title", "body", "recipient")
    ]


async def test_the_preview_of_a_message_refuses_as_sending_does(world: World, receiver: Receiver) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book())
    reachable, unreachable = await case_of(desk, "M1"), await case_of(desk, "M2")
    service = desk.caller(Permission.SERVICE)
    for case, asked, code in (
        (unreachable, {"template": "REMINDER"}, "NO_ADDRESS"),
        (reachable, {"template": "REMINDER", "channel": "EMAIL"}, "CHANNEL_OFF"),
    ):
        shown = await previewed(service, case["id"], **asked)
        (result,) = await send(service, case["id"], key=code, **asked)
        assert shown == result
        assert shown["code"] == code
    narrow = desk.caller(Permission.SERVICE, accounts=["M2"])
    hidden = await previewed(narrow, reachable["id"], template="REMINDER")
    assert (hidden["code"], hidden["case"]) == ("NOT_FOUND", None)
    masked = await previewed(service, reachable["id"], template="MARGIN_CALL")
    assert (masked["title"], masked["body"], masked["recipient"]) == ("***", "***", "***")


async def test_a_message_by_hand_reaches_the_client_in_their_language(
    world: World, receiver: Receiver
) -> None:
    receiver.silent.add("/sms")
    desk = await called(world, receiver, "sms", book=a_reached_book())
    case = await case_of(desk, "M1")
    operator = desk.caller(Permission.RISK_WARNING_OPERATOR, subject="ann")
    (result,) = await send(operator, case["id"], template="MARGIN_CALL")
    message = result["message"]
    assert (message["status"], message["placedBy"], message["automatic"]) == ("QUEUED", "ann", False)
    assert message["case"]["caseNo"] == case["caseNo"]
    receiver.speak()
    (posted,) = await receiver.until(1)
    body = text_of(posted)
    assert body["to"] == "+85212345678"
    assert "HKD 20,000.00" in body["message"]
    assert "2020年3月18日 14:00 HKT" in body["message"]
    assert "Client C1" in body["message"]
    (sent,) = await settled(desk, case["id"], "SENT")
    assert (sent["attempts"], sent["reason"], sent["language"]) == (1, None, "TRADITIONAL_CHINESE")
    (row,) = await desk.rows("SELECT id FROM client_message")
    assert posted.headers["idempotency-key"] == row["id"]


async def test_each_case_is_answered_in_the_order_asked(world: World, receiver: Receiver) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book())
    first, second = await case_of(desk, "M1"), await case_of(desk, "M2")
    results = await send(desk.caller(), second["id"], "nonsense", first["id"], text="Please call us.")
    assert [each.get("code") for each in results] == ["NO_ADDRESS", "NOT_FOUND", None]
    assert results[0]["case"]["caseNo"] == second["caseNo"]
    assert "Please call us." in results[2]["message"]["body"]
    (refused,) = await send(desk.caller(), first["id"], key="other", channel="EMAIL", text="x")
    assert refused["code"] == "CHANNEL_OFF"
    (early,) = await send(desk.caller(), first["id"], key="early", template="CURED")
    assert early["code"] == "NOT_CURED"
    assert await desk.rows("SELECT id FROM client_message WHERE status = 'FAILED'") == []


async def test_the_same_key_fifty_times_at_once_is_one_message(world: World, receiver: Receiver) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book())
    case, trader = await case_of(desk, "M1"), desk.caller()
    answers = await asyncio.gather(*(send(trader, case["id"], text="Hello") for _ in range(AT_ONCE)))
    assert len({answer[0]["message"]["id"] for answer in answers}) == 1
    await settled(desk, case["id"], "SENT")
    assert len(receiver.posted) == 1
    (reused,) = await send(trader, case["id"], text="Other")
    assert reused["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_caller_without_personal_data_sees_messages_without_their_recipients(
    world: World, receiver: Receiver
) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book())
    case = await case_of(desk, "M1")
    await send(desk.caller(), case["id"], template="REMINDER")
    await settled(desk, case["id"], "SENT")
    viewer = desk.caller(Permission.RISK_WARNING_READ_ONLY)
    (seen,) = await messages(viewer, case["id"])
    assert (seen["recipient"], seen["title"], seen["body"], seen["status"]) == ("***", "***", "***", "SENT")
    assert (await viewer.ask(CONTACT, id=case["id"]))["case"]["client"]["contact"] == {
        "email": "***",
        "phone": "***",
        "language": "TRADITIONAL_CHINESE",
        "quietHours": None,
    }
    (refused,) = await send(viewer, case["id"], key="mine", text="x")
    assert refused["code"] == "FORBIDDEN"
    node = "query ($id: ID!) { node(id: $id) { id __typename ... on Message { body } } }"
    elsewhere = desk.caller(accounts=["M2"])
    assert (await elsewhere.ask(node, id=seen["id"]))["node"] is None
    assert (await desk.caller().ask(node, id=seen["id"]))["node"]["__typename"] == "Message"
    (hidden,) = await send(elsewhere, case["id"], key="hidden", text="x")
    assert hidden["code"] == "NOT_FOUND"


async def test_a_message_waits_for_the_end_of_quiet_hours(world: World, receiver: Receiver) -> None:
    quiet = Contact(
        phone="+85212345678", time_zone="Asia/Hong_Kong", quiet_hours=QuietHours.parse("22:00-08:00")
    )
    desk = await called(world, receiver, "sms", book=a_reached_book(quiet))
    case = await case_of(desk, "M1")
    world.clock.now = HELD
    (held,) = await send(desk.caller(minutes=60 * 48), case["id"], text="Hello")
    assert held["message"]["earliestAt"] == "2020-03-17T00:00:00Z"
    other = desk.caller(minutes=60 * 48)
    (waiting,) = await messages(other, case["id"])
    assert (waiting["status"], waiting["attempts"]) == ("QUEUED", 0)
    assert receiver.posted == []
    world.clock.advance(hours=9)
    await receiver.until(1)


async def test_a_failed_attempt_is_not_repeated_in_quiet_hours(world: World, receiver: Receiver) -> None:
    """The service was away from before 22:00 until after it: no client is woken."""
    quiet = Contact(
        phone="+85212345678", time_zone="Asia/Hong_Kong", quiet_hours=QuietHours.parse("22:00-08:00")
    )
    desk = await called(world, receiver, "sms", book=a_reached_book(quiet))
    case = await case_of(desk, "M1")
    world.clock.now = HELD - timedelta(hours=1, seconds=1)
    receiver.status = 503
    trader = desk.caller(minutes=60 * 48)
    await send(trader, case["id"], text="Hello")

    async def stands(attempts: int, until: str | None) -> bool:
        (message,) = await messages(trader, case["id"])
        late = message["nextAttemptAt"] == until if until else message["reason"] is not None
        return late and message["attempts"] == attempts

    await desk.until(lambda: stands(1, None), "the failure to be written down")
    receiver.status = 200
    world.clock.advance(seconds=30)
    await desk.until(lambda: stands(1, "2020-03-17T00:00:00Z"), "the end of the quiet hours to be waited for")
    assert len(receiver.posted) == 1
    world.clock.advance(hours=11)
    await receiver.until(2)
    (sent,) = await settled(desk, case["id"], "SENT")
    assert sent["attempts"] == 2


async def test_a_failed_attempt_is_repeated_with_the_same_id_until_it_is_accepted(
    world: World, receiver: Receiver
) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book())
    case = await case_of(desk, "M1")
    receiver.status = 503
    await send(desk.caller(), case["id"], text="Hello")
    await receiver.until(1)

    async def tried_once() -> bool:
        (message,) = await messages(desk.caller(), case["id"])
        return message["reason"] is not None

    await desk.until(tried_once, "the failure to be written down")
    (waiting,) = await messages(desk.caller(), case["id"])
    assert (waiting["status"], waiting["attempts"]) == ("QUEUED", 1)
    assert datetime.fromisoformat(waiting["nextAttemptAt"]) <= world.clock() + timedelta(seconds=5)
    receiver.status = 200
    world.clock.advance(seconds=6)
    first, second = await receiver.until(2)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    (sent,) = await settled(desk, case["id"], "SENT")
    assert sent["attempts"] == 2


async def test_a_dead_channel_is_given_up_in_time_and_delays_no_other(
    world: World, receiver: Receiver
) -> None:
    receiver.answers_by["/sms"] = 500
    receiver.silent.add("/voice")
    desk = await called(
        world,
        receiver,
        "sms",
        "email",
        "voice",
        book=a_reached_book(),
        message_attempts=2,
        message_concurrency=2,
    )
    case, trader = await case_of(desk, "M1"), desk.caller()
    for number in range(4):
        await send(trader, case["id"], key=f"v{number}", channel="VOICE", text="Hello")
        await send(trader, case["id"], key=f"s{number}", channel="SMS", text="Hello")
    await send(trader, case["id"], key="mail", channel="EMAIL", text="Hello")
    (mail,) = await receiver.until(1, "/email")
    assert text_of(mail)["to"] == "c1@example.org"

    while not await given_up(desk):
        before = await failed_attempts(desk)
        world.clock.advance(minutes=2)
        await desk.until(lambda n=before: tried_since(desk, n), "another attempt to fail")  # type: ignore[misc]
    assert len(receiver.at("/email")) == 1


async def given_up(desk: Desk) -> bool:
    """Every text message is."""
    rows = await desk.rows("SELECT status FROM client_message WHERE channel = 'SMS'")
    return {row["status"] for row in rows} == {"FAILED"}


async def failed_attempts(desk: Desk) -> float:
    return (await scraped(desk))['desk_messages_failed_attempts_total{channel="SMS"}']


async def tried_since(desk: Desk, before: float) -> bool:
    """So time moves with the attempts, and never past the day after which a message is too late."""
    return await failed_attempts(desk) > before or await given_up(desk)


async def test_clients_get_one_letter_a_day_until_the_deadline_and_one_at_the_end(
    world: World, receiver: Receiver
) -> None:
    book = a_reached_book()
    desk = await called(
        world, receiver, "email", "sms", book=book, message_automatic_channels=("SMS", "EMAIL")
    )
    case = await case_of(desk, "M1")
    told: list[str] = []
    for day, template in enumerate(("MARGIN_CALL", "REMINDER", "FORCE_CLOSE_WARNING")):
        if day:
            await time_comes(world, days=1)
        told.insert(0, template)
        # Not merely posted: a day later an answer on its way is one of somebody who must have died.
        await settled_with(desk, case["id"], told)
    world.clock.now = MORNING + timedelta(days=3)
    sweeps = await sweeps_pass(desk)
    assert sweeps
    assert len(receiver.at("/sms")) == 3, "the deadline is over"
    await cure(world, desk)
    await receiver.until(4, "/sms")
    assert "結清" in text_of(receiver.at("/sms")[3])["title"]
    other = await desk.rows("SELECT status, recipient, reason FROM client_message WHERE recipient IS NULL")
    assert {row["status"] for row in other} == {"FAILED"}, "who cannot be reached is on record"


async def cure(world: World, desk: Desk) -> None:
    """Prices rise and stay; both cases are resolved."""

    async def stand(sql: str) -> bool:
        return len(await desk.rows(f"SELECT id FROM margin_case WHERE {sql}")) == 2

    await world.market.says(*quotes(world.clock(), "200", size=0))
    await desk.until(lambda: stand("cured_since IS NOT NULL"), "nothing to be owed")
    world.clock.advance(seconds=6)
    await world.market.says(*quotes(world.clock(), "200", size=0))
    await desk.until(lambda: stand("status = 'RESOLVED'"), "the cases to be cured")


async def settled_with(desk: Desk, case_id: str, templates: list[str]) -> None:
    async def told() -> bool:
        found = await messages(desk.caller(), case_id)
        return [(each["template"], each["status"]) for each in found] == [(t, "SENT") for t in templates]

    await desk.until(told, f"messages {templates}")


async def sweeps_pass(desk: Desk) -> bool:
    """Long enough for several sweeps: a message by hand, which is written and sent meanwhile, has arrived."""
    case = await case_of(desk, "M1")
    for number in range(3):
        await send(desk.caller(), case["id"], key=f"probe{number}", channel="EMAIL", text="Hello")
        await desk.until(lambda n=number: _sent(desk, n + 1), "the probe")  # type: ignore[misc]
    await desk.rows("DELETE FROM client_message WHERE channel = 'EMAIL' RETURNING id")
    return True


async def _sent(desk: Desk, count: int) -> bool:
    rows = await desk.rows("SELECT id FROM client_message WHERE channel = 'EMAIL' AND status = 'SENT'")
    return len(rows) == count


async def test_no_reminder_of_an_exception_and_none_of_a_cured_case_that_was_held(
    world: World, receiver: Receiver
) -> None:
    quiet = Contact(
        phone="+85212345678", time_zone="Asia/Hong_Kong", quiet_hours=QuietHours.parse("22:00-08:00")
    )
    desk = await called(world, receiver, "sms", book=a_reached_book(quiet))
    case = await case_of(desk, "M1")
    world.clock.now = HELD
    await send(desk.caller(minutes=60 * 48), case["id"], text="You owe us money")
    await cure(world, desk)
    world.clock.advance(hours=9)
    (dropped,) = await settled(desk, case["id"], "EXPIRED")
    assert dropped["reason"] == "the case no longer calls for the message"
    assert receiver.posted == []
    (entry,) = await desk.rows("SELECT * FROM audit WHERE action = 'messageSettled'")
    assert '"status":"QUEUED"' in entry["before_state"]
    assert '"status":"EXPIRED"' in entry["after_state"]
    everything = await desk.rows("SELECT * FROM audit WHERE actor NOT LIKE '%import%'")
    assert "+852" not in str(everything), "addresses are not for who reads the audit"
    assert "owe us" not in str(everything)
    (late,) = await send(desk.caller(), case["id"], key="late", template="REMINDER")
    assert late["code"] == "CASE_CLOSED"


async def test_a_case_in_exception_gets_no_daily_message_until_that_is_cleared(
    world: World, receiver: Receiver
) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book(), message_automatic_channels=("SMS",))
    case = await case_of(desk, "M1")
    await settled(desk, case["id"], "SENT")
    marked = await command(desk.caller(), "markException", await work(desk.caller(), case["id"]), reason="x")
    assert marked["case"]["messagesMuted"] is True
    await time_comes(world, days=1)
    await other_client_is_notified(desk, days=2)
    assert len(receiver.at("/sms")) == 1, "nothing while it lasts"
    await command(desk.caller(), "clearException", marked["case"], reason="they answer again")
    await receiver.until(2, "/sms")
    reminder, first = await settled(desk, case["id"], "SENT", "SENT")
    assert (first["template"], reminder["template"]) == ("MARGIN_CALL", "REMINDER")


async def other_client_is_notified(desk: Desk, days: int) -> None:
    """A sweep has passed: M2, whom no channel reaches, has a message of each of so many days on record."""

    async def told() -> bool:
        return len(await messages(desk.caller(), (await case_of(desk, "M2"))["id"])) == days

    await desk.until(told, f"messages of {days} days")


async def test_reminders_go_out_on_trading_days_only(world: World, receiver: Receiver) -> None:
    world.clock.now = MORNING + timedelta(days=4)
    desk = await called(
        world, receiver, "sms", "email", book=a_reached_book(), message_automatic_channels=("SMS",)
    )
    case = await case_of(desk, "M1")
    await settled(desk, case["id"], "SENT")
    world.clock.now = MORNING + timedelta(days=5)
    await sweeps_pass(desk)
    assert len(receiver.at("/sms")) == 1, "a Saturday"
    await time_comes(world, days=2)
    await receiver.until(2, "/sms")


async def test_messages_are_forgotten_long_after_their_case_and_never_before(
    world: World, receiver: Receiver
) -> None:
    settings = {**channels(receiver, "sms"), "message_retention_days": 10}
    desk = await called(world, receiver, "sms", book=a_reached_book(), message_retention_days=10)
    case = await case_of(desk, "M1")
    sent = await send(desk.caller(), case["id"], text="Hello")
    await settled(desk, case["id"], "SENT")
    world.clock.advance(days=11)
    await desk.stop()
    desk = await world.desk(**settings)
    await housekeeping_passes(world, desk)
    assert len(await messages(desk.caller(), case["id"])) == 1, "the case lives"
    await cure(world, desk)
    world.clock.advance(days=11)
    await desk.stop()
    desk = await world.desk(**settings)

    async def forgotten() -> bool:
        return await messages(desk.caller(), case["id"]) == []

    await desk.until(forgotten, "the message to be forgotten")
    (kept,) = await desk.rows("SELECT actor, detail FROM audit WHERE action = 'forgetMessages'")
    assert (kept["actor"], '"messages":1' in kept["detail"]) == ("desk:messages", True)
    given = {"idempotencyKey": "k", "caseIds": [case["id"]], "channel": "SMS", "text": "Hello"}
    again = await desk.caller().answer(SEND, input=given)
    assert again.codes == ["BAD_USER_INPUT"]
    assert len(receiver.at("/sms")) == len(sent), "and not sent anew"


async def housekeeping_passes(world: World, desk: Desk) -> None:
    """It forgets published events of long ago before it looks at messages; a lone old event shows it."""

    async def swept() -> bool:
        rows = await desk.rows("SELECT MIN(at) AS oldest FROM outbox WHERE stream_offset IS NOT NULL")
        oldest = rows[0]["oldest"]
        return oldest is None or time(oldest) > world.clock() - timedelta(days=2)

    await desk.until(swept, "housekeeping")


async def test_metrics_count_waiting_and_sent_messages_and_failing_channels(
    world: World, receiver: Receiver
) -> None:
    receiver.answers_by["/sms"] = 500
    desk = await called(world, receiver, "sms", "email", book=a_reached_book(), message_attempts=9)
    case, trader = await case_of(desk, "M1"), desk.caller()
    await send(trader, case["id"], key="mail", channel="EMAIL", text="Hello")
    for number in range(3):
        await send(trader, case["id"], key=f"s{number}", text="Hello")

    async def fails() -> bool:
        samples = await scraped(desk)
        return (
            samples['desk_messages_circuit_open{channel="SMS"}'] == 1
            and samples.get('desk_messages_total{channel="EMAIL",status="SENT"}') == 1
        )

    await desk.until(fails, "the metrics to say so")
    samples = await scraped(desk)
    assert samples['desk_messages_waiting{channel="SMS"}'] == 3
    assert samples['desk_messages_waiting{channel="EMAIL"}'] == 0
    assert samples['desk_messages_circuit_open{channel="EMAIL"}'] == 0
    assert samples['desk_messages_failed_attempts_total{channel="SMS"}'] >= 3


async def test_a_process_that_died_while_sending_sends_again_under_the_same_id(
    world: World, receiver: Receiver
) -> None:
    receiver.silent.add("/sms")
    desk = await called(world, receiver, "sms", book=a_reached_book(), message_timeout_s=30)
    case = await case_of(desk, "M1")
    await send(desk.caller(), case["id"], text="Hello")
    await receiver.until(1)
    await desk.stop()
    receiver.silent.clear()
    successor = await world.desk(**channels(receiver, "sms"))
    await successor.until(successor.leads, "the successor to lead")
    world.clock.advance(seconds=61)
    await receiver.until(2)
    first, second = receiver.posted
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    await settled(successor, case["id"], "SENT")


async def test_a_call_that_never_began_is_no_attempt_and_one_that_may_have_gone_out_is_reported(
    world: World, receiver: Receiver
) -> None:
    receiver.silent.add("/sms")
    desk = await called(
        world, receiver, "sms", book=a_reached_book(), message_concurrency=1, message_timeout_s=0.2
    )
    case = await case_of(desk, "M1")
    hung = (1, "no answer in time; the message may have been sent")
    stuck = (0, "every thread of the channel is stuck in an earlier message; nothing was sent")
    await send(desk.caller(), case["id"], key="1", text=FIRST)
    await waits_as(desk, case["id"], {FIRST: hung})
    await send(desk.caller(), case["id"], key="2", text=SECOND)
    await waits_as(desk, case["id"], {FIRST: hung, SECOND: stuck})
    assert (await scraped(desk))['desk_messages_failed_attempts_total{channel="SMS"}'] == 1
    await receiver.until(1)
    await desk.stop()
    receiver.speak()
    successor = await world.desk(**channels(receiver, "sms"))
    await successor.until(successor.leads, "the successor to lead")
    world.clock.advance(seconds=6)
    sent = await settled(successor, case["id"], "SENT", "SENT")
    assert {said(each["body"]): each["attempts"] for each in sent} == {FIRST: 2, SECOND: 1}
    assert Counter(said(text_of(each)["message"]) for each in receiver.posted) == {FIRST: 2, SECOND: 1}


FIRST, SECOND = "Please call us.", "It is urgent."


async def waits_as(desk: Desk, case_id: str, wanted: dict[str, tuple[int, str]]) -> None:
    """Until the case's queued messages were tried so often, for these reasons."""

    async def stand() -> bool:
        found = await messages(desk.caller(), case_id)
        assert {each["status"] for each in found} == {"QUEUED"}
        return {said(each["body"]): (each["attempts"], each["reason"]) for each in found} == wanted

    await desk.until(stand, f"messages to wait as {wanted}")


def said(body: str) -> str:
    """Of a free text, which of the two it is."""
    (text,) = [text for text in (FIRST, SECOND) if text in body]
    return text


async def test_messages_are_a_connection(world: World, receiver: Receiver) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book())
    case, trader = await case_of(desk, "M1"), desk.caller()
    for number in range(3):
        await send(trader, case["id"], key=str(number), text=f"Number {number}")
        world.clock.advance(seconds=1)
    page = (await trader.ask(MESSAGES, id=case["id"], first=2))["case"]["messages"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    rest = (await trader.ask(MESSAGES, id=case["id"], first=2, after=page["pageInfo"]["endCursor"]))["case"]
    bodies = [each["body"] for each in page["nodes"] + rest["messages"]["nodes"]]
    assert ["2" in bodies[0], "1" in bodies[1], "0" in bodies[2]] == [True, True, True]


async def test_a_statement_changes_how_a_client_is_reached_and_an_older_one_does_not(
    world: World, receiver: Receiver
) -> None:
    desk = await called(world, receiver, "sms", book=a_reached_book())
    case, trader = await case_of(desk, "M1"), desk.caller()
    world.clock.advance(seconds=1)
    newer = ContactStated("C1", world.clock(), phone="+85287654321")
    older = ContactStated("C1", world.clock() - timedelta(days=1), phone="+85200000000")
    await world.market.says(newer, older, ContactStated("C9", world.clock()))
    contact = (await trader.ask(CONTACT, id=case["id"]))["case"]["client"]["contact"]
    assert contact == {"email": None, "phone": "+85287654321", "language": "ENGLISH", "quietHours": None}
    assert [why for _, why in world.market.rejected] == ["client C9 is not known"]


async def test_a_letter_that_was_not_sent_uses_up_no_day(world: World, receiver: Receiver) -> None:
    """One channel fails and another reaches the client; a client without an address gets a letter later."""
    receiver.answers_by["/sms"] = 500
    desk = await called(
        world,
        receiver,
        "sms",
        "email",
        book=a_reached_book(),
        message_automatic_channels=("SMS", "EMAIL"),
        message_attempts=1,
    )
    first, second = await case_of(desk, "M1"), await case_of(desk, "M2")
    sent, failed = await settled(desk, first["id"], "SENT", "FAILED")
    assert [(each["channel"], each["template"]) for each in (sent, failed)] == [
        ("EMAIL", "MARGIN_CALL"),
        ("SMS", "MARGIN_CALL"),
    ]
    await settled(desk, second["id"], "FAILED")
    world.clock.advance(seconds=1)
    receiver.answers_by.clear()
    await world.market.says(ContactStated("C2", world.clock(), phone="+85287654321"))
    told, _ = await settled(desk, second["id"], "SENT", "FAILED")
    assert (told["channel"], told["template"], told["recipient"]) == ("SMS", "MARGIN_CALL", "+85287654321")
    assert len(await messages(desk.caller(), first["id"])) == 2


async def test_a_message_that_waits_goes_to_where_the_client_is_reached_then(
    world: World, receiver: Receiver
) -> None:
    quiet = QuietHours.parse("22:00-08:00")
    contact = Contact("c1@example.org", "+85212345678", "", time_zone="Asia/Hong_Kong", quiet_hours=quiet)
    desk = await called(world, receiver, "sms", "email", book=a_reached_book(contact))
    case, trader = await case_of(desk, "M1"), desk.caller(minutes=60 * 48)
    world.clock.now = HELD
    for channel in ("SMS", "EMAIL"):
        await send(trader, case["id"], key=channel, channel=channel, text="Hello")
    world.clock.advance(minutes=1)
    moved = ContactStated("C1", world.clock(), phone="+85287654321", time_zone="Asia/Hong_Kong")
    await world.market.says(moved)
    world.clock.advance(hours=9)
    await desk.until(lambda: _none_waits(desk), "both to be dealt with")
    by_channel = {each["channel"]: each for each in await messages(trader, case["id"])}
    assert [text_of(each)["to"] for each in receiver.posted] == ["+85287654321"]
    assert (by_channel["SMS"]["status"], by_channel["SMS"]["recipient"]) == ("SENT", "+85287654321")
    assert (by_channel["EMAIL"]["status"], by_channel["EMAIL"]["attempts"]) == ("FAILED", 0)
    assert by_channel["EMAIL"]["reason"] == "the client has no address for this channel"


async def _none_waits(desk: Desk) -> bool:
    return not await desk.rows("SELECT id FROM client_message WHERE status = 'QUEUED'")


@pytest.mark.parametrize(
    "asked",
    [{}, {"text": " "}, {"template": "REMINDER", "text": "x"}, {"template": "FREE_TEXT"}, {"caseIds": []}],
)
async def test_a_message_that_makes_no_sense_is_an_error(
    world: World, receiver: Receiver, asked: dict[str, object]
) -> None:
    desk = await world.desk(a_reached_book(), **channels(receiver, "sms"))
    given = {"idempotencyKey": "k", "caseIds": ["x"], "channel": "SMS", **asked}
    assert (await desk.caller().answer(SEND, input=given)).codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("broken", ["its settling", "its row"])
async def test_a_message_that_the_desk_fails_at_holds_up_no_other(
    world: World, receiver: Receiver, broken: str
) -> None:
    book = a_book(*(reached(a_client(f"C{number}", owing(f"M{number}"))) for number in (1, 2)))
    desk = await called(world, receiver, "sms", book=book)
    ids = [(await case_of(desk, number))["id"] for number in ("M1", "M2")]
    receiver.silent.add("/sms")
    resources = desk.application.resources
    await send(desk.caller(), ids[0], template="MARGIN_CALL")
    (row,) = await desk.rows("SELECT id FROM client_message")
    with resources.database.active():
        if broken == "its settling":
            await poison("client_message", f"NEW.id = '{row['id']}' AND NEW.status = 'SENT'")
        else:
            await fetch("UPDATE client_message SET language = 'KLINGON' WHERE id = $1 RETURNING 1", row["id"])
    receiver.speak()
    await send(desk.caller(), ids[1], key="other", template="MARGIN_CALL")
    await settled(desk, ids[1], "SENT")

    async def is_counted() -> bool:
        return (await scraped(desk))["desk_round_faults_total"] >= 1

    await desk.until(is_counted, "the fault to be counted")
    assert desk.application.workers.ready
