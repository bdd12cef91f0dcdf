"""Kill a real gateway while it liquidates by itself, start it again, and look what came of it.

At 15:45 in New York a deadline passes, the time of a selection of cases comes, and intraday accounts have to
be flat, all at once; clients get messages and an endpoint gets events meanwhile.

`python -m tests.integration.crash_automatic --every` dies at every statement and venue call of a clean run,
and then again and again in one run; test_crash_automatic.py does a little of that.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from redis.asyncio import Redis

from tests.integration.automatic_scene import (
    BEFORE_DUE,
    DONE_SQL,
    DUE,
    RESOLVED,
    SCENE,
    AutomaticTemplate,
    automatic_template,
    outward_environment,
    outward_problems,
    problems,
)
from tests.integration.crash_harness import KillPoint
from tests.integration.crash_run import Run
from tests.kit.crash_gateway import AtVenue, VenueMoment
from tests.kit.crash_proxy import Moment, PostgresProxy, Statement
from tests.kit.receiver import Receiver, a_receiver
from tests.kit.servers import fresh_database, postgres_server, redis_server

DEATHS = 12
"""How often a process dies in a run in which it does so again and again."""
FAR = 60
"""After at most so many statements."""


@dataclass(frozen=True, slots=True)
class Lives:
    """One run: where the processes died, what is wrong afterwards, and what the first one did."""

    died_at: tuple[str, ...]
    problems: list[str]
    statements: list[str]
    seconds: float


class AutomaticRun(Run):
    """No command is sent: the desk acts when the time has come."""

    async def done(self) -> bool:
        row = await self.one(DONE_SQL)
        left = ("open", "waiting", "undecided", "unpublished", "unchained", "unsent", "untold", "behind")
        ended = row["resolved"] >= RESOLVED and not any(row[name] for name in left)
        return ended and await self.published() >= row["events"]

    async def dead_or_done(self) -> bool:
        return self.dead or await self.done()


async def live(source: AutomaticTemplate, redis_url: str, points: Sequence[KillPoint]) -> Lives:
    """Run processes one after another: the first is killed at the first point after 15:45, the second at the
    second, and so on; the last one is not killed.

    After each kill the clock advances by the lifetime of the lease, which the dead process did not release.
    """
    began = time.monotonic()
    async with _a_run(source, redis_url) as (run, proxy, receiver):
        first = points[0] if points else None
        await run.start(first if isinstance(first, AtVenue) else None)
        proxy.arm(first if isinstance(first, Statement) else None, run.kill)
        run.clock.set(DUE)
        died_at: list[str] = []
        statements: list[str] = []
        for number, point in enumerate([*points, None]):
            if number:
                run.launch(point if isinstance(point, AtVenue) else None)
            await run.until(run.dead_or_done, "an end")
            statements = statements or list(proxy.statements)
            if not run.dead:
                break
            assert run.was_killed, "it ended by itself"
            died_at.append(proxy.struck_at or str(point))
            await run.let_lease_run_out()
            following = points[number + 1] if number + 1 < len(points) else None
            proxy.arm(following if isinstance(following, Statement) else None, run.kill)
        async with run.aftermath() as left:
            found = await problems(source.accounts, left)
            found += await outward_problems(receiver, left.published)
    return Lives(tuple(died_at), found, statements, time.monotonic() - began)


@asynccontextmanager
async def _a_run(
    source: AutomaticTemplate, redis_url: str
) -> AsyncIterator[tuple[AutomaticRun, PostgresProxy, Receiver]]:
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        url = await stack.enter_async_context(fresh_database(source.server_url, copy_of=source.url))
        proxy = await stack.enter_async_context(PostgresProxy(url).running())
        redis = await stack.enter_async_context(Redis.from_url(redis_url))
        receiver = await stack.enter_async_context(a_receiver())
        scene = replace(SCENE, environment={**SCENE.environment, **outward_environment(receiver)})
        run = AutomaticRun(proxy, url, redis, redis_url, directory, scene)
        stack.push_async_callback(run.end)
        run.clock.set(BEFORE_DUE)
        await run.one(f"UPDATE webhook SET url = '{receiver.url()}' RETURNING id")
        yield run, proxy, receiver


def again_and_again(seed: int, deaths: int = DEATHS) -> list[KillPoint]:
    """Each process dies at some statement of its own; the same ones for the same seed."""
    random = Random(seed)
    return [Statement(random.randint(1, FAR), random.choice(list(Moment))) for _ in range(deaths)]


async def _sweep(postgres_url: str, redis_url: str, every: int, seeds: int) -> int:
    runs = failed = 0
    async with automatic_template(postgres_url) as source:
        clean = await live(source, redis_url, [])
        points = _points(clean)
        print(
            f"clean run: {len(clean.statements)} statements, {len(points)} points, {clean.problems or 'ok'}"
        )
        stories = [[point] for point in points[::every]] + [again_and_again(seed) for seed in range(seeds)]
        for story in stories:
            found, said = await _told(source, redis_url, story)
            runs, failed = runs + 1, failed + found
            print(said, flush=True)
    print(f"{failed} of {runs} runs lost or doubled something")
    return failed


def _points(clean: Lives) -> list[KillPoint]:
    orders = sum("INSERT INTO liquidation_order" in text for text in clean.statements)
    return [
        *[Statement(number, moment) for number in range(1, len(clean.statements) + 1) for moment in Moment],
        *[AtVenue(number, moment) for moment in VenueMoment for number in range(1, orders + 1)],
    ]


async def _told(source: AutomaticTemplate, redis_url: str, story: Sequence[KillPoint]) -> tuple[bool, str]:
    name = str(story[0]) if len(story) == 1 else f"{len(story)} deaths"
    try:
        lives = await live(source, redis_url, story)
    except AssertionError as never:
        return True, f"{name:24}        {str(never)[-1500:]}"
    verdict = "; ".join(lives.problems) or ("ok" if lives.died_at else "ok (not reached)")
    where = " ".join(lives.died_at[0].split())[:70] if len(lives.died_at) == 1 else str(len(lives.died_at))
    return bool(lives.problems), f"{name:24} {lives.seconds:4.1f} s  {where:70}  {verdict}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.crash_automatic", description=__doc__)
    parser.add_argument("--every", type=int, nargs="?", const=1, default=25, help="take every n-th point")
    parser.add_argument("--again", type=int, default=5, help="how many runs die again and again")
    arguments = parser.parse_args()
    with postgres_server() as postgres_url, redis_server() as redis_url:
        failed = asyncio.run(_sweep(postgres_url, redis_url, arguments.every, arguments.again))
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
