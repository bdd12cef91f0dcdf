"""`make conformance`: runs the clients, prints what each could do, and ends with 1 if one could not."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

from tests.conformance.compiling import NotCompiled, compiled
from tests.conformance.desk import PAGE_ORIGIN, Trader
from tests.conformance.programs import NODE, PROGRAMS, Program
from tests.conformance.running import Outcome, run
from tests.conformance.table import line, title
from tests.kit.demo_desk import served_demo
from tests.kit.node_packages import PackagesMissing
from tests.kit.servers import fresh_database, postgres_server, redis_server
from tests.kit.source import ROOT

LOG = ROOT / "build/conformance.log"
MANIFEST = "GATEWAY_TRUSTED_DOCUMENTS_FILE"


async def tried(
    programs: Sequence[Program], settings: Mapping[str, str], directories: Mapping[Path, Path]
) -> list[Outcome]:
    """One program after another against one desk."""
    outcomes = []
    async with served_demo({"GATEWAY_ALLOWED_ORIGINS": PAGE_ORIGIN, **settings}, LOG) as port:
        trader = Trader(port)
        await trader.until_cases()
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(trader.follow())
            for program in programs:
                if program.needs_manifest and MANIFEST not in settings:
                    continue
                outcomes.append(await run(program, directories[program.source], port, trader))
                print(line(outcomes[-1]), flush=True)
            following.cancel()
        await trader.close()
    return outcomes


@asynccontextmanager
async def usual(_: Path) -> AsyncIterator[Mapping[str, str]]:
    """What the demo needs."""
    print(title("SQLite and the memory bus"))
    yield {}


@asynccontextmanager
async def others(manifest: Path) -> AsyncIterator[Mapping[str, str]]:
    """Servers as in production, and the manifest of the programs' documents."""
    print(title("PostgreSQL and Redis"))
    with postgres_server() as postgres_url, redis_server() as redis_url:
        async with fresh_database(postgres_url) as database_url:
            yield {
                "GATEWAY_DATABASE_URL": database_url,
                "GATEWAY_REDIS_URL": redis_url,
                "GATEWAY_TRUSTED_DOCUMENTS": "log",
                MANIFEST: str(manifest),
            }


STACKS = {"usual": (usual,), "others": (others,), "all": (usual, others)}


async def on_stacks(
    name: str, programs: Sequence[Program], directories: Mapping[Path, Path]
) -> list[Outcome]:
    """On one stack after another."""
    outcomes = []
    for stack in STACKS[name]:
        async with stack(directories[NODE] / "src/gql/persisted-documents.json") as settings:
            outcomes += await tried(programs, settings, directories)
    return outcomes


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--only", default="", help="programs with this in their name")
    parser.add_argument(
        "--stacks", choices=STACKS, default="all", help="as in make test and make test-matrix"
    )
    given = parser.parse_args()
    programs = [program for program in PROGRAMS if given.only.lower() in program.name.lower()]
    started = perf_counter()
    try:
        directories = compiled(lambda what: print(f"{what} ...", flush=True))
    except (NotCompiled, PackagesMissing) as why:
        print(why, file=sys.stderr)
        return 1
    print(f"compiled in {perf_counter() - started:.0f} s")
    outcomes = asyncio.run(on_stacks(given.stacks, programs, directories))
    failed = [outcome for outcome in outcomes if outcome.failed_step]
    for outcome in failed:
        print(f"\n{outcome.program.name}, {outcome.failed_step}: {outcome.failure}", file=sys.stderr)
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} passed, in {perf_counter() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
