"""Regenerates the versions and the code of docs/clients.md: `python -m docs.generate_clients`.

The code is that of the programs which `make conformance` runs. Only the text between a pair of `generated`
comments is generated.
"""

import json
import re
from pathlib import Path

PAGE = Path(__file__).with_name("clients.md")
ROOT = PAGE.parents[1]
PROGRAMS = ROOT / "tests/conformance"
CLIENTS = {
    "audits": ("graphql-http",),
    "node": (
        "graphql-ws",
        "graphql-sse",
        "@apollo/client",
        "@urql/core",
        "relay-runtime",
        "relay-compiler",
        "@graphql-codegen/client-preset",
        "typescript",
    ),
}
LANGUAGES = {".ts": "ts", ".py": "python"}
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w/.]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_MARKED = re.compile(r"^(?://|#) doc: .*?\n(.*?)^(?://|#) end$", re.DOTALL | re.MULTILINE)


def render(page: str) -> str:
    """The page with every generated part replaced; raises OSError for a program that does not exist."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{_part(block['name'])}\n\n{block[3]}", page)


def _part(name: str) -> str:
    return _versions() if name == "versions" else _code(PROGRAMS / name)


def _versions() -> str:
    found = [("gql", _version_of_gql())]
    for directory, names in CLIENTS.items():
        pinned = json.loads((PROGRAMS / directory / "package.json").read_text())["dependencies"]
        found += [(name, pinned[name]) for name in names]
    rows = [f"| `{name}` | {version} |" for name, version in sorted(found)]
    return "\n".join(["| package | version |", "|---|---|", *rows])


def _version_of_gql() -> str:
    pinned = re.search(r"^gql==(\S+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    assert pinned, "requirements/dev.txt pins gql"
    return pinned[1]


def _code(program: Path) -> str:
    """What a program has between `doc` and `end`; all of it if it has no such place."""
    text = program.read_text()
    marked = _MARKED.search(text)
    return f"```{LANGUAGES[program.suffix]}\n{(marked[1] if marked else text).strip()}\n```"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
