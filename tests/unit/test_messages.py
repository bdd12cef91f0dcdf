"""The words of messages, quiet hours, the life of a message, and Apprise against a real socket."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.case import AlertType, CaseStatus
from domain.ids import CaseId, ClientId, Symbol
from domain.letter import ASKS, StockOwed, Traded
from domain.message import (
    TRANSITIONS,
    UNKNOWN_END,
    Channel,
    Circuit,
    Contact,
    Fault,
    Language,
    Message,
    MessageId,
    MessageStatus,
    MessageTemplate,
    MessageTrigger,
    QuietHours,
    RetryPolicy,
    after_attempt,
    before_attempt,
    is_pointless,
    step,
)
from domain.money import Currency
from domain.order import OrderSide
from messages.apprise_service import (
    NO_THREAD,
    NOT_BEGUN,
    NOT_TAKEN,
    SILENT,
    AppriseService,
    BadServiceUrl,
)
from messages.base import Outgoing
from messages.templates import DIRECTORY, LETTERS, PLACEHOLDERS, BadTemplate, Facts, Templates
from tests.kit.no_threads import no_thread_can_be_started
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.receiver import Receiver, a_receiver

NOW = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)
POLICY = RetryPolicy(timedelta(seconds=5), timedelta(minutes=15), 4)
DOWN, STUCK = Fault("down"), Fault("stuck; nothing was sent", begun=False)
FACTS = Facts(
    "CHAN Tai Man $amount",
    "M1",
    "MC2020-000001",
    Decimal("152800"),
    Currency("HKD"),
    NOW,
    datetime(2020, 3, 18, 6, 0, tzinfo=UTC),
    ZoneInfo("Asia/Hong_Kong"),
    text="Please call us.\n$deadline",
    stock=(StockOwed(Symbol("700.HK"), Decimal("300.0000"), datetime(2020, 3, 17, 8, 30, tzinfo=UTC)),),
    trades=(Traded(Symbol("5.HK"), OrderSide.SELL, Decimal(400), Decimal("59.95000000"), Currency("HKD")),),
)
A_MESSAGE = Message(
    id=MessageId("m1"),
    case_id=CaseId("c1"),
    client_id=ClientId("k1"),
    channel=Channel.SMS,
    template=MessageTemplate.REMINDER,
    language=Language.ENGLISH,
    title="title",
    body="body",
    recipient="+85212345678",
    automatic=True,
    placed_by="system",
    created_at=NOW,
    earliest_at=NOW,
    latest_at=NOW + timedelta(hours=24),
    attempts=1,
)
AT_ITS_END = replace(A_MESSAGE, latest_at=NOW + timedelta(seconds=5))


MONEY = {AlertType.MAINTENANCE, AlertType.CASH_DEBT, AlertType.OVER_FINANCING, AlertType.INTRADAY}
EVERY_LETTER = [(template, alert) for template in MessageTemplate for alert in AlertType]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(("template", "alert"), EVERY_LETTER)
def test_every_letter_is_there_in_every_language_and_fills_every_placeholder(
    template: MessageTemplate, alert: AlertType, language: Language
) -> None:
    text = Templates().render(template, alert, language, FACTS)
    assert text.language is language, "it is there, not taken from English"
    whole = text.title + text.body.replace(FACTS.client_name, "").replace(FACTS.text, "")
    assert "$" not in whole
    assert "M1" in whole
    assert ("Please call us." in text.body) is (template is MessageTemplate.FREE_TEXT)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(("template", "alert"), EVERY_LETTER)
def test_a_letter_names_its_subject_and_asks_for_nothing_else(
    template: MessageTemplate, alert: AlertType, language: Language
) -> None:
    body = Templates().render(template, alert, language, replace(FACTS, client_name="CHAN")).body
    asks, money = template in ASKS, alert in MONEY
    assert ("HKD 152,800.00" in body) is (asks and money)
    assert ("14:00 HKT" in body) is (asks and money), "the deadline of the case"
    assert ("300 700.HK" in body) is (asks and not money), "the stock, the quantity"
    assert ("16:30 HKT" in body) is (asks and not money), "and when it is due"
    assert ("400 5.HK" in body) is (template is MessageTemplate.SOLD), "what was traded"
    assert ("HKD 59.95" in body) is (template is MessageTemplate.SOLD), "and at which price"


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(("template", "alert"), EVERY_LETTER)
def test_a_letter_with_an_amount_names_the_missing_prices(
    template: MessageTemplate, alert: AlertType, language: Language
) -> None:
    of_amount = template in ASKS and alert in MONEY
    known = Templates().render(template, alert, language, FACTS)
    lacking = Templates().render(template, alert, language, replace(FACTS, unvalued=("CHF", "NEW.HK")))
    added = lacking.body.removeprefix(known.body)
    assert ("CHF, NEW.HK" in added) is of_amount
    assert (lacking.parameters.get("unvalued") == "CHF, NEW.HK") is of_amount
    assert "unvalued" not in known.parameters
    assert of_amount or lacking == known


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("template", sorted(ASKS))
def test_each_kind_of_case_has_its_own_text_for_its_demand(
    template: MessageTemplate, language: Language
) -> None:
    texts = {Templates().render(template, alert, language, FACTS).body for alert in AlertType}
    titles = {Templates().render(template, alert, language, FACTS).title for alert in AlertType}
    assert len(texts) == len(titles) == len(AlertType)


@pytest.mark.parametrize(
    ("language", "force_close"),
    [
        (Language.ENGLISH, "before that, if the account falls below its force-close margin"),
        (Language.SIMPLIFIED_CHINESE, "强制平仓保证金以下"),
        (Language.TRADITIONAL_CHINESE, "強制平倉保證金以下"),
    ],
)
def test_a_letter_promises_no_time_that_the_client_may_not_have(language: Language, force_close: str) -> None:
    """Below the force-close margin the desk may sell before the deadline."""
    for template in ASKS:
        for alert in (AlertType.MAINTENANCE, AlertType.OVER_FINANCING):
            assert force_close in Templates().render(template, alert, language, FACTS).body


def test_a_free_text_has_a_title_that_fits_every_case() -> None:
    titles = {
        Templates().render(MessageTemplate.FREE_TEXT, alert, Language.ENGLISH, FACTS).title
        for alert in AlertType
    }
    assert titles == {f"About notice {FACTS.case_no} on account {FACTS.account_no}"}


@pytest.mark.parametrize("language", Language)
def test_the_call_names_account_amount_and_deadline_in_the_markets_time(language: Language) -> None:
    body = Templates().render(MessageTemplate.MARGIN_CALL, AlertType.MAINTENANCE, language, FACTS).body
    assert "CHAN Tai Man $amount" in body, "what a name holds is no placeholder"
    assert "HKD 152,800.00" in body
    assert "14:00 HKT" in body
    assert ("on 18 Mar 2020" if language is Language.ENGLISH else "2020年3月18日") in body


def test_every_placeholder_is_used_somewhere() -> None:
    everything = "".join(path.read_text() for path in DIRECTORY.rglob("*.txt"))
    assert {name for name in PLACEHOLDERS if f"${name}" not in everything} == set()


def test_a_yen_amount_has_no_decimals() -> None:
    facts = replace(FACTS, amount=Decimal("1234567.4"), currency=Currency("JPY"))
    body = (
        Templates().render(MessageTemplate.MARGIN_CALL, AlertType.MAINTENANCE, Language.ENGLISH, facts).body
    )
    assert "JPY 1,234,567 more" in body


def _templates_in(directory: Path, **texts: str) -> Path:
    (directory / "en").mkdir()
    for letter in LETTERS:
        (directory / "en" / f"{letter}.txt").write_text(texts.get(letter.replace(".", "_"), "title\nbody"))
    return directory


def test_a_language_without_a_template_falls_back_to_english(tmp_path: Path) -> None:
    text = Templates(_templates_in(tmp_path)).render(
        MessageTemplate.CURED, AlertType.MAINTENANCE, Language.SIMPLIFIED_CHINESE, FACTS
    )
    assert (text.body, text.language) == ("body", Language.ENGLISH)


@pytest.mark.parametrize("text", ["title\n$amonut", "title\n$", "\nbody"])
def test_a_template_that_cannot_be_filled_is_refused_at_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadTemplate):
        Templates(_templates_in(tmp_path, cured_money=text))


def test_a_file_that_is_the_text_of_no_letter_is_refused_at_start(tmp_path: Path) -> None:
    directory = _templates_in(tmp_path)
    (directory / "en" / "margin_call.txt").write_text("title\nbody")
    with pytest.raises(BadTemplate, match="margin_call"):
        Templates(directory)


@pytest.mark.parametrize(
    ("hours", "local", "until"),
    [
        ("22:00-08:00", "21:59", "21:59"),
        ("22:00-08:00", "22:00", "08:00"),
        ("22:00-08:00", "07:59", "08:00"),
        ("22:00-08:00", "08:00", "08:00"),
        ("12:00-13:00", "12:30", "13:00"),
        ("09:00-09:00", "09:00", "09:00"),
    ],
)
def test_quiet_hours_hold_until_their_end(hours: str, local: str, until: str) -> None:
    zone = ZoneInfo("Asia/Hong_Kong")
    contact = Contact(time_zone=zone.key, quiet_hours=QuietHours.parse(hours))
    now = datetime.combine(datetime(2020, 3, 16).date(), time.fromisoformat(local), zone)  # noqa: DTZ001
    held = contact.may_be_disturbed_from(now.astimezone(UTC))
    assert held.astimezone(zone).strftime("%H:%M") == until
    assert timedelta() <= held - now < timedelta(hours=24)


@given(st.times(), st.times(), st.datetimes(timezones=st.just(UTC), min_value=datetime(2020, 1, 1)))  # noqa: DTZ001
def test_when_quiet_hours_end_they_are_over(begins: time, ends: time, now: datetime) -> None:
    quiet = QuietHours(begins.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0))
    contact = Contact(time_zone="Asia/Tokyo", quiet_hours=quiet)
    held = contact.may_be_disturbed_from(now)
    assert now <= held < now + timedelta(hours=24, seconds=1)
    assert contact.may_be_disturbed_from(held) == held


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ("22:00-08:00", "2020-03-08T05:00-05:00", "2020-03-08T08:00-04:00"),
        ("22:00-08:00", "2020-03-07T23:00-05:00", "2020-03-08T08:00-04:00"),
        ("22:00-02:30", "2020-03-08T01:00-05:00", "2020-03-08T03:30-04:00"),
        ("22:00-08:00", "2020-11-01T00:30-04:00", "2020-11-01T08:00-05:00"),
        ("22:00-01:45", "2020-11-01T01:30-04:00", "2020-11-01T01:45-04:00"),
        ("22:00-01:45", "2020-11-01T01:30-05:00", "2020-11-01T01:45-05:00"),
        ("01:15-01:30", "2020-11-01T01:20-05:00", "2020-11-01T01:30-05:00"),
    ],
)
def test_quiet_hours_when_the_clocks_change(hours: str, now: str, until: str) -> None:
    contact = Contact(time_zone="America/New_York", quiet_hours=QuietHours.parse(hours))
    at = datetime.fromisoformat(now).astimezone(UTC)
    assert contact.may_be_disturbed_from(at) == datetime.fromisoformat(until)


def test_only_a_queued_message_changes_but_for_an_answer_that_came_late() -> None:
    late = {pair for pair in TRANSITIONS if pair[0] is not MessageStatus.QUEUED}
    assert late == {
        (MessageStatus.FAILED, MessageTrigger.ACCEPTED),
        (MessageStatus.EXPIRED, MessageTrigger.ACCEPTED),
    }
    assert {trigger for status, trigger in TRANSITIONS if status is MessageStatus.QUEUED} == set(
        MessageTrigger
    )
    sent = step(A_MESSAGE, MessageTrigger.ACCEPTED, NOW)
    assert step(sent, MessageTrigger.GIVEN_UP, NOW) is sent


@given(st.integers(1, 40), st.floats(0, 1))
def test_the_wait_doubles_within_its_bounds(attempts: int, jitter: float) -> None:
    wait = POLICY.wait(attempts, jitter)
    whole = min(POLICY.first * 2 ** (attempts - 1), POLICY.longest)
    assert whole / 2 <= wait <= whole


def test_a_failed_attempt_is_repeated_until_there_were_enough() -> None:
    message, waits = A_MESSAGE, []
    for attempt in range(1, POLICY.attempts + 1):
        message = after_attempt(replace(message, attempts=attempt), DOWN, POLICY, 0, NOW)
        waits.append(message.next_attempt_at)
    assert waits[:3] == [NOW + timedelta(seconds=wait) for wait in (5, 10, 20)]
    assert (message.status, message.reason) == (MessageStatus.FAILED, "down")


def test_a_retry_that_would_come_too_late_is_not_waited_for() -> None:
    assert after_attempt(AT_ITS_END, DOWN, POLICY, 0, NOW).status is MessageStatus.EXPIRED


def test_an_attempt_that_never_began_is_none() -> None:
    message = A_MESSAGE
    for _ in range(2 * POLICY.attempts):
        waiting = after_attempt(message, STUCK, POLICY, 0, NOW)
        assert (waiting.status, waiting.attempts, waiting.reason) == (MessageStatus.QUEUED, 0, STUCK.reason)
        assert waiting.next_attempt_at == NOW + POLICY.first
        message = replace(waiting, attempts=1)
    last = after_attempt(replace(A_MESSAGE, attempts=POLICY.attempts), STUCK, POLICY, 0, NOW)
    assert (last.status, last.attempts) == (MessageStatus.QUEUED, POLICY.attempts - 1)


@pytest.mark.parametrize(
    ("attempts", "before", "told"),
    [(1, None, STUCK.reason), (2, "it may have been sent", "it may have been sent"), (2, None, UNKNOWN_END)],
)
def test_an_attempt_that_never_began_does_not_hide_an_earlier_one_that_may_have_gone_out(
    attempts: int, before: str | None, told: str
) -> None:
    ended = after_attempt(replace(AT_ITS_END, attempts=attempts, reason=before), STUCK, POLICY, 0, NOW)
    assert (ended.status, ended.attempts, ended.reason) == (MessageStatus.EXPIRED, attempts - 1, told)


def test_a_failure_does_not_undo_the_sending_by_another_process() -> None:
    sent = step(A_MESSAGE, MessageTrigger.ACCEPTED, NOW)
    assert after_attempt(sent, DOWN, POLICY, 0, NOW) is sent


def test_no_attempt_follows_after_every_attempt_crashed() -> None:
    """A message on which the process crashes is counted by its claims, since no end was recorded."""
    last = replace(A_MESSAGE, attempts=POLICY.attempts)
    assert before_attempt(last, CaseStatus.OPEN, Contact(), POLICY, NOW) is None
    beyond = before_attempt(replace(last, attempts=5), CaseStatus.OPEN, Contact(), POLICY, NOW)
    assert beyond is not None
    assert (beyond.status, beyond.settled_at) == (MessageStatus.FAILED, NOW)


def test_in_quiet_hours_no_attempt_is_made_nor_counted() -> None:
    quiet = Contact(quiet_hours=QuietHours.parse("01:00-03:00"))
    held = before_attempt(A_MESSAGE, CaseStatus.OPEN, quiet, POLICY, NOW)
    assert held is not None
    assert (held.status, held.attempts) == (MessageStatus.QUEUED, 0)
    assert held.next_attempt_at == NOW + timedelta(hours=1)
    short = replace(A_MESSAGE, latest_at=NOW + timedelta(hours=1))
    ended = before_attempt(short, CaseStatus.OPEN, quiet, POLICY, NOW)
    assert ended is not None
    assert ended.status is MessageStatus.EXPIRED


def test_a_held_message_is_dropped_when_the_case_no_longer_calls_for_it() -> None:
    by_hand = replace(A_MESSAGE, automatic=False)
    assert not is_pointless(A_MESSAGE, CaseStatus.OPEN)
    assert is_pointless(A_MESSAGE, CaseStatus.EXCEPTION)
    assert not is_pointless(replace(A_MESSAGE, template=MessageTemplate.SOLD), CaseStatus.EXCEPTION)
    assert not is_pointless(by_hand, CaseStatus.EXCEPTION)
    assert is_pointless(by_hand, CaseStatus.RESOLVED)
    assert not is_pointless(replace(A_MESSAGE, template=MessageTemplate.CURED), CaseStatus.RESOLVED)


def test_a_dead_channel_is_tried_now_and_then_until_it_answers() -> None:
    circuit = Circuit(failures_max=2, pause=timedelta(minutes=1))
    assert not circuit.note(DOWN, NOW)
    assert circuit.room(NOW, 4) == 4
    assert circuit.note(DOWN, NOW)
    assert circuit.room(NOW, 4) == 0
    later = NOW + timedelta(minutes=1)
    assert circuit.room(later, 4) == 1
    assert not circuit.note(DOWN, later), "it is broken already: nobody is told again"
    assert circuit.room(later, 4) == 0
    circuit.note(None, later)
    assert circuit.room(later, 4) == 4


PATIENT = f"&rto={FAR_S:.0f}&cto={FAR_S:.0f}"
"""Apprise's own time-outs, of which the default is 4 seconds: a machine may be slower than that."""


def a_service(receiver: Receiver, path: str, *, threads: int = 1, timeout_s: float = FAR_S) -> AppriseService:
    """One that leads to the receiver and, unless told, waits for as long as it takes."""
    return AppriseService(
        receiver.url(path + PATIENT, "json"), threads=threads, timeout_s=timeout_s, name="sms"
    )


async def test_apprise_sends_the_text_to_the_recipient_with_the_id() -> None:
    async with a_receiver() as receiver:
        service = a_service(receiver, "/sms?:to={to}&+Idempotency-Key={id}")
        outgoing = Outgoing("m1", "+852 1234&:to=evil", "Margin call", "第一行\nHKD 1.00 & more")
        assert await service.send(outgoing) is None
        (posted,) = receiver.posted
    body = json.loads(posted.body)
    assert posted.headers["idempotency-key"] == "m1"
    assert (body["to"], body["title"]) == ("+852 1234&:to=evil", "Margin call")
    assert body["message"] == "第一行\nHKD 1.00 & more"


async def test_apprise_says_when_a_service_refuses_or_is_silent() -> None:
    async with a_receiver(status=503, silent={"/silent"}) as receiver:
        refused = a_service(receiver, "/sms?:to={to}")
        assert await refused.send(Outgoing("m1", "1", "t", "b")) == NOT_TAKEN
        silent = a_service(receiver, "/silent?:to={to}", timeout_s=0.2)
        assert await silent.send(Outgoing("m1", "1", "t", "b")) == SILENT


async def test_a_service_that_hangs_does_not_hold_up_the_end_of_the_process() -> None:
    async with a_receiver(silent={"/silent"}) as receiver:
        url = receiver.url(f"/silent?:to={{to}}{PATIENT}", "json")
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", HANGING, url, stdout=PIPE)
        try:
            async with asyncio.timeout(PATIENCE_S):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    assert said.decode().strip() == SILENT.reason


HANGING = """
import asyncio, sys
from messages.apprise_service import AppriseService
from messages.base import Outgoing

async def main():
    service = AppriseService(sys.argv[1], threads=1, timeout_s=0.5, name="sms")
    print((await service.send(Outgoing("m1", "1", "t", "b"))).reason)

asyncio.run(main())
"""


async def test_services_that_hang_delay_no_other_channel() -> None:
    """However many calls hang in them, for longer than the desk waits."""
    async with a_receiver(silent={"/silent"}) as receiver:
        dead = a_service(receiver, "/silent?:to={to}", threads=HANGING_CALLS)
        hanging = [
            asyncio.create_task(dead.send(Outgoing(str(n), "1", "t", "b"))) for n in range(HANGING_CALLS)
        ]
        await receiver.until(HANGING_CALLS)
        alive = a_service(receiver, "/mail?:to={to}")
        assert await alive.send(Outgoing("m1", "1", "t", "b")) is None
        assert not any(task.done() for task in hanging)
        for task in hanging:
            task.cancel()


HANGING_CALLS = 40
"""More than any pool has threads by default on a machine of a few cores."""


async def test_a_message_without_a_free_thread_in_time_is_not_sent_later() -> None:
    async with a_receiver(silent={"/silent"}) as receiver:
        service = a_service(receiver, "/silent?:to={to}", timeout_s=0.2)
        assert await service.send(Outgoing("m1", "1", "t", "first")) == SILENT
        assert await service.send(Outgoing("m2", "1", "t", "second")) == NOT_BEGUN
        await receiver.until(1)
        receiver.speak()
        # Only what never began is repeated: however late the answer of the third is, it is sent once.
        while await service.send(Outgoing("m3", "1", "t", "third")) == NOT_BEGUN:
            pass
        posted = await receiver.until(2)
        assert [json.loads(each.body)["message"] for each in posted] == ["first", "third"]


async def test_without_a_thread_of_the_machine_nothing_went_out_and_the_next_message_goes() -> None:
    async with a_receiver() as receiver:
        service = a_service(receiver, "/sms?:to={to}")
        with no_thread_can_be_started():
            assert await service.send(Outgoing("m1", "1", "t", "first")) == NO_THREAD
        assert await service.send(Outgoing("m2", "1", "t", "second")) is None
        (posted,) = receiver.posted
        assert json.loads(posted.body)["message"] == "second"


async def test_the_answer_of_a_service_brings_no_secret_into_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A library below says of a malformed answer which URL it came from, and a token is part of that."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        # The body too: what is left unread at the end resets the connection, and the answer may go under.
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
        writer.write(b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    with caplog.at_level("INFO"):
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"json://user:PASSWORD@127.0.0.1:{port}/TOKEN?:to={{to}}{PATIENT}"
            service = AppriseService(url, threads=1, timeout_s=FAR_S, name="sms")
            assert await service.send(Outgoing("m1", "+85212345678", "t", "b")) is None
    assert not [word for word in ("TOKEN", "PASSWORD", "85212345678") if word in caplog.text]


def test_a_url_that_apprise_does_not_know_is_refused_without_quoting_it() -> None:
    with pytest.raises(BadServiceUrl) as caught:
        AppriseService("nonsense://secret@{to}", threads=1, timeout_s=1, name="sms")
    assert "secret" not in str(caught.value)
