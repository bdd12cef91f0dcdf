"""Webhooks: registered through the API, delivered to a real server, in order and signed."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.principal import Permission
from models.revocation import revoke_subject
from tests.api.moments import prices_call
from tests.api.trading import cases, liquidate
from tests.kit.book_files import a_book, a_client, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World, scraped
from tests.kit.patience import FAR_S
from tests.kit.receiver import Posted, Receiver, a_receiver
from tests.kit.webhook_receiver import ForgedDelivery, verified

WEBHOOK = (
    "id url events status cursor deliveredAt failingSince attempts nextAttemptAt disabledAt reason"
    " oldSecretUntil"
)
REGISTER = f"""mutation ($input: RegisterWebhookInput!) {{ registerWebhook(input: $input) {{ result {{
  __typename
  ... on WebhookRegistered {{ secret webhook {{ {WEBHOOK} }} }} ... on WebhookRefused {{ code message }}
}} }} }}"""
REPLAY = f"""mutation ($input: ReplayWebhookInput!) {{ replayWebhook(input: $input) {{ result {{ __typename
  ... on WebhookReplayed {{ webhook {{ {WEBHOOK} }} }} ... on WebhookRefused {{ code message }}
}} }} }}"""
REMOVE = """mutation ($input: RemoveWebhookInput!) { removeWebhook(input: $input) { result { __typename
  ... on WebhookRemoved { id } ... on WebhookRefused { code message }
} } }"""
ROTATE = f"""mutation ($input: RotateWebhookSecretInput!) {{ rotateWebhookSecret(input: $input) {{ result {{
  __typename
  ... on WebhookSecretRotated {{ secret webhook {{ {WEBHOOK} }} }} ... on WebhookRefused {{ code message }}
}} }} }}"""
WEBHOOKS = f"query {{ webhooks {{ totalCount nodes {{ {WEBHOOK} }} }} }}"
LOCAL: dict[str, Any] = {
    "webhook_allow_http": True,
    "webhook_allow_private": True,
    "webhook_poll_interval_s": 0.02,
    "webhook_timeout_s": FAR_S,
}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


@pytest.fixture
async def desk(world: World) -> Desk:
    """Whose accounts M1 and M2 will owe as soon as there are prices."""
    return await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))), **LOCAL)


def owner(desk: Desk, subject: str = "risk-system", **scope: Any) -> Caller:
    return desk.caller(Permission.SERVICE, subject=subject, **scope)


async def register(caller: Caller, url: str, key: str = "k", **asked: object) -> Any:
    given = {"idempotencyKey": key, "url": url, **asked}
    return (await caller.ask(REGISTER, input=given))["registerWebhook"]["result"]


async def replay(caller: Caller, webhook: Any, key: str = "r", **asked: object) -> Any:
    given = {"idempotencyKey": key, "webhookId": webhook["id"], **asked}
    return (await caller.ask(REPLAY, input=given))["replayWebhook"]["result"]


async def rotate(caller: Caller, webhook: Any, key: str = "s") -> Any:
    given = {"idempotencyKey": key, "webhookId": webhook["id"]}
    return (await caller.ask(ROTATE, input=given))["rotateWebhookSecret"]["result"]


async def the_webhook(caller: Caller) -> Any:
    (webhook,) = (await caller.ask(WEBHOOKS))["webhooks"]["nodes"]
    return webhook


def body(posted: Posted) -> Any:
    return json.loads(posted.body)


async def test_events_arrive_signed_in_order_with_their_cursors(desk: Desk, receiver: Receiver) -> None:
    registered = await register(owner(desk), receiver.url())
    secret = registered["secret"]
    assert "CASE_UPDATED" not in registered["webhook"]["events"]
    await prices_call(desk)
    await receiver.until(2)
    (case,) = await cases(desk.caller(), accountNo="M1")
    await liquidate(desk.caller(), case["id"])
    await receiver.until(5)
    events = [verified(secret, posted.headers, posted.body, desk.clock()) for posted in receiver.posted]
    assert [event["type"] for event in events[:2]] == ["CASE_OPENED", "CASE_OPENED"]
    assert {"CASE_STATUS_CHANGED", "ORDER_CREATED"} <= {event["type"] for event in events}
    opened = next(event for event in events if event["data"]["accountNo"] == "M1")["data"]
    assert (opened["caseId"], opened["amount"], opened["currency"]) == (case["id"], "20000", "HKD")
    assert "Client C1" not in "".join(posted.body.decode() for posted in receiver.posted)
    assert len({event["id"] for event in events}) == len(events)
    assert [event["id"] for event in events] == [p.headers["webhook-id"] for p in receiver.posted]
    with pytest.raises(ForgedDelivery):
        verified(secret, receiver.posted[0].headers, receiver.posted[1].body, desk.clock())


async def test_the_secret_is_shown_once(desk: Desk, receiver: Receiver) -> None:
    caller = owner(desk)
    first, again = [await register(caller, receiver.url()) for _ in range(2)]
    assert first["secret"].startswith("whsec_")
    assert (again["secret"], again["webhook"]["id"]) == (None, first["webhook"]["id"])
    assert (await caller.ask(WEBHOOKS))["webhooks"]["totalCount"] == 1
    stored = await desk.rows("SELECT * FROM webhook")
    audited = await desk.rows("SELECT detail, before_state, after_state FROM audit")
    outcomes = await desk.rows("SELECT outcome FROM idempotency_item")
    assert first["secret"].removeprefix("whsec_") not in f"{stored}{audited}{outcomes}"


async def test_the_same_key_fifty_times_at_once_registers_one(desk: Desk, receiver: Receiver) -> None:
    caller = owner(desk)
    results = await asyncio.gather(*(register(caller, receiver.url()) for _ in range(50)))
    assert len({result["webhook"]["id"] for result in results}) == 1
    assert len([result["secret"] for result in results if result["secret"]]) == 1


def signed_with(desk: Desk, posted: Posted, *secrets: str) -> list[bool]:
    """Which of these secrets a receiver may have to verify this delivery, which came just now."""

    def verifies(secret: str) -> bool:
        try:
            verified(secret, posted.headers, posted.body, desk.clock())
        except ForgedDelivery:
            return False
        return True

    return [verifies(secret) for secret in secrets]


async def test_after_a_rotation_both_secrets_verify_until_the_time_of_the_old_one_is_over(
    world: World, receiver: Receiver
) -> None:
    book = a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2")))
    desk = await world.desk(book, **LOCAL, webhook_secret_overlap_hours=1)
    caller = owner(desk)
    registered = await register(caller, receiver.url())
    assert registered["webhook"]["oldSecretUntil"] is None
    changed = await rotate(caller, registered["webhook"])
    old, new = registered["secret"], changed["secret"]
    assert changed["webhook"]["oldSecretUntil"] == "2020-03-16T03:00:00Z"
    await prices_call(desk)
    for posted in await receiver.until(2):
        assert len(posted.headers["webhook-signature"].split()) == 2
        assert signed_with(desk, posted, old, new) == [True, True]
    desk.clock.advance(hours=1)
    await replay(caller, changed["webhook"], after=registered["webhook"]["cursor"])
    for posted in (await receiver.until(4))[2:]:
        assert signed_with(desk, posted, old, new) == [False, True]


async def test_the_same_key_fifty_times_at_once_rotates_once_and_shows_the_secret_once(
    desk: Desk, receiver: Receiver
) -> None:
    caller = owner(desk)
    registered = await register(caller, receiver.url())
    results = await asyncio.gather(*(rotate(caller, registered["webhook"]) for _ in range(50)))
    (secret,) = [result["secret"] for result in results if result["secret"]]
    assert secret.startswith("whsec_")
    assert secret != registered["secret"]
    assert {result["webhook"]["oldSecretUntil"] for result in results} == {"2020-03-17T02:00:00Z"}
    (audited,) = await desk.rows("SELECT * FROM audit WHERE action = 'rotateWebhookSecret'")
    assert (audited["actor"], "2020-03-17T02:00:00" in audited["detail"]) == ("risk-system", True)
    (stored,) = await desk.rows("SELECT * FROM webhook")
    outcomes = await desk.rows("SELECT outcome FROM idempotency_item")
    (old,) = json.loads(stored["retiring"])
    for shown in (secret, registered["secret"], stored["salt"], old["salt"]):
        assert shown.removeprefix("whsec_") not in f"{audited}{outcomes}", "neither a secret nor its salt"
    assert secret.removeprefix("whsec_") not in str(stored)


async def test_rotation_without_the_permission_is_refused_and_so_is_one_secret_too_many(
    world: World, receiver: Receiver
) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **LOCAL, webhook_old_secrets_max=1)
    caller = owner(desk)
    webhook = (await register(caller, receiver.url()))["webhook"]
    assert (await rotate(desk.caller(), webhook))["code"] == "FORBIDDEN"
    assert (await rotate(owner(desk, "stranger"), webhook))["code"] == "NOT_FOUND"
    assert (await rotate(caller, webhook))["secret"]
    refused = await rotate(caller, webhook, key="again")
    assert (refused["code"], "2020-03-17 02:00 UTC" in refused["message"]) == ("TOO_MANY", True)
    other = (await register(caller, receiver.url("/other"), key="other"))["webhook"]
    assert (await rotate(caller, other))["code"] == "IDEMPOTENCY_KEY_REUSED"
    desk.clock.advance(hours=24)
    assert (await rotate(owner(desk), webhook, key="later"))["secret"]


async def test_a_rotation_counts_from_the_next_delivery_on_and_leaves_the_position_alone(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.silent.add("/hook")
    caller = owner(desk)
    registered = await register(caller, receiver.url())
    await prices_call(desk)
    await receiver.until(1)
    changed = await rotate(caller, registered["webhook"])
    assert changed["webhook"]["cursor"] == registered["webhook"]["cursor"]
    receiver.speak()
    under_way, following = await receiver.until(2)
    secrets = (registered["secret"], changed["secret"])
    assert signed_with(desk, under_way, *secrets) == [True, False]
    assert signed_with(desk, following, *secrets) == [True, True]
    assert body(under_way)["id"] != body(following)["id"]


async def test_an_owner_receives_events_within_scope_and_sees_only_own_webhooks(
    desk: Desk, receiver: Receiver
) -> None:
    scoped = owner(desk, "scoped", accounts=["M2"])
    mine = await register(scoped, receiver.url("/scoped"))
    await register(owner(desk), receiver.url("/all"))
    await prices_call(desk)
    await receiver.until(2, "/all")
    await receiver.until(1, "/scoped")
    assert {body(each)["data"]["accountNo"] for each in receiver.at("/scoped")} == {"M2"}
    node = "query ($id: ID!) { node(id: $id) { id } }"
    stranger = owner(desk, "stranger")
    assert (await stranger.ask(node, id=mine["webhook"]["id"]))["node"] is None
    assert (await scoped.ask(node, id=mine["webhook"]["id"]))["node"] is not None
    assert (await stranger.ask(WEBHOOKS))["webhooks"]["nodes"] == []
    assert (await replay(stranger, mine["webhook"]))["code"] == "NOT_FOUND"
    asked = {"idempotencyKey": "x", "webhookId": mine["webhook"]["id"]}
    assert (await stranger.ask(REMOVE, input=asked))["removeWebhook"]["result"]["code"] == "NOT_FOUND"


async def test_a_failing_receiver_later_gets_every_event_in_order_and_delays_no_other(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answers_by["/down"] = 500
    receiver.silent.add("/hangs")
    for number, path in enumerate(("/down", "/hangs", "/well")):
        await register(owner(desk), receiver.url(path), key=str(number))
    await prices_call(desk)
    await receiver.until(2, "/well")
    await receiver.until(1, "/down")
    assert {body(each)["id"] for each in receiver.at("/down")} == {body(receiver.at("/well")[0])["id"]}
    desk.clock.advance(seconds=1)
    behind = await scraped(desk)
    assert behind["desk_webhook_waiting_events"] >= 2
    assert behind["desk_webhook_lag_seconds"] >= 1
    receiver.answers_by.clear()

    async def delivered() -> bool:
        desk.clock.advance(seconds=2)
        return len({body(each)["id"] for each in receiver.at("/down")}) >= 2

    await desk.until(delivered, "the events to arrive after all")

    async def counted() -> bool:
        posts = await scraped(desk)
        return (
            posts['desk_webhook_posts_total{result="failed"}'] >= 1
            and posts['desk_webhook_posts_total{result="taken"}'] >= 3
        )

    await desk.until(counted, "the posts to be counted")
    in_order = list(dict.fromkeys(body(each)["id"] for each in receiver.at("/down")))
    assert in_order[:2] == [body(each)["id"] for each in receiver.at("/well")][:2]


async def test_a_dead_receiver_is_disabled_listed_and_replayed_without_a_loss(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.status = 503
    caller = owner(desk)
    await register(caller, receiver.url())
    await prices_call(desk)
    await receiver.until(1)

    async def failing() -> bool:
        return bool((await the_webhook(caller))["failingSince"])

    await desk.until(failing, "the failure to be noted")
    desk.clock.advance(hours=7)
    await receiver.until(2)
    desk.clock.advance(hours=6)
    caller = owner(desk)

    async def disabled() -> bool:
        return bool((await the_webhook(caller))["status"] == "DISABLED")

    await desk.until(disabled, "the webhook to be disabled")
    webhook = await the_webhook(caller)
    assert "status 503" in webhook["reason"]
    (entry,) = await desk.rows("SELECT * FROM audit WHERE action = 'webhookDisabled'")
    assert '"status":"ACTIVE"' in entry["before_state"]
    assert '"status":"DISABLED"' in entry["after_state"]
    receiver.status, failed = 200, len(receiver.posted)
    result = await replay(caller, webhook)
    assert (result["webhook"]["status"], result["webhook"]["reason"]) == ("ACTIVE", None)
    await receiver.until(failed + 2)
    told = {body(each)["data"]["accountNo"] for each in receiver.posted[failed:]}
    assert told == {"M1", "M2"}


async def test_replay_from_a_cursor_delivers_the_same_events_again(desk: Desk, receiver: Receiver) -> None:
    caller = owner(desk)
    webhook = (await register(caller, receiver.url()))["webhook"]
    await prices_call(desk)
    first, second = (await receiver.until(2))[:2]
    await replay(caller, webhook, "one", after=body(first)["cursor"])
    third = (await receiver.until(3))[2]
    assert (body(third)["id"], body(third)["cursor"]) == (body(second)["id"], body(second)["cursor"])
    await replay(caller, webhook, "all", after=webhook["cursor"])
    await receiver.until(5)
    assert [body(each)["id"] for each in receiver.posted[3:]] == [body(first)["id"], body(second)["id"]]
    forged = {"idempotencyKey": "f", "webhookId": webhook["id"], "after": "nonsense"}
    assert (await caller.answer(REPLAY, input=forged)).codes == ["CURSOR_INVALID"]
    other = (await register(caller, receiver.url("/other"), key="other"))["webhook"]
    borrowed = {"idempotencyKey": "b", "webhookId": other["id"], "after": webhook["cursor"]}
    assert (await caller.answer(REPLAY, input=borrowed)).codes == ["CURSOR_INVALID"]


async def test_pruned_events_are_a_reported_gap_and_not_skipped(desk: Desk, receiver: Receiver) -> None:
    receiver.status = 500
    caller = owner(desk)
    await register(caller, receiver.url())
    await prices_call(desk)
    await receiver.until(1)
    await desk.rows("DELETE FROM outbox WHERE stream_offset IS NOT NULL RETURNING id")
    receiver.status = 200

    async def disabled() -> bool:
        desk.clock.advance(seconds=2)
        return bool((await the_webhook(caller))["status"] == "DISABLED")

    await desk.until(disabled, "the gap to be noticed")
    webhook = await the_webhook(caller)
    assert "were pruned" in webhook["reason"]
    assert (await replay(caller, webhook))["code"] == "CURSOR_REFUSED"
    assert (await replay(caller, webhook, "now", fromNow=True))["webhook"]["status"] == "ACTIVE"


async def test_nothing_is_lost_or_reordered_over_a_restart(world: World, receiver: Receiver) -> None:
    book = a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2")))
    first = await world.desk(book, **LOCAL)
    receiver.status = 500
    await register(owner(first), receiver.url())
    await prices_call(first)
    await receiver.until(1)
    await first.stop()
    receiver.status, failed = 200, len(receiver.posted)
    world.clock.advance(minutes=5)
    second = await world.desk(**LOCAL)
    await second.until(second.leads, "the successor to lead")
    await receiver.until(failed + 2)
    assert body(receiver.posted[failed])["id"] == body(receiver.posted[0])["id"]


async def test_a_revoked_owner_receives_nothing_more(desk: Desk, receiver: Receiver) -> None:
    await register(owner(desk), receiver.url())
    resources = desk.application.resources
    with resources.database.active():
        await revoke_subject("risk-system", desk.clock())
    await prices_call(desk)

    async def disabled() -> bool:
        rows = await desk.rows("SELECT reason FROM webhook WHERE status = 'DISABLED'")
        return [row["reason"] for row in rows] == ["the owner's access was revoked"]

    await desk.until(disabled, "the webhook to be disabled")
    assert receiver.posted == []


async def test_a_removed_webhook_receives_nothing_more(desk: Desk, receiver: Receiver) -> None:
    caller = owner(desk)
    webhook = (await register(caller, receiver.url("/gone")))["webhook"]
    await register(caller, receiver.url("/stays"), key="stays")
    asked = {"idempotencyKey": "x", "webhookId": webhook["id"]}
    for _ in range(2):
        removed = (await caller.ask(REMOVE, input=asked))["removeWebhook"]["result"]
        assert removed == {"__typename": "WebhookRemoved", "id": webhook["id"]}
    await prices_call(desk)
    await receiver.until(2, "/stays")
    assert receiver.at("/gone") == []
    gone = await register(caller, receiver.url("/gone"))
    assert gone["code"] == "NOT_FOUND", "the key is bound to what was removed"


async def test_a_caller_without_the_permission_is_refused_and_so_are_too_many(
    world: World, receiver: Receiver
) -> None:
    book = a_book(a_client("C1", owing("M1")))
    desk = await world.desk(book, **LOCAL, webhooks_max_per_subject=1, webhooks_max=2)
    assert (await register(desk.caller(), receiver.url()))["code"] == "FORBIDDEN"
    assert (await desk.caller().answer(WEBHOOKS)).codes == ["FORBIDDEN"]
    caller = owner(desk)
    results = await asyncio.gather(*(register(caller, receiver.url(), key=str(n)) for n in range(4)))
    assert sorted(result.get("code", "") for result in results) == ["", *["TOO_MANY"] * 3]
    await register(owner(desk, "second"), receiver.url())
    assert (await register(owner(desk, "third"), receiver.url()))["code"] == "TOO_MANY"


async def test_a_url_that_leads_inside_is_refused_unless_that_is_allowed(
    world: World, receiver: Receiver
) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    for number, url in enumerate((receiver.url(), "https://10.0.0.1/", "https://localhost/x", "nonsense")):
        assert (await register(owner(desk), url, key=str(number)))["code"] == "URL_REFUSED"


async def test_an_endpoint_that_the_desk_fails_at_delays_no_other(desk: Desk, receiver: Receiver) -> None:
    first = await register(owner(desk), receiver.url("/first"))
    await register(owner(desk), receiver.url("/second"), key="second")
    (row,) = await desk.rows("SELECT id FROM webhook WHERE url LIKE '%/first'")
    await desk.rows(f"UPDATE webhook SET events = 'nonsense' WHERE id = '{row['id']}' RETURNING 1")
    await prices_call(desk)
    await receiver.until(2)
    assert {posted.path for posted in receiver.posted} == {"/second"}
    assert first["webhook"]["id"]
    assert (await scraped(desk))["desk_round_faults_total"] >= 1
    assert desk.application.workers.ready
