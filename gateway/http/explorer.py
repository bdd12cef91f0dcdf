"""The page for a browser: Strawberry's GraphiQL, with a notice if its scripts do not arrive within a second.

They come from unpkg.com. Without that address the page would show nothing, or `Loading...`, and no reason.
The policy of the page lets it run these scripts alone, and talk to nothing but the desk.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from strawberry.http.ides import get_graphql_ide_html

from domain.document_name import TrustMode

_NOTICE = """
    <script>
      setTimeout(function () {
        if (window.GraphiQL && window.GraphiQLPluginExplorer) return;
        const notice = document.createElement("p");
        notice.style = "position: fixed; inset: 0 0 auto; padding: 1em; background: #fff3cd; z-index: 1";
        notice.textContent =
          "This page is empty because its scripts have not arrived from https://unpkg.com, which your " +
          "browser has to reach. The API itself works: send a POST to this address, as the tour in " +
          "README.md does.";
        document.documentElement.append(notice);
        window.addEventListener("load", function () {
          if (window.GraphiQL && window.GraphiQLPluginExplorer) notice.remove();
        });
      }, 1000);
    </script>"""
_HEAD = "<head>"


def _with_notice(page: str) -> str:
    """The page, with the notice before the scripts that may not arrive."""
    assert _HEAD in page, "Strawberry's page has another form"
    return page.replace(_HEAD, _HEAD + _NOTICE, 1)


def _policy(page: str) -> str:
    """A Content-Security-Policy: the page's own scripts by their hashes, and its files by their addresses.

    The styles that GraphiQL writes into the page have no hash, so inline ones are allowed.
    """
    own = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in own]
    scripts = " ".join([*hashes, *re.findall(r'src="(https:[^"]+)"', page)]) or "'none'"
    styles = " ".join(re.findall(r'href="(https:[^"]+)"', page))
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline' {styles}; "
        "connect-src 'self'; img-src 'self' data:; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@dataclass(frozen=True, slots=True)
class Page:
    """A page with the headers that it needs."""

    html: str
    headers: Mapping[str, str]


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


def explorer(mode: TrustMode) -> Page:
    """The page; requests go to the address that it was loaded from."""
    closed = mode is TrustMode.ONLY
    html = _CLOSED if closed else _with_notice(get_graphql_ide_html(graphql_ide="graphiql"))
    return Page(html, {"Content-Security-Policy": _policy(html)})
