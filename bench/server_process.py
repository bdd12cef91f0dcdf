"""A desk's server in a process of its own, as an operator starts it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from time import perf_counter

import httpx

from bench.measure import ROOT
from tests.kit.rate_limits import UNLIMITED_ENVIRONMENT

START_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.02


class NotReady(Exception):
    """The server did not come up; its log is in the notes."""


@contextmanager
def served(*arguments: str, **settings: object) -> Iterator[str]:
    """The URL of `python -m gateway serve` with these settings, not yet ready; stopped at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= UNLIMITED_ENVIRONMENT
    environment |= {f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "gateway", "serve", *arguments]
    with TemporaryFile() as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{settings['port']}"
        except NotReady as late:
            log.seek(0)
            late.add_note(f"exit code {server.poll()}, log:\n{log.read().decode(errors='replace')}")
            raise
        finally:
            server.terminate()
            server.wait()


async def until_ready(client: httpx.AsyncClient) -> None:
    """Poll `/readyz` until it says 200; `NotReady` after `START_TIMEOUT_S`."""
    started = perf_counter()
    while not await _is_ready(client):
        if perf_counter() - started > START_TIMEOUT_S:
            raise NotReady(f"the server is not ready after {START_TIMEOUT_S:g} s")
        await asyncio.sleep(POLL_INTERVAL_S)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
