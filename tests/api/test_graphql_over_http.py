"""The specification "GraphQL over HTTP": methods, media types and statuses."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.kit.book_files import a_book
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON, GRAPHQL_RESPONSE = "application/json", "application/graphql-response+json"
VIEWER = "{ viewer { subject } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    return await shared_world.desk(a_book())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {desk.caller().token}", "Accept": GRAPHQL_RESPONSE}
    base_url = f"http://127.0.0.1:{desk.port}"
    async with httpx.AsyncClient(base_url=base_url, headers=headers, verify=False) as client:
        yield client


async def test_a_get_runs_a_query(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/graphql",
        params={
            "query": "query A { viewer { subject } } query B($id: ID!) { node(id: $id) { id } }",
            "operationName": "B",
            "variables": json.dumps({"id": "x"}),
            "extensions": "{}",
        },
    )
    assert (answer.status_code, answer.json()) == (200, {"data": {"node": None}})


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ('mutation { removeWebhook(input: {idempotencyKey: "k", id: "x"}) { __typename } }', "POST"),
        ("subscription { caseEvents { cursor } }", "POST"),
    ],
)
async def test_a_get_runs_nothing_else(client: httpx.AsyncClient, query: str, allowed: str) -> None:
    answer = await client.get("/graphql", params={"query": query})
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_told_which_ones_are_allowed(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (JSON, JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, {JSON};q=0.9", GRAPHQL_RESPONSE),
        ("*/*", JSON),
    ],
)
async def test_the_answer_has_the_accepted_type(
    client: httpx.AsyncClient, accept: str, content_type: str
) -> None:
    answer = await client.post("/graphql", json={"query": VIEWER}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert answer.json()["data"]["viewer"]["subject"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (JSON, JSON),
        ("application/xml", JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, {JSON};q=0.9", GRAPHQL_RESPONSE),
    ],
)
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"headers": {"Authorization": "Bearer x"}}, 401),
        ({"json": {}}, 400),
        ({"content": b"x" * 150_000}, 413),
        ({"content": b"query"}, 415),
        ({"method": "PUT"}, 405),
    ],
)
async def test_a_refusal_has_the_accepted_type_too(
    client: httpx.AsyncClient, request_: dict[str, Any], status: int, accept: str, content_type: str
) -> None:
    given = {"method": "POST", "url": "/graphql"} | request_
    given["headers"] = {"Accept": accept} | given.get("headers", {})
    answer = await client.request(**given)
    assert answer.status_code == (406 if status in (400, 415) and accept == "application/xml" else status)
    assert answer.headers["content-type"] == content_type
    assert answer.json()["errors"][0]["extensions"]["code"]


async def test_nothing_that_fits_is_406(client: httpx.AsyncClient) -> None:
    answer = await client.post("/graphql", json={"query": VIEWER}, headers={"Accept": "application/xml"})
    assert answer.status_code == 406
    assert GRAPHQL_RESPONSE in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ nowhere }",
        "query ($id: ID!) { node(id: $id) { id } }",
        "query A { a: viewer { subject } } query B",
    ],
)
@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL_RESPONSE, 400)])
async def test_what_cannot_be_executed_has_no_data(
    client: httpx.AsyncClient, query: str, accept: str, status: int
) -> None:
    answer = await client.post("/graphql", json={"query": query}, headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.json().keys() == {"errors"}


async def test_an_error_beside_data_is_200(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/graphql", json={"query": '{ viewer { subject } cases(after: "x") { nodes { id } } }'}
    )
    assert answer.status_code == 200
    assert answer.json().keys() == {"data", "errors"}


async def test_no_cache_keeps_an_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql", params={"query": VIEWER})
    assert answer.headers["cache-control"] == "no-store"
    assert "Authorization" in answer.headers["vary"]


async def test_a_query_without_a_token_is_refused_before_it_is_read(desk: Desk) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{desk.port}", verify=False) as stranger:
        answer = await stranger.get("/graphql", params={"query": "{"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
