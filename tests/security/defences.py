"""The defences of docs/security.md: each names its tests, which run here, together and once."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.kit.source import ROOT
from tests.security.findings import Check

PAGE = ROOT / "docs/security.md"
PROCESSES = 2
_ROW = re.compile(r"^\| (?P<defence>.+?) \|.*?\| (?P<tests>`tests/.+?) \|$", re.MULTILINE)
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_OUTPUT_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Defence:
    """A row of the page; a test is `path::function`."""

    name: str
    tests: tuple[str, ...]


def defences() -> list[Defence]:
    """In the order of the page."""
    rows = _ROW.finditer(PAGE.read_text())
    return [
        Defence(row["defence"], tuple(f"{path}::{test}" for path, test in _NAMED.findall(row["tests"])))
        for row in rows
    ]


def tried_defences() -> list[Check]:
    """One check for each; the time is that of all of them."""
    found = defences()
    names = sorted({test for defence in found for test in defence.tests})
    began = Check("", "")
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        output = _run(names, report)
        outcomes = _outcomes(report) if report.exists() else {}
    began.done()
    return [_judged(defence, outcomes, output, began.seconds) for defence in found]


def _run(names: list[str], report: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(PROCESSES), "--dist", "loadfile"]
    command += ["--stacks", "usual", f"--junitxml={report}", *names]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return ran.stdout[-_OUTPUT_CHARACTERS:]


def _outcomes(report: Path) -> dict[str, list[bool]]:
    """Whether each case of a test passed, by `path::function`."""
    outcomes: dict[str, list[bool]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        path = f"{case.get('classname', '').replace('.', '/')}.py"
        name = f"{path}::{case.get('name', '').partition('[')[0]}"
        passed = not any(case.findall(kind) for kind in ("failure", "error", "skipped"))
        outcomes.setdefault(name, []).append(passed)
    return outcomes


def _judged(defence: Defence, outcomes: dict[str, list[bool]], output: str, seconds: float) -> Check:
    cases = [passed for test in defence.tests for passed in outcomes.get(test, ())]
    check = Check(defence.name, "tests", asked=len(cases), seconds=seconds)
    check.note = f"{sum(cases)} of {len(cases)} tests passed"
    for test in _without_success(defence, outcomes):
        check.find("the test fails, or does not run", f"{test}\n{output}")
    return check


def _without_success(defence: Defence, outcomes: dict[str, list[bool]]) -> Iterator[str]:
    yield from (test for test in defence.tests if not all(outcomes.get(test, [False])))
