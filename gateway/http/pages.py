"""The pages in a browser that are built apart from the desk and served by it.

Files below `assets/` have a hash of their content in their names: a browser keeps them for ever, and a name
that is not there is not found. Any other address is one of the application in the page, so it gets the page
itself, which a browser asks for each time. Nothing outside of the directory is served.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

CHECKOUT = Path(__file__).parents[2]
INDEX = "index.html"
ASSETS = "assets"
UNCHANGING = "public, max-age=31536000, immutable"
ASKED_FOR_EACH_TIME = "no-cache"
_HOST = re.compile(r"[\w.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?", re.ASCII)


def console_policy(host: str) -> str:
    """The Content-Security-Policy of the console: it runs its own files and talks to the desk alone."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'{socket_sources(host)}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    )


def socket_sources(host: str) -> str:
    """The sources of WebSockets to `host`, which browsers of before 2022 do not take for the page's own
    origin; none if it is no host.
    """
    return f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""


@dataclass(frozen=True, slots=True)
class PageSet:
    """One set of built pages, and how it is served."""

    directory: Path
    policy: Callable[[str], str]
    """The Content-Security-Policy for the host that the browser asked."""
    command: str
    """The command that builds the pages, in a checkout."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the page reads about this desk in its own `<meta>`: the name, and the content to put in."""


class Pages:
    """ASGI application for GET and HEAD below one address; the path is the parameter `path` of the route."""

    def __init__(self, pages: PageSet) -> None:
        self._pages = pages
        self._files = StaticFiles(directory=pages.directory, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one file, the page, or the reason why there is none."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        response = await self._answer(scope)
        headers = Headers(scope=scope)
        response.headers["content-security-policy"] = self._pages.policy(headers.get("host", ""))
        await response(scope, receive, send)

    async def are_built(self) -> bool:
        """Whether there is a page to serve."""
        return await asyncio.to_thread((self._pages.directory / INDEX).is_file)

    def missing(self) -> Response:
        """503 with the reason, and the command that exists in this installation."""
        return HTMLResponse(_missing(self._pages), 503, {"cache-control": "no-store"})

    async def _answer(self, scope: Scope) -> Response:
        path: str = scope["path_params"].get("path", "")
        first, *rest = path.split("/")
        if first == ASSETS and rest:
            response = await self._files.get_response(path, scope)
            response.headers["cache-control"] = UNCHANGING
            return response
        if rest or "." not in first or first.startswith(".") or first == INDEX:
            return await self._page(scope)
        response = await self._files.get_response(path, scope)
        response.headers["cache-control"] = ASKED_FOR_EACH_TIME
        return response

    async def _page(self, scope: Scope) -> Response:
        try:
            text = await asyncio.to_thread((self._pages.directory / INDEX).read_text, "utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return self.missing()
        page = _filled(text, self._pages.facts)
        etag = f'"{sha256(page.encode()).hexdigest()[:32]}"'
        known = {"etag": etag, "cache-control": ASKED_FOR_EACH_TIME}
        if Headers(scope=scope).get("if-none-match") == etag:
            return Response(status_code=304, headers=known)
        return HTMLResponse(page, headers=known)


def _filled(page: str, facts: Mapping[str, str]) -> str:
    """The page with the contents of its empty `<meta>`s that have these names."""
    for name, content in facts.items():
        empty = f'<meta name="{name}" content=""'
        page = page.replace(empty, f'<meta name="{name}" content="{escape(content)}"', 1)
    return page


def _missing(pages: PageSet) -> str:
    here = (CHECKOUT / "Makefile").is_file() and (CHECKOUT / "console").is_dir()
    how = (
        f"Run <code>{pages.command}</code> in the directory of the desk and load this page again."
        if here
        else f"Run <code>{pages.command}</code> in a clone of the desk, and copy the result to "
        f"<code>{escape(str(pages.directory))}</code>."
    )
    return (
        '<!doctype html>\n<html lang="en">\n'
        '<head><meta charset="utf-8"><title>Margin-call desk</title></head>\n'
        f"<body><p>The pages of the desk were not built; the desk itself works. {how}</p></body>\n</html>\n"
    )
