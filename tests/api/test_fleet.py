"""`serve --workers 2`: killed workers are replaced, versions roll without pause, none outlives the parent."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio

from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from models import outbox
from models.sql.database import Database, transaction
from tests.api.test_command_line import ROOT, Gateway
from tests.kit.live_desk import case_event
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_websocket import CLOSE, RawWebSocket
from tests.kit.servers import fresh_database
from tests.kit.transport_ws_harness import CASES

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.faults]

WORKERS = 2
SWITCHING_PROTOCOLS = 101


@dataclass(frozen=True, slots=True)
class Fleet:
    """Two workers on one port."""

    process: Process
    database_url: str
    log: Path
    environment: Mapping[str, str]

    @property
    def port(self) -> int:
        """As the log says."""
        said = re.search(r'"port": ?(\d+)', self.log.read_text())
        assert said is not None
        return int(said[1])

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    async def answers(self) -> bool:
        try:
            async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
                return (await client.get(f"http://127.0.0.1:{self.port}/healthz")).is_success
        except httpx.TransportError:
            return False

    def said(self, words: str) -> int:
        return self.log.read_text().count(words)


class Fleets:
    """One for all tests here; after one that ends it, another."""

    def __init__(self, start: Callable[[], AbstractAsyncContextManager[Fleet]]) -> None:
        self.running = AsyncExitStack()
        self._start = start
        self._fleet: Fleet | None = None

    async def get(self) -> Fleet:
        if self._fleet is None or self._fleet.process.returncode is not None:
            self._fleet = await self.running.enter_async_context(self._start())
        return self._fleet


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleets(
    postgres_url: str,
    migrated_postgres: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Fleets]:
    @asynccontextmanager
    async def start() -> AsyncIterator[Fleet]:
        async with fresh_database(postgres_url, copy_of=migrated_postgres) as database_url:
            async with a_fleet(database_url, redis_url, tmp_path_factory.mktemp("fleet")) as fleet:
                yield fleet

    fleets = Fleets(start)
    async with fleets.running:
        yield fleets


@pytest_asyncio.fixture(loop_scope="module")
async def fleet(fleets: Fleets) -> Fleet:
    return await fleets.get()


@asynccontextmanager
async def a_fleet(database_url: str, redis_url: str, directory: Path) -> AsyncIterator[Fleet]:
    environment = Gateway(directory / "data").environment | {
        "GATEWAY_DATABASE_URL": database_url,
        "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_BUS_NAME": uuid4().hex,
        "GATEWAY_DRAIN_SPREAD_S": "0",
        "GATEWAY_WS_PING_INTERVAL_S": "3600",
        "GATEWAY_WS_MAX_SOCKETS_PER_SUBJECT": "1000",
        "GATEWAY_METRICS_KEPT_S": "0",
    }
    log = directory / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "serve",
            "--workers",
            str(WORKERS),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    fleet = Fleet(process, database_url, log, environment)
    workers: set[int] = set()
    try:
        await until(lambda: fleet.said('"serving"') == WORKERS)
        workers = fleet.workers()
        yield fleet
    finally:
        if process.returncode is None:
            workers |= fleet.workers()
            process.terminate()
            async with asyncio.timeout(PATIENCE_S):
                assert await process.wait() == -signal.SIGTERM, "143 to a shell, as when one process serves"
        await until(lambda: not any(alive(worker) for worker in workers))


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - other processes have no event
            await asyncio.sleep(0.05)


async def test_a_fleet_of_which_no_worker_starts_says_so_in_one_line_and_ends(tmp_path: Path) -> None:
    script = (
        "import socket; from gateway.cli.fleet import Fleet; "
        "from pathlib import Path; from gateway.watch.samples import SampleDirectory; "
        f"samples = SampleDirectory(Path({str(tmp_path)!r})); "
        "listeners = [socket.create_server(('127.0.0.1', 0))]; "
        "Fleet(listeners, 2, ['--unknown'], 1, samples).run(lambda: print('serves'))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert (process.returncode, b"serves" in out) == (1, False)
    assert (
        err.decode().splitlines()[-1].partition(": ")[2].startswith("No worker could start (ended with 2, 2)")
    )


async def test_a_worker_serves_a_parent_that_knows_no_place_for_its_metrics(tmp_path: Path) -> None:
    """As after a rolling restart of a fleet whose parent is of an earlier version."""
    ready, started = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = ["--listener", str(listener.fileno()), "--tell", str(started)]
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "serve",
            *options,
            cwd=ROOT,
            env=Gateway(tmp_path).environment,
            pass_fds=(listener.fileno(), started),
            stderr=PIPE,
        )
        os.close(started)
        async with asyncio.timeout(PATIENCE_S):
            assert await asyncio.to_thread(os.read, ready, 1) == b"1"
    os.close(ready)
    worker.terminate()
    await worker.communicate()


async def test_a_killed_worker_is_replaced_and_its_port_answers_meanwhile(fleet: Fleet) -> None:
    victim, other = fleet.workers()
    serving = fleet.said('"serving"')
    os.kill(victim, signal.SIGKILL)
    await until(lambda: fleet.said('"serving"') > serving)
    assert other in fleet.workers()
    assert victim not in fleet.workers()
    assert await fleet.answers()


async def test_any_worker_answers_a_scrape_for_all_and_the_counts_of_a_killed_one_stay(fleet: Fleet) -> None:
    polled = 'desk_operations_total{code="OK",operation="Polled",type="query"}'
    asked = 0
    async with AsyncExitStack() as stack:
        # Connections go to either worker: when both have a socket, both have been met.
        while len(await sockets_by_worker(fleet)) < WORKERS:
            await stack.enter_async_context(socket_of(fleet, "ann"))
            await ask_once(fleet)
            asked += 1
        await until_scraped(fleet, lambda shown: shown.get(polled) == asked and leaders_in(shown) == 1)
        before = await scraped(fleet)
    assert "desk_lease_terms" in before, "what is of the database is of no worker"
    victim, other = fleet.workers()
    os.kill(victim, signal.SIGKILL)
    await until(lambda: victim not in fleet.workers() and len(fleet.workers()) == WORKERS)
    await until_scraped(fleet, lambda shown: len(pids_in(shown)) == WORKERS)
    after = await scraped(fleet)
    fallen = {
        name
        for name, count in before.items()
        if re.search(r"_(total|count|sum|bucket)(?={|$)", name) and after.get(name, 0) < count
    }
    assert not fallen
    assert after["desk_workers_died_total"] == before["desk_workers_died_total"] + 1
    assert after[polled] == asked
    assert pids_in(after) == {str(pid) for pid in fleet.workers()}
    assert str(other) in pids_in(after)


def leaders_in(shown: Mapping[str, float]) -> float:
    return sum(count for name, count in shown.items() if name.startswith("desk_leader{"))


def pids_in(shown: Mapping[str, float]) -> set[str]:
    """The workers of which there is anything."""
    return set(re.findall(r'pid="(\d+)"', " ".join(shown)))


async def until_scraped(fleet: Fleet, holds: Callable[[Mapping[str, float]], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(await scraped(fleet)):  # noqa: ASYNC110 - other processes have no event
            await asyncio.sleep(0.05)


async def test_a_version_that_does_not_start_replaces_no_worker_and_one_that_does_replaces_all(
    fleet: Fleet,
) -> None:
    before = fleet.workers()
    database = await asyncpg.connect(fleet.database_url)
    await database.execute("ALTER TABLE revocation RENAME TO hidden")
    fleet.process.send_signal(signal.SIGHUP)
    await until(lambda: fleet.said("the old workers stay") == 1)
    assert fleet.workers() == before
    await database.execute("ALTER TABLE hidden RENAME TO revocation")
    await database.close()
    fleet.process.send_signal(signal.SIGHUP)
    while before & fleet.workers():
        assert await fleet.answers()
    assert len(fleet.workers()) == WORKERS


async def test_a_revoked_subject_is_out_of_every_worker(fleet: Fleet) -> None:
    given_before = token("leaver")
    async with AsyncExitStack() as stack:
        leavers = [await stack.enter_async_context(socket_of(fleet, "leaver"))]
        while len(await sockets_by_worker(fleet)) < WORKERS:
            leavers.append(await stack.enter_async_context(socket_of(fleet, "leaver")))
        bystander = await stack.enter_async_context(socket_of(fleet, "bystander"))
        command = [sys.executable, "-m", "gateway", "revoke", "--subject", "leaver"]
        revoking = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=fleet.environment)
        assert await revoking.wait() == 0
        # When they are closed their workers know; how soon that is, `tests/live/test_revoked_soon.py` shows.
        assert {(await each.closed()).code for each in leavers} == {4403}
        for _ in range(2 * WORKERS):
            async with RawWebSocket.open(fleet.port) as late:
                late.send(type="connection_init", payload={"authorization": given_before})
                assert (await late.closed()).reason.startswith("TOKEN_REVOKED")
            headers = {"Authorization": given_before}
            async with httpx.AsyncClient(verify=False, headers=headers, timeout=PATIENCE_S) as client:
                url = f"http://127.0.0.1:{fleet.port}/graphql"
                assert (await client.post(url, json={"query": "{ __typename }"})).status_code == 401
        bystander.send(type="ping")
        assert await bystander.receive() == {"type": "pong"}


async def test_a_subscriber_of_a_rolling_restart_loses_and_repeats_nothing(fleet: Fleet) -> None:
    database, committed, arrived = Database(fleet.database_url, pool_size=1), [], list[str]()
    await database.open()
    following = asyncio.create_task(follow(fleet, arrived))
    try:
        with database.active():
            while not arrived:
                committed.append(await commit_one())
            # The first may have happened before it subscribed.
            del committed[: committed.index(arrived[0])]
            before = fleet.workers()
            fleet.process.send_signal(signal.SIGHUP)
            while before & fleet.workers():
                committed.append(await commit_one())
            committed.append(await commit_one())
        await until(lambda: following.done() or arrived[-1] == committed[-1])
        assert arrived == committed
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await database.close()


def token(subject: str) -> str:
    now = datetime.now(UTC)
    return f"Bearer {issue(DEVELOPMENT_SECRET, subject, [Permission.RISK_WARNING_FULL], None, 60, now)}"


@asynccontextmanager
async def socket_of(fleet: Fleet, subject: str) -> AsyncIterator[RawWebSocket]:
    """Of whichever worker takes it. Raises ConnectionError when that one is about to stop."""
    async with RawWebSocket.open(fleet.port) as socket:
        if socket.status != SWITCHING_PROTOCOLS:
            raise ConnectionRefusedError(socket.status)
        socket.send(type="connection_init", payload={"authorization": token(subject)})
        async with asyncio.timeout(PATIENCE_S):
            first = await socket.frame()
        if first.opcode == CLOSE:
            raise ConnectionResetError(first)
        assert orjson.loads(first.payload)["type"] == "connection_ack"
        yield socket


async def scraped(fleet: Fleet) -> dict[str, float]:
    """The metrics as one of the workers gives them, by name and labels."""
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        text = (await client.get(f"http://127.0.0.1:{fleet.port}/metrics")).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def sockets_by_worker(fleet: Fleet) -> dict[int, float]:
    """Of the workers that have any."""
    found = {pid: (await scraped(fleet)).get(f'desk_live_sockets{{pid="{pid}"}}') for pid in fleet.workers()}
    return {pid: sockets for pid, sockets in found.items() if sockets}


async def ask_once(fleet: Fleet) -> None:
    async with httpx.AsyncClient(
        verify=False, timeout=PATIENCE_S, headers={"Authorization": token("ann")}
    ) as client:
        query = {"query": "query Polled { viewer { subject } }"}
        answer = await client.post(f"http://127.0.0.1:{fleet.port}/graphql", json=query)
    assert answer.is_success


async def commit_one() -> str:
    """An event, as a transaction of any process leaves it; a moment later the relay finds it."""
    event = case_event(datetime.now(UTC))
    async with transaction():
        await outbox.append([event])
    await asyncio.sleep(0.02)
    return str(event.id)


async def follow(fleet: Fleet, arrived: list[str]) -> None:
    """A client as docs/realtime.md wants it: it comes back with its cursor whenever it is closed."""
    cursor: str | None = None
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            async with socket_of(fleet, "follower") as socket:
                payload = {"query": CASES, "variables": {"after": cursor}}
                socket.send(id="1", type="subscribe", payload=payload)
                while (frame := await socket.frame()).opcode != CLOSE:
                    message = orjson.loads(frame.payload)
                    assert message["type"] == "next", message
                    cursor = message["payload"]["extensions"]["cursor"]
                    arrived.append(message["payload"]["data"]["caseEvents"]["id"])


async def test_workers_stop_when_their_parent_is_killed(fleet: Fleet) -> None:
    workers, stopped = fleet.workers(), fleet.said('"stopped"')
    fleet.process.kill()
    await fleet.process.wait()
    await until(lambda: not any(alive(worker) for worker in workers))
    assert fleet.said('"stopped"') == stopped + WORKERS
    assert not await fleet.answers()
