"""Servers under measurement, each in processes of its own on a core of its own, and what they cost.

CPU is what the operating system charged a process (user and system, every thread).
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from bench.measure import ROOT

START_TIMEOUT_S, POLL_INTERVAL_S = 60.0, 0.05
_AVAILABLE = sorted(os.sched_getaffinity(0))
"""Before this process is confined to some of them."""


def cores() -> tuple[set[int], set[int]]:
    """One for the server; the rest for the driver, the databases and the bus."""
    first, *others = _AVAILABLE
    return {first}, set(others or [first])


def on_the_server_core() -> None:
    """For a process that begins: everything else stays off its core."""
    os.sched_setaffinity(0, cores()[0])


def cpu_s(pid: int) -> float:
    """User and system so far: /proc/PID/stat says the same in ticks of 10 ms, the threads in ns."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def node_available(directory: Path) -> bool:
    """Node is there, and the packages pinned in the directory are, after an installation if needed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if not (directory / "node_modules" / ".package-lock.json").exists():
        done = subprocess.run(["npm", "ci", "--silent"], cwd=directory, check=False)
        return done.returncode == 0
    return True


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], port: int, path: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The server, which answers at the path; it is gone at the end."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=on_the_server_core,
    )
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}{path}")
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _answers(url):
        assert process.poll() is None, f"{process.args!r} ended"
        assert time.monotonic() < deadline, f"{process.args!r} did not start"
        time.sleep(POLL_INTERVAL_S)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except URLError as answer:
        status = getattr(answer, "code", None)
        return status is not None and status != 503
    except OSError:
        return True
