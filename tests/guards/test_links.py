"""Links between pages lead to files and headings that exist, and so do the paths in CONTRIBUTING.md."""

import re
from pathlib import Path

from tests.kit.source import ROOT, tracked_files

_LINK = re.compile(r"\[[^\]]*\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_PATH = re.compile(r"`((?:\w+/)[\w./-]*)`")


def pages() -> list[Path]:
    """All of them, the decisions too."""
    return [path for path in tracked_files() if path.suffix == ".md"]


def anchors(page: str) -> set[str]:
    """The names that GitHub gives to the headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(at: Path, page: str) -> list[str]:
    """Those of a page that lead to no file, or to no heading of it."""
    broken = []
    for target, anchor in _LINK.findall(_FENCE.sub("", page)):
        file = at.parent / target
        there = not target or file.exists()
        if not there or (anchor and anchor not in anchors(file.read_text() if target else page)):
            broken.append(f"{target}#{anchor}")
    return broken


def missing_paths(page: str) -> list[str]:
    """Paths between backticks that do not exist."""
    return [path for path in _PATH.findall(page) if not (ROOT / path).exists()]


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    assert {str(at): broken for at in pages() if (broken := broken_links(at, at.read_text()))} == {}


def test_every_path_that_contributors_are_given_exists() -> None:
    assert missing_paths((ROOT / "CONTRIBUTING.md").read_text()) == []


def test_guard_notices_a_broken_link() -> None:
    page = "# A page\n[a](no.md) [b](api.md#nowhere) [c](api.md#tokens) [d](#a-page) [e](#b) [f](https://example.org)"
    assert broken_links(ROOT / "docs/page.md", page) == ["no.md#", "api.md#nowhere", "#b"]


def test_guard_notices_a_path_that_does_not_exist() -> None:
    assert missing_paths("in `domain/nowhere.py` or `domain/case.py`") == ["domain/nowhere.py"]
