"""The servers under measurement, each in a process of its own on a core of its own, and what they cost.

CPU is what the operating system charged the process (user and system, every thread); memory is its resident
set.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from bench.measure import ROOT
from tests.kit.servers import free_port

NODE = Path(__file__).parent / "node"
START_TIMEOUT_S = 60.0
OURS, RAW, STRAWBERRY, MERCURIUS, YOGA = "ours", "raw ASGI", "stock Strawberry", "Mercurius", "Yoga"
PEER_EPOCH = "bench"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_AVAILABLE = sorted(os.sched_getaffinity(0))
"""Before this process is confined to some of them."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. `epoch` is the one its events must have."""

    pid: int
    port: int
    epoch: str

    def cpu_s(self) -> float:
        """User and system so far: /proc/PID/stat says the same in ticks of 10 ms, the threads in ns."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def resident_bytes(self) -> int:
        """The resident set."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def cores() -> tuple[set[int], set[int]]:
    """One for the server; the rest for the driver, the publisher and Redis."""
    first, *others = _AVAILABLE
    return {first}, set(others or [first])


def on_the_server_core() -> None:
    """For a process that begins: everything else stays off its core."""
    os.sched_setaffinity(0, cores()[0])


def node_available() -> bool:
    """Node is there, and the pinned packages are, after an installation if needed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if not (NODE / "node_modules" / ".package-lock.json").exists():
        done = subprocess.run(["npm", "ci", "--silent"], cwd=NODE, check=False)
        return done.returncode == 0
    return True


@contextmanager
def served(name: str, redis_url: str, bus_name: str) -> Iterator[Served]:
    """The named server, ready; it is gone at the end."""
    port = free_port()
    with TemporaryDirectory(prefix="bench-fanout-") as directory:
        environment = dict(os.environ)
        if name == OURS:
            environment |= _desk_settings(port, redis_url, bus_name, directory)
        process = subprocess.Popen(
            _command(name, port, redis_url, bus_name),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=on_the_server_core,
        )
        try:
            wait_until_ready(process, port, "/readyz" if name == OURS else "/")
            epoch = _epoch_of_the_desk(Path(directory)) if name == OURS else PEER_EPOCH
            yield Served(process.pid, port, epoch)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()


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
    """As delivered, but for where it is."""
    return {
        "GATEWAY_PORT": str(port),
        "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_BUS_NAME": bus_name,
        "GATEWAY_DATA_DIRECTORY": directory,
    }


def wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _answers(f"http://127.0.0.1:{port}{path}"):
        assert process.poll() is None, f"{process.args!r} ended"
        assert time.monotonic() < deadline, f"{process.args!r} did not start"
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except URLError as answer:
        status = getattr(answer, "code", None)
        return status is not None and status != 503
    except OSError:
        return True


def _epoch_of_the_desk(directory: Path) -> str:
    with sqlite3.connect(directory / "desk.sqlite3") as database:
        epoch: str = database.execute("SELECT epoch FROM stream").fetchone()[0]
    return epoch
