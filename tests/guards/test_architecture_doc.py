"""The page on the architecture lists the loops by the names that the log and `/readyz` use."""

import re

from tests.kit.source import ROOT

PAGE = ROOT / "docs/architecture.md"
TABLE = ROOT / "gateway/workers/table.py"


def loops_of(page: str) -> set[str]:
    """The names in the first column of the tables of loops."""
    tables = re.findall(r"^\| loop \| does \|\n\|---\|---\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    cells = [row.split("|")[1] for table in tables for row in table.splitlines()]
    return {name.strip() for cell in cells for name in cell.split(",")}


def test_the_page_lists_every_loop() -> None:
    assert loops_of(PAGE.read_text()) == set(re.findall(r'Worker\("([^"]+)"', TABLE.read_text()))
