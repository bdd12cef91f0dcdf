"""`python -m tests.security`: all probes, a table of what they found, and exit code 1 if that is anything.

Every request that led to a finding is printed; `--seed` repeats what was generated, and `--repeat` one attack
with raw bytes.
"""

import argparse
import asyncio
import random
import signal
import sys
import time

from tests.kit.scratch import keep_in_memory
from tests.kit.servers import postgres_server, redis_server
from tests.security.findings import table
from tests.security.run import PARTS, SECONDS, Plan, Servers, repeat, run

SHOW_INTERVAL_S = 5.0


def main() -> None:
    """The command."""
    given = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    keep_in_memory()
    plan = Plan(given.seed, given.seconds, tuple(given.only or PARTS))
    print(f"security: seed {plan.seed}, {plan.seconds:.0f} s of generated requests", flush=True)
    with postgres_server() as postgres, redis_server() as redis:
        servers = Servers(postgres, redis)
        if given.repeat is None:
            checks = asyncio.run(run(plan, servers, Shown()))
        else:
            checks = asyncio.run(repeat(plan, servers, given.repeat))
    print(*table(checks), f"seed {plan.seed}", sep="\n")
    raise SystemExit(any(check.findings for check in checks))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.security", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of generated requests, in all")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of what is generated")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="a part of the checks")
    parser.add_argument("--repeat", type=int, metavar="NUMBER", help="one attack with raw bytes of this seed")
    return parser.parse_args()


class Shown:
    """The progress, now and then."""

    def __init__(self) -> None:
        self._at = 0.0

    def __call__(self, text: str) -> None:
        """Print it, unless something was printed a moment ago."""
        if time.monotonic() > self._at + SHOW_INTERVAL_S:
            self._at = time.monotonic()
            print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
