"""The servers of the pages."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.called_book import PRICES_NEVER_STALE_S
from bench.server_core import cpu_s, running
from tests.kit.rate_limits import UNLIMITED_ENVIRONMENT
from tests.kit.servers import free_port

NODE = Path(__file__).parent / "node"
OURS, OURS_TWO = "ours", "ours, two workers"
MERCURIUS, YOGA = "Mercurius + JIT + pg", "Yoga + pg"
STOCK, STOCK_CACHED = "stock Strawberry + Tortoise", "the same with caches and orjson"
SERVERS = (OURS, OURS_TWO, MERCURIUS, YOGA, STOCK, STOCK_CACHED)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    pid: int
    port: int

    def cpu_s(self) -> float:
        """User and system so far, of the process and those that it started."""
        return sum(cpu_s(pid) for pid in _with_children(self.pid))


def _with_children(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _with_children(int(child))


@contextmanager
def served(name: str, database_url: str, redis_url: str) -> Iterator[Server]:
    """The named server, ready; it is gone at the end. Several workers need Redis."""
    port = free_port()
    with TemporaryDirectory(prefix="bench-query-") as directory:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")}
        ours = name in (OURS, OURS_TWO)
        if ours:
            environment |= UNLIMITED_ENVIRONMENT | {
                "GATEWAY_PORT": str(port),
                "GATEWAY_DATABASE_URL": database_url,
                "GATEWAY_DATA_DIRECTORY": directory,
                "GATEWAY_MAX_PRICE_AGE_S": str(PRICES_NEVER_STALE_S),
            }
        if name == OURS_TWO:
            environment["GATEWAY_REDIS_URL"] = redis_url
        command = _command(name, port, database_url)
        with running(command, environment, port, "/readyz" if ours else "/") as process:
            yield Server(name, process.pid, port)


def _command(name: str, port: int, database_url: str) -> list[str]:
    at = [str(port), database_url]
    return {
        OURS: [sys.executable, "-m", "gateway", "serve"],
        OURS_TWO: [sys.executable, "-m", "gateway", "serve", "--workers", "2"],
        MERCURIUS: ["node", str(NODE / "mercurius.mjs"), *at],
        YOGA: ["node", str(NODE / "yoga.mjs"), *at],
        STOCK: [sys.executable, "-m", "bench.query.stock_strawberry", *at],
        STOCK_CACHED: [sys.executable, "-m", "bench.query.stock_strawberry", *at, "cached"],
    }[name]
