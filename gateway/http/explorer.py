"""The page for a browser: Strawberry's GraphiQL, with a notice if its scripts do not arrive within a second.

They come from unpkg.com. Without that address the page would show nothing, or `Loading...`, and no reason.
The policy of the page lets it run these scripts alone, and talk to nothing but the desk.
"""

import re
from base64 import b64encode
from hashlib import sha256

from strawberry.http.ides import get_graphql_ide_html

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


EXPLORER = _with_notice(get_graphql_ide_html(graphql_ide="graphiql"))
"""The page; requests go to the address that it was loaded from."""


def _policy(page: str) -> str:
    """A Content-Security-Policy: the page's own scripts by their hashes, and its files by their addresses."""
    own = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in own]
    scripts = " ".join([*hashes, *re.findall(r'src="(https:[^"]+)"', page)])
    styles = " ".join(re.findall(r'href="(https:[^"]+)"', page))
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline' {styles}; "
        "connect-src 'self'; img-src 'self' data:; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


EXPLORER_HEADERS = {"Content-Security-Policy": _policy(EXPLORER)}
"""The styles that GraphiQL writes into the page have no hash, so inline ones are allowed."""
