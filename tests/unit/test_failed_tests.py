"""A test that fails is named alone: what it left open fails no test after it."""

import subprocess
import sys
from pathlib import Path

from tests.kit.source import ROOT

TESTS = """
import gc, socket

def test_that_leaves_a_socket_open():
    held = [socket.socket()]
    held.append(held)
    raise AssertionError("this one")

def test_that_is_innocent():
    gc.collect()
"""


def test_resources_that_a_failed_test_left_open_fail_no_other(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(TESTS)
    pytest = (sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "-p", "tests.conftest")
    run = subprocess.run([*pytest, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert "1 failed, 1 passed" in run.stdout, run.stdout + run.stderr
