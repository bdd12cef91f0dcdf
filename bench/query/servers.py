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
LEADING, LEADING_TWO = "ours, leading", "ours, two workers, leading"
MERCURIUS, YOGA = "Mercurius + JIT + pg", "Yoga + pg"
STOCK, STOCK_CACHED = "stock Strawberry + Tortoise", "the same with caches and orjson"
DESKS, LEADERS = (OURS, OURS_TWO, LEADING, LEADING_TWO), (LEADING, LEADING_TWO)
TWO_WORKERS = (OURS_TWO, LEADING_TWO)
SERVERS = (*DESKS, MERCURIUS, YOGA, STOCK, STOCK_CACHED)
"""Each of `LEADERS` has a database of its own, since a desk has one leader."""


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
        ours = name in DESKS
        if ours:
            environment |= UNLIMITED_ENVIRONMENT | {
                "GATEWAY_PORT": str(port),
                "GATEWAY_DATABASE_URL": database_url,
                "GATEWAY_DATA_DIRECTORY": directory,
                "GATEWAY_MAX_PRICE_AGE_S": str(PRICES_NEVER_STALE_S),
                "GATEWAY_APPROVAL_NOTIONAL": str(10**15),
            }
        if name in TWO_WORKERS:
            environment |= {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_BUS_NAME": f"bench-{port}"}
        command = _command(name, port, database_url)
        with running(command, environment, port, "/readyz" if ours else "/") as process:
            yield Server(name, process.pid, port)


def _command(name: str, port: int, database_url: str) -> list[str]:
    at = [str(port), database_url]
    if name in DESKS:
        return [sys.executable, "-m", "gateway", "serve", "--workers", "2" if name in TWO_WORKERS else "1"]
    return {
        MERCURIUS: ["node", str(NODE / "mercurius.mjs"), *at],
        YOGA: ["node", str(NODE / "yoga.mjs"), *at],
        STOCK: [sys.executable, "-m", "bench.query.stock_strawberry", *at],
        STOCK_CACHED: [sys.executable, "-m", "bench.query.stock_strawberry", *at, "cached"],
    }[name]
