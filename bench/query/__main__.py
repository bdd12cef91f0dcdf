"""`python -m bench.query [--quick] [--servers NAME ...] [--operations NAME ...]`: see the README here."""

import argparse
import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench import tables
from bench.called_book import open_desk, settings_for
from bench.fanout.report import Target
from bench.measure import ROOT, save, spread
from bench.query.book import LIVE_CASES, POSITIONS, fill_book
from bench.query.load import Requests, once, send_for
from bench.query.operations import Operation, operations
from bench.query.profile import profiled, profiler
from bench.query.servers import (
    MERCURIUS,
    NODE,
    OURS,
    OURS_TWO,
    SERVERS,
    STOCK,
    STOCK_CACHED,
    YOGA,
    Server,
    served,
)
from bench.server_core import cores, node_available
from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from gateway.workers.term import LEASE
from models.lease import acquire_lease
from resolvers.kit.node import global_id
from tests.kit.servers import fresh_database, postgres_server, redis_server

WARM_UP_S = 2.0
PROFILE_S = 10.0
FEW = 8
"""The number of connections for which the targets hold."""


@dataclass(slots=True)
class Result:
    """What one server did with one operation."""

    server: str
    operation: str
    connections: int
    cpu_ms: list[float] = field(default_factory=list)
    windows: list[Requests] = field(default_factory=list)

    @property
    def whole(self) -> Requests:
        """All windows together."""
        seconds = sum(window.seconds for window in self.windows)
        return Requests(seconds, [each for window in self.windows for each in window.latencies_s])

    def __str__(self) -> str:
        whole = self.whole
        return (
            f"  {self.server:34}{spread(self.cpu_ms)!s:>24} ms CPU{whole.per_second:9.0f}/s"
            f"   p50 {whole.percentile_ms(0.5):7.1f} ms   p99 {whole.percentile_ms(0.99):7.1f} ms"
        )

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        whole = self.whole
        return {
            "server": self.server,
            "operation": self.operation,
            "connections": self.connections,
            "cpuMilliseconds": spread(self.cpu_ms).as_json(),
            "perSecond": round(whole.per_second),
            "p50Milliseconds": round(whole.percentile_ms(0.5), 1),
            "p99Milliseconds": round(whole.percentile_ms(0.99), 1),
        }


def main() -> None:
    """Measure, print, write bench/results/query.json (not with --quick or a choice)."""
    parser = argparse.ArgumentParser(prog="python -m bench.query", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short windows, nothing written")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    parser.add_argument("--operations", nargs="+", help="page, details, preview")
    parser.add_argument("--profile", action="store_true", help="where the CPU of the desk goes, by py-spy")
    parser.add_argument("--leading", action="store_true", help="the desk's first process leads")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, cores()[1])
    if not node_available(NODE):
        print("without the Node servers: Node and npm are missing, or their packages cannot be installed")
        arguments.servers = [name for name in arguments.servers if name not in (MERCURIUS, YOGA)]
    if arguments.profile:
        arguments.servers = [OURS]
        if profiler() is None:
            parser.error("py-spy is not installed: pip install py-spy")
    results = asyncio.run(_measure(arguments))
    targets = list(_targets(results))
    for target in targets:
        print(target)
    if not arguments.quick and arguments.operations is None and len(arguments.servers) == len(SERVERS):
        figures = {
            "liveCases": LIVE_CASES,
            "positions": POSITIONS,
            "leading": arguments.leading,
            "results": [each.as_json() for each in results],
            "targets": [each.as_json() for each in targets],
        }
        path = save("query", figures, "make bench-query")
        tables.write()
        print(f"written to {path.relative_to(ROOT)}")


async def _measure(arguments: argparse.Namespace) -> Sequence[Result]:
    with ExitStack() as running:
        server = running.enter_context(postgres_server(durable=True))
        redis_url = running.enter_context(redis_server())
        directory = running.enter_context(TemporaryDirectory(prefix="bench-"))
        async with fresh_database(server) as url:
            async with open_desk(settings_for(url, Path(directory))) as resources:
                case_id = await fill_book(resources, url)
                if not arguments.leading:
                    assert await acquire_lease(LEASE, "another process", timedelta(hours=1))
            with ExitStack() as serving:
                servers = [serving.enter_context(served(name, url, redis_url)) for name in arguments.servers]
                return await _operations(arguments, servers, operations(global_id("Case", case_id)))


async def _operations(
    arguments: argparse.Namespace, servers: Sequence[Server], measured: Sequence[Operation]
) -> Sequence[Result]:
    results: list[Result] = []
    for operation in measured:
        if arguments.operations is None or operation.name in arguments.operations:
            able = [each for each in servers if _serves(each.name, operation)]
            if arguments.profile:
                print(
                    f"{operation.name}\n\n{await profiled(servers[0], operation, FEW, _token(), PROFILE_S)}\n"
                )
                continue
            for connections in (FEW,) if arguments.quick else (FEW, 64):
                print(f"{operation.name}, {connections} connections")
                found = await _turns(able, operation, connections, quick=arguments.quick)
                print("\n".join(map(str, found)))
                results += found
    return results


async def _turns(
    servers: Sequence[Server], operation: Operation, connections: int, *, quick: bool
) -> Sequence[Result]:
    token = _token()
    seconds, rounds = (1.5, 3) if quick else (3.0, 5)
    results = [Result(each.name, operation.name, connections) for each in servers]
    for server in servers:
        answer = await once(server.port, operation.body, token)
        assert not answer.get("errors"), (server.name, answer)
        assert answer["data"][operation.root], (server.name, answer)
        await send_for(WARM_UP_S, server.port, connections, operation.body, token)
    for _ in range(rounds):
        for server, result in zip(servers, results, strict=True):
            before = server.cpu_s()
            window = await send_for(seconds, server.port, connections, operation.body, token)
            result.cpu_ms.append((server.cpu_s() - before) * 1000 / len(window.latencies_s))
            result.windows.append(window)
    return results


def _token() -> str:
    return issue(DEVELOPMENT_SECRET, "bench", [Permission.RISK_WARNING_FULL], None, 600, datetime.now(UTC))


def _serves(name: str, operation: Operation) -> bool:
    if name in (STOCK, STOCK_CACHED) and operation.without_stock:
        return False
    return name in (OURS, OURS_TWO) or not operation.desk_only


def _targets(results: Sequence[Result]) -> Iterator[Target]:
    """Those that the servers which were measured can tell."""
    found: Mapping[tuple[str, str], Result] = {
        (each.operation, each.server): each for each in results if each.connections == FEW
    }
    for operation, bound in (("page", 1.5), ("details", 2.0)):
        ours, peer = found.get((operation, OURS)), found.get((operation, MERCURIUS))
        if ours is not None and peer is not None:
            ratio = median(ours.cpu_ms) / median(peer.cpu_ms)
            yield Target(f"{operation}, CPU, ours / {MERCURIUS}", ratio, bound, True)
            if operation == "page":
                ratio = ours.whole.percentile_ms(0.99) / peer.whole.percentile_ms(0.99)
                yield Target(f"{operation}, p99, ours / {MERCURIUS}", ratio, 1.5, True)
    ours, stock = found.get(("page", OURS)), found.get(("page", STOCK))
    if ours is not None and stock is not None:
        yield Target(f"page, CPU, {STOCK} / ours", median(stock.cpu_ms) / median(ours.cpu_ms), 8.0, False)


if __name__ == "__main__":
    main()
