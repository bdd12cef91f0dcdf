"""The explorer in a browser, and its notice while its scripts cannot be reached."""

from pathlib import Path

import httpx

from tests.kit.live_desk import served_desk

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_gets_the_explorer_with_a_notice_if_it_stays_empty(tmp_path: Path) -> None:
    async with served_desk(tmp_path) as desk, httpx.AsyncClient(verify=False, headers=BROWSER) as browser:
        opened = await browser.get(f"http://127.0.0.1:{desk.port}/graphql")
        page = opened.text
    assert opened.status_code == 200
    assert "GraphiQL.createFetcher" in page
    # A script that does not arrive delays everything after it.
    assert page.index("This page is empty because") < page.index("<script\n      crossorigin")
