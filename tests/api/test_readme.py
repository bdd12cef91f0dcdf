"""The tour of README.md, run as it stands there: its shell commands, against the desk that `make run` starts.

Nothing of a command is changed but the interpreter's path and where the desk is. The market runs faster than
on the page, and what the page says to do again when prices moved is done again.
"""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DAY_SECONDS = "2"
LIQUIDATIONS_MAX = 12
ORDERS_MAX = 6

BLOCKS = dict(re.findall(r"<!-- tour: (\w+) -->\n```sh\n(.*?)```", README, re.DOTALL))


class Shell:
    """One terminal: blocks typed into it share its variables."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def type(self, block: str) -> str:
        """Everything that the block prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{block}\necho end of block\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            printed = await self._process.stdout.readuntil(b"end of block\n")
        return printed.decode()


class Watcher:
    """The lines of `watch.py` so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Condition()

    async def read(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            async with self._news:
                self.lines.append(line.decode().rstrip())
                self._news.notify_all()

    async def until(self, promised: Callable[[list[str]], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S), self._news:
                await self._news.wait_for(lambda: promised(self.lines))
        except TimeoutError:
            pytest.fail("\n".join(["not seen in time; the watcher shows:", *self.lines]))

    async def until_line(self, pattern: str) -> None:
        await self.until(lambda lines: any(re.fullmatch(pattern, line) for line in lines))

    def order_statuses(self) -> set[str]:
        return {line.split()[3] for line in self.lines if line.startswith("order")}


@asynccontextmanager
async def desk(data_directory: Path) -> AsyncIterator[str]:
    """What a demo desk of its own on another port says to type in each terminal."""
    environment = clean_environment() | {"GATEWAY_DATA_DIRECTORY": str(data_directory), "GATEWAY_PORT": "0"}
    command = (sys.executable, "-m", "gateway", "serve", "--demo", "--day-seconds", DAY_SECONDS)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            banner = (await process.stdout.readuntil(b"  market")).decode()
        yield re.findall(r"^  tour +(export DESK=\S+)$", banner, re.MULTILINE)[0]
    finally:
        process.terminate()
        await process.communicate()


@asynccontextmanager
async def shell(command: str, environment: dict[str, str]) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", command, cwd=ROOT, env=environment, stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}


def as_typed(block: str) -> str:
    return block.replace(".venv/bin/python", sys.executable)


@pytest.fixture
async def terminals(tmp_path: Path) -> AsyncIterator[tuple[Shell, Watcher]]:
    """The third terminal, and what the second one shows, which runs the block `watch`."""
    watcher = Watcher()
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(desk(tmp_path / "data"))
        environment = clean_environment()
        token, client = as_typed(BLOCKS["watch"]).splitlines()
        watching = await stack.enter_async_context(shell(f"{where}\n{token}\nexec {client}", environment))
        reading = asyncio.create_task(watcher.read(watching))
        stack.callback(reading.cancel)
        asking = await stack.enter_async_context(shell(f"{where}\nexec sh", environment))
        yield Shell(asking), watcher


async def test_the_tour_of_the_readme_shows_its_answers(terminals: tuple[Shell, Watcher]) -> None:
    third, watcher = terminals
    await watcher.until_line(r"case  MC\d+-\d+ OPENED +OPEN +[\d.]+ \w+ \(uncovered [\d.]+\)")

    printed = await third.type(as_typed(BLOCKS["ask"]))
    assert '"RISK_WARNING_FULL"' in printed
    assert '"openCases"' in printed
    assert '"MC' in printed

    printed = await third.type(BLOCKS["preview"])
    assert '"cures": true' in printed
    assert '"refusal": null' in printed

    await liquidate_until_all_is_seen(third, watcher)
    printed = await third.type(BLOCKS["closed"])
    assert '"RESOLVED"' in printed
    assert '"CURED"' in printed

    await order_and_cancel(third, watcher)


async def liquidate_until_all_is_seen(third: Shell, watcher: Watcher) -> None:
    """One liquidation nearly always shows every status; the market decides, and may cure a case before."""
    printed = ""
    for _ in range(LIQUIDATIONS_MAX):
        await third.type('CASE=$(ask "$OLDEST" | pick data cases nodes 0 id)')
        printed = await third.type(BLOCKS["liquidate"])
        assert orders_in(await third.type(BLOCKS["liquidate"])) == orders_in(printed), "one key, one answer"
        if not orders_in(printed):
            continue
        case_no = orders_in(printed)[0].rsplit("-", 2)[0]
        await watcher.until_line(f"case  {case_no} CLOSED +CURED +0 .*")
        if {"QUEUED", "PENDING_NEW", "NEW", "PARTIALLY_FILLED", "FILLED"} <= watcher.order_statuses():
            return
    pytest.fail(f"only {watcher.order_statuses()} were seen; the last answer: {printed}")


async def order_and_cancel(third: Shell, watcher: Watcher) -> None:
    """A case may cure itself, or a price run away, between two commands or before the venue cancels."""
    failures = []
    for _ in range(ORDERS_MAX):
        failures.append(await third.type(BLOCKS["order"]))
        printed = await third.type(BLOCKS["cancel"])
        if '"PENDING_CANCEL"' in printed and await is_cancelled(orders_in(printed)[0], watcher):
            return
    pytest.fail("\n".join(failures))


async def is_cancelled(client_order_id: str, watcher: Watcher) -> bool:
    """Waits for the order's end."""
    end = re.compile(f"order {client_order_id} (STATUS_CHANGED CANCELED|FILL +FILLED) .*")
    await watcher.until(lambda lines: any(map(end.fullmatch, lines)))
    return any("CANCELED" in line for line in watcher.lines if end.fullmatch(line))


def orders_in(printed: str) -> list[str]:
    return re.findall(r'"clientOrderId": "(.+?)"', printed)


def test_every_block_of_the_tour_is_run() -> None:
    assert list(BLOCKS) == ["watch", "ask", "preview", "liquidate", "closed", "order", "cancel"]
    assert README.count("```sh\n") == len(BLOCKS)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200
