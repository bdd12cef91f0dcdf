"""One run: which checks, on which desk, for how long."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.security.defences import tried_defences
from tests.security.findings import Check
from tests.security.known_weaknesses import look_for_known_weaknesses
from tests.security.raw_bytes import RawBytes
from tests.security.schema_requests import Generated, SchemaRequests, operations
from tests.security.served_desk import ServedDesk, demo_desk, production_desk
from tests.security.watching import HEALTH_WITHIN_S, watched

SECONDS = 420.0
"""Of generated requests: five minutes by the schema, two of raw bytes."""
SCHEMA_PART = 5 / 7
PRODUCTION_PART = 0.8
"""Of this time; the demo has the rest."""
DEFENCES, WEAKNESSES, SCHEMA, RAW = "defences", "weaknesses", "schema", "raw"
PARTS = (DEFENCES, WEAKNESSES, SCHEMA, RAW)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try. `health_within_s`: how long `/healthz` may take."""

    seed: int
    seconds: float = SECONDS
    parts: tuple[str, ...] = PARTS
    health_within_s: float = HEALTH_WITHIN_S


@dataclass(frozen=True, slots=True)
class Servers:
    """Their URLs."""

    postgres: str
    redis: str


async def run(plan: Plan, servers: Servers, progress: Progress) -> list[Check]:
    """All checks of the plan; nothing is left running."""
    checks = []
    if DEFENCES in plan.parts:
        progress(f"the tests of {DEFENCES}")
        checks += await asyncio.to_thread(tried_defences)
    if set(plan.parts) == {DEFENCES}:
        return checks
    generated = operations() if SCHEMA in plan.parts else []
    desks: dict[float, AbstractAsyncContextManager[ServedDesk]] = {
        PRODUCTION_PART: production_desk(servers.postgres, servers.redis),
        1 - PRODUCTION_PART: demo_desk(),
    }
    for part, serving in desks.items():
        async with serving as desk:
            progress(f"the desk of the {desk.name} serves")
            checks += await _attacked(desk, plan, generated, part * plan.seconds, progress)
    return checks


async def _attacked(
    desk: ServedDesk, plan: Plan, generated: list[Generated], seconds: float, progress: Progress
) -> list[Check]:
    health = Check("/healthz and the lease", desk.name)
    checks = []
    with watched(desk, health, plan.health_within_s):
        if WEAKNESSES in plan.parts:
            checks += await look_for_known_weaknesses(desk)
        if SCHEMA in plan.parts:
            requests = SchemaRequests(desk, plan.seed, progress)
            checks += await asyncio.to_thread(requests.run, generated, SCHEMA_PART * seconds)
        if RAW in plan.parts:
            checks += await RawBytes(desk, plan.seed, progress).run((1 - SCHEMA_PART) * seconds)
    for fault in desk.faults_logged():
        health.find(fault.what, fault.text)
    return [*checks, health.done()]


async def repeat(plan: Plan, servers: Servers, number: int) -> list[Check]:
    """One attack with raw bytes again, on the desk of production."""
    async with production_desk(servers.postgres, servers.redis) as desk:
        return [await RawBytes(desk, plan.seed, lambda _: None).repeat(number)]
