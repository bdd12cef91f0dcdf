"""The page that a new developer reads first names files and functions that exist."""

import re

from tests.kit.source import ROOT

PAGE = (ROOT / "docs/reading.md").read_text()
LINES_MAX = 3_000
"""Of the twelve files: more is no first reading."""


def files_of(page: str) -> list[str]:
    """Those of the table, in order."""
    return re.findall(r"^\| \d+ \| \[([\w/.]+)\]\(\.\./\1\) \|", page, re.MULTILINE)


def test_the_page_names_twelve_files_that_exist() -> None:
    files = files_of(PAGE)
    assert len(files) == len(set(files)) == 12
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert sum((ROOT / name).read_text().count("\n") for name in files) <= LINES_MAX


def test_every_other_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([\w/.]+)(?:#[\w-]+)?\)", PAGE)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def missing_names(page: str) -> list[str]:
    """Names in the last column of the table of places that their file does not define."""
    rows = re.findall(r"^\| [^|]+ \| \[([\w/.]+)\]\(\.\./\1\) \| (.+) \|$", page, re.MULTILINE)
    return [
        f"{file}: {name}"
        for file, text in rows
        for name in re.findall(r"`(\w+)`", text)
        if not re.search(rf"^ *(?:(?:async )?def|class) {name}\b|^{name}\b.* = ", _text(file), re.MULTILINE)
    ]


def _text(file: str) -> str:
    return (ROOT / file).read_text()


def test_the_named_places_define_the_named_objects() -> None:
    assert missing_names(PAGE) == []


def test_guard_notices_a_name_that_is_gone() -> None:
    row = "| what | [domain/case.py](../domain/case.py) | `decide`, `Case`, `gone` |"
    assert missing_names(row) == ["domain/case.py: gone"]


def test_the_page_is_found_from_the_first_pages() -> None:
    assert "](docs/reading.md)" in (ROOT / "README.md").read_text()
    assert "](docs/reading.md)" in (ROOT / "CONTRIBUTING.md").read_text()
