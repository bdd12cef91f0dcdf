"""What was kept years ago is read and computed again: a snapshot as format 1 was written, with a short, an
option, an instrument nobody quoted, four currencies, open orders and every part of the amount."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.canonical import canonical_text, content_hash, plain
from domain.ids import CaseId
from domain.snapshot import SnapshotKind, recomputed
from models.snapshot import StoredSnapshot
from models.sql.codec import UnknownFormat

TEXT = (Path(__file__).parent / "snapshot_format_1.json").read_text().strip()
"""Never to be written again: a desk that cannot read it needs a way to do so."""
HASH = "82a8057a435ced2bfd8cfd3fbb75bb604612e57966c23df15dffb5b1e181bbe1"
ADDED_LATER = {
    "inputs": ("recoveries",),
    "rule": ("whole_debt", "on_equity"),
    "terms": ("outstanding_margin",),
    "instrument": ("option", "average_daily_volume", "suspended_since", "tick"),
}
"""Fields with a default: a text from before they were there has none of them."""


def kept(text: str) -> StoredSnapshot:
    at = datetime(2020, 3, 16, 14, 30, tzinfo=UTC)
    return StoredSnapshot("1", CaseId("case-1"), SnapshotKind.FORCE, "plan 1", at, text, content_hash(text))


def test_the_text_is_the_one_that_was_hashed() -> None:
    assert content_hash(TEXT) == HASH


def test_the_figures_follow_to_the_last_digit() -> None:
    content = kept(TEXT).decoded()
    assert recomputed(content.inputs) == content.outputs
    assert kept(TEXT).outputs() == content.outputs
    # 1.05 x 691,021 - 481,478.8493 + 2,156.2241 + 77.77 - 1,000, in whole cents.
    assert plain(content.outputs.figures)["amount"] == "245327.19"
    assert plain(content.outputs)["uncovered_amount"] == "190506.92"


def test_a_text_without_later_fields_gives_the_same_figures() -> None:
    older = json.loads(TEXT)
    older["inputs"]["book"]["terms"]["outstanding_margin"] = "0"
    _forget(older)
    content = kept(canonical_text(older)).decoded()
    # Less 77.77 that were owed.
    assert plain(recomputed(content.inputs).figures)["amount"] == "245249.42"


def _forget(part: Any) -> None:
    for name, each in part.items() if isinstance(part, dict) else enumerate(part):
        for field in ADDED_LATER.get(str(name), ()):
            each.pop(field, None)
        if isinstance(each, dict | list):
            _forget(each)


def test_the_text_of_a_later_version_is_not_guessed_at() -> None:
    later = kept(TEXT.replace('"format":1', '"format":2'))
    with pytest.raises(UnknownFormat, match="format 2"):
        later.decoded()
    with pytest.raises(UnknownFormat, match="format 2"):
        later.outputs()
