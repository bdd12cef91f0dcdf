"""The explorer in a browser: its pages, the way there, and where there are none."""

from pathlib import Path

import httpx
import pytest

from tests.kit.live_desk import LiveDesk, served_desk

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def client(desk: LiveDesk) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=False, headers=BROWSER, base_url=f"http://127.0.0.1:{desk.port}")


async def test_a_browser_at_the_api_is_led_to_the_explorer_with_its_query(tmp_path: Path) -> None:
    explorer = tmp_path / "pages/explorer"
    (explorer / "assets").mkdir(parents=True)
    (explorer / "index.html").write_text("GraphiQL")
    (explorer / "assets/worker.js").write_text("1")
    async with (
        served_desk(tmp_path, pages_directory=tmp_path / "pages") as desk,
        client(desk) as browser,
    ):
        led = await browser.get("/graphql", params={"query": "{ viewer { subject } }"})
        there = led.url.join(led.headers["location"])
        assert (there.path, there.params["query"]) == ("/explorer/", "{ viewer { subject } }")
        page = await browser.get(there)
        assert (page.status_code, page.text) == (200, "GraphiQL")
        worker = await browser.get("/explorer/assets/worker.js")
        # A worker has the policy of its own file.
        assert worker.headers["content-security-policy"] == page.headers["content-security-policy"]


async def test_without_a_built_explorer_the_page_names_the_command(tmp_path: Path) -> None:
    async with served_desk(tmp_path, pages_directory=tmp_path) as desk, client(desk) as browser:
        page = await browser.get("/explorer/")
    assert page.status_code == 503
    assert "<code>make explorer</code>" in page.text


@pytest.mark.parametrize("introspection", [True, False])
async def test_the_explorer_is_there_where_the_schema_may_be_read(
    tmp_path: Path, introspection: bool
) -> None:
    async with served_desk(tmp_path, introspection=introspection) as desk, client(desk) as browser:
        assert (await browser.get("/graphql")).is_redirect == introspection
        assert ((await browser.get("/explorer/")).status_code == 404) != introspection
