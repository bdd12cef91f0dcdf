"""`python -m bench.query [--quick] [--servers NAME ...] [--operations NAME ...]`: see the README here."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from bench import tables
from bench.called_book import open_desk, settings_for
from bench.measure import ROOT, save
from bench.query.book import LIVE_CASES, POSITIONS, cases_to_liquidate, fill_book
from bench.query.operations import Operation, operations
from bench.query.profile import profiled, profiler
from bench.query.report import FEW, MANY, Result, targets_of
from bench.query.servers import (
    DESKS,
    LEADERS,
    MERCURIUS,
    NODE,
    OURS,
    SERVERS,
    STOCK,
    STOCK_CACHED,
    YOGA,
    Server,
    served,
)
from bench.query.turns import Turns, token
from bench.server_core import cores, node_available
from gateway.workers.term import LEASE
from models.lease import acquire_lease
from resolvers.kit.node import global_id
from tests.kit.servers import fresh_database, postgres_server, redis_server

PROFILE_S = 10.0
ENOUGH_AFTER_S = 390.0
"""From then on only the least number of rounds, so that a run ends within 8 minutes on a slow machine too."""
IDLE_SHARE, IDLE_AFTER_S, IDLE_WINDOW_S = 0.4, 30.0, 0.5
"""A leader assesses its whole book when it begins: it is waited for, but no longer than this. To watch 2,000
live cases takes it a fifth of a core.
"""


def main() -> None:
    """Measure, print, write bench/results/query.json (not with --quick or a choice)."""
    parser = argparse.ArgumentParser(prog="python -m bench.query", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short windows, nothing written")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    parser.add_argument("--operations", nargs="+", help="page, details, preview, liquidate")
    parser.add_argument("--profile", action="store_true", help="where the CPU of the desk goes, by py-spy")
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
    targets = list(targets_of(results))
    for target in targets:
        print(target)
    if not arguments.quick and arguments.operations is None and len(arguments.servers) == len(SERVERS):
        figures = {
            "liveCases": LIVE_CASES,
            "positions": POSITIONS,
            "results": [each.as_json() for each in results],
            "targets": [each.as_json() for each in targets],
        }
        path = save("query", figures, "make bench-query")
        tables.write()
        print(f"written to {path.relative_to(ROOT)}")


async def _measure(arguments: argparse.Namespace) -> Sequence[Result]:
    """Leaders after the others, which they would delay: they are never idle."""
    with ExitStack() as running:
        server = running.enter_context(postgres_server(durable=True))
        redis_url = running.enter_context(redis_server())
        directory = Path(running.enter_context(TemporaryDirectory(prefix="bench-")))
        leaders = [name for name in arguments.servers if name in LEADERS]
        others = [name for name in arguments.servers if name not in LEADERS]
        results: list[Result] = []
        async with _databases(server, directory, leaders) as books:
            measured = _chosen(arguments, operations(books.case_id, books.cases()))
            enough_at = monotonic() + ENOUGH_AFTER_S
            for names in (others, leaders):
                with ExitStack() as serving:
                    servers = _started(serving, names, measured, books, redis_url)
                    await _until_idle(servers)
                    results += await _operations(arguments, servers, measured, enough_at)
        return results


def _started(
    serving: ExitStack, names: Sequence[str], measured: Sequence[Operation], books: "_Books", redis_url: str
) -> Sequence[Server]:
    """Those of the servers that can do something of what is measured."""
    servers = []
    for name in names:
        if any(_serves(name, each) for each in measured):
            print(f"... starting {name}", flush=True)
            servers.append(serving.enter_context(served(name, books.url(name), redis_url)))
    return servers


@dataclass(frozen=True, slots=True)
class _Books:
    """The databases of the servers, which hold the same at the beginning."""

    shared: str
    of_leaders: Mapping[str, str]
    case_id: str
    copies: Sequence[str]

    def url(self, server: str) -> str:
        """The database of the server."""
        return self.of_leaders.get(server, self.shared)

    def cases(self) -> Mapping[str, Iterator[str]]:
        """Those to liquidate; servers with the same database take turns."""
        of_database = {url: iter(self.copies) for url in {self.shared, *self.of_leaders.values()}}
        return {server: of_database[self.url(server)] for server in DESKS}


@asynccontextmanager
async def _databases(server: str, directory: Path, leaders: Sequence[str]) -> AsyncIterator[_Books]:
    async with AsyncExitStack() as databases:
        shared = await databases.enter_async_context(fresh_database(server))
        print("... filling the book", flush=True)
        async with open_desk(settings_for(shared, directory)) as resources:
            case_id = await fill_book(resources, shared)
        copies = await cases_to_liquidate(shared)
        of_leaders = {
            name: await databases.enter_async_context(fresh_database(server, copy_of=shared))
            for name in leaders
        }
        async with open_desk(settings_for(shared, directory)):
            assert await acquire_lease(LEASE, "another process", timedelta(hours=1))
        ids = [global_id("Case", each) for each in (case_id, *copies)]
        yield _Books(shared, of_leaders, ids[0], ids[1:])


async def _until_idle(servers: Sequence[Server]) -> None:
    began = monotonic()
    for server in servers:
        share = 1.0
        while share > IDLE_SHARE and monotonic() - began < IDLE_AFTER_S:
            before = server.cpu_s()
            await asyncio.sleep(IDLE_WINDOW_S)
            share = (server.cpu_s() - before) / IDLE_WINDOW_S


async def _operations(
    arguments: argparse.Namespace,
    servers: Sequence[Server],
    measured: Sequence[Operation],
    enough_at: float,
) -> Sequence[Result]:
    results: list[Result] = []
    for operation in measured:
        able = [each for each in servers if _serves(each.name, operation)]
        if not able:
            continue
        if arguments.profile:
            print(f"{operation.name}\n\n{await profiled(servers[0], operation, FEW, token(), PROFILE_S)}\n")
            continue
        for connections in (FEW,) if arguments.quick else (FEW, MANY):
            turns = Turns(operation, connections, arguments.quick, enough_at)
            found = await turns.take(able)
            print("\n".join(map(str, found)), flush=True)
            results += found
    return results


def _chosen(arguments: argparse.Namespace, measured: Sequence[Operation]) -> Sequence[Operation]:
    return [each for each in measured if arguments.operations is None or each.name in arguments.operations]


def _serves(name: str, operation: Operation) -> bool:
    if name in (STOCK, STOCK_CACHED) and operation.without_stock:
        return False
    return name in DESKS or not operation.desk_only


if __name__ == "__main__":
    main()
