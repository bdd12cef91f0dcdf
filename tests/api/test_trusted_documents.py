"""Trusted documents over every transport: named by their hashes, and in the mode `only` no others."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from gateway.app import create_app
from gateway.settings import load_settings
from gateway.startup.preparation import CannotStart
from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_sse import event_stream
from tests.kit.transport_ws_harness import ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

Asked = dict[str, Any]
Transport = Callable[[LiveDesk, Asked], Awaitable[Asked]]
WHO = "query Who { viewer { subject } }"
PAGE = "query Page($first: Int!) { cases(first: $first) { nodes { id } } }"
EVENTS = "subscription Events { caseEvents { id } }"
OTHER = "{ viewer { subject } }"
STREAM_TOKEN = "x-graphql-event-stream-token"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollo(text: str, **more: Any) -> Asked:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest(text)} | more}}


def client_of(desk: LiveDesk) -> httpx.AsyncClient:
    headers = {"authorization": desk.token(), "accept": "application/json"}
    return httpx.AsyncClient(verify=False, base_url=desk.url, headers=headers, timeout=PATIENCE_S)


async def by_post(desk: LiveDesk, asked: Asked) -> Asked:
    async with client_of(desk) as client:
        return answered(await client.post("/graphql", json=asked))


async def by_get(desk: LiveDesk, asked: Asked) -> Asked:
    in_url = {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in asked.items()
    }
    async with client_of(desk) as client:
        return answered(await client.get("/graphql", params=in_url))


async def by_socket(desk: LiveDesk, asked: Asked) -> Asked:
    async with ready(desk) as socket:
        # As clients of graphql-ws do, for which the text is not optional.
        socket.send(id="1", type="subscribe", payload={"query": ""} | asked)
        message = await socket.receive()
    return message["payload"] if message["type"] == "next" else {"errors": message["payload"]}


async def by_own_stream(desk: LiveDesk, asked: Asked) -> Asked:
    async with client_of(desk) as client, event_stream(client, "POST", "/graphql", json=asked) as reader:
        result = await reader.event()
        assert result is not None
        return dict(result.json)


async def by_shared_stream(desk: LiveDesk, asked: Asked) -> Asked:
    async with client_of(desk) as client:
        token = {STREAM_TOKEN: (await client.put("/graphql/stream")).text}
        async with event_stream(client, "GET", "/graphql/stream", headers=token) as reader:
            extensions = {"operationId": "1"} | asked.get("extensions", {})
            body = asked | {"extensions": extensions}
            response = await client.post("/graphql/stream", json=body, headers=token)
            if response.status_code != 202:
                return dict(response.json())
            result = await reader.event()
            assert result is not None
            return dict(result.json["payload"])


def answered(response: httpx.Response) -> Asked:
    assert response.status_code == 200, response.text
    return dict(response.json())


def code(answer: Asked) -> str:
    (error,) = answer["errors"]
    assert answer.get("data") is None
    return str(error["extensions"]["code"])


TRANSPORTS: list[Transport] = [by_post, by_get, by_socket, by_own_stream, by_shared_stream]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desks(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, LiveDesk]]:
    """One for each mode."""
    file = tmp_path_factory.mktemp("manifest") / "persisted-documents.json"
    file.write_bytes(orjson.dumps({digest(text): text for text in (WHO, PAGE, EVENTS)}))
    async with AsyncExitStack() as stack:
        yield {
            mode: await stack.enter_async_context(
                served_desk(
                    tmp_path_factory.mktemp(mode), trusted_documents=mode, trusted_documents_file=file
                )
            )
            for mode in ("log", "only")
        }


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_document_is_executed_by_its_name_over_every_transport(
    desks: dict[str, LiveDesk], transport: Transport
) -> None:
    names = [{"documentId": digest(WHO)}, {"documentId": f"sha256:{digest(WHO)}"}, apollo(WHO)]
    for mode in ("log", "only"):
        for name in [*names, {"query": WHO}, {"query": WHO} | apollo(WHO)]:
            assert (await transport(desks[mode], name))["data"] == {"viewer": {"subject": "trader"}}
    page = {"documentId": digest(PAGE), "variables": {"first": 5}}
    assert (await transport(desks["only"], page))["data"] == {"cases": {"nodes": []}}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_only_the_manifest_runs_and_a_name_must_be_right_over_every_transport(
    desks: dict[str, LiveDesk], transport: Transport
) -> None:
    only, log = desks["only"], desks["log"]
    assert code(await transport(only, {"query": OTHER})) == "DOCUMENT_NOT_TRUSTED"
    introspection = {"query": "{ __schema { queryType { name } } }"}
    assert code(await transport(only, introspection)) == "DOCUMENT_NOT_TRUSTED"
    assert code(await transport(only, {"documentId": digest(OTHER)})) == "DOCUMENT_UNKNOWN"
    assert code(await transport(log, apollo(OTHER))) == "PERSISTED_QUERY_NOT_FOUND"
    for desk in desks.values():
        assert code(await transport(desk, {"query": OTHER} | apollo(WHO))) == "DOCUMENT_HASH_WRONG"
    assert "data" in await transport(log, {"query": OTHER} | apollo(OTHER))
    too_many = {"documentId": digest(PAGE), "variables": {"first": 1000}}
    assert code(await transport(only, too_many)) == "BAD_USER_INPUT", "the limits are the same"


async def test_a_subscription_is_started_by_its_name(desks: dict[str, LiveDesk]) -> None:
    desk = desks["only"]
    async with ready(desk) as socket:
        async with desk.joining():
            socket.send(id="1", type="subscribe", payload={"documentId": digest(EVENTS)})
        (event_id,) = await desk.publish()
        assert (await socket.receive())["payload"]["data"]["caseEvents"]["id"] == event_id
    name = {"documentId": digest(EVENTS)}
    async with (
        client_of(desk) as client,
        event_stream(client, "POST", "/graphql", json=name) as reader,
    ):
        await desk.until_members(1)
        (event_id,) = await desk.publish()
        event = await reader.event()
        assert event is not None
        assert event.json["data"]["caseEvents"]["id"] == event_id


async def test_the_status_and_message_are_those_that_clients_wait_for(desks: dict[str, LiveDesk]) -> None:
    async with client_of(desks["log"]) as client:
        asked = {"accept": "application/graphql-response+json"}
        response = await client.post("/graphql", json=apollo(OTHER), headers=asked)
        assert response.status_code == 400
        assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"
        response = await client.post("/graphql", json=apollo(OTHER))
        assert (response.status_code, response.json()["errors"][0]["message"]) == (
            200,
            "PersistedQueryNotFound",
        )


@pytest.mark.parametrize(
    "malformed",
    [
        {"documentId": 1},
        {"documentId": digest(WHO)} | apollo(OTHER),
        apollo(WHO, version=2),
        apollo(WHO, sha256Hash=None),
        {"extensions": {"persistedQuery": "who"}},
        {"query": ""},
    ],
)
async def test_a_malformed_name_is_a_bad_request(desks: dict[str, LiveDesk], malformed: Asked) -> None:
    async with client_of(desks["log"]) as client:
        response = await client.post("/graphql", json=malformed)
    assert (response.status_code, code(response.json())) == (400, "BAD_REQUEST")
    if malformed != {"query": ""}:
        async with ready(desks["log"]) as socket:
            socket.send(id="1", type="subscribe", payload=malformed)
            assert (await socket.closed()).code == 4400


async def test_the_explorer_says_why_it_is_not_there(desks: dict[str, LiveDesk]) -> None:
    for mode, has_explorer in (("only", False), ("log", True)):
        async with client_of(desks[mode]) as client:
            page = await client.get("/graphql", headers={"accept": "text/html"})
            there = await client.get("/explorer/")
        assert page.is_redirect == has_explorer
        assert (there.status_code != 404) == has_explorer
        assert ("GATEWAY_TRUSTED_DOCUMENTS=only" in page.text) == (not has_explorer)


async def test_a_desk_does_not_start_with_a_document_that_could_not_run(tmp_path: Path) -> None:
    file = tmp_path / "persisted-documents.json"
    file.write_bytes(orjson.dumps({digest("{ gone }"): "{ gone }"}))
    settings = load_settings(
        data_directory=tmp_path, trusted_documents="only", trusted_documents_file=file, introspection=False
    )
    app = create_app(settings)
    with pytest.raises(CannotStart) as refused:
        async with app.router.lifespan_context(app):
            pass
    reason = "the document '{ gone }' is refused: Cannot query field 'gone' on type 'Query'."
    assert str(refused.value) == f"GATEWAY_TRUSTED_DOCUMENTS_FILE {file} cannot be used: {reason}"
