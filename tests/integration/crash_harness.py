"""Kill a real gateway at a chosen moment of a liquidation, start it again, and look whether anything is lost.

`python -m tests.integration.crash_harness --every` does so at every statement and venue call of a clean run,
and prints a table. test_crash.py does it at a few of them.
"""

import argparse
import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from redis.asyncio import Redis

from domain.ids import OrderId
from domain.principal import Permission
from feeds.redis_feed import publish
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from models.case import live_cases_of
from models.database import Database
from resolvers.node import global_id, local_id
from tests.integration.crash_checks import Before, check, read_journal
from tests.integration.crash_gateway import RESENT, AtVenue, VenueMoment, start_gateway
from tests.integration.crash_proxy import Moment, PostgresProxy, Statement
from tests.integration.desk_kit import APPLE, BOEING, Clock, DeskKit, cash_of, position_of, quoted
from tests.servers import free_port, fresh_database, postgres_server, redis_server

PATIENCE_S = 20.0
POLL_S = 0.02
QUOTE_INTERVAL_S = 0.2
DISPLAYED = 200
"""Units that a quote shows: fewer than an order, so that orders fill in parts."""
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
        kit = DeskKit(Clock(datetime.now(UTC)))
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
        run = Run(source, proxy, url, redis, redis_url, directory)
        stack.push_async_callback(run.end)
        await run.start(point if isinstance(point, AtVenue) else None)
        proxy.arm(point if isinstance(point, Statement) else None, run.kill)
        died = await run.liquidate_until_dead_or_done()
        counted = list(proxy.statements)
        proxy.disarm()
        restart_s = 0.0
        if died:
            again = time.monotonic()
            await run.start(None)
            restart_s = time.monotonic() - again
        answered = await run.liquidate()
        await run.until(run.settled, "the orders to end")
        problems = await run.problems(answered or [])
        where = proxy.struck_at or str(point)
    return Outcome(died, where, problems, counted, time.monotonic() - began, restart_s)


class Run:
    """One gateway after another on one database, with a market that does not move."""

    def __init__(
        self,
        source: Template,
        proxy: PostgresProxy,
        database_url: str,
        redis: Redis,
        redis_url: str,
        directory: Path,
    ) -> None:
        self._source, self._proxy, self._database_url = source, proxy, database_url
        self._redis: Any = redis
        self._directory = directory
        self._name, self._key = uuid4().hex, uuid4().hex
        self._url = f"http://127.0.0.1:{(port := free_port())}"
        self._environment = {
            "GATEWAY_DATABASE_URL": proxy.url,
            "GATEWAY_REDIS_URL": redis_url,
            "GATEWAY_PORT": str(port),
            "GATEWAY_FEED": "redis",
            "GATEWAY_FEED_STREAMS": f"{self._name}:quotes",
            "GATEWAY_BUS_NAME": self._name,
            "GATEWAY_DATA_DIRECTORY": str(directory),
            "GATEWAY_CLOSE_HOLD_S": "0",
            "GATEWAY_LEASE_TTL_S": "0.3",
            "GATEWAY_LEASE_RENEW_S": "0.1",
            "GATEWAY_PAPER_ACK_LATENCY_S": "0",
            "GATEWAY_PAPER_FILL_LATENCY_S": "0",
            "GATEWAY_LOG_FORMAT": "json",
        }
        self._process: ForkServerProcess | None = None
        self._connection: asyncpg.Connection | None = None
        self._market = asyncio.create_task(self._move_market())

    @property
    def dead(self) -> bool:
        return self._process is None or not self._process.is_alive()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.join()

    async def start(self, dies_at: AtVenue | None) -> None:
        self._process = start_gateway(self._environment, self._directory / "log", dies_at)
        await self.until(self._leads, "the gateway to lead the desk")

    async def end(self) -> None:
        self._market.cancel()
        await asyncio.wait([self._market])
        if not self.dead:
            self.kill()
        if self._connection is not None:
            await self._connection.close()
        await self._redis.delete(f"{self._name}:quotes", self._events, f"{{{self._name}}}:broadcasts")

    async def liquidate_until_dead_or_done(self) -> bool:
        """Whether the gateway died. It may still be on its way to its death when it has answered."""
        if await self.liquidate() is not None:
            await self.until(self._dead_or_settled, "an end")
        assert self._process is not None
        return self.dead and self._process.exitcode == -signal.SIGKILL

    async def liquidate(self) -> list[OrderId] | None:
        """Ask with the one key of this run; the orders, or None when the gateway died over it."""
        item = {"caseId": global_id("Case", self._source.before.case_id), "policy": "PRO_RATA"}
        variables = {"input": {"idempotencyKey": self._key, "cases": [item]}}
        answer = await self._ask(LIQUIDATE, variables)
        if answer is None:
            return None
        (result,) = answer["data"]["liquidate"]["results"]
        assert "orders" in result, result
        return [OrderId(local_id("Order", order["id"]) or "") for order in result["orders"]]

    async def settled(self) -> bool:
        """Every order has ended, the case is out of LIQUIDATING, and every event is on the bus."""
        row = await self._one(
            "SELECT (SELECT COUNT(*) FROM liquidation_order) AS orders,"
            " (SELECT COUNT(*) FROM liquidation_order"
            "   WHERE status NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED')) AS open,"
            " (SELECT COUNT(*) FROM margin_case WHERE status = 'LIQUIDATING') AS liquidating,"
            " (SELECT COUNT(*) FROM outbox WHERE stream_offset IS NULL) AS unpublished,"
            " (SELECT COUNT(*) FROM outbox) AS events"
        )
        ended = row["orders"] and not (row["open"] or row["liquidating"] or row["unpublished"])
        return bool(ended) and await self._redis.xlen(self._events) >= row["events"]

    async def problems(self, answered: list[OrderId]) -> list[str]:
        self.kill()
        database = Database(self._database_url, pool_size=1)
        await database.open()
        kit = DeskKit(Clock(datetime.now(UTC)))
        entries = await self._redis.xrange(self._events)
        published = [fields[b"p"] for _, fields in entries]
        resent = self._directory / RESENT
        problems = [f"sent again: {resent.read_text()}"] if resent.exists() else []
        venue = read_journal(self._directory / "paper_venue.jsonl")
        try:
            with database.active():
                return problems + await check(kit.desk, self._source.before, answered, venue, published)
        finally:
            await database.close()

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await holds():  # noqa: ASYNC110 - the state of other processes has no event
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            log = (self._directory / "log").read_text(errors="replace")[-6000:]
            raise AssertionError(f"waited in vain for {what}:\n{log}") from None

    @property
    def _events(self) -> str:
        return f"{{{self._name}}}:events"

    async def _dead_or_settled(self) -> bool:
        return self.dead or await self.settled()

    async def _leads(self) -> bool:
        assert not self.dead, (self._directory / "log").read_text(errors="replace")[-6000:]
        try:
            async with httpx.AsyncClient() as client:
                checks = (await client.get(f"{self._url}/readyz")).json()
        except httpx.TransportError:
            return False
        return bool(checks["leader"] and checks["status"] == "ready")

    async def _ask(self, document: str, variables: object) -> Any:
        now = datetime.now(UTC)
        token = issue(DEVELOPMENT_SECRET, "trader", [Permission.RISK_WARNING_FULL], None, 60, now)
        body = {"query": document, "variables": variables}
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
                answer = await client.post(f"{self._url}/graphql", json=body, headers=headers)
        except httpx.TransportError:
            return None
        return answer.json()

    async def _move_market(self) -> None:
        """The same prices again and again, so that what is displayed is there to be hit anew."""
        while True:
            now = datetime.now(UTC)
            quotes = [
                replace(quoted(symbol, 100, now), bid_size=Decimal(DISPLAYED)) for symbol in (APPLE, BOEING)
            ]
            await publish(self._redis, f"{self._name}:quotes", quotes)
            await asyncio.sleep(QUOTE_INTERVAL_S)

    async def _one(self, sql: str) -> asyncpg.Record:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._database_url)
        row = await self._connection.fetchrow(sql)
        assert row is not None
        return row


async def every_point(source: Template, redis_url: str) -> tuple[Outcome, list[KillPoint]]:
    """A clean run, and every moment of it at which to die; the run may take a few statements more or less."""
    clean = await crash(source, redis_url, None)
    statements: list[KillPoint] = [
        Statement(number, moment) for number in range(1, len(clean.statements) + 1) for moment in Moment
    ]
    at_venue: list[KillPoint] = [AtVenue(number, moment) for moment in VenueMoment for number in (1, 2)]
    return clean, statements + at_venue


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
