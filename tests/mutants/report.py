"""What mutmut found, without the changes that no test has to notice.

A change of wording is none of them: tests assert on codes and facts, not on sentences.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant

BY_TYPES = 37
"""The exit code that stands for a mutant that the type checker rejects."""
KILLED = {1, 3, 24, 36, 152, 255, -24, BY_TYPES}
"""Further ones: a test failed, or no test ended in time."""
_SENTENCE = re.compile(r'f?"[^"\n]* [^"\n]*"(?:\s+f?"[^"\n]*")*')
_WORDS, _REMOVED = "WORDS", "None"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: a function, its changed lines before and after, and mutmut's exit code (None: untried)."""

    name: str
    """mutmut's own."""
    module: str
    function: str
    was: str
    now: str
    code: int | None

    @property
    def untried(self) -> bool:
        return self.code is None

    @property
    def killed(self) -> bool:
        return self.code in KILLED

    @property
    def by_types(self) -> bool:
        return self.code == BY_TYPES

    @property
    def alive(self) -> bool:
        """No test noticed it, or no test reaches it."""
        return not self.untried and not self.killed

    def __str__(self) -> str:
        return f"{self.module}.{self.function}\n  - {self.was}\n  + {self.now}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A mutant that changes nothing; without `was` and `now` every mutant of the function."""

    module: str
    function: str
    was: str
    now: str

    def is_about(self, mutant: Mutant) -> bool:
        """Whether it lists this mutant."""
        whole = not self.was and not self.now
        same = whole or (self.was, self.now) == (mutant.was, mutant.now)
        return same and (self.module, self.function) == (mutant.module, mutant.function)

    def __str__(self) -> str:
        return f"{self.module}.{self.function}: {self.was} -> {self.now}"


def listed(path: Path) -> list[Listed]:
    """The mutants of the file, each with the reason why it changes nothing."""
    found = []
    for each in tomllib.loads(path.read_text()).get("mutant", []):
        assert each["why"], each
        module, _, function = each["function"].partition(".")
        found.append(Listed(module, function, each.get("was", ""), each.get("now", "")))
    return found


def mutants(work: Path, module: Path) -> list[Mutant]:
    """The mutants of a module, without changes of wording; none before mutmut has made them."""
    found = (_mutant(name, module, code) for name, code in _codes(work, module).items())
    return [each for each in found if not is_wording(each.was, each.now)]


def pattern(module: Path) -> str:
    """What all its mutants are named like."""
    return ".".join((*module.with_suffix("").parts, "*"))


def progress(work: Path, modules: Iterable[Path]) -> str:
    """How many mutants of the modules were tried, and how many are alive."""
    codes = [code for module in modules for code in _codes(work, module).values()]
    tried = [code for code in codes if code is not None]
    alive = sum(code not in KILLED for code in tried)
    return f"{len(tried)} of {len(codes)} tried, {alive} alive"


def _codes(work: Path, module: Path) -> dict[str, int | None]:
    meta = work / f"{module}.meta"
    codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"] if meta.exists() else {}
    return codes


def _mutant(name: str, module: Path, code: int | None) -> Mutant:
    lines = get_diff_for_mutant(name, path=module).splitlines()[2:]
    was, now = ([line[1:].strip() for line in lines if line.startswith(sign)] for sign in "-+")
    return Mutant(name, module.stem, _function(name), " ".join(was), " ".join(now), code)


def _function(mutant: str) -> str:
    """`case.decide`, or `case.Case.overdue`, from mutmut's own name for it."""
    mangled = mutant.rpartition(".")[2].partition("__mutmut_")[0]
    return mangled.removeprefix("x_") if mangled.startswith("x_") else ".".join(mangled.split("ǁ")[1:])


def is_wording(was: str, now: str) -> bool:
    """Whether all that changed is a sentence, or that it is missing."""
    words = _SENTENCE.sub(_WORDS, was)
    return words != was and _SENTENCE.sub(_WORDS, now) in (words, words.replace(_WORDS, _REMOVED, 1))
