"""What the documents say about settings and dependencies is what the code has."""

import json
import re
import tomllib

from gateway.cli.settings_doc import render
from gateway.settings import Settings, variable
from tests.kit.source import ROOT, tracked_files

_VARIABLE = re.compile(r"\bGATEWAY_[A-Z][A-Z0-9_]*")
_SETTINGS = {variable(field) for field in Settings.model_fields}
_NAMED = re.compile(r"^[A-Za-z0-9_-]+")


def unknown_in(text: str) -> set[str]:
    """Variables named in `text` that are no settings."""
    return set(_VARIABLE.findall(text)) - _SETTINGS


def undocumented(page: str, requirements: list[str]) -> list[str]:
    """Requirements without a line of their own on the page."""
    names = [match.group() for text in requirements if (match := _NAMED.match(text))]
    return [name for name in names if f"`{name}`" not in page]


def direct_requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    # A group may include another one, which is a table.
    named = [each for group in groups for each in group if isinstance(each, str)]
    return [*project["project"]["dependencies"], *named]


def test_settings_page_is_current() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    assert page == render(), "run `make docs`"


def test_every_setting_is_described_in_one_plain_sentence() -> None:
    descriptions = {name: field.description or "" for name, field in Settings.model_fields.items()}
    poor = [name for name, text in descriptions.items() if not re.fullmatch(r"[A-Z`][^\n|]{15,}\.", text)]
    assert not poor, f"describe these settings in gateway/sections/ by one plain sentence: {poor}"


def test_documents_and_tools_name_only_settings_that_exist() -> None:
    texts = [path for path in tracked_files() if "tests" not in path.parts and path.suffix != ".lock"]
    broken = {str(path): names for path in texts if (names := unknown_in(path.read_text(errors="replace")))}
    assert not broken, f"correct the names of settings, or add them to gateway/sections/: {broken}"


def test_guard_notices_a_setting_that_does_not_exist() -> None:
    assert unknown_in("set GATEWAY_PROT=9000 or GATEWAY_PORT") == {"GATEWAY_PROT"}


def test_every_direct_dependency_is_explained() -> None:
    page = (ROOT / "docs/dependencies.md").read_text()
    missing = undocumented(page, direct_requirements())
    assert not missing, f"say in docs/dependencies.md what these are for: {missing}"


def test_every_direct_package_of_the_console_and_of_the_client_programs_is_explained() -> None:
    page = (ROOT / "docs/dependencies.md").read_text()
    programs = [path for path in tracked_files() if path.match("tests/conformance/*/package.json")]
    files = [ROOT / "console/package.json", ROOT / "console/explorer/package.json", *programs]
    names = [name for file in files for name in json.loads(file.read_text())["dependencies"]]
    missing = [name for name in names if f"`{name}`" not in page]
    assert programs, "there are none"
    assert not missing, f"say in docs/dependencies.md what these are for: {missing}"


def test_guard_notices_a_dependency_without_an_explanation() -> None:
    assert undocumented("- `redis`: streams.", ["redis>=8", "tortoise-orm[asyncpg]>=1"]) == ["tortoise-orm"]
