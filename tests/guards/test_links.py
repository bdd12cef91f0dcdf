"""Links between pages lead to files and headings that exist, and paths in their texts to files."""

import re
from pathlib import Path

from tests.kit.source import ROOT, tracked_files

_LINK = re.compile(r"\[[^\]]*\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
NO_PATHS = {"Asia/Hong_Kong"}
BUILT = "build/"
"""What commands write there is not in the repository."""
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


def missing_paths(at: Path, page: str) -> list[str]:
    """Paths between backticks that exist neither from the root nor from the page."""
    paths = {path for path in _PATH.findall(page) if not path.startswith(BUILT)} - NO_PATHS
    return sorted(path for path in paths if not ((ROOT / path).exists() or (at.parent / path).exists()))


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    broken = {str(at): links for at in pages() if (links := broken_links(at, at.read_text()))}
    assert not broken, f"these links lead to no file or heading: {broken}"


def test_every_path_in_a_text_exists() -> None:
    missing = {str(at): paths for at in pages() if (paths := missing_paths(at, at.read_text()))}
    assert not missing, f"these paths do not exist: {missing}"


def test_every_decision_is_on_the_list_of_decisions() -> None:
    listed = set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text()))
    assert {path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")} == listed


def test_guard_notices_a_broken_link() -> None:
    page = "# A page\n[a](no.md) [b](api.md#nowhere) [c](api.md#tokens) [d](#a-page) [e](#b) [f](https://example.org)"
    assert broken_links(ROOT / "docs/page.md", page) == ["no.md#", "api.md#nowhere", "#b"]


def test_guard_notices_a_path_that_does_not_exist() -> None:
    page = "in `domain/nowhere.py`, `domain/case.py` or `node/yoga.mjs`"
    assert missing_paths(ROOT / "bench/fanout/README.md", page) == ["domain/nowhere.py"]
