"""The command `serve` with its workers, each a process of its own, and their log in a file."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from tests.kit.patience import PATIENCE_S
from tests.kit.source import ROOT

POLL_S = 0.1


class Fleet:
    """`serve --workers N`, and its processes. It is stopped when this process ends, however that is."""

    def __init__(
        self,
        environment: Mapping[str, str],
        port: int,
        workers: int,
        log: Path,
        arguments: Sequence[str] = (),
    ) -> None:
        self.port = port
        self.count = workers
        self.log = log
        self.seen: set[int] = set()
        """Every process there ever was."""
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--workers", str(workers), *arguments],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.seen.add(self._process.pid)
        self._watchdog = subprocess.Popen(
            ["sh", "-c", 'read _; kill -s KILL -- "-$1"', "watchdog", str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of the process that was started; a single worker is this process itself."""
        return self._process.pid

    def workers(self) -> list[int]:
        """The processes that serve now or soon."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        found = [int(pid) for pid in children.read_text().split()]
        self.seen.update(found)
        return found

    def roll(self) -> None:
        """Ask for a rolling restart."""
        self._process.send_signal(signal.SIGHUP)

    async def until_serving(self) -> None:
        """Waits until requests are answered and a process leads."""
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
            while True:
                if self._process.poll() is not None:
                    raise RuntimeError(f"the gateway did not start:\n{self.log.read_text()[-4000:]}")
                try:
                    answer = await client.get(f"http://127.0.0.1:{self.port}/readyz")
                    if answer.json()["status"] == "ready":
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """As an operator does; raises TimeoutError when it does not end."""
        self.workers()
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, PATIENCE_S)
        finally:
            self._process.kill()
            self._watchdog.kill()
            self._watchdog.wait()
            if self._watchdog.stdin is not None:
                self._watchdog.stdin.close()

    def left_over(self) -> list[int]:
        """Processes that are still there."""
        return [pid for pid in self.seen if Path(f"/proc/{pid}").exists()]
