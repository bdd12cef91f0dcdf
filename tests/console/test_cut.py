"""The console's follower against the demo desk, through a proxy that cuts its connection again and again."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from console.build import CONSOLE, NoPackages, install
from tests.console.record import STREAM
from tests.kit.cutting_proxy import CuttingProxy
from tests.kit.demo_desk import served_demo, token_of
from tests.kit.node_packages import node_environment
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.faults

PROGRAM = "tests/programs/follow_cut.ts"
CUTS_NEEDED = 25
EVENTS_NEEDED = 100
WITHIN_SNAPSHOT = (700, 1500)
"""Bytes of the first connections, which end before the snapshot is whole."""
AFTERWARDS = (60_000, 2500, 900, 4000, 1200, 6500)
"""The snapshot comes through the first of these; mostly a connection ends in the middle of an event."""


async def test_no_event_is_lost_and_rows_are_those_of_an_uncut_list(tmp_path: Path) -> None:
    try:
        install(CONSOLE)
    except NoPackages as why:
        pytest.skip(f"NOT RUN: {why}")
    enough = asyncio.Event()
    async with served_demo({}, tmp_path / "desk.log") as port:
        async with CuttingProxy(port, _sizes(enough)).running() as proxy:
            program = await _started(port, proxy.port)
            try:
                report = await _report(program, proxy, enough)
            finally:
                if program.returncode is None:
                    program.kill()
                await program.wait()
    assert report["events"] >= EVENTS_NEEDED
    assert report["subscriptions"] > CUTS_NEEDED
    assert report == report | {"lost": 0, "twice": 0, "sameOrder": True, "sameRows": True, "stopped": []}
    assert report["rebuilt"] == 0
    assert report["rows"] > 0


def _sizes(enough: asyncio.Event) -> Iterator[int]:
    yield from WITHIN_SNAPSHOT
    for size in cycle(AFTERWARDS):
        if enough.is_set():
            return
        yield size


async def _started(port: int, cut_port: int) -> Process:
    given = {
        "DIRECT": f"http://127.0.0.1:{port}",
        "CUT": f"http://127.0.0.1:{cut_port}",
        "TOKEN": token_of("console"),
        "QUERY": STREAM,
    }
    environment = node_environment() | given
    return await asyncio.create_subprocess_exec(
        "node", PROGRAM, cwd=CONSOLE.source, env=environment, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )


async def _report(program: Process, proxy: CuttingProxy, enough: asyncio.Event) -> dict[str, Any]:
    """What the program says after enough cuts and events."""
    assert program.stdin is not None
    assert program.stdout is not None
    applied = 0
    async with asyncio.timeout(PATIENCE_S):
        while applied < EVENTS_NEEDED or proxy.made_cuts < CUTS_NEEDED:
            line = await program.stdout.readline()
            assert line, (await program.stderr.read()).decode() if program.stderr else ""
            applied += json.loads(line) == {"live": True}
        enough.set()
        program.stdin.write(b"compare\n")
        async for line in program.stdout:
            report: dict[str, Any] = json.loads(line)
            if "events" in report:
                return report
    raise AssertionError("it did not compare")
