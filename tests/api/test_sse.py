"""GraphQL over Server-Sent Events as a client meets it: both modes of graphql-sse, over real connections."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from domain.principal import Permission
from models.outbox import backlog
from models.revocation import revoke_subject
from subscriptions.connections.protocol import CloseCode
from tests.kit.desk_kit import Clock as DeskClock
from tests.kit.desk_kit import DeskKit
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.raw_sse import ServerEvent, SseReader, event_stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = "subscription ($after: String) { caseEvents(after: $after) { id case { remark } } }"
QUOTES = 'subscription { quotes(symbols: ["AAPL.US"]) { last } }'
TOKEN = "x-graphql-event-stream-token"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(directory: Path) -> AsyncIterator[LiveDesk]:
    async with served_desk(directory, sse_reserved_s=FAR_S) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def no_client_is_left(desk: LiveDesk) -> None:
    """Of the test before: the members that are waited for are those of this one."""
    await desk.until_members(0)


@pytest_asyncio.fixture(loop_scope="module")
async def client(desk: LiveDesk) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(desk) as opened:
        yield opened


def http_client(desk: LiveDesk, token: str | None = None) -> httpx.AsyncClient:
    headers = {"authorization": token or desk.token()}
    return httpx.AsyncClient(verify=False, base_url=desk.url, headers=headers, timeout=PATIENCE_S)


def distinct(client: httpx.AsyncClient, query: str = CASES, **more: Any) -> Any:
    """A stream of its own for the operation."""
    headers = more.pop("headers", {})
    return event_stream(client, "POST", "/graphql", json={"query": query} | more, headers=headers)


async def started(desk: LiveDesk, reader: SseReader, members: int = 1) -> None:
    """Until the feed knows of the subscription."""
    assert reader.status == 200, reader.response.text
    await desk.until_members(members)


async def reserve(client: httpx.AsyncClient) -> str:
    response = await client.put("/graphql/stream")
    assert response.status_code == 201
    return response.text


@asynccontextmanager
async def single(client: httpx.AsyncClient) -> AsyncIterator[tuple[SseReader, str]]:
    """A reserved stream and its token."""
    token = await reserve(client)
    async with event_stream(client, "GET", "/graphql/stream", headers={TOKEN: token}) as reader:
        assert reader.status == 200
        yield reader, token


async def execute(
    client: httpx.AsyncClient, token: str, id_: Any, query: str = CASES, **more: Any
) -> httpx.Response:
    body = {"query": query, "extensions": {"operationId": id_}} | more
    return await client.post("/graphql/stream", json=body, headers={TOKEN: token})


async def taken(reader: SseReader, count: int) -> list[ServerEvent]:
    events = [await reader.event() for _ in range(count)]
    return [event for event in events if event is not None]


def ids(events: list[ServerEvent]) -> list[str]:
    """Of desk events, in either mode."""
    payloads = [event.json.get("payload", event.json) for event in events]
    return [payload["data"]["caseEvents"]["id"] for payload in payloads]


def refused(response: httpx.Response, status: int) -> str:
    """The code of a refusal, which has that status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    (error,) = response.json()["errors"]
    assert error["message"]
    code: str = error["extensions"]["code"]
    return code


# Distinct connections mode


async def test_an_event_is_a_next_with_its_cursor_as_its_id(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with distinct(client) as reader:
        await started(desk, reader)
        (event_id,) = await desk.publish(remark="line one\nline two")
        (event,) = await taken(reader, 1)
        assert event.name == "next"
        assert event.json["data"] == {
            "caseEvents": {"id": event_id, "case": {"remark": "line one\nline two"}}
        }
        assert event.last_id == event.json["extensions"]["cursor"]
        assert reader.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reader.response.headers["cache-control"] == "no-store"
        greeting = orjson.loads(reader.comments[0])
        assert greeting["resumeWithinS"] == 24 * 3600
        assert greeting["tokenExpiresInS"] > 3500


async def test_last_event_id_resumes_with_every_later_event_in_order(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with distinct(client) as reader:
        await started(desk, reader)
        first = await desk.publish(3)
        assert ids(await taken(reader, 3)) == first
        last = reader.last_id
    missed = await desk.publish(20)
    async with distinct(client, headers={"last-event-id": last}) as reader:
        later = await desk.publish(5)
        assert ids(await taken(reader, 25)) == missed + later


async def test_last_event_id_counts_more_than_the_cursor_of_the_first_request(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with distinct(client) as reader:
        await started(desk, reader)
        await desk.publish(2)
        old, new = [event.last_id for event in await taken(reader, 2)]
    async with distinct(client, variables={"after": old}, headers={"last-event-id": new}) as reader:
        await started(desk, reader)
        assert ids(await taken(reader, len(later := await desk.publish(1)))) == later


async def test_a_snapshot_that_is_cut_off_cannot_be_resumed_from_its_middle(directory: Path) -> None:
    query = "subscription { caseEvents(snapshot: true) { kind case { caseNo } } }"
    async with served_desk(directory / "snapshot") as desk, http_client(desk) as client:
        kit = DeskKit(DeskClock(desk.clock()))
        with desk.resources.database.active():
            for account_no in ("S1", "S2", "S3"):
                await kit.indebted_account(account_no)
            while (await backlog(desk.clock())).events:  # noqa: ASYNC110 - the relay has no event for it
                await asyncio.sleep(0.01)
        async with distinct(client, query) as reader:
            events = await taken(reader, 3)
            assert [event.json["data"]["caseEvents"]["kind"] for event in events] == ["SNAPSHOT"] * 3
            assert [bool(event.last_id) for event in events] == [False, False, True]
        middle = events[1].json["extensions"]["cursor"]
        async with distinct(client, query, headers={"last-event-id": middle}) as reader:
            refusal, complete = await reader.rest()
            assert refusal.json["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"
            assert complete.name == "complete"


async def test_a_query_and_a_mutation_are_one_next_and_complete_and_the_stream_ends(
    client: httpx.AsyncClient,
) -> None:
    for query in ("{ __typename }", "mutation { __typename }"):
        async with distinct(client, query) as reader:
            result, complete = await reader.rest()
            assert (result.name, result.last_id) == ("next", "")
            assert result.json["data"]["__typename"]
            assert (complete.name, complete.data) == ("complete", "")


@pytest.mark.parametrize(
    ("query", "more", "code"),
    [
        ("{", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {" + "nothing " * 900 + "}", {}, "QUERY_TOO_EXPENSIVE"),
        ("{ viewer {" + "subject " * 900 + "} }", {}, "QUERY_TOO_EXPENSIVE"),
        (CASES, {"operationName": "Unknown"}, "BAD_USER_INPUT"),
        (CASES, {"variables": {"after": "forged"}}, "CURSOR_INVALID"),
        (CASES, {"headers": {"last-event-id": "forged"}}, "CURSOR_INVALID"),
    ],
    ids=str,
)
async def test_an_error_of_the_operation_is_sent_on_the_stream(
    client: httpx.AsyncClient, query: str, more: dict[str, Any], code: str
) -> None:
    async with distinct(client, query, **more) as reader:
        result, complete = await reader.rest()
        assert result.json["errors"][0]["extensions"]["code"] == code
        assert "data" not in result.json
        assert complete.name == "complete"


async def test_without_a_permission_nothing_is_shown(desk: LiveDesk) -> None:
    async with http_client(desk, desk.token(permissions=[])) as nobody, distinct(nobody) as reader:
        result, _ = await reader.rest()
        assert result.json["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_cursor_of_a_caller_with_another_scope_is_invalid(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with distinct(client) as reader:
        await started(desk, reader)
        await desk.publish()
        await taken(reader, 1)
    narrow = desk.token(accounts=["A1"])
    async with http_client(desk, narrow) as other:
        async with distinct(other, headers={"last-event-id": reader.last_id}) as refused_reader:
            result, _ = await refused_reader.rest()
            assert result.json["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"


async def test_a_latest_field_has_no_id(desk: LiveDesk, client: httpx.AsyncClient) -> None:
    async with distinct(client, QUOTES) as reader:
        await started(desk, reader)
        await desk.quote("AAPL.US", 120)
        (event,) = await taken(reader, 1)
        assert event.json == {"data": {"quotes": {"last": "120"}}}
        assert event.last_id == ""


async def test_a_client_that_goes_away_leaves_nothing_behind(desk: LiveDesk) -> None:
    async with http_client(desk, desk.token("goes away")) as visitor, distinct(visitor) as reader:
        await started(desk, reader)
        assert desk.live.admission.seats["goes away"] == 1
    await desk.until_members(0)
    await until(lambda: "goes away" not in desk.live.admission.seats)
    await until(lambda: desk.live.metrics.streams == 0)


@pytest.mark.parametrize(
    ("accept", "streamed"),
    [
        ("text/event-stream", True),
        ("text/event-stream, application/json", True),
        ("application/json;q=0.9, text/event-stream", True),
        ("text/event-stream; q=0.5, application/json; q=0.4", True),
        ("application/json, text/event-stream", False),
        ("text/event-stream;q=0.4, application/graphql-response+json;q=0.5", False),
        ("text/event-stream;q=0, */*", False),
        ("text/event-stream;q=nonsense, */*", False),
        ("*/*", False),
        ("", False),
    ],
)
async def test_the_accept_header_decides_between_a_stream_and_json(
    client: httpx.AsyncClient, accept: str, streamed: bool
) -> None:
    response = await client.post("/graphql", json={"query": "{ __typename }"}, headers={"accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream") is streamed


# Refused before the stream begins, in both modes


def forged(_: LiveDesk) -> str:
    return "Bearer nonsense"


@pytest.mark.parametrize(
    ("token", "code"),
    [(lambda desk: desk.token(minutes=-1), "TOKEN_EXPIRED"), (forged, "TOKEN_MALFORMED")],
    ids=["expired", "forged"],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/graphql"), ("PUT", "/graphql/stream"), ("POST", "/graphql/stream")]
)
async def test_a_bad_token_is_refused_with_401(
    desk: LiveDesk, token: Any, code: str, method: str, path: str
) -> None:
    async with http_client(desk, token(desk)) as stranger:
        response = await stranger.request(
            method, path, json={"query": CASES}, headers={"accept": "text/event-stream"}
        )
    assert refused(response, 401) == code
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/graphql"),
        ("PUT", "/graphql/stream"),
        ("GET", "/graphql/stream"),
        ("DELETE", "/graphql/stream"),
    ],
)
async def test_a_foreign_origin_is_refused(client: httpx.AsyncClient, method: str, path: str) -> None:
    headers = {"origin": "https://elsewhere.example", "accept": "text/event-stream"}
    assert refused(await client.request(method, path, headers=headers), 403) == "ORIGIN_REFUSED"


async def test_the_own_origin_is_accepted(desk: LiveDesk, client: httpx.AsyncClient) -> None:
    async with distinct(client, "{ __typename }", headers={"origin": desk.url}) as reader:
        assert len(await reader.rest()) == 2


async def test_get_is_refused_where_streams_are_distinct(client: httpx.AsyncClient) -> None:
    headers = {"accept": "text/event-stream"}
    response = await client.get("/graphql", params={"query": CASES}, headers=headers)
    assert refused(response, 405) == "METHOD_NOT_ALLOWED"
    assert response.headers["allow"] == "POST"


async def test_another_method_is_refused_where_a_stream_is_shared(client: httpx.AsyncClient) -> None:
    response = await client.patch("/graphql/stream")
    assert refused(response, 405) == "METHOD_NOT_ALLOWED"
    assert response.headers["allow"] == "PUT, GET, POST, DELETE"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_a_content_type_that_a_foreign_page_may_send_unasked_is_refused(
    client: httpx.AsyncClient, kind: str
) -> None:
    headers = {"accept": "text/event-stream", "content-type": kind}
    body = orjson.dumps({"query": "{ __typename }"})
    response = await client.post("/graphql", content=body, headers=headers)
    assert refused(response, 415) == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"query":7}',
        b'{"query":"{a}","variables":[]}',
        b'{"query":"{a}","operationName":7}',
        b'{"query":"{a}","query":"{b}"}',
        b'{"query":"{a}","variables":{"quantity":"1","quantity":"1000"}}',
    ],
)
async def test_a_body_that_is_no_request_is_refused_with_400(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    assert refused(await client.post("/graphql", content=body, headers=headers), 400) == "BAD_REQUEST"


async def test_a_body_that_is_too_large_is_refused_with_413(client: httpx.AsyncClient) -> None:
    headers = {"accept": "text/event-stream"}
    response = await client.post("/graphql", json={"query": "#" * 200_000}, headers=headers)
    assert refused(response, 413) == "BODY_TOO_LARGE"


async def test_streams_count_with_sockets_and_one_too_many_is_refused_with_429(desk: LiveDesk) -> None:
    most = desk.resources.settings.ws_max_sockets_per_subject
    async with http_client(desk, desk.token("many streams")) as client:
        tokens = [await reserve(client) for _ in range(most)]
        assert refused(await client.put("/graphql/stream"), 429) == "TOO_MANY_SOCKETS"
        headers = {"accept": "text/event-stream"}
        response = await client.post("/graphql", json={"query": CASES}, headers=headers)
        assert refused(response, 429) == "TOO_MANY_SOCKETS"
        async with event_stream(client, "GET", "/graphql/stream", params={"token": tokens[0]}) as reader:
            assert reader.status == 200
        await until(lambda: desk.live.admission.seats["many streams"] == most - 1)
        desk.live.close_subject("many streams")
    assert "many streams" not in desk.live.admission.seats


# Single connection mode


async def test_operations_of_a_client_share_a_stream_each_under_its_id(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with single(client) as (reader, token):
        assert (await execute(client, token, "cases")).status_code == 202
        assert (await execute(client, token, "quotes", QUOTES)).status_code == 202
        await desk.until_members(2)
        (event_id,) = await desk.publish()
        (event,) = await taken(reader, 1)
        assert (event.name, event.json["id"], event.last_id) == ("next", "cases", "")
        assert event.json["payload"]["data"]["caseEvents"]["id"] == event_id
        assert event.json["payload"]["extensions"]["cursor"]
        await desk.quote("AAPL.US", 99)
        (event,) = await taken(reader, 1)
        assert event.json == {"id": "quotes", "payload": {"data": {"quotes": {"last": "99"}}}}


async def test_an_operation_of_the_single_stream_resumes_by_its_cursor(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with single(client) as (reader, token):
        await execute(client, token, "1")
        await desk.until_members(1)
        await desk.publish()
        (event,) = await taken(reader, 1)
    missed = await desk.publish(10)
    async with single(client) as (reader, token):
        after = event.json["payload"]["extensions"]["cursor"]
        assert (await execute(client, token, "1", variables={"after": after})).status_code == 202
        assert ids(await taken(reader, 10)) == missed


async def test_a_query_over_the_single_stream_is_a_next_and_a_complete(client: httpx.AsyncClient) -> None:
    async with single(client) as (reader, token):
        assert (await execute(client, token, "q", "{ __typename }")).status_code == 202
        result, complete = await taken(reader, 2)
        assert result.json == {"id": "q", "payload": {"data": {"__typename": "Query"}}}
        assert (complete.name, complete.json) == ("complete", {"id": "q"})


async def test_events_before_the_reserved_stream_is_opened_wait_for_it(
    client: httpx.AsyncClient,
) -> None:
    token = await reserve(client)
    assert (await execute(client, token, "q", "{ __typename }")).status_code == 202
    async with event_stream(client, "GET", "/graphql/stream", params={"token": token}) as reader:
        assert [event.name for event in await taken(reader, 2)] == ["next", "complete"]


async def test_delete_stops_an_operation_and_the_others_go_on(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with single(client) as (reader, token):
        await execute(client, token, "1")
        await execute(client, token, "2")
        await desk.until_members(2)
        stopped = await client.delete("/graphql/stream", params={"operationId": "1"}, headers={TOKEN: token})
        assert stopped.status_code == 200
        await desk.publish()
        complete, event = await taken(reader, 2)
        assert (complete.name, complete.json) == ("complete", {"id": "1"})
        assert (event.name, event.json["id"]) == ("next", "2")
        assert (await execute(client, token, "1")).status_code == 202


async def test_stopping_an_unknown_operation_does_no_harm(client: httpx.AsyncClient) -> None:
    async with single(client) as (_, token):
        response = await client.delete("/graphql/stream", params={"operationId": "?"}, headers={TOKEN: token})
        assert response.status_code == 200
        assert refused(await client.delete("/graphql/stream", headers={TOKEN: token}), 400) == "BAD_REQUEST"


@pytest.mark.parametrize("id_", [None, "", 7, "x" * 101])
async def test_an_operation_needs_a_proper_id(client: httpx.AsyncClient, id_: Any) -> None:
    async with single(client) as (_, token):
        assert refused(await execute(client, token, id_), 400) == "BAD_REQUEST"


async def test_an_id_in_use_and_one_operation_too_many_are_refused(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with single(client) as (_, token):
        for number in range(desk.resources.settings.ws_max_operations):
            assert (await execute(client, token, str(number))).status_code == 202
        assert refused(await execute(client, token, "0"), 409) == "OPERATION_EXISTS"
        assert refused(await execute(client, token, "one more"), 429) == "TOO_MANY_OPERATIONS"


async def test_a_document_that_makes_no_sense_is_the_answer_to_its_request(client: httpx.AsyncClient) -> None:
    async with single(client) as (_, token):
        assert refused(await execute(client, token, "1", "{"), 400) == "GRAPHQL_VALIDATION_FAILED"
        repeated = "{ viewer {" + "subject " * 900 + "} }"
        assert refused(await execute(client, token, "1", repeated), 400) == "QUERY_TOO_EXPENSIVE"
        response = await execute(client, token, "1", variables={"after": "forged"})
        assert refused(response, 400) == "CURSOR_INVALID"


async def test_a_stream_has_one_connection_and_is_gone_with_it(client: httpx.AsyncClient) -> None:
    headers = {"accept": "text/event-stream"}
    async with single(client) as (_, token):
        again = await client.get("/graphql/stream", headers=headers | {TOKEN: token})
        assert refused(again, 409) == "STREAM_OPEN"

    async def gone() -> bool:
        return (await execute(client, token, "1", "{ __typename }")).status_code == 404

    async with asyncio.timeout(PATIENCE_S):
        while not await gone():
            pass
    again = await client.get("/graphql/stream", headers=headers | {TOKEN: token})
    assert refused(again, 404) == "STREAM_UNKNOWN"


async def test_a_stream_of_another_subject_is_unknown(desk: LiveDesk, client: httpx.AsyncClient) -> None:
    async with single(client) as (_, token), http_client(desk, desk.token("thief")) as thief:
        assert refused(await execute(thief, token, "1"), 404) == "STREAM_UNKNOWN"
        stop = await thief.delete("/graphql/stream", params={"operationId": "1"}, headers={TOKEN: token})
        assert refused(stop, 404) == "STREAM_UNKNOWN"
        reserved = await reserve(client)
        headers = {"accept": "text/event-stream", TOKEN: reserved}
        assert refused(await thief.get("/graphql/stream", headers=headers), 404) == "STREAM_UNKNOWN"


async def test_a_stream_must_be_named_and_accepted(client: httpx.AsyncClient) -> None:
    headers = {"accept": "text/event-stream"}
    assert refused(await client.get("/graphql/stream", headers=headers), 400) == "BAD_REQUEST"
    assert refused(await client.get("/graphql/stream", headers={"accept": "text/html"}), 406)
    response = await client.get("/graphql/stream", params={"token": "guessed"}, headers=headers)
    assert refused(response, 404) == "STREAM_UNKNOWN"


async def test_a_browser_opens_its_stream_with_the_token_alone(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    token = await reserve(client)
    async with httpx.AsyncClient(verify=False, base_url=desk.url, timeout=PATIENCE_S) as browser:
        async with event_stream(browser, "GET", "/graphql/stream", params={"token": token}) as reader:
            await execute(client, token, "1", "{ __typename }")
            assert len(await taken(reader, 2)) == 2


async def test_a_request_with_other_permissions_ends_the_stream(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    async with single(client) as (reader, token):
        await execute(client, token, "1")
        narrow = desk.token(permissions=[Permission.RISK_WARNING_READ_ONLY], accounts=["A1"])
        async with http_client(desk, narrow) as other:
            assert refused(await execute(other, token, "2"), 409) == "PERMISSIONS_CHANGED"
        assert await reader.rest() == []
        assert reader.comments[-1].startswith("1013 your permissions changed")


# Time, and the end


async def test_a_quiet_stream_is_kept_open_and_ends_with_its_token(directory: Path) -> None:
    async with (
        served_desk(directory / "expiry", sse_heartbeat_s=0.1) as desk,
        http_client(desk, desk.token(minutes=10)) as client,
        distinct(client) as reader,
    ):
        await started(desk, reader)
        desk.clock.pass_(minutes=5)
        reading = asyncio.create_task(reader.rest())
        await until(lambda: reader.comments.count("") >= 2)
        desk.clock.pass_(minutes=5)
        assert await reading == []
        assert reader.comments[-1] == "4403 the token has expired"
        await desk.until_members(0)


async def test_a_stream_of_several_operations_lasts_as_long_as_the_best_token_shown(directory: Path) -> None:
    async with (
        served_desk(directory / "refresh", sse_heartbeat_s=0.1) as desk,
        http_client(desk, desk.token(minutes=10)) as client,
        single(client) as (reader, token),
    ):
        client.headers["authorization"] = desk.token(minutes=60)
        await execute(client, token, "1")
        desk.clock.pass_(minutes=30)
        reading = asyncio.create_task(reader.rest())
        await until(lambda: reader.comments.count("") >= 2)
        desk.clock.pass_(minutes=30)
        assert await reading == []
        assert reader.comments[-1] == "4403 the token has expired"


async def test_an_unused_reservation_expires(directory: Path) -> None:
    async with served_desk(directory / "lapse", sse_reserved_s=0.1) as desk, http_client(desk) as client:
        token = await reserve(client)
        await until(lambda: not desk.live.admission.seats)
        assert refused(await execute(client, token, "1"), 404) == "STREAM_UNKNOWN"


async def test_a_revoked_subject_loses_its_streams(desk: LiveDesk) -> None:
    async with http_client(desk, desk.token("leaver")) as client, distinct(client) as reader:
        await started(desk, reader)
        assert desk.live.close_subject("leaver") == 1
        assert await reader.rest() == []
        assert reader.comments[-1].startswith("4403 TOKEN_REVOKED")


async def test_a_server_that_stops_ends_its_streams_and_says_when_to_come_back(directory: Path) -> None:
    async with served_desk(directory / "stop") as desk, http_client(desk) as client:
        async with distinct(client) as reader, single(client) as (other, token):
            await started(desk, reader)
            await execute(client, token, "1")
            await desk.until_members(2)
            delivered = desk.live.metrics.deliveries.total()
            (event_id,) = await desk.publish()
            await until(lambda: desk.live.metrics.deliveries.total() == delivered + 2)
            desk.server.should_exit = True
            assert ids(await reader.rest()) == ids(await other.rest()) == [event_id]
            assert reader.comments[-1].startswith("1012 the desk restarts: reconnect in ")


# A reader that stalls


async def stalled(
    desk: LiveDesk, query: str, accept: str = "text/event-stream"
) -> tuple[socket.socket, bytes]:
    """A connection that has asked for a stream and reads no more after its first bytes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", desk.port))
    body = orjson.dumps({"query": query})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: desk\r\nAuthorization: {desk.token('stalled')}\r\n"
        f"Accept: {accept}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    await loop.sock_sendall(connection, head.encode() + body)
    return connection, await loop.sock_recv(connection, 64)


async def received_by(connection: socket.socket, begun: bytes) -> bytes:
    """Everything until the connection ends, in whatever way."""
    loop, parts = asyncio.get_running_loop(), [begun]
    async with asyncio.timeout(PATIENCE_S):
        try:
            while part := await loop.sock_recv(connection, 65_536):
                parts.append(part)
        except ConnectionError:
            pass
    connection.close()
    return b"".join(parts)


async def test_a_stalled_reader_is_cut_off_and_delays_no_other(directory: Path) -> None:
    async with served_desk(directory / "stall", mailbox_frames=20) as desk, http_client(desk) as client:
        async with distinct(client) as reader:
            connection, begun = await stalled(desk, CASES)
            await desk.until_members(2)
            for _ in range(20):
                published = await desk.publish(5, remark="x" * 10_000)
                assert ids(await taken(reader, 5)) == published
            await desk.until_members(1)
            assert desk.live.metrics.overflows["caseEvents"] == 1
            assert desk.live.metrics.closes[1013] == 1
            received = await received_by(connection, begun)
            assert received.count(b"event: next") < 100
            assert b"event: complete" not in received


async def test_a_reader_that_takes_no_more_of_a_long_answer_is_cut_off(directory: Path) -> None:
    """Of an answer by POST; what waits for it in the process is let go of."""
    types = "types { name description fields { name description args { name description } } }"
    names = " ".join(f"a{number}: __schema {{ {types} }}" for number in range(15))
    async with served_desk(directory / "unread", http_unread_timeout_s=0.1) as desk:
        connection, _ = await stalled(desk, f"{{ {names} }}", accept="application/json")
        try:
            state = desk.server.server_state
            assert state.connections
            await until(lambda: not state.connections)
        finally:
            connection.close()


async def test_a_reader_of_latest_values_that_stalls_gets_the_newest_when_it_reads_again(
    directory: Path,
) -> None:
    async with served_desk(directory / "latest", mailbox_frames=20, max_query_aliases=100) as desk:
        ten_kilobytes = " ".join(f"{'a' * 97}{number:03}: last" for number in range(100))
        connection, begun = await stalled(desk, QUOTES.replace("last", ten_kilobytes))
        try:
            await desk.until_members(1)
            (stream,) = desk.live.sessions
            price = 100
            while not stream.depth:
                await offer_quote(desk, price := price + 1)
            for _ in range(50):
                await offer_quote(desk, price := price + 1)
            assert stream.depth == 1
            reading = asyncio.create_task(received_by(connection, begun))
            await until(lambda: not stream.depth)
            desk.live.close_subject("stalled")
            assert b'":"%d"' % price in (await reading).rsplit(b"event: next", 1)[1]
        finally:
            connection.close()


async def offer_quote(desk: LiveDesk, price: int) -> None:
    """Until it was executed for the subscription and offered to its stream."""
    executed, feed = desk.live.metrics.executions, desk.live.feed
    before = executed["quotes"]
    await desk.quote("AAPL.US", price)
    await until(lambda: executed["quotes"] > before and feed.idle)


# Bodies that come late


@asynccontextmanager
async def late_body(
    desk: LiveDesk, path: str, body: dict[str, Any], headers: dict[str, str]
) -> AsyncIterator[Callable[[], Awaitable[tuple[int, str]]]]:
    """A POST whose head is being served; send its body, and get the status and what is answered first."""
    encoded = orjson.dumps(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    fields = {
        "host": "desk",
        "content-type": "application/json",
        "content-length": str(len(encoded)),
    } | headers
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]

    async def send_body() -> tuple[int, str]:
        writer.write(encoded)
        async with asyncio.timeout(PATIENCE_S):
            answered = (await reader.readuntil(b"\r\n\r\n")).decode()
            return int(answered.split()[1]), (await reader.read(65_536)).decode()

    before = set(desk.server.server_state.tasks)
    writer.write("\r\n".join(head).encode())
    await until(lambda: desk.server.server_state.tasks - before)
    try:
        yield send_body
    finally:
        writer.transport.abort()


async def revoke(desk: LiveDesk, subject: str) -> None:
    """And wait until this process knows."""
    with desk.resources.database.active():
        await revoke_subject(subject, desk.clock())
    await until(lambda: desk.resources.revocations.revoked_at(subject) is not None)


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_a_token_revoked_while_the_body_is_on_its_way_is_refused(desk: LiveDesk, accept: str) -> None:
    headers = {"authorization": desk.token(f"late {accept}"), "accept": accept}
    async with late_body(desk, "/graphql", {"query": "mutation { __typename }"}, headers) as send_body:
        await revoke(desk, f"late {accept}")
        status, answer = await send_body()
    assert (status, "TOKEN_REVOKED" in answer) == (401, True)


async def test_an_operation_whose_body_comes_after_its_stream_has_ended_does_not_begin(
    desk: LiveDesk, client: httpx.AsyncClient
) -> None:
    await desk.until_members(0)
    token = await reserve(client)
    headers = {"authorization": desk.token(), TOKEN: token}
    body = {"query": CASES, "extensions": {"operationId": "late"}}
    async with late_body(desk, "/graphql/stream", body, headers) as send_body:
        for session in list(desk.live.sessions):
            session.close(CloseCode.INIT_TIMEOUT, "")
        status, answer = await send_body()
    assert (status, "STREAM_UNKNOWN" in answer) == (404, True)
    assert desk.live.metrics.operations["caseEvents"] == 0
