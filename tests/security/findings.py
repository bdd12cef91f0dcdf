"""What a check asked, how long it took and what it found; and the table of all of them."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import shorten

SHOWN_CHARACTERS = 2_000
"""Of what was sent and answered, in the report of a finding."""


@dataclass(slots=True)
class Finding:
    """What is wrong, how often, and what showed it first: the request, or a line of the log."""

    what: str
    evidence: str
    times: int = 1

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"  {self.what} ({self.times} times)"
        yield from (f"    {line}" for line in self.evidence[:SHOWN_CHARACTERS].splitlines())


@dataclass(slots=True)
class Check:
    """One row of the table. `outcomes` counts the answers by what they were."""

    name: str
    desk: str
    asked: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    found: dict[str, Finding] = field(default_factory=dict)
    note: str = ""
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def find(self, what: str, evidence: str) -> None:
        """Add a finding, or count it where the same was found before."""
        if what in self.found:
            self.found[what].times += 1
        else:
            self.found[what] = Finding(what, evidence)

    @property
    def findings(self) -> list[Finding]:
        """Of different kinds."""
        return list(self.found.values())

    def done(self) -> "Check":
        """It ends now."""
        self.seconds = time.monotonic() - self.began
        return self

    def line(self) -> str:
        """The row."""
        most = ", ".join(f"{name} {count:,}" for name, count in self.outcomes.most_common(6))
        counts = f"{self.asked:8,} {self.seconds:6.1f} s {len(self.findings):8,}"
        return f"{shorten(self.name, 44, placeholder='...'):44} {self.desk:10} {counts}   {self.note or most}"


def table(checks: list[Check]) -> Iterator[str]:
    """All rows, and every finding below them."""
    yield f"{'check':44} {'desk':10} {'requests':>8} {'time':>8} {'findings':>8}   answers"
    yield from (check.line() for check in checks)
    for check in checks:
        if check.findings:
            yield ""
            yield f"{check.name}, {check.desk}:"
        for finding in check.findings:
            yield from finding.lines()
