"""The page of the API lists every code that a client may meet, and none that it may not."""

import re
from pathlib import Path

import gateway.http.graphql
import resolvers.kit.errors
from domain.principal import Permission
from domain.refusals import RefusalCode
from gateway.auth import REFERENCE_NAMES, TokenFault

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text()
OF_THE_TRANSPORT = {
    "BAD_REQUEST",
    "BODY_TOO_LARGE",
    "HEADERS_TOO_LARGE",
    "HEADER_REPEATED",
    "TOO_MANY_OPERATIONS",
    "URL_TOO_LONG",
}


def constants_of(module: object) -> set[str]:
    return {
        value
        for name, value in vars(module).items()
        if re.fullmatch("[A-Z][A-Z_]+", name) and isinstance(value, str)
    }


def first_column(page: str, heading: str) -> set[str]:
    """The codes in the first column of the table under this heading."""
    table = page.split(f"| {heading} |")[1].split("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`(\w+)`", row)}


def test_every_refusal_is_listed() -> None:
    assert first_column(PAGE, "refusal") == set(RefusalCode)


def test_every_error_is_listed() -> None:
    codes = (
        constants_of(resolvers.kit.errors)
        | constants_of(gateway.http.graphql)
        | set(TokenFault)
        | OF_THE_TRANSPORT
    )
    assert first_column(PAGE, "error") == codes - {"graphql-transport-ws"}


def test_every_permission_is_listed() -> None:
    assert first_column(PAGE, "permission") == set(Permission) | set(REFERENCE_NAMES)
