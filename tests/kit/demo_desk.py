"""The demo desk in a process of its own, and tokens for it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from tests.kit.patience import PATIENCE_S, pauses
from tests.kit.servers import free_port
from tests.kit.source import ROOT

SERVE = [sys.executable, "-m", "gateway", "serve", "--demo", "--day-seconds", "1"]
"""The first cases open on the third day of the replay."""
TOKEN_MINUTES = 60


def token_of(subject: str) -> str:
    """Of a person who may do everything that a trader may."""
    permissions = [Permission.RISK_WARNING_FULL]
    return issue(DEVELOPMENT_SECRET, subject, permissions, None, TOKEN_MINUTES, datetime.now(UTC))


@asynccontextmanager
async def served_demo(settings: Mapping[str, str], log: Path) -> AsyncIterator[int]:
    """The port of a desk as `make run` starts it, except for these settings and a faster market."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    with TemporaryDirectory(prefix="demo-desk-") as directory, log.open("wb") as output:
        environment |= {"GATEWAY_PORT": str(port), "GATEWAY_DATA_DIRECTORY": directory, **settings}
        desk = await asyncio.create_subprocess_exec(
            *SERVE, cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            await _until_ready(desk, port)
            yield port
        finally:
            if desk.returncode is None:
                desk.terminate()
            await desk.wait()


async def _until_ready(desk: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(verify=False) as client:
        for pause in pauses():
            assert desk.returncode is None, "the desk ended"
            try:
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(pause)
