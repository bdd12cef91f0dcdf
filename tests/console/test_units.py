"""The tests of the console's modules, which Node runs without a browser; it strips the types itself."""

import subprocess
from pathlib import Path

import pytest

from console.build import CONSOLE, NoPackages, install
from tests.console import vectors
from tests.kit.node_packages import node_environment

FILES = sorted((CONSOLE.source / "tests").glob("*.test.ts"))
TIMEOUT_S = 120
FAILURES = "failing tests:"
"""Under this line Node names each test that failed, and why."""


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    """Those of the console's lock file, in their place."""
    try:
        install(CONSOLE)
    except NoPackages as why:
        pytest.skip(f"NOT RUN: {why}")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name.removesuffix(".test.ts"))
def test_node_finds_no_fault(file: Path) -> None:
    command = ["node", "--test", "--test-reporter=spec", f"tests/{file.name}"]
    # Within a run of `node --test` Node would report to that one.
    environment = {name: value for name, value in node_environment().items() if name != "NODE_TEST_CONTEXT"}
    run = subprocess.run(
        command, cwd=CONSOLE.source, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert run.returncode == 0, run.stdout.split(FAILURES)[-1] + run.stderr


def test_there_are_tests() -> None:
    assert FILES


def test_the_vectors_are_what_python_makes() -> None:
    assert vectors.FILE.read_text() == vectors.rendered(), "run `python -m tests.console.vectors`"
