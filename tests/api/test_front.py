"""A plain request to `/graphql` takes a short way; it is answered as on the way through all middlewares.

The same request in chunks, without an announced length, takes the long way.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.kit.book_files import a_book
from tests.kit.desk_server import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = b'{"query": "{ viewer { subject } cases { nodes { id } } }"}'
BODIES: Mapping[str, bytes] = {
    "a query": DOCUMENT,
    "a field that does not exist": b'{"query": "{ nothing }"}',
    "a refused root field": b'{"query": "{ bookWhatIf(input: {}) { accounts } }"}',
    "an invalid cursor": b'{"query": "{ cases(after: \\"x\\") { nodes { id } } }"}',
    "a subscription": b'{"query": "subscription { caseEvents { __typename } }"}',
    "malformed": b'{"query":',
    "empty": b"",
    "too large": b'{"query": "' + b" " * 2_000_000 + b'"}',
}
HEADERS: Mapping[str, Mapping[str, str]] = {
    "usual": {},
    "with an id": {"X-Request-ID": "of-the-caller"},
    "with a harmful id": {"X-Request-ID": "<of the caller>"},
    "without a token": {"Authorization": ""},
    "of another type": {"Content-Type": "text/plain"},
    "that accept no answer": {"Accept": "image/png"},
    "of an origin": {"Origin": "http://localhost"},
}


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """Without Content-Length."""
    yield body


def cases() -> Iterator[tuple[str, str]]:
    """Every body with the usual headers, and a query with the others."""
    yield from ((body, "usual") for body in BODIES)
    yield from (("a query", headers) for headers in HEADERS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shared_world: World) -> AsyncIterator[httpx.AsyncClient]:
    desk = await shared_world.desk(a_book())
    headers = {"Authorization": f"Bearer {desk.caller().token}", "Content-Type": "application/json"}
    base_url = f"http://127.0.0.1:{desk.port}"
    async with httpx.AsyncClient(base_url=base_url, headers=headers, verify=False) as client:
        yield client


@pytest.mark.parametrize(("body", "headers"), list(dict.fromkeys(cases())))
async def test_both_ways_answer_alike(client: httpx.AsyncClient, body: str, headers: str) -> None:
    short = await _answer(client, HEADERS[headers], BODIES[body])
    long = await _answer(client, HEADERS[headers], in_chunks(BODIES[body]))
    assert short == long


async def _answer(
    client: httpx.AsyncClient, headers: Mapping[str, str], body: Any
) -> tuple[int, dict[str, str], bytes, Counter[str]]:
    before = await _errors(client)
    answer = await client.post("/graphql", content=body, headers=headers)
    given = dict(answer.headers)
    if headers.get("X-Request-ID") != "of-the-caller":
        assert len(given.pop("x-request-id")) == 32
    # An answer that comes before the body ends the connection: that is the protocol's, and depends on time.
    for name in ("date", "connection"):
        given.pop(name, None)
    return answer.status_code, given, answer.content, await _errors(client) - before


async def _errors(client: httpx.AsyncClient) -> Counter[str]:
    """The counted responses with an error status."""
    lines = (await client.get("/metrics")).text.splitlines()
    counted = (line.rpartition(" ") for line in lines if line.startswith("desk_http_errors_total{"))
    return Counter({name: round(float(count)) for name, _, count in counted})
