"""`make run` installs what the desk needs to run, the other commands the developers' tools as well."""

import re
import subprocess
import tomllib

import pytest

from gateway.version import VERSION
from tests.kit.source import ROOT

NOWHERE = "build/no-environment"


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / lock).read_text(), re.MULTILINE))


def commands_of(target: str) -> str:
    """What make would do without an environment."""
    asked = ["make", "-n", target, f"VENV={NOWHERE}"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_version_of_the_build_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION, "change VERSION in gateway/version.py too"


def test_developers_run_the_desk_with_the_pins_of_its_operators() -> None:
    assert pins("run.txt")
    assert (
        pins("run.txt") <= pins("telemetry.txt") <= pins("dev.txt") >= pins("pages.txt") >= pins("run.txt")
    ), "run `make lock`: the files are made from pyproject.toml"


@pytest.mark.parametrize(
    ("target", "lock", "other"),
    [
        ("run", "requirements/pages.txt", "requirements/dev.txt"),
        ("console", "requirements/pages.txt", "requirements/dev.txt"),
        ("check", "requirements/dev.txt", "requirements/pages.txt"),
    ],
)
def test_a_command_installs_only_what_it_needs(target: str, lock: str, other: str) -> None:
    commands = commands_of(target)
    assert f"--require-hashes -r {lock}" in commands
    assert f"--require-hashes -r {other}" not in commands
