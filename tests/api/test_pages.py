"""Built pages are served with their policy and kept as long as they may be; a desk without them says so."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from gateway.http.pages import console_policy
from tests.kit.live_desk import LiveDesk, served_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = '<!doctype html><html><head><meta name="login-url" content="" /></head><body>desk</body></html>'
SCRIPT = "console.log(1)"
LOGIN_URL = 'https://login.example.com/?a=1&b="2"'


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    directory = tmp_path_factory.mktemp("desk")
    console = directory / "pages/console"
    (console / "assets").mkdir(parents=True)
    (console / ".vite").mkdir()
    (console / "index.html").write_text(PAGE)
    (console / "licences.md").write_text("MIT")
    (console / "assets/index-1a2b.js").write_text(SCRIPT)
    (console / ".vite/manifest.json").write_text("{}")
    (directory / "pages/secret.txt").write_text("secret")
    (console / "assets/outside").symlink_to(directory / "pages/secret.txt")
    async with (
        served_desk(directory, pages_directory=directory / "pages", console_login_url=LOGIN_URL) as desk,
        client(desk) as opened,
    ):
        yield opened


def client(desk: LiveDesk) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{desk.port}")


async def test_the_bare_address_leads_to_the_console_behind_any_prefix(browser: httpx.AsyncClient) -> None:
    bare = await browser.get("/")
    assert (bare.status_code, bare.headers["location"]) == (307, "console/")
    without_slash = await browser.get("/console")
    assert (without_slash.status_code, without_slash.headers["location"]) == (307, "console/")


@pytest.mark.parametrize(
    "path", ["", "index.html", "case/MC2026-000001", "case/a.b", "orders", ".vite/manifest.json", ".git"]
)
async def test_any_address_of_the_console_gets_its_page(browser: httpx.AsyncClient, path: str) -> None:
    page = await browser.get(f"/console/{path}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<body>desk</body>" in page.text
    assert page.headers["cache-control"] == "no-cache"
    same = await browser.get(f"/console/{path}", headers={"if-none-match": page.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


async def test_a_file_with_a_hash_in_its_name_is_kept_for_ever(browser: httpx.AsyncClient) -> None:
    script = await browser.get("/console/assets/index-1a2b.js")
    assert (script.status_code, script.text) == (200, SCRIPT)
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    head = await browser.head("/console/assets/index-1a2b.js")
    assert (head.status_code, head.content) == (200, b"")


async def test_the_licences_of_the_packages_are_shipped(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/console/licences.md")).text == "MIT"


@pytest.mark.parametrize(
    "path",
    [
        "assets/index-0000.js",
        "assets/outside",
        "assets/",
        "assets/../../secret.txt",
        "assets/%2e%2e/%2e%2e/secret.txt",
        "assets/..%2f..%2fsecret.txt",
        "assets//etc/passwd",
        "assets/%00",
        "assets/" + "x" * 3000,
    ],
)
async def test_what_is_no_file_of_the_pages_is_not_served(browser: httpx.AsyncClient, path: str) -> None:
    raw = httpx.URL(str(browser.base_url)).copy_with(raw_path=f"/console/{path}".encode())
    answer = await browser.get(raw)
    assert answer.status_code == 404, answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["", "assets/index-1a2b.js", "licences.md", "orders"])
async def test_a_page_runs_its_own_scripts_and_talks_to_the_desk_alone(
    browser: httpx.AsyncClient, path: str
) -> None:
    page = await browser.get(f"/console/{path}")
    host = f"127.0.0.1:{browser.base_url.port}"
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    )


@pytest.mark.parametrize("host", ["", "a; script-src *", "a b", "evil.example'", "a,b", "[::1", "a:b"])
async def test_a_host_that_is_none_adds_nothing_to_the_policy(host: str) -> None:
    assert "connect-src 'self'; base-uri" in console_policy(host)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_pages_are_only_read(browser: httpx.AsyncClient, method: str) -> None:
    refused = await browser.request(method, "/console/")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_the_page_knows_where_a_person_signs_in(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/console/")).text
    assert 'content="https://login.example.com/?a=1&amp;b=&quot;2&quot;"' in page


async def test_without_pages_the_desk_says_which_command_builds_them(tmp_path: Path) -> None:
    async with served_desk(tmp_path, pages_directory=tmp_path / "nothing") as desk, client(desk) as browser:
        for path in ("/", "/console/", "/console/orders"):
            answer = await browser.get(path)
            assert answer.status_code == 503
            (sentence,) = re.findall(r"<p>(.*)</p>", answer.text)
            assert "were not built" in sentence
            assert "<code>make console</code>" in sentence
        assert (await browser.get("/console/assets/index.js")).status_code == 404
        assert (await browser.get("/healthz")).status_code == 200
