"""The limit on request bodies, in front of the very handler that it protects."""

from collections.abc import AsyncIterator

import httpx
import strawberry
from strawberry.asgi import GraphQL

from gateway.http.limits import BodyLimit

LIMIT = 200


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"


def client() -> httpx.AsyncClient:
    app = BodyLimit(GraphQL(strawberry.Schema(Query)), max_body_bytes=LIMIT)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk")


def body_of(length: int) -> bytes:
    return b'{"query": "{ hello }"}'.ljust(length)


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """Sent without a content-length."""
    for start in range(0, len(body), 50):
        yield body[start : start + 50]


async def post(content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
    async with client() as desk:
        return await desk.post("/", content=content, headers={"content-type": "application/json", **headers})


def assert_refused(response: httpx.Response) -> None:
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/json"
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BODY_TOO_LARGE"
    assert str(LIMIT) in error["message"]


async def test_body_at_the_limit_is_served() -> None:
    response = await post(body_of(LIMIT))
    assert response.json() == {"data": {"hello": "world"}}


async def test_streamed_body_at_the_limit_is_served() -> None:
    response = await post(in_pieces(body_of(LIMIT)))
    assert response.json() == {"data": {"hello": "world"}}


async def test_body_over_the_limit_is_refused_in_json() -> None:
    assert_refused(await post(body_of(LIMIT + 1)))


async def test_streamed_body_over_the_limit_is_refused_in_json() -> None:
    assert_refused(await post(in_pieces(body_of(LIMIT + 1))))


async def test_body_longer_than_it_announced_is_refused() -> None:
    assert_refused(await post(in_pieces(body_of(LIMIT + 1)), **{"content-length": "10"}))


async def test_other_errors_pass_unchanged() -> None:
    response = await post(b"{not json")
    assert response.status_code == 400
