"""What the desk is like while it is attacked and afterwards: alive, leading, and as large as before."""

import asyncio
import http.client
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson

from tests.kit.patience import PATIENCE_S
from tests.security.findings import Check
from tests.security.served_desk import ServedDesk

LOOK_INTERVAL_S = 0.1
LOOKS_PER_LEADER_LOOK = 10
HEALTH_WITHIN_S = 2.0
"""Far more than a healthy process needs, and less than what loses the lease."""
MEMORY_GROWTH_MAX_BYTES = 48 * 1024**2
"""Between two quiet moments under the same attacks. What the desk remembers of documents is full by then."""
DESCRIPTOR_GROWTH_MAX = 20
"""The connections to the database that a process may open."""
POLL_S = 0.1
OK, NANOSECONDS = 200, 1e9
_LISTENS, _INODE = "0A", 9


@dataclass(frozen=True, slots=True)
class Look:
    """One request of a health check: how long it took, and for how much of it no core was free."""

    status: int
    took_s: float
    waited_s: float

    @property
    def desk_s(self) -> float:
        """What the desk itself needed."""
        return self.took_s - self.waited_s


@contextmanager
def watched(desk: ServedDesk, check: Check, within_s: float = HEALTH_WITHIN_S) -> Iterator[None]:
    """It is a finding if `/healthz` does not answer within that time, or the desk no longer leads.

    A process of its own looks, for what generates the requests is busy itself.
    """
    spawned = get_context("spawn")
    ours, theirs = spawned.Pipe()
    process = spawned.Process(target=_watch, args=(theirs, desk.port, desk.fleet.pid), daemon=True)
    process.start()
    try:
        yield
    finally:
        ours.send(None)
        looks, troubles = ours.recv()
        process.join()
        _judge(looks, troubles, check, within_s)


def _judge(looks: list[Look], troubles: list[str], check: Check, within_s: float) -> None:
    for look in looks:
        if look.status != OK or look.desk_s > within_s:
            check.find("/healthz did not answer in time", f"{look}")
    for trouble in troubles:
        check.find("the desk no longer leads", trouble)
    check.asked = len(looks)
    longest = max(looks, key=lambda look: look.desk_s)
    check.note = (
        f"{longest.desk_s * 1000:.0f} ms at the longest, and {longest.waited_s * 1000:.0f} ms without a core"
    )


def _watch(pipe: Any, port: int, pid: int) -> None:
    """Until something comes through the pipe; then send back the looks, and when the desk did not lead."""
    looks: list[Look] = []
    troubles: list[str] = []
    while not looks or not pipe.poll(LOOK_INTERVAL_S):
        looks.append(_look(port, pid))
        if len(looks) % LOOKS_PER_LEADER_LOOK == 0:
            status, body = _get(port, "/readyz")
            if status != OK or not orjson.loads(body)["leader"]:
                troubles.append(f"status {status} {body!r}")
    pipe.send((looks, troubles))


def _look(port: int, pid: int) -> Look:
    began, waited_s = time.monotonic(), _without_a_core_s(pid) + _without_a_core_s(os.getpid())
    status, _ = _get(port, "/healthz")
    took_s = time.monotonic() - began
    return Look(status, took_s, _without_a_core_s(pid) + _without_a_core_s(os.getpid()) - waited_s)


def _without_a_core_s(pid: int) -> float:
    """How long the main thread of a process could have run, and had to wait for the others on the machine."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[1]) / NANOSECONDS


def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status 0: the connection failed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as failure:
        return 0, repr(failure).encode()
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Held:
    """What the process holds when no client is connected."""

    memory_bytes: int
    descriptors: int

    @classmethod
    async def when_quiet(cls, desk: ServedDesk, check: Check) -> "Held":
        """As soon as the desk has ended all connections of its clients."""
        deadline = time.monotonic() + PATIENCE_S
        while left := connections(desk):
            if time.monotonic() > deadline:
                check.find("connections that their clients have left are still open", "\n".join(left))
                break
            await asyncio.sleep(POLL_S)
        return cls(desk.memory_bytes(), desk.descriptors())

    def compare(self, later: "Held", check: Check) -> None:
        """Whether the process has grown since."""
        grown_bytes = later.memory_bytes - self.memory_bytes
        grown = later.descriptors - self.descriptors
        check.note = (
            f"memory {self.memory_bytes / 1024**2:.0f} to {later.memory_bytes / 1024**2:.0f} MB,"
            f" descriptors {self.descriptors} to {later.descriptors}"
        )
        if grown_bytes > MEMORY_GROWTH_MAX_BYTES:
            check.find("memory does not return", check.note)
        if grown > DESCRIPTOR_GROWTH_MAX:
            check.find("descriptors do not return", check.note)


def connections(desk: ServedDesk) -> list[str]:
    """Those of clients that the process still holds, as the kernel lists them."""
    wanted = f":{desk.port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [
        " ".join(parts)
        for parts in lines
        if parts[1].endswith(wanted) and parts[3] != _LISTENS and parts[_INODE] != "0"
    ]
