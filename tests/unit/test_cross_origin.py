"""Pages of other web origins: those that the settings name may call, others may not."""

import httpx

from gateway.app import create_app
from gateway.settings import load_settings

PAGE = "http://localhost:5173"


async def preflight(origin: str) -> httpx.Response:
    app = create_app(load_settings(allowed_origins=[PAGE]))
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,traceparent,tracestate",
    }
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk") as client:
        return await client.options("/graphql", headers=headers)


async def test_page_of_an_allowed_origin_may_send_its_token_and_its_trace() -> None:
    answer = await preflight(PAGE)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Authorization" in answer.headers["access-control-allow-headers"]


async def test_page_of_another_origin_may_not() -> None:
    answer = await preflight("http://elsewhere.example")
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
