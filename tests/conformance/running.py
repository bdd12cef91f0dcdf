"""Runs one program against a desk, cuts its subscription, and compares what it received."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from uuid import uuid4

from tests.conformance.desk import PAGE_ORIGIN, Trader
from tests.conformance.programs import Program
from tests.kit.cutting_proxy import CuttingProxy
from tests.kit.demo_desk import token_of
from tests.kit.node_packages import node_environment

CUTS_NEEDED = 4
CUT_BYTES = (3000, 1700, 900, 2300, 1200)
"""What a connection passes on of the desk's bytes: it ends in the middle of a message, mostly."""
TIMEOUT_S = 120.0
PAUSE_S = 0.12
"""Between two actions of the trader, whose mutations stay within `GATEWAY_RATE_MUTATIONS`."""


@dataclass(slots=True)
class Outcome:
    """What a program reported, and why it failed if it did."""

    program: Program
    steps: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    cuts: int = 0
    subscribed: bool = False
    failure: str = ""

    @property
    def failed_step(self) -> str | None:
        """The first one that is missing, or the last one if it was wrong."""
        missing = [step for step in self.program.steps if step not in self.steps]
        return missing[0] if missing else self.steps[-1] if self.failure else None


async def run(program: Program, directory: Path, port: int, trader: Trader) -> Outcome:
    """All steps, within `TIMEOUT_S`."""
    outcome, enough = Outcome(program), asyncio.Event()
    last_remark = f"the last event for {program.name} {uuid4().hex[:8]}"
    async with CuttingProxy(port, _sizes(enough)).running() as proxy:
        process = await _started(program, directory, (port, proxy.port), last_remark)
        try:
            async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as tasks:
                working = tasks.create_task(_work(outcome, (proxy, enough), trader, last_remark))
                reading = tasks.create_task(_read(process, outcome))
                outcome.failure = await _ended(process)
                await reading
                working.cancel()
        except TimeoutError:
            outcome.failure = f"not done after {TIMEOUT_S:g} s"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if "resume" in outcome.steps:
        await _compare(outcome, trader)
    return outcome


def _sizes(enough: asyncio.Event) -> Iterator[int]:
    for size in cycle(CUT_BYTES):
        if enough.is_set():
            return
        yield size


async def _started(program: Program, directory: Path, ports: tuple[int, int], last_remark: str) -> Process:
    desk, cut = (f"http://127.0.0.1:{port}/graphql" for port in ports)
    given = {"DESK_URL": desk, "CUT_URL": cut, "TOKEN": token_of(program.name), "LAST_REMARK": last_remark}
    given["PAGE_ORIGIN"] = PAGE_ORIGIN
    return await asyncio.create_subprocess_exec(
        *program.command, cwd=directory, env=node_environment() | given, stdout=PIPE, stderr=PIPE
    )


async def _ended(process: Process) -> str:
    """What it said of its failure; empty if there was none."""
    assert process.stderr is not None
    said = (await process.stderr.read()).decode(errors="replace")
    return (said.strip() or "it said nothing") if await process.wait() else ""


async def _read(process: Process, outcome: Outcome) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        match json.loads(line):
            case {"step": step}:
                outcome.steps.append(step)
            case {"event": event}:
                outcome.events.append(event)
            case {"subscribed": _}:
                outcome.subscribed = True


async def _work(
    outcome: Outcome, cutting: tuple[CuttingProxy, asyncio.Event], trader: Trader, last_remark: str
) -> None:
    """While the program follows the cases: events, and the last one as soon as it was cut often enough."""
    proxy, enough = cutting
    while True:
        await asyncio.sleep(PAUSE_S)
        outcome.cuts = proxy.made_cuts
        if outcome.cuts >= CUTS_NEEDED:
            enough.set()
            await trader.remark(last_remark)
        elif outcome.subscribed:
            await trader.work()


async def _compare(outcome: Outcome, trader: Trader) -> None:
    """With the uncut subscriber, from the first event to the last."""
    first, last = outcome.events[0], outcome.events[-1]
    await trader.until_received(last)
    begin, end = trader.received.index(first), trader.received.index(last)
    expected = trader.received[begin : end + 1]
    if outcome.events != expected:
        lost = len(set(expected) - set(outcome.events))
        doubled = len(outcome.events) - len(set(outcome.events))
        outcome.steps.remove("resume")
        outcome.failure = f"of {len(expected)} events {lost} lost, {doubled} doubled, or another order"
