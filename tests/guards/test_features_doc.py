"""What the table of features names exists: fields, pages and tests."""

import re

from tests.kit.source import ROOT

PAGE = (ROOT / "docs/features.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ \|", line)
]
FEATURES = 40


def missing_names(names: list[str], schema: str) -> list[str]:
    """Of fields and types those that the schema does not define."""
    return [name for name in names if not re.search(rf"^(?:  |\w+ ){name}\b", schema, re.MULTILINE)]


def test_every_feature_has_a_row_and_no_row_is_empty() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, FEATURES + 1))
    poor = [row[0] for row in ROWS if len(row) != 5 or not all(row)]
    assert not poor, f"fill every column of these rows of docs/features.md: {poor}"


def test_fields_exist() -> None:
    schema = (ROOT / "schema.graphql").read_text()
    missing = missing_names([name for row in ROWS for name in re.findall(r"`(\w+)`", row[2])], schema)
    assert not missing, f"docs/features.md names what schema.graphql does not have: {missing}"


def test_guard_notices_a_field_that_does_not_exist() -> None:
    assert missing_names(["cases", "cares"], "type Query {\n  cases(\n  careless: Int\n}") == ["cares"]


def test_pages_and_tests_exist() -> None:
    named = [f"docs/{page}" for page in re.findall(r"\]\(([\w/.]+)\)", PAGE)]
    named += re.findall(r"`(tests/[\w/.]+)`", PAGE)
    missing = sorted({name for name in named if not (ROOT / name).is_file()})
    assert not missing, f"docs/features.md names files that do not exist: {missing}"
