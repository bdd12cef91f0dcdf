"""What every benchmark needs: time something, say on what machine, keep the figures as JSON."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of the same thing."""

    median: float
    smallest: float
    largest: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.median:.4g} ({self.smallest:.4g}-{self.largest:.4g})"

    def as_json(self) -> dict[str, float | int]:
        """Four significant digits: no measurement here is better than that."""
        return {
            "median": float(f"{self.median:.4g}"),
            "min": float(f"{self.smallest:.4g}"),
            "max": float(f"{self.largest:.4g}"),
            "rounds": self.rounds,
        }


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(median(values), min(values), max(values), len(values))


def save(name: str, figures: dict[str, Any], command: str | None = None) -> Path:
    """Write bench/results/<name>.json; the command is `command` or else `python -m bench <name>`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(
        json.dumps({"run": _run(command or f"python -m bench {name}"), "figures": figures}, indent=2) + "\n"
    )
    return path


def _run(command: str) -> dict[str, Any]:
    return {
        "command": command,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "uncommittedChanges": bool(_git("status", "--porcelain", "--untracked-files=no", "--", ":!bench")),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "loadAtTheEnd": round(os.getloadavg()[0], 2),
        },
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _cpu() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
