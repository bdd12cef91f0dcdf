"""Each promise of docs/promises.md, and each defence of docs/security.md, names a test that exists."""

import re

from tests.kit.source import ROOT

PAGES = ("docs/promises.md", "docs/security.md")
HEADS = ("promise", "defence", "---")
ROW = re.compile(r"^\| (?P<promise>.+?) \| (?P<tests>.+?) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def broken_promises(page: str) -> list[str]:
    """The rows that name no test, or one that does not exist."""
    rows = [row for row in ROW.finditer(page) if row["promise"] not in HEADS]
    return [row["promise"] for row in rows if not names_tests(row["tests"])]


def names_tests(cell: str) -> bool:
    """Whether a cell of a table names tests, and all of them exist."""
    named = NAMED.findall(cell)
    return bool(named) and all(_exists(path, function) for path, function in named)


def _exists(path: str, function: str) -> bool:
    file = ROOT / path
    return file.is_file() and bool(
        re.search(rf"^ *(?:async )?def {function}\(", file.read_text(), re.MULTILINE)
    )


def test_every_promise_names_a_test_that_exists() -> None:
    broken = [each for page in PAGES for each in broken_promises((ROOT / page).read_text())]
    assert not broken, f"name a test that exists beside each promise of {PAGES}: {broken}"


def test_guard_notices_a_promise_without_a_test() -> None:
    missing = "| kept | `tests/guards/test_promises_doc.py::test_that_is_not_there` |\n| bare | none |\n"
    assert broken_promises(missing) == ["kept", "bare"]
