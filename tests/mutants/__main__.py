"""`make mutants`: changes one place of the rules at a time, and reports which changes no unit test notices.

Without arguments it tries all modules of `[tool.mutmut]` in `pyproject.toml`, with arguments those modules;
the results of the others stay. `--resume` tries what an interrupted run left untried, `--alive` also the
survivors again, after new tests; `--report` prints what is known. It fails below `SCORE_MIN`, if mutants are
untried, or if `equivalent.toml` lists a mutant that was killed or does not exist.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

from tests.kit.source import ROOT
from tests.mutants.report import Mutant, listed, mutants, pattern, progress

SCORE_MIN = 0.95
COLUMNS = ("mutants", "by types", "by tests", "listed", "alive", "untried", "score")
WORK = ROOT / "mutants"
TESTS_SEEN = WORK / "mutmut-stats.json"
"""Which tests reach which function, as mutmut saw it last."""
LISTED = Path(__file__).with_name("equivalent.toml")
LOG = ROOT / "build" / "mutants.log"
PROGRESS_EVERY_S = 30


def modules() -> dict[str, Path]:
    """All modules that are tried, by name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    return {Path(path).stem: Path(path) for path in settings["only_mutate"]}


def try_all(wanted: list[Path], names: list[str]) -> bool:
    """Try the mutants with these names, and print now and then how many are done; False: mutmut failed."""
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    command = [str(programs / "mutmut"), "run", "--max-children", "1", *names]
    with LOG.open("w") as log:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        while running.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                running.wait(PROGRESS_EVERY_S)
            with suppress(json.JSONDecodeError):  # mutmut is just writing it
                print(progress(WORK, wanted), flush=True)
    if running.returncode:
        print(LOG.read_text()[-4000:])
    return running.returncode == 0


def names_to_try(asked: argparse.Namespace, wanted: list[Path]) -> list[str]:
    """mutmut's names, or patterns of them."""
    if asked.report:
        return []
    if not asked.resume:
        TESTS_SEEN.unlink(missing_ok=True)
    if not (asked.resume or asked.alive):
        forget(wanted)
    found = {module: mutants(WORK, module) for module in wanted}
    unmade = [pattern(module) for module, some in found.items() if not some]
    again = _unlisted([each for some in found.values() for each in some]) if asked.alive else []
    left = [each for some in found.values() for each in some if each.untried]
    return [*unmade, *(each.name for each in (*again, *left))]


def forget(wanted: list[Path]) -> None:
    """Remove the results of these modules."""
    for module in wanted:
        for path in (WORK / module, WORK / f"{module}.meta"):
            path.unlink(missing_ok=True)


def report(wanted: list[Path]) -> int:
    """Print the survivors that are not listed, then the score of each module; 0 if all is well."""
    by_module = {module.stem: mutants(WORK, module) for module in wanted}
    found = [each for some in by_module.values() for each in some]
    unlisted = _unlisted(found)
    alive = [each for each in found if each.alive]
    entries = [entry for entry in listed(LISTED) if entry.module in by_module]
    gone = [entry for entry in entries if not any(entry.is_about(each) for each in alive)]
    for each in unlisted:
        print(each)
    for entry in gone:
        print(f"{LISTED.name} lists a mutant that was killed or does not exist: {entry}")
    print(_row("module", *COLUMNS))
    for name, some in by_module.items():
        print(_score(name, some, [each for each in unlisted if each.module == name]))
    print(_score("all", found, unlisted))
    complete = all(by_module.values()) and not any(each.untried for each in found)
    return 0 if complete and not gone and _share(found, unlisted) >= SCORE_MIN else 1


def _unlisted(found: list[Mutant]) -> list[Mutant]:
    entries = listed(LISTED)
    return [each for each in found if each.alive and not any(entry.is_about(each) for entry in entries)]


def _share(found: list[Mutant], unlisted: list[Mutant]) -> float:
    """The share of the killed ones in all that were tried and change something."""
    killed = sum(each.killed for each in found)
    return killed / (killed + len(unlisted)) if killed or unlisted else 1.0


def _score(name: str, found: list[Mutant], unlisted: list[Mutant]) -> str:
    types, killed = sum(each.by_types for each in found), sum(each.killed for each in found)
    same = sum(each.alive for each in found) - len(unlisted)
    untried = sum(each.untried for each in found)
    share = f"{_share(found, unlisted):.1%}"
    return _row(name, len(found), types, killed - types, same, len(unlisted), untried, share)


def _row(name: str, *cells: object) -> str:
    return " ".join((f"{name:20}", *(f"{cell:>8}" for cell in cells)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", default=[*modules()], help="such as money or case")
    parser.add_argument("--resume", action="store_true", help="try only what is untried")
    parser.add_argument("--alive", action="store_true", help="try also the survivors again, after new tests")
    parser.add_argument("--report", action="store_true", help="try nothing, print what is known")
    return parser.parse_args()


def main() -> int:
    asked = _arguments()
    wanted = [modules()[name] for name in asked.modules]
    LOG.parent.mkdir(exist_ok=True)
    names = names_to_try(asked, wanted)
    return report(wanted) if not names or try_all(wanted, names) else 1


if __name__ == "__main__":
    sys.exit(main())
