"""The page of the API lists every code that a client may meet, and none that it may not."""

import ast
import re
from itertools import compress
from pathlib import Path

import pytest

import gateway.http.admission
import gateway.http.protocols.http_protocol
import gateway.http.refusals
import resolvers.kit.errors
from domain.principal import Permission
from domain.refusals import RefusalCode
from gateway.auth import TokenFault
from gateway.permission_names import REFERENCE_NAMES
from gateway.settings import Settings, variable
from resolvers.execution.limits import FIELDS_MAX, NAME_CHARACTERS_MAX, NUMBER_CHARACTERS_MAX, Limit

LIMITS_OF: dict[Limit, tuple[str | int, ...]] = {
    Limit.TOKENS: ("max_query_tokens",),
    Limit.NAME: (NAME_CHARACTERS_MAX,),
    Limit.NUMBER: (NUMBER_CHARACTERS_MAX,),
    Limit.DEPTH: ("max_query_depth",),
    Limit.ALIASES: ("max_query_aliases",),
    Limit.FIELDS: (FIELDS_MAX,),
    Limit.EQUAL_FIELDS: ("max_query_equal_fields",),
    Limit.SPREADS: ("max_query_spreads",),
    Limit.INPUT_FIELDS: ("max_query_input_fields",),
    Limit.ROOT_FIELDS: ("max_query_root_fields",),
    Limit.ONCE: (1,),
    Limit.COST: ("max_query_cost", "max_event_cost"),
}
"""The settings of each limit, or its constant value."""
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text()
CODE = re.compile("[A-Z][A-Z_]+")
TRANSPORTS = ("gateway/http", "subscriptions/connections")
REFUSING = {"HeadRefusal", "HttpRefused", "Refused", "_refuse", "error_response"}
"""The calls that take a code as text."""


def constants_of(module: object) -> set[str]:
    return {
        value
        for name, value in vars(module).items()
        if isinstance(value, str) and name.isupper() and CODE.fullmatch(value)
    }


def codes_in(source: str) -> set[str]:
    """Codes that are written where a request is refused, or in the `extensions` of an error."""
    codes: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = node.args if name in REFUSING else []
        elif isinstance(node, ast.Dict):
            is_code = [isinstance(key, ast.Constant) and key.value == "code" for key in node.keys]
            texts = list(compress(node.values, is_code))
        else:
            continue
        written = [text.value for text in texts if isinstance(text, ast.Constant)]
        codes |= {value for value in written if isinstance(value, str) and CODE.fullmatch(value)}
    return codes


def codes_of_the_transports() -> set[str]:
    sources = [path.read_text() for folder in TRANSPORTS for path in (ROOT / folder).rglob("*.py")]
    return set().union(*map(codes_in, sources))


def first_column(page: str, heading: str) -> set[str]:
    """The codes in the first column of the table under this heading."""
    table = page.split(f"| {heading} |")[1].split("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`(\w+)`", row)}


def test_every_refusal_is_listed() -> None:
    differing = first_column(PAGE, "refusal") ^ set(RefusalCode)
    assert not differing, f"docs/api.md, the table with the column `refusal`: add or remove {differing}"


def test_every_error_is_listed() -> None:
    codes = (
        constants_of(resolvers.kit.errors)
        | constants_of(gateway.http.refusals)
        | constants_of(gateway.http.admission)
        | constants_of(gateway.http.protocols.http_protocol)
        | set(TokenFault)
        | codes_of_the_transports()
    )
    differing = first_column(PAGE, "error") ^ codes
    assert not differing, f"docs/api.md, the table with the column `error`: add or remove {differing}"


@pytest.mark.parametrize("limit", Limit, ids=lambda limit: limit.name)
def test_every_limit_of_a_document_is_listed_with_its_setting_value_and_error(limit: Limit) -> None:
    table = PAGE.split("| limit of a document |")[1].split("\n\n")[0]
    rows = [tuple(cell.strip() for cell in row.split("|")[2:5]) for row in table.splitlines()[2:]]
    for name in LIMITS_OF[limit]:
        if isinstance(name, int):
            expected = ("", f"{name:,}")
        else:
            expected = (f"`{variable(name)}`", f"{Settings.model_fields[name].default:,}")
        assert (*expected, f"`{limit.code}`") in rows


def test_every_permission_is_listed() -> None:
    differing = first_column(PAGE, "permission") ^ (set(Permission) | set(REFERENCE_NAMES))
    assert not differing, f"docs/api.md, the table with the column `permission`: add or remove {differing}"
