"""The ways through the desk stay short, and the count sees what a way carries."""

import asyncio

import pytest

from tests.guards.ways import WAYS, Stage, Trace, Way, walk


@pytest.fixture(scope="module")
def walked() -> dict[str, list[str]]:
    return {way.name: files for way, files in asyncio.run(walk())}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_way_is_no_longer_than_allowed(walked: dict[str, list[str]], way: Way) -> None:
    files = walked[way.name]
    assert 2 < len(files) <= way.files_max, "see python -m tests.guards.ways --files"


def test_a_stage_that_never_ends_is_reported() -> None:
    with pytest.raises(AssertionError, match="received nothing"):
        Stage("a.py", end="b.py").cut(["a.py"])


def test_a_value_is_found_inside_of_arguments() -> None:
    trace = Trace(["needle"])
    assert trace.holds({"a": [("x", b"a needle")]})
    assert trace.holds(Stage("needle"))
    assert not trace.holds({"a": [("x", 1)]})
