"""Kill a real gateway at a chosen moment of a liquidation, start it again, and look whether anything is lost.

`python -m tests.integration.crash_harness --every` does so at every statement and venue call of a clean run,
and prints a table. test_crash.py does it at a few of them.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from redis.asyncio import Redis

from domain.ids import OrderId
from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from models.case import live_cases_of
from models.sql.database import Database
from resolvers.kit.node import global_id, local_id
from tests.integration.crash_checks import Before, check
from tests.integration.crash_run import Run
from tests.kit.crash_gateway import AtVenue, VenueMoment
from tests.kit.crash_proxy import Moment, PostgresProxy, Statement
from tests.kit.desk_kit import APPLE, BOEING, DeskKit, cash_of, position_of
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import fresh_database, postgres_server, redis_server

LIQUIDATE = """
mutation ($input: LiquidateInput!) { liquidate(input: $input) { results {
  ... on LiquidationStarted { orders { id } }
  ... on LiquidationRefused { code message }
} } }
"""

KillPoint = Statement | AtVenue


@dataclass(frozen=True, slots=True)
class Template:
    """A database with an account in a margin call, to be copied for each run."""

    server_url: str
    url: str
    before: Before


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: whether the gateway died and where, and what is wrong afterwards."""

    died: bool
    where: str
    problems: list[str]
    statements: list[str]
    seconds: float
    restart_s: float


@asynccontextmanager
async def template(postgres_url: str) -> AsyncIterator[Template]:
    """Migrated, with one account that owes USD 20,000.00 on two positions."""
    async with fresh_database(postgres_url) as url:
        database = Database(url, pool_size=1)
        await database.open()
        await database.migrate()
        kit = DeskKit()
        with database.active():
            account_id = await kit.indebted_account()
            (view,) = await live_cases_of([account_id])
            positions = {symbol: await position_of(account_id, symbol) for symbol in (APPLE, BOEING)}
            before = Before(account_id, view.case.id, await cash_of(account_id), positions)
        await database.close()
        yield Template(postgres_url, url, before)


async def crash(source: Template, redis_url: str, point: KillPoint | None) -> Outcome:
    """Liquidate, die at the point (None: not at all), start again, ask again, and check."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        url = await stack.enter_async_context(fresh_database(source.server_url, copy_of=source.url))
        proxy = await stack.enter_async_context(PostgresProxy(url).running())
        redis = await stack.enter_async_context(Redis.from_url(redis_url))
        run = LiquidationRun(proxy, url, redis, redis_url, directory)
        stack.push_async_callback(run.end)
        await run.start(point if isinstance(point, AtVenue) else None)
        proxy.arm(point if isinstance(point, Statement) else None, run.kill)
        died = await run.liquidate_until_dead_or_done(source.before)
        counted = list(proxy.statements)
        proxy.disarm()
        restart_s = 0.0
        if died:
            again = time.monotonic()
            await run.start(None)
            restart_s = time.monotonic() - again
        answered = await run.liquidate(source.before)
        await run.until(run.settled, "the orders to end")
        problems = await _problems(run, source.before, answered or [])
        where = proxy.struck_at or str(point)
    return Outcome(died, where, problems, counted, time.monotonic() - began, restart_s)


class LiquidationRun(Run):
    """A trader liquidates the one case, with the one key of this run."""

    def __init__(
        self, proxy: PostgresProxy, database_url: str, redis: Redis, redis_url: str, directory: Path
    ) -> None:
        super().__init__(proxy, database_url, redis, redis_url, directory)
        self._key = uuid4().hex

    async def liquidate_until_dead_or_done(self, before: Before) -> bool:
        """Liquidate, and return whether the gateway was killed.

        A killed process may still have answered, and its connection may break before the process has ended.
        """
        await self.liquidate(before)
        await self.until(self._dead_or_settled, "an end")
        return self.was_killed

    async def liquidate(self, before: Before) -> list[OrderId] | None:
        """Ask with the one key of this run; the orders, or None when the gateway died over it."""
        item = {"caseId": global_id("Case", before.case_id), "policy": "PRO_RATA"}
        variables = {"input": {"idempotencyKey": self._key, "cases": [item]}}
        answer = await self._ask(LIQUIDATE, variables)
        if answer is None:
            return None
        (result,) = answer["data"]["liquidate"]["results"]
        assert "orders" in result, result
        return [OrderId(local_id("Order", order["id"]) or "") for order in result["orders"]]

    async def settled(self) -> bool:
        """Every order has ended, the case is out of LIQUIDATING, and every event is on the bus."""
        row = await self.one(
            "SELECT (SELECT COUNT(*) FROM liquidation_order) AS orders,"
            " (SELECT COUNT(*) FROM liquidation_order"
            "   WHERE status NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED')) AS open,"
            " (SELECT COUNT(*) FROM margin_case WHERE status = 'LIQUIDATING') AS liquidating,"
            " (SELECT COUNT(*) FROM outbox WHERE stream_offset IS NULL) AS unpublished,"
            " (SELECT COUNT(*) FROM outbox) AS events"
        )
        ended = row["orders"] and not (row["open"] or row["liquidating"] or row["unpublished"])
        return bool(ended) and await self.published() >= row["events"]

    async def _dead_or_settled(self) -> bool:
        return self.dead or await self.settled()

    async def _ask(self, document: str, variables: object) -> Any:
        token = issue(DEVELOPMENT_SECRET, "trader", [Permission.RISK_WARNING_FULL], None, 60, self.clock())
        body = {"query": document, "variables": variables}
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
                answer = await client.post(f"{self.url}/graphql", json=body, headers=headers)
        except httpx.TransportError:
            return None
        return answer.json()


async def every_point(source: Template, redis_url: str) -> tuple[Outcome, list[KillPoint]]:
    """A clean run, and every moment of it at which to die; the run may take a few statements more or less."""
    clean = await crash(source, redis_url, None)
    statements: list[KillPoint] = [
        Statement(number, moment) for number in range(1, len(clean.statements) + 1) for moment in Moment
    ]
    at_venue: list[KillPoint] = [AtVenue(number, moment) for moment in VenueMoment for number in (1, 2)]
    return clean, statements + at_venue


async def _problems(run: LiquidationRun, before: Before, answered: list[OrderId]) -> list[str]:
    async with run.aftermath() as left:
        return left.resent + await check(left.desk, before, answered, left.venue, left.published)


async def _sweep(postgres_url: str, redis_url: str, every: int) -> int:
    failed = 0
    async with template(postgres_url) as source:
        clean, points = await every_point(source, redis_url)
        print(f"clean run: {len(clean.statements)} statements, {len(points)} points to die at")
        for point in points[::every]:
            outcome = await crash(source, redis_url, point)
            failed += bool(outcome.problems)
            verdict = "; ".join(outcome.problems) or ("ok" if outcome.died else "ok (not reached)")
            where = " ".join(outcome.where.split())[:70]
            print(f"{point!s:32} {outcome.seconds:4.1f} s  {where:70}  {verdict}", flush=True)
    print(f"{failed} of {len(points[::every])} runs lost or doubled something")
    return failed


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.crash_harness", description=__doc__)
    parser.add_argument("--every", type=int, nargs="?", const=1, default=25, help="take every n-th point")
    arguments = parser.parse_args()
    with postgres_server() as postgres_url, redis_server() as redis_url:
        raise SystemExit(bool(asyncio.run(_sweep(postgres_url, redis_url, arguments.every))))


if __name__ == "__main__":
    main()
