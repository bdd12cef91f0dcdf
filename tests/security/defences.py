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


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one case of a test."""

    passed: bool
    seconds: float


def defences() -> list[Defence]:
    """In the order of the page."""
    rows = _ROW.finditer(PAGE.read_text())
    return [
        Defence(row["defence"], tuple(f"{path}::{test}" for path, test in _NAMED.findall(row["tests"])))
        for row in rows
    ]


def tried_defences() -> list[Check]:
    """One check for each."""
    found = defences()
    names = sorted({test for defence in found for test in defence.tests})
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        output = _run(names, report)
        outcomes = _outcomes(report) if report.exists() else {}
    return [_judged(defence, outcomes, output) for defence in found]


def _run(names: list[str], report: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(PROCESSES), "--dist", "loadfile"]
    command += ["--stacks", "usual", f"--junitxml={report}", *names]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return ran.stdout[-_OUTPUT_CHARACTERS:]


def _outcomes(report: Path) -> dict[str, list[Outcome]]:
    """Those of all cases of a test, by `path::function`."""
    outcomes: dict[str, list[Outcome]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        path = f"{case.get('classname', '').replace('.', '/')}.py"
        name = f"{path}::{case.get('name', '').partition('[')[0]}"
        passed = not any(case.findall(kind) for kind in ("failure", "error", "skipped"))
        outcomes.setdefault(name, []).append(Outcome(passed, float(case.get("time", "0"))))
    return outcomes


def _judged(defence: Defence, outcomes: dict[str, list[Outcome]], output: str) -> Check:
    cases = [case for test in defence.tests for case in outcomes.get(test, ())]
    check = Check(defence.name, "tests", asked=len(cases), seconds=sum(case.seconds for case in cases))
    check.note = f"{sum(case.passed for case in cases)} of {len(cases)} tests passed"
    for test in _without_success(defence, outcomes):
        check.find("the test fails, or does not run", f"{test}\n{output}")
    return check


def _without_success(defence: Defence, outcomes: dict[str, list[Outcome]]) -> Iterator[str]:
    for test in defence.tests:
        cases = outcomes.get(test, ())
        if not cases or not all(case.passed for case in cases):
            yield test
