"""`python -m tests.chaos`: a run, its report, and exit code 1 if a subscriber noticed anything."""

import argparse
import asyncio
import random
import signal
from pathlib import Path

from tests.chaos.harness import full, run, short
from tests.kit.servers import postgres_server


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="every fault once, 30 subscribers, 2 workers")
    parser.add_argument("--seconds", type=float, default=210, help="until when new faults begin")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the order of faults")
    parser.add_argument("--log", type=Path, help="write the gateway's log here")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = short(given.seed) if given.short else full(given.seed, given.seconds)
    with postgres_server() as url:
        report = asyncio.run(run(plan, url, given.log))
    print(*report.lines(), sep="\n")
    raise SystemExit(report.failed)


if __name__ == "__main__":
    main()
