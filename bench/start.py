"""How long `serve --demo` takes until `/readyz` says 200: first start, and starts on the data it left.

The first start makes the tables and imports the demo book. `python -X importtime` measures the time that a
start spends on imports, summed up by package.
"""

import asyncio
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import httpx

from bench.measure import ROOT, save, spread
from bench.server_process import served, until_ready
from tests.kit.servers import free_port

ROUNDS, LATER_STARTS = 3, 2
PACKAGES_SHOWN = 12


def main() -> None:
    """Measure, print, save."""
    first, later = asyncio.run(_starts())
    imports = _imports()
    print(f"first start   {spread(first)} s")
    print(f"later starts  {spread(later)} s")
    print(f"imports, ms: {imports}")
    save(
        "start",
        {
            "secondsToReady": {"firstStart": spread(first).as_json(), "laterStart": spread(later).as_json()},
            "importMilliseconds": imports,
        },
    )


async def _starts() -> tuple[list[float], list[float]]:
    first, later = [], []
    for _ in range(ROUNDS):
        with TemporaryDirectory(prefix="bench-") as directory:
            first.append(await _start(Path(directory)))
            later += [await _start(Path(directory)) for _ in range(LATER_STARTS)]
    return first, later


async def _start(data_directory: Path) -> float:
    started = perf_counter()
    with served("--demo", port=free_port(), data_directory=data_directory) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            await until_ready(client)
        return perf_counter() - started


def _imports() -> dict[str, Any]:
    """Milliseconds to import the command line, in all and by top-level package, largest first."""
    command = [sys.executable, "-X", "importtime", "-c", "import gateway.cli.commands"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    spent: dict[str, int] = defaultdict(int)
    for line in done.stderr.splitlines()[1:]:
        own, _, name = line.removeprefix("import time:").split("|")
        spent[name.strip().partition(".")[0]] += int(own)
    largest = sorted(spent, key=lambda package: -spent[package])[:PACKAGES_SHOWN]
    return {
        "total": round(sum(spent.values()) / 1000),
        **{package: round(spent[package] / 1000) for package in largest},
    }
