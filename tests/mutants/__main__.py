"""`make mutants`: changes one place of the rules at a time, and reports which changes no unit test notices.

Without arguments it tries all modules of `[tool.mutmut]` in `pyproject.toml`, with arguments those modules.
It fails below `SCORE_MIN`, or if `equivalent.toml` lists a mutant that was killed or does not exist.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.kit.source import ROOT
from tests.mutants.report import Mutant, listed, mutants

SCORE_MIN = 0.95
COLUMNS = ("mutants", "by types", "by tests", "listed", "alive", "score")
WORK = ROOT / "mutants"
LISTED = Path(__file__).with_name("equivalent.toml")


def modules() -> list[str]:
    """The names of all modules that are tried."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    return [Path(path).stem for path in settings["only_mutate"]]


def run(tried: list[str]) -> int:
    """Start from nothing: mutmut would keep the results of tests that have changed."""
    shutil.rmtree(WORK, ignore_errors=True)
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    patterns = [f"domain.{name}.*" for name in tried]
    with (ROOT / "build" / "mutants.log").open("w") as log:
        command = [str(programs / "mutmut"), "run", "--max-children", "1", *patterns]
        return subprocess.run(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode


def report(tried: list[str]) -> int:
    """Print the score of each module and the survivors that are not listed; 0 if all is well."""
    entries = [entry for entry in listed(LISTED) if entry.module in tried]
    found = [each for name in tried for each in mutants(WORK, name)]
    alive = [each for each in found if not each.killed]
    unlisted = [each for each in alive if not any(entry.is_about(each) for entry in entries)]
    gone = [entry for entry in entries if not any(entry.is_about(each) for each in alive)]
    for each in unlisted:
        print(each)
    for entry in gone:
        print(f"{LISTED.name} lists a mutant that was killed or does not exist: {entry}")
    print("module".ljust(20), *(title.rjust(8) for title in COLUMNS))
    for name in tried:
        _print_score(name, *(_of(name, some) for some in (found, alive, unlisted)))
    score = _print_score("all", found, alive, unlisted)
    return 0 if score >= SCORE_MIN and not gone else 1


def _of(module: str, some: list[Mutant]) -> list[Mutant]:
    return [each for each in some if each.module == module]


def _print_score(name: str, found: list[Mutant], alive: list[Mutant], unlisted: list[Mutant]) -> float:
    """The share of the killed mutants, without those that are listed."""
    same = len(alive) - len(unlisted)
    changed = len(found) - same
    score = 1 - len(unlisted) / changed if changed else 1.0
    types = sum(each.by_types for each in found)
    tests = len(found) - len(alive) - types
    print(f"{name:20} {len(found):8} {types:8} {tests:8} {same:8} {len(unlisted):8} {score:8.1%}")
    return score


def main() -> int:
    tried = sys.argv[1:] or modules()
    (ROOT / "build").mkdir(exist_ok=True)
    if run(tried):
        print((ROOT / "build" / "mutants.log").read_text()[-4000:])
        return 1
    return report(tried)


if __name__ == "__main__":
    sys.exit(main())
