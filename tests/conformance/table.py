"""The table client x step."""

from tests.conformance.programs import PROGRAMS, WAY
from tests.conformance.running import Outcome

NAME_WIDTH = max(len(program.name) for program in PROGRAMS)
COLUMNS = {"page": 4, "next page": 9, "mutate": 6, "errors": 6, "resume": 23}


def title(stack: str) -> str:
    """Above the lines of one desk."""
    columns = "  ".join(name.ljust(width) for name, width in COLUMNS.items())
    return f"\n{stack}\n{'client':{NAME_WIDTH}}  {columns}  also"


def line(outcome: Outcome) -> str:
    """What one client could do."""
    cells = "  ".join(_cell(outcome, step).ljust(width) for step, width in COLUMNS.items())
    others = [step for step in outcome.program.steps if step not in WAY]
    also = ", ".join(f"{step} {_cell(outcome, step)}" for step in others)
    return f"{outcome.program.name:{NAME_WIDTH}}  {cells}  {also}".rstrip()


def _cell(outcome: Outcome, step: str) -> str:
    if step not in outcome.program.steps:
        return "-"
    if outcome.failed_step == step:
        return "FAILED"
    if step not in outcome.steps:
        return "?"
    return f"ok, {len(outcome.events)} events, {outcome.cuts} cuts" if step == "resume" else "ok"
