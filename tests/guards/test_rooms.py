"""Rooms of tests share what lies in `tests/kit`, and a benchmark uses nothing else of the tests."""

import ast
from collections.abc import Iterator

from tests.kit.source import modules

KIT = "tests.kit"


def foreign(path: str, tree: ast.Module) -> Iterator[str]:
    """What a module imports from another room of the tests."""
    room = "tests." + path.split("/")[1] if path.startswith("tests/") else "tests.kit"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            name = node.module or ""
            if not (name + ".").startswith((f"{KIT}.", f"{room}.")):
                yield f"{path}: {name}"


def test_a_room_of_tests_imports_from_itself_and_from_the_kit() -> None:
    found = [line for path, tree in modules("tests", "bench") for line in foreign(path, tree)]
    assert not found


def test_guard_notices_an_import_from_another_room() -> None:
    tree = ast.parse("from tests.api.trading import x\nfrom tests.kit.patience import y")
    assert list(foreign("tests/unit/test_x.py", tree)) == ["tests/unit/test_x.py: tests.api.trading"]
    assert list(foreign("bench/x.py", tree)) == ["bench/x.py: tests.api.trading"]
