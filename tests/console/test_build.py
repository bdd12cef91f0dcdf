"""The build of the pages: it runs when its sources changed, and a machine that cannot build says why."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from console.build import CONSOLE, GENERATED, INSTALLED, STAMP, Places, digest, is_built, main
from tests.kit.source import ROOT

CLOSED_PORT = "http://127.0.0.1:9"
SAME = shutil.ignore_patterns("node_modules", "__pycache__", "tests")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A copy of the sources, from which nothing was built yet."""
    shutil.copytree(ROOT / "console", tmp_path / "console", ignore=SAME)
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    return replace(
        CONSOLE,
        source=tmp_path / "console",
        schema=tmp_path / "schema.graphql",
        output=tmp_path / "build/console",
    )


@pytest.fixture
def with_packages(places: Places) -> Places:
    """The same beside the packages that `make test` has installed."""
    if not (ROOT / "console" / INSTALLED).exists():
        pytest.skip("NOT RUN: the packages of the console are not installed: `make console`")
    (places.source / "node_modules").symlink_to(ROOT / "console/node_modules")
    return places


@pytest.mark.parametrize(
    "changed", ["package-lock.json", "src/app.tsx", "operations/viewer.graphql", "../schema.graphql"]
)
def test_a_changed_source_asks_for_another_build(places: Places, changed: str) -> None:
    before = digest(places)
    with (places.source / changed).open("a") as file:
        file.write("\n")
    assert digest(places) != before


def test_a_renamed_source_asks_for_another_build(places: Places) -> None:
    before = digest(places)
    (places.source / "src/app.tsx").rename(places.source / "src/other.tsx")
    assert digest(places) != before


def test_what_the_build_itself_writes_asks_for_no_other_one(places: Places) -> None:
    before = digest(places)
    (places.source / GENERATED).write_text("// others\n")
    assert digest(places) == before


def test_without_a_registry_one_line_says_that_there_are_no_pages(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("npm_config_registry", CLOSED_PORT)
    monkeypatch.setenv("npm_config_cache", str(places.output.parent / "empty"))
    monkeypatch.setenv("npm_config_offline", "false")
    monkeypatch.setenv("npm_config_fetch_retry_mintimeout", "1")
    assert main(["--if-possible"], places) == 0
    *_, last = capsys.readouterr().err.splitlines()
    assert "the pages were not built: npm cannot install the packages" in last
    assert "`make console` builds them" in last
    assert not is_built(places)
    assert main([], places) == 1


def test_pages_that_are_built_are_not_built_again(
    with_packages: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], with_packages) == 0
    assert "the pages are built" in capsys.readouterr().err
    page = (with_packages.output / "index.html").read_text()
    assert "/console/assets/index-" in page
    assert main(["--if-possible"], with_packages) == 0
    assert capsys.readouterr().err == ""


def test_sources_with_a_wrong_type_leave_the_former_pages(
    with_packages: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], with_packages) == 0
    stamp = (with_packages.output / STAMP).read_text()
    (with_packages.source / "src/app.tsx").write_text("export const App: number = 'text';\n")
    assert main(["--if-possible"], with_packages) == 1
    assert "src/app.tsx(1,14): error TS2322" in capsys.readouterr().err
    assert (with_packages.output / STAMP).read_text() == stamp


def test_an_operation_that_the_schema_does_not_know_stops_the_build(
    with_packages: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    (with_packages.source / "operations/viewer.graphql").write_text("query Viewer { viewer { surname } }\n")
    assert main([], with_packages) == 1
    assert 'Cannot query field "surname" on type "Viewer"' in capsys.readouterr().err
