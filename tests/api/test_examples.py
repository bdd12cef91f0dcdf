"""The example clients, run as they are, keep their promise while their connection is cut again and again."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest

from tests.kit.cutting_proxy import CuttingProxy
from tests.kit.live_desk import served_desk
from tests.kit.node_packages import installed_or_skipped, node_environment
from tests.kit.patience import PATIENCE_S
from tests.kit.source import ROOT

pytestmark = pytest.mark.faults

EXAMPLES = ROOT / "examples"
EVENTS = 300
LINES_MAX = 60
CUTS = (2000, 700, 1500, 5000, 999, 3001, 1234, 2500, 600, 4000)
"""Bytes. The first connection brings some events: a client without a cursor begins at the present."""


async def followed(directory: Path, *command: str) -> None:
    """Publish while the client follows through a cutting proxy; it prints every event once, in order."""
    async with served_desk(directory / "desk") as desk, CuttingProxy(desk.port, CUTS).running() as proxy:
        environment = node_environment() | {"TOKEN": desk.token().removeprefix("Bearer ")}
        client = await asyncio.create_subprocess_exec(
            *command, f"ws://127.0.0.1:{proxy.port}/graphql", env=environment, stdout=asyncio.subprocess.PIPE
        )
        assert client.stdout is not None
        try:
            await desk.until_members(1)
            publishing = asyncio.create_task(publish_in_bursts(desk.publish))
            async with asyncio.timeout(PATIENCE_S):
                lines = [await client.stdout.readline() for _ in range(EVENTS)]
            await publishing
            assert [line.partition(b" ")[0].decode() for line in lines] == desk.published
            assert proxy.made_cuts == len(CUTS)
        finally:
            client.kill()
            _, more = await asyncio.gather(client.wait(), client.stdout.read())
        assert more == b"", "something was printed twice"


async def publish_in_bursts(publish: Callable[[int], Awaitable[object]]) -> None:
    chance, left = random.Random(1), EVENTS
    while left:
        count = min(left, chance.randint(1, 5))
        await publish(count)
        left -= count
        await asyncio.sleep(0.05)


async def test_the_python_client_loses_and_repeats_nothing_when_its_connection_is_cut(tmp_path: Path) -> None:
    await followed(tmp_path, sys.executable, str(EXAMPLES / "python/follow.py"))


async def test_the_typescript_client_loses_and_repeats_nothing_when_its_connection_is_cut(
    tmp_path: Path,
) -> None:
    await followed(tmp_path, "node", str(compiled_typescript()))


async def said_by(directory: Path, token: str, *command: str) -> str:
    """The first thing that the client says of a desk that refuses its token."""
    async with served_desk(directory / "desk") as desk:
        client = await asyncio.create_subprocess_exec(
            *command,
            f"ws://127.0.0.1:{desk.port}/graphql",
            env=node_environment() | {"TOKEN": token},
            stderr=asyncio.subprocess.PIPE,
        )
        assert client.stderr is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while b"TOKEN" not in (line := await client.stderr.readline()) and b"4403" not in line:
                    assert line, "it ended and said nothing"
        finally:
            if client.returncode is None:
                client.kill()
            await client.communicate()
    return line.decode()


@pytest.mark.parametrize(("token", "words"), [("bad", "4403"), ("", "TOKEN is not set")])
async def test_a_client_with_an_unusable_token_says_so(tmp_path: Path, token: str, words: str) -> None:
    assert words in await said_by(tmp_path, token, sys.executable, str(EXAMPLES / "python/follow.py"))


@pytest.mark.parametrize(("token", "words"), [("bad", "4403"), ("", "TOKEN is not set")])
async def test_so_does_the_typescript_client(tmp_path: Path, token: str, words: str) -> None:
    assert words in await said_by(tmp_path, token, "node", str(compiled_typescript()))


@pytest.mark.parametrize("path", ["python/follow.py", "typescript/follow.ts"])
def test_an_example_client_is_short(path: str) -> None:
    assert len((EXAMPLES / path).read_text().splitlines()) < LINES_MAX


@cache
def compiled_typescript() -> Path:
    """Installed and compiled in the build directory."""
    directory = installed_or_skipped(EXAMPLES / "typescript", ("tsconfig.json", "follow.ts"))
    subprocess.run(["node_modules/.bin/tsc"], cwd=directory, env=node_environment(), check=True)
    return directory / "build/follow.js"
