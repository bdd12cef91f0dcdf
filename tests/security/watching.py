"""What the desk is like while it is attacked and afterwards: alive, leading, and as large as before."""

import asyncio
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
_LISTENS, _INODE = "0A", 9


@contextmanager
def watched(desk: ServedDesk, check: Check, within_s: float = HEALTH_WITHIN_S) -> Iterator[None]:
    """It is a finding if `/healthz` does not answer within that time, or the desk no longer leads."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(desk, check, within_s, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(desk: ServedDesk, check: Check, within_s: float, over: threading.Event) -> None:
    longest_s, looks = 0.0, 0
    while not over.wait(LOOK_INTERVAL_S):
        began = time.monotonic()
        status, _ = _get(desk.port, "/healthz")
        took_s = time.monotonic() - began
        longest_s, looks = max(longest_s, took_s), looks + 1
        if status != 200 or took_s > within_s:
            check.find("/healthz did not answer in time", f"status {status} after {took_s:.2f} s")
        if looks % LOOKS_PER_LEADER_LOOK == 0:
            status, body = _get(desk.port, "/readyz")
            if status != 200 or not orjson.loads(body)["leader"]:
                check.find("the desk no longer leads", f"status {status} {body!r}")
    check.asked = looks
    check.note = f"{longest_s * 1000:.0f} ms at the longest"


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
