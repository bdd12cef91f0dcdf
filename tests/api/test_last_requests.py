"""A process that stops loses no request: each connection has one more answer, which says that it is the last.

A real process and real sockets. Its grace for idle connections is far longer than any test waits, or none at
all, so no machine is too slow: a process that ends before has closed them for another reason.
"""

import asyncio
import re
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from tests.api.test_command_line import Gateway, ended
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.raw_http import Answer, RawHttp

pytestmark = pytest.mark.faults

GET = b"GET /healthz HTTP/1.1\r\nHost: desk\r\n\r\n"


def _post(body: bytes) -> bytes:
    now, permissions = datetime.now(UTC), [Permission.RISK_WARNING_READ_ONLY]
    token = issue(DEVELOPMENT_SECRET, "reader", permissions, None, 60, now)
    head = f"POST /graphql HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


POST = _post(b'{"query": "{ __typename }"}')


@asynccontextmanager
async def a_desk(directory: Path, idle_s: float) -> AsyncIterator[tuple[Process, int]]:
    """A process that serves, and its port."""
    limits = dict.fromkeys(("HTTP_HEADERS_TIMEOUT_S", "HTTP_KEEP_ALIVE_S", "SHUTDOWN_TIMEOUT_S"), str(FAR_S))
    process = await Gateway(directory).start("serve", **limits, DRAIN_IDLE_S=str(idle_s))
    try:
        said = await _says(process, "serving")
        port = re.search(r'"port": ?(\d+)', said)
        assert port is not None
        yield process, int(port[1])
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _says(process: Process, event: str) -> str:
    """The line of its log."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        while line := (await process.stderr.readline()).decode():
            if f'"{event}"' in line:
                return line
    raise AssertionError(f"it ended without saying {event}")


async def _asked(connection: RawHttp, *pieces: bytes) -> Answer:
    await connection.send(pieces)
    return await connection.answer()


BEFORE_AND_AFTER = {
    "new": (b"", GET),
    "idle": (GET, GET),
    "idle, then with a body": (GET, POST),
    "half of a head": (GET + GET[:20], GET[20:]),
    "half of a body": (GET + POST[:-10], POST[-10:]),
}
"""What a connection says before the process stops, and after."""


async def test_a_request_on_an_open_connection_is_answered_and_is_the_last(tmp_path: Path) -> None:
    async with a_desk(tmp_path, FAR_S) as (process, port), AsyncExitStack() as stack:
        connections = {name: await stack.enter_async_context(RawHttp.open(port)) for name in BEFORE_AND_AFTER}
        for name, (before, _) in BEFORE_AND_AFTER.items():
            if before:
                answer = await _asked(connections[name], before)
                assert (answer.status, answer.is_last) == (200, False), name
        # Connections are accepted in their order: since the last one was answered, all were accepted.
        process.send_signal(signal.SIGTERM)
        await _says(process, "stopping")
        for name, (_, after) in BEFORE_AND_AFTER.items():
            answer = await _asked(connections[name], after)
            assert (answer.status, answer.is_last) == (200, True), name
            assert await connections[name].ended(), name
        await ended(process)
        assert process.returncode == -signal.SIGTERM


async def test_connections_on_which_nothing_comes_are_closed_at_the_end_of_the_grace(tmp_path: Path) -> None:
    async with a_desk(tmp_path, 0) as (process, port), RawHttp.open(port) as idle:
        assert not (await _asked(idle, GET)).is_last
        process.send_signal(signal.SIGTERM)
        assert await idle.ended()
        await ended(process)
        assert process.returncode == -signal.SIGTERM
