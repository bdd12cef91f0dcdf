"""What a browser finds: the explorer and why it is empty without internet."""

from pathlib import Path

import httpx

from tests.kit.live_desk import served_desk

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_finds_the_explorer_and_hears_why_it_is_empty(tmp_path: Path) -> None:
    async with served_desk(tmp_path) as desk, httpx.AsyncClient(headers=BROWSER) as browser:
        bare = await browser.get(f"http://127.0.0.1:{desk.port}")
        assert bare.headers["location"] == "graphql"
        opened = await browser.get(bare.url.join(bare.headers["location"]))
        page = opened.text
    assert opened.status_code == 200
    assert "GraphiQL.createFetcher" in page
    # Scripts that do not come hold up what stands behind them.
    assert page.index("This page is empty because") < page.index("<script\n      crossorigin")
