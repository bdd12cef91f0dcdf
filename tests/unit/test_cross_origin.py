"""Pages of other web origins: those that the settings name may call, others may not."""

import httpx
import pytest

from gateway.app import create_app
from gateway.settings import load_settings

PAGE = "http://localhost:5173"


async def preflight(
    origin: str, path: str = "/graphql", method: str = "POST", headers: str = "authorization,content-type"
) -> httpx.Response:
    app = create_app(load_settings(allowed_origins=[PAGE]))
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk") as client:
        return await client.options(path, headers=asked)


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/graphql", "POST", "authorization,content-type"),
        ("/graphql", "POST", "authorization,content-type,last-event-id,traceparent,tracestate"),
        ("/graphql", "GET", "authorization"),
        ("/graphql/stream", "PUT", "authorization"),
        ("/graphql/stream", "GET", "authorization,last-event-id,x-graphql-event-stream-token"),
        ("/graphql/stream", "POST", "authorization,content-type,x-graphql-event-stream-token"),
        ("/graphql/stream", "DELETE", "authorization,x-graphql-event-stream-token"),
    ],
)
async def test_page_of_an_allowed_origin_may_send_every_request_with_its_token(
    path: str, method: str, headers: str
) -> None:
    answer = await preflight(PAGE, path, method, headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert set(headers.split(",")) <= set(allowed)


async def test_page_of_another_origin_may_not() -> None:
    answer = await preflight("http://elsewhere.example")
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
