"""A server that only writes: what the driver can take, measured with the same loop that measures the rest."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.fanout.fleet import Fleet
from bench.measure import ROOT
from bench.server_core import on_the_server_core
from tests.kit.servers import free_port

SOCKETS = 1000
FRAME = b"\x81\x7e" + (1000).to_bytes(2) + b"x" * 1000
ROUNDS = 300
"""Frames to each socket."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the driver took, and the share of its core that it needed for that."""

    frames_per_write: int
    frames_per_second: float
    driver_cpu_share: float

    def as_json(self) -> dict[str, float]:
        """For the results file."""
        return {
            "framesPerWrite": self.frames_per_write,
            "framesPerSecond": round(self.frames_per_second),
            "driverCpuShare": round(self.driver_cpu_share, 3),
        }


def measure_driver(frames_per_write: int) -> Capacity:
    """With nothing but a loop over sockets on the other side."""
    port = free_port()
    expected = SOCKETS * ROUNDS
    with _flood(port, frames_per_write), Fleet() as fleet:
        for _ in range(SOCKETS):
            fleet.add(_connected(port), sampled=False)
        started, busy = time.monotonic(), time.process_time()
        fleet.pump(lambda: 0.05 if fleet.total < expected else None)
        seconds = time.monotonic() - started
        return Capacity(frames_per_write, fleet.total / seconds, (time.process_time() - busy) / seconds)


@contextmanager
def _flood(port: int, frames_per_write: int) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.fanout.flood", str(port), str(frames_per_write)]
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=on_the_server_core)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the flood did not start"
            time.sleep(0.02)


def main() -> None:
    """PORT FRAMES_PER_WRITE"""
    port, frames_per_write = map(int, sys.argv[1:])
    with socket.create_server(("127.0.0.1", port), backlog=SOCKETS) as listener:
        sockets = [listener.accept()[0] for _ in range(SOCKETS)]
        frames = FRAME * frames_per_write
        for _ in range(ROUNDS // frames_per_write):
            for each in sockets:
                each.sendall(frames)
        for each in sockets:
            each.recv(1)


if __name__ == "__main__":
    main()
