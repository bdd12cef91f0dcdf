"""Webhooks: where they may lead, how they are signed, and posting to a real socket."""

import asyncio
import base64
import hashlib
import hmac
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from domain.kill_switch import EVERYTHING_FROZEN
from domain.message import RetryPolicy
from domain.principal import EVERYTHING
from domain.refusals import Refusal
from domain.webhook import (
    ALERTS,
    Post,
    UrlPolicy,
    Webhook,
    WebhookEvent,
    WebhookId,
    WebhookStatus,
    after_post,
    check_url,
    is_public,
    replayed,
)
from domain.webhook_secret import RotationPolicy, rotated, secret_of, signature_headers, signing_secrets
from messages.webhook_post import WebhookPoster
from tests.kit.control_events import a_switch_event, an_account, an_approval_event
from tests.kit.live_desk import case_event
from tests.kit.no_threads import no_thread_can_be_started
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.receiver import a_receiver

NOW = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)
LOCAL = UrlPolicy(allow_http=True, allow_private=True)
POLICY = RetryPolicy(timedelta(seconds=1), timedelta(minutes=5), 1)


def an_endpoint() -> Webhook:
    return Webhook(
        WebhookId("w1"),
        "https://example.org/hook",
        ALERTS,
        "owner",
        EVERYTHING,
        NOW,
        "salt",
        NOW,
        "epoch",
        10,
    )


def test_events_of_requests_and_switches_are_posted_to_no_endpoint() -> None:
    endpoint = replace(an_endpoint(), events=frozenset(WebhookEvent))
    assert endpoint.wants(case_event(NOW))
    assert not endpoint.wants(an_approval_event(NOW, account=an_account(NOW)))
    assert not endpoint.wants(a_switch_event(NOW, EVERYTHING_FROZEN))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https:///path",
        "https://user:password@example.org/",
        "https://example.org/#part",
        "https://example.org/a b",
        "https://example.org/\r\nx: y",
        "https://exämple.org/",
        "https://example.org:99999/",
        "https://example.org:0/",
        "https://[::1/",
        "https://localhost/",
        "https://localhost./",
        "https://desk.internal/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://example.org/" + "x" * 1000,
    ],
)
def test_a_url_that_leads_inside_or_is_malformed_is_refused(url: str) -> None:
    assert check_url(url, UrlPolicy()) is not None


def test_a_public_https_url_is_accepted_and_local_ones_only_if_allowed() -> None:
    assert check_url("https://example.org:8443/hook?x=1", UrlPolicy()) is None
    assert check_url("https://[2606:4700::1111]/", UrlPolicy()) is None
    assert check_url("http://127.0.0.1:9/hook", LOCAL) is None
    assert check_url("http://127.0.0.1:9/hook", UrlPolicy(allow_http=True)) is not None


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:192.168.1.1", False),
        ("fe80::1%eth0", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::7f00:1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("fec0::1", False),
        ("nonsense", False),
    ],
)
def test_only_publicly_routable_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_the_signature_follows_the_specification() -> None:
    secret = secret_of(b"key of the desk", WebhookId("w1"), "salt")
    headers = signature_headers([secret], "event-1", NOW, b'{"a":1}')
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = b"event-1." + headers["webhook-timestamp"].encode() + b'.{"a":1}'
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert len(key) == 32


def test_every_endpoint_has_a_secret_of_its_own() -> None:
    secrets = {secret_of(b"k", WebhookId(id_), salt) for id_ in "ab" for salt in "xy"}
    assert len(secrets) == 4


def test_old_secrets_sign_behind_the_newest_until_their_time_is_over() -> None:
    policy, hour = RotationPolicy(timedelta(hours=2), most_retiring=2), timedelta(hours=1)
    first = an_endpoint()
    second = rotated(first, "salt 2", policy, NOW)
    assert isinstance(second, Webhook)
    third = rotated(second, "salt 3", policy, NOW + hour)
    assert isinstance(third, Webhook)
    secrets = [secret_of(b"k", first.id, salt) for salt in ("salt 3", "salt 2", "salt")]
    assert signing_secrets(b"k", third, NOW + hour) == secrets
    assert signing_secrets(b"k", third, NOW + 2 * hour) == secrets[:2]
    assert signing_secrets(b"k", third, NOW + 3 * hour) == secrets[:1]
    assert replace(third, salt="salt", retiring=()) == first, "nothing else is touched"
    assert isinstance(rotated(third, "salt 4", policy, NOW + hour), Refusal)
    fourth = rotated(third, "salt 4", policy, NOW + 2 * hour)
    assert isinstance(fourth, Webhook)
    assert [old.salt for old in fourth.retiring] == ["salt 2", "salt 3"]


def test_a_failing_endpoint_keeps_its_place_until_it_counts_as_dead() -> None:
    webhook, now = an_endpoint(), NOW
    for expected in (1, 2, 4):
        webhook = _posted(webhook, "down", now)
        assert webhook.offset == 10
        assert webhook.next_attempt_at == now + timedelta(seconds=expected)
    dead = _posted(webhook, "down", NOW + timedelta(hours=12))
    assert (dead.status, dead.offset, dead.disabled_at) == (
        WebhookStatus.DISABLED,
        10,
        NOW + timedelta(hours=12),
    )
    assert "down" in (dead.reason or "")
    again = replayed(dead, "epoch", 5)
    assert (again.status, again.offset, again.failing_since, again.generation) == (
        WebhookStatus.ACTIVE,
        5,
        None,
        2,
    )


def test_an_answer_forgets_the_failures_before() -> None:
    well = _posted(_posted(an_endpoint(), "down", NOW), None, NOW)
    assert (well.offset, well.attempts, well.failing_since, well.next_attempt_at) == (11, 0, None, None)


def _posted(webhook: Webhook, fault: str | None, now: datetime) -> Webhook:
    post = Post(11, fault, now)
    return after_post(webhook, post, policy=POLICY, disable_after=timedelta(hours=12), jitter=0)


async def test_a_post_arrives_whole() -> None:
    async with a_receiver() as receiver:
        poster = WebhookPoster(LOCAL, timeout_s=FAR_S)
        url = receiver.url("/hook?team=risk")
        assert await poster.post(url, {"webhook-id": "e1"}, "第".encode()) is None
        (posted,) = receiver.posted
    assert (posted.path, posted.body, posted.headers["webhook-id"]) == ("/hook", "第".encode(), "e1")
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 410, 500])
async def test_only_a_status_of_2xx_counts_and_redirects_are_not_followed(status: int) -> None:
    async with a_receiver(status=status) as receiver:
        fault = await WebhookPoster(LOCAL, timeout_s=FAR_S).post(receiver.url(), {}, b"{}")
        assert fault == f"answered with status {status}"
        assert len(receiver.posted) == 1


async def test_a_receiver_that_is_silent_or_away_is_a_reason_and_no_exception() -> None:
    async with a_receiver(silent={"/hook"}) as receiver:
        poster = WebhookPoster(LOCAL, timeout_s=0.2)
        assert "no answer" in (await poster.post(receiver.url(), {}, b"{}") or "")
    with socket.socket() as nobody_listens:
        # Bound all the same: a port that was merely free could be somebody else's by now.
        nobody_listens.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody_listens.getsockname()[1]}/hook"
        fault = await WebhookPoster(LOCAL, timeout_s=FAR_S).post(url, {}, b"{}")
    assert (fault or "").startswith("the receiver refuses connections (")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://no-such-name.invalid/hook", "the name of the host cannot be resolved"),
        ("http://a..b.example/hook", "the name of the host is not valid"),
    ],
)
async def test_the_reason_is_in_words_for_the_owner_of_the_endpoint(url: str, reason: str) -> None:
    fault = await WebhookPoster(LOCAL, timeout_s=FAR_S).post(url, {}, b"{}")
    assert (fault or "").startswith(f"{reason} (")


async def test_an_answer_that_breaks_off_is_a_reason_in_words() -> None:
    async def breaks_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 20")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(breaks_off, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        fault = await WebhookPoster(LOCAL, timeout_s=FAR_S).post(url, {}, b"{}")
    # A reset or an end: what comes first is the network's affair.
    assert (fault or "").startswith("the connection was ")


async def test_a_name_is_looked_at_when_it_is_posted_to() -> None:
    """A number is no address to the eye, but it resolves to this machine."""
    async with a_receiver() as receiver:
        policy = UrlPolicy(allow_http=True)
        url = f"http://2130706433:{receiver.port}/hook"
        assert check_url(url, policy) is None
        assert "not public" in (await WebhookPoster(policy, timeout_s=FAR_S).post(url, {}, b"{}") or "")
        assert receiver.posted == []


@pytest.mark.parametrize(
    ("chunk", "pause_s", "timeout_s", "fault"),
    [
        (b"x" * 65536, 0, FAR_S, "the receiver's answer is not valid HTTP (Receive buffer too long)"),
        (b"HTTP/1.1 103 Hints\r\n\r\n", 0, 0.3, "no answer within"),
        (b"H", 0.02, 0.3, "no answer within"),
        (b"SSH-2.0-x\r\n", 0, FAR_S, "the receiver's answer is not valid HTTP"),
        (b"SSH-2.0-x\r\n\r\n", 0, FAR_S, "the receiver's answer is not valid HTTP (illegal status line"),
    ],
)
async def test_an_answer_without_an_end_costs_a_bounded_time_and_no_memory(
    chunk: bytes, pause_s: float, timeout_s: float, fault: str
) -> None:
    gone = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except ConnectionError:
            gone.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        said = await WebhookPoster(LOCAL, timeout_s=timeout_s).post(url, {}, b"{}")
        assert fault in (said or "")
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()


async def test_without_a_thread_of_the_machine_a_post_has_a_reason_and_the_next_one_goes() -> None:
    async with a_receiver() as receiver:
        poster = WebhookPoster(LOCAL, timeout_s=FAR_S, resolving_max=1)
        with no_thread_can_be_started():
            assert "could not start a thread" in (await poster.post(receiver.url(), {}, b"{}") or "")
        assert await poster.post(receiver.url(), {}, b"{}") is None
        assert len(receiver.posted) == 1


async def test_unresolvable_names_delay_no_other_endpoint() -> None:
    release, asked, loop = Event(), asyncio.Semaphore(0), asyncio.get_running_loop()

    def resolve(host: str, port: int) -> list[str]:
        if host != "lives.example":
            loop.call_soon_threadsafe(asked.release)
            release.wait()
        return ["127.0.0.1"]

    async with a_receiver() as receiver:
        poster = WebhookPoster(LOCAL, timeout_s=FAR_S, resolve=resolve)
        hanging = [
            asyncio.create_task(poster.post(f"http://hangs-{number}.example/", {}, b"{}"))
            for number in range(40)
        ]
        async with asyncio.timeout(PATIENCE_S):
            for _ in hanging:
                await asked.acquire()
        assert await poster.post(f"http://lives.example:{receiver.port}/hook", {}, b"{}") is None
        assert not any(task.done() for task in hanging)
        release.set()
        for task in hanging:
            task.cancel()


async def test_a_name_that_leads_elsewhere_the_second_time_leads_nowhere_else() -> None:
    """Rebinding: public when it is registered, inside when it is posted to, or both at once."""
    answers = iter([["127.0.0.1"], ["93.184.216.34", "::ffff:127.0.0.1"], ["10.0.0.1", "93.184.216.34"]])
    async with a_receiver() as receiver:
        policy = UrlPolicy(allow_http=True)
        poster = WebhookPoster(policy, timeout_s=FAR_S, resolve=lambda *_: next(answers))
        for _ in range(3):
            fault = await poster.post(f"http://rebinds.example:{receiver.port}/hook", {}, b"{}")
            assert "not public" in (fault or "")
        assert receiver.posted == []


async def test_tls_to_something_that_speaks_none_is_a_reason() -> None:
    async with a_receiver() as receiver:
        fault = await WebhookPoster(LOCAL, timeout_s=0.3).post(receiver.url(scheme="https"), {}, b"{}")
        assert fault is not None
        assert receiver.posted == []
