"""`python -m bench.fanout [--quick] [--servers NAME ...]`: see the README beside this file."""

import argparse
import os
import time
from dataclasses import replace
from typing import Any

from bench import tables
from bench.fanout.events import FIELD_COUNT
from bench.fanout.flood import Capacity, measure_driver
from bench.fanout.measure import Plan, Result, Scenario, measure
from bench.fanout.processes import (
    MERCURIUS,
    NODE,
    OURS,
    RAW,
    STRAWBERRY,
    YOGA,
)
from bench.fanout.report import table, targets
from bench.measure import ROOT, save
from bench.server_core import cores, node_available
from tests.kit.servers import redis_server

GROUPS = (1, 200, 1000)
SERVERS = (RAW, OURS, MERCURIUS, YOGA, STRAWBERRY)
FULL = Plan(
    (
        Scenario(1000, 1),
        Scenario(1000, 100),
        *(Scenario(1000, 1, groups) for groups in GROUPS),
        Scenario(100, 1),
        Scenario(1, 1),
    ),
    steady_s=15,
    steady_few_s=6,
    burst_events=100,
    burst_rounds=3,
)
QUICK = Plan((Scenario(1000, 1),), steady_s=5, steady_few_s=5, burst_events=50, burst_rounds=2)


def main() -> None:
    """Measure, print, write bench/results/fanout.json (not with --quick)."""
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one scenario, short, nothing written")
    parser.add_argument("--groups", action="store_true", help="only subscribers with different filters")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, cores()[1])
    started, load = time.monotonic(), os.getloadavg()[0]
    plan = QUICK if arguments.quick else FULL
    if arguments.groups:
        plan = replace(plan, scenarios=tuple(Scenario(1000, 1, groups) for groups in GROUPS))
    capacities = [measure_driver(frames) for frames in (1, 50)]
    for capacity in capacities:
        print(
            f"driver alone: {capacity.frames_per_second:,.0f} frames/s at {capacity.frames_per_write} "
            f"per write, with {capacity.driver_cpu_share:.0%} of its core"
        )
    results = _measure(plan, [name for name in arguments.servers if _can_run(name)])
    print("\n".join(table(results)))
    for target in targets(results):
        print(target)
    print(f"{time.monotonic() - started:.0f} s, load before {load:.1f}")
    if not (arguments.quick or arguments.groups):
        path = save("fanout", _figures(plan, capacities, results), "make bench-fanout")
        tables.write()
        print(f"written to {path.relative_to(ROOT)}")


def _measure(plan: Plan, names: list[str]) -> list[Result]:
    results = []
    with redis_server() as redis_url:
        for scenario in plan.scenarios:
            for name in names:
                if (name == RAW and scenario.documents > 1) or (name != OURS and scenario.groups):
                    continue
                print(f"... {scenario}: {name}", flush=True)
                results.append(measure(name, scenario, plan, redis_url))
    return results


def _can_run(name: str) -> bool:
    if name not in (MERCURIUS, YOGA) or node_available(NODE):
        return True
    print(f"{name} is left out: it needs Node and npm")
    return False


def _figures(plan: Plan, capacities: list[Capacity], results: list[Result]) -> dict[str, Any]:
    return {
        "steadySeconds": plan.steady_s,
        "burstEvents": plan.burst_events,
        "fields": FIELD_COUNT,
        "driverAlone": [capacity.as_json() for capacity in capacities],
        "results": [result.as_json() for result in results],
        "targets": [target.as_json() for target in targets(results)],
    }


if __name__ == "__main__":
    main()
