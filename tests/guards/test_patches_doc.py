"""docs/patches.md names the pinned versions, tests that exist, and every private name of a library in use."""

import ast
import re
from functools import cache

from tests.guards.test_promises_doc import NAMED, names_tests
from tests.kit.source import PRODUCT, ROOT, modules

PAGE = (ROOT / "docs/patches.md").read_text()
PIN = re.compile(r"^([\w-]+)==(\S+)", re.MULTILINE)
SECTION = re.compile(r"^## ([\w-]+) (\S+)$", re.MULTILINE)
ROW = re.compile(r"^\| (?P<part>.+?) \| (?P<files>`.+?) \| .+? \| (?P<tests>.+?) \|$", re.MULTILINE)
OF_THE_STANDARD_LIBRARY = {"_current_frames", "_exit", "_fields", "_replace"}
"""Of `sys`, `os` and of a named tuple, where they are documented."""


def private_names(tree: ast.Module) -> set[str]:
    """Attributes of other objects and imports of other modules that begin with one underscore, except those
    that the module itself defines."""
    own = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_of_self(node)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and not _is_of_self(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            used |= {alias.name for alias in node.names}
    private = {name for name in used if name.startswith("_") and not name.startswith("__")}
    # Strawberry's schema has a `_schema`, and so have classes of the desk that keep one.
    return private - (own - {"_schema"}) - OF_THE_STANDARD_LIBRARY


def _is_of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


@cache
def private_names_in_use() -> dict[str, list[str]]:
    """By the path of the module; each is parsed once."""
    return {
        path: sorted(private_names(tree)) for path, tree in modules(*PRODUCT) if "/migrations/" not in path
    }


def unlisted(page: str) -> list[str]:
    """Private names in the code that the page does not name in the row of their module."""
    rows = [(row["part"], row["files"]) for row in ROW.finditer(page)]
    missing = []
    for path, names in private_names_in_use().items():
        parts = " ".join(part for part, files in rows if f"`{path}`" in files)
        missing += [f"{path}: {name}" for name in names if not re.search(rf"\b{name}\b", parts)]
    return missing


def test_the_versions_are_those_that_are_pinned() -> None:
    pinned = dict(PIN.findall((ROOT / "requirements/run.txt").read_text()))
    named = dict(SECTION.findall(PAGE))
    assert named == {name: pinned.get(name) for name in named}, (
        "read what changed, then raise the version here"
    )
    assert len(named) == 8


def test_every_row_names_files_and_tests_that_exist() -> None:
    rows = list(ROW.finditer(PAGE))
    assert len(rows) == PAGE.count("\n| ") - PAGE.count("\n| part |")
    assert [row["part"] for row in rows if not names_tests(row["tests"])] == []
    named = [path for row in rows for path in re.findall(r"`([\w/.]+)`", row["files"])]
    assert [path for path in named if not (ROOT / path).is_file()] == []
    assert len(NAMED.findall(PAGE)) >= len(rows)


def test_every_private_name_of_a_library_is_listed() -> None:
    missing = unlisted(PAGE)
    assert not missing, f"add what is undocumented in a library to docs/patches.md: {missing}"


def test_guard_notices_a_private_name_that_is_not_listed() -> None:
    assert "models/sql/configuration.py: _transport" in unlisted(PAGE.replace("`_transport`", "`transport`"))
