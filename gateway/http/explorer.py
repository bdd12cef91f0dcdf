"""The explorer of the desk, GraphiQL: built by `make explorer`, and served below `/explorer/`.

A browser at `/graphql` is led there. It is off where introspection is, and a desk that runs its manifest
alone says why it could neither read the schema nor send a query.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from domain.document_name import TrustMode
from gateway.http.pages import Pages, PageSet, socket_sources
from gateway.settings import Settings

_CLOSED_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_CLOSED = """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>GraphQL</title></head>
  <body>
    <h1>No explorer</h1>
    <p>This desk executes the documents of its manifest alone (GATEWAY_TRUSTED_DOCUMENTS=only), so an explorer
    could neither read the schema nor send a query. Start a desk of your own with another mode to explore; the
    schema is printed by <code>python -m gateway schema</code>.</p>
  </body>
</html>
"""


def explorer_policy(host: str) -> str:
    """The Content-Security-Policy of the explorer: its own files, and the desk.

    Its editor writes styles into the page and works in the background; fonts lie in its style sheets.
    """
    return (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
        f"connect-src 'self'{socket_sources(host)}; img-src 'self' data:; font-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def is_explorer_open(settings: Settings) -> bool:
    """Whether a browser could read the schema and send any query."""
    return settings.introspection and settings.trusted_documents is not TrustMode.ONLY


def explorer_pages(directory: Path) -> Pages:
    """The built explorer in this directory of built pages."""
    return Pages(PageSet(directory / "explorer", explorer_policy, "make explorer"))


def to_explorer(request: Request, settings: Settings) -> Response:
    """For a browser at `/graphql`, which needs no token; relative, for a proxy that adds a prefix."""
    if not is_explorer_open(settings):
        return HTMLResponse(_CLOSED, headers={"Content-Security-Policy": _CLOSED_POLICY})
    query = request.url.query
    return RedirectResponse("explorer/" + (f"?{query}" if query else ""))
