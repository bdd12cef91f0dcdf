"""The servers of the fan-out, each in a process of its own, and what they cost."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.server_core import POLL_INTERVAL_S, START_TIMEOUT_S, cpu_s, running
from tests.kit.rate_limits import UNLIMITED_ENVIRONMENT
from tests.kit.servers import free_port

NODE = Path(__file__).parent / "node"
OURS, RAW, STRAWBERRY, MERCURIUS, YOGA = "ours", "raw ASGI", "stock Strawberry", "Mercurius", "Yoga"
PEER_EPOCH = "bench"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. `epoch` is the one its events must have."""

    pid: int
    port: int
    epoch: str

    def cpu_s(self) -> float:
        """User and system so far."""
        return cpu_s(self.pid)

    def resident_bytes(self) -> int:
        """The resident set."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE_BYTES


@contextmanager
def served(name: str, redis_url: str, bus_name: str) -> Iterator[Served]:
    """The named server, ready; it is gone at the end."""
    port = free_port()
    with TemporaryDirectory(prefix="bench-fanout-") as directory:
        environment = dict(os.environ)
        if name == OURS:
            environment |= _desk_settings(port, redis_url, bus_name, directory)
        command = _command(name, port, redis_url, bus_name)
        with running(command, environment, port, "/readyz" if name == OURS else "/") as process:
            epoch = _epoch_of_the_desk(Path(directory)) if name == OURS else PEER_EPOCH
            yield Served(process.pid, port, epoch)


def _command(name: str, port: int, redis_url: str, bus_name: str) -> Sequence[str]:
    source = [str(port), redis_url, bus_name]
    return {
        OURS: [sys.executable, "-m", "gateway", "serve"],
        RAW: [sys.executable, "-m", "bench.fanout.raw_broadcast", *source],
        STRAWBERRY: [sys.executable, "-m", "bench.fanout.stock_strawberry", *source],
        MERCURIUS: ["node", str(NODE / "mercurius.mjs"), *source],
        YOGA: ["node", str(NODE / "yoga.mjs"), *source],
    }[name]


def _desk_settings(port: int, redis_url: str, bus_name: str, directory: str) -> dict[str, str]:
    """As delivered, but for where it is, and for rate limits that refuse nothing."""
    return UNLIMITED_ENVIRONMENT | {
        "GATEWAY_PORT": str(port),
        "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_BUS_NAME": bus_name,
        "GATEWAY_DATA_DIRECTORY": directory,
    }


def _epoch_of_the_desk(directory: Path) -> str:
    """A desk is ready before it leads; the stream begins when it does."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (row := _first_row(directory, "SELECT epoch FROM stream")) is None:
        assert time.monotonic() < deadline, "the desk does not lead"
        time.sleep(POLL_INTERVAL_S)
    return str(row[0])


def _first_row(directory: Path, statement: str) -> tuple[object, ...] | None:
    with closing(sqlite3.connect(directory / "desk.sqlite3")) as database:
        row: tuple[object, ...] | None = database.execute(statement).fetchone()
    return row
