"""`serve --workers 2`: the killed are replaced, versions roll without a pause, nobody outlives the parent."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.api.test_command_line import ROOT, Gateway
from tests.servers import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE_S = 60.0
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Fleet:
    """Two workers on one port."""

    process: Process
    port: int
    database_url: str
    log: Path

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    async def answers(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                return (await client.get(f"http://127.0.0.1:{self.port}/healthz")).is_success
        except httpx.TransportError:
            return False

    def said(self, words: str) -> int:
        return self.log.read_text().count(words)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleet(
    postgres_url: str,
    migrated_postgres: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Fleet]:
    """One for all tests here, the last of which ends it."""
    directory = tmp_path_factory.mktemp("fleet")
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as database_url:
        gateway = Gateway(directory / "data")
        log = directory / "log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "serve", "--workers", str(WORKERS)),
                cwd=ROOT,
                env=gateway.environment
                | {
                    "GATEWAY_DATABASE_URL": database_url,
                    "GATEWAY_REDIS_URL": redis_url,
                    "GATEWAY_BUS_NAME": uuid4().hex,
                    "GATEWAY_DRAIN_SPREAD_S": "0",
                },
                stdout=output,
                stderr=output,
            )
        fleet = Fleet(process, gateway.port, database_url, log)
        await until(lambda: fleet.said('"serving"') == WORKERS)
        workers = fleet.workers()
        try:
            yield fleet
        finally:
            if process.returncode is None:
                workers |= fleet.workers()
                process.terminate()
                async with asyncio.timeout(PATIENCE_S):
                    await process.wait()
            await until(lambda: not any(alive(worker) for worker in workers))


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - other processes have no event
            await asyncio.sleep(0.05)


async def test_a_killed_worker_is_replaced_and_its_port_answers_meanwhile(fleet: Fleet) -> None:
    victim, other = fleet.workers()
    serving = fleet.said('"serving"')
    os.kill(victim, signal.SIGKILL)
    await until(lambda: fleet.said('"serving"') > serving)
    assert other in fleet.workers()
    assert victim not in fleet.workers()
    assert await fleet.answers()


async def test_a_version_that_does_not_start_replaces_nobody_and_one_that_does_replaces_all(
    fleet: Fleet,
) -> None:
    before = fleet.workers()
    database = await asyncpg.connect(fleet.database_url)
    await database.execute("ALTER TABLE revocation RENAME TO hidden")
    fleet.process.send_signal(signal.SIGHUP)
    await until(lambda: fleet.said("the old ones stay") == 1)
    assert fleet.workers() == before
    await database.execute("ALTER TABLE hidden RENAME TO revocation")
    await database.close()
    fleet.process.send_signal(signal.SIGHUP)
    while before & fleet.workers():
        assert await fleet.answers()
    assert len(fleet.workers()) == WORKERS


async def test_workers_stop_when_their_parent_is_killed(fleet: Fleet) -> None:
    workers, stopped = fleet.workers(), fleet.said('"stopped"')
    fleet.process.kill()
    await fleet.process.wait()
    await until(lambda: not any(alive(worker) for worker in workers))
    assert fleet.said('"stopped"') == stopped + WORKERS
    assert not await fleet.answers()
