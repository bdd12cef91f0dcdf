"""A batch `liquidate` of 200 cases on PostgreSQL, beside plain asyncpg writing the same rows.

Every round runs on fresh copies of one database, the ways one after the other: the desk's use case; the peer;
GraphQL over HTTP in a server process that only serves, another one being the leader; and the same where that
process is the leader, which sends and fills the orders while it still records others. The first cases of each
run are not counted: they warm caches and prepared statements, alike for all. The event loop is the server's.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import asyncpg
import httpx
import uvloop

from bench.called_book import PRICES_NEVER_STALE_S, fill, open_cases, open_desk, settings_for
from bench.measure import save, spread
from bench.plain_inserts import KEY_COLUMNS, CaseRows, Values, read_rows, write_rows
from bench.server_process import START_TIMEOUT_S, served, until_ready
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.outcomes import LiquidationStarted
from domain.ids import CaseId
from domain.liquidation import plan
from domain.liquidation_plan import PlanRequest
from domain.principal import Audience, Permission, Principal
from gateway.auth import issue
from gateway.resources import Resources
from gateway.settings import DEVELOPMENT_SECRET
from gateway.workers.term import LEASE
from models.book import load_all_account_ids, load_books
from models.lease import acquire_lease
from resolvers.kit.node import global_id
from tests.kit.servers import free_port, fresh_database, postgres_server

CASES, WARM_UP_CASES, ROUNDS = 200, 20, 5
MUTATION = """
mutation Liquidate($input: LiquidateInput!) {
  liquidate(input: $input) {
    results {
      __typename
      ... on LiquidationStarted {
        estimatedReduction amountAfter
        case { id status version }
        orders { id clientOrderId side quantity limitPrice status }
      }
      ... on LiquidationRefused { code message }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds for the same cases, and how many orders they came to."""

    desk: float
    plain: float
    http: float
    http_leading: float
    orders: int


def main() -> None:
    """Measure with and without waiting for the disk, print, save."""
    figures = {mode: uvloop.run(_measure(mode)) for mode in ("off", "on")}
    save("liquidate", {f"synchronous_commit={mode}": each for mode, each in figures.items()})


async def _measure(synchronous_commit: str) -> dict[str, Any]:
    with postgres_server(durable=True) as server, TemporaryDirectory(prefix="bench-") as directory:
        async with _template(server, Path(directory)) as template:
            at = Path(directory)
            rounds = [await _round(server, template, synchronous_commit, at) for _ in range(ROUNDS)]
            planning = await _planning(template, at)
        version = await _value(server, "SHOW server_version")
    return _report(synchronous_commit, rounds, planning, version)


def _report(mode: str, rounds: Sequence[Round], planning: float, version: str) -> dict[str, Any]:
    orders = rounds[0].orders
    ways = {
        "desk": spread([each.desk for each in rounds]),
        "plainAsyncpg": spread([each.plain for each in rounds]),
        "graphqlOverHttp": spread([each.http for each in rounds]),
        "graphqlOverHttpLeading": spread([each.http_leading for each in rounds]),
    }
    ratio = spread([each.desk / each.plain for each in rounds])
    print(f"synchronous_commit={mode}: {CASES} cases, {orders} orders, {len(rounds)} rounds")
    for name, seconds in ways.items():
        print(f"  {name:22} {seconds} s   {orders / seconds.median:7.0f} orders/s")
    print(f"  desk / plain           {ratio}   planning alone {planning:.3f} s")
    return {
        "cases": CASES,
        "orders": orders,
        "postgres": version,
        "seconds": {name: seconds.as_json() for name, seconds in ways.items()},
        "ordersPerSecond": {name: round(orders / seconds.median) for name, seconds in ways.items()},
        "deskOverPlain": ratio.as_json(),
        "planningAloneSeconds": round(planning, 4),
    }


@asynccontextmanager
async def _template(server: str, directory: Path) -> AsyncIterator[str]:
    async with fresh_database(server) as url:
        async with open_desk(settings_for(url, directory)) as resources:
            await fill(resources, CASES + WARM_UP_CASES)
        yield url


@asynccontextmanager
async def _copy(server: str, template: str, synchronous_commit: str) -> AsyncIterator[str]:
    async with fresh_database(server, copy_of=template) as url:
        name = url.rpartition("/")[2]
        await _value(server, f'ALTER DATABASE "{name}" SET synchronous_commit = {synchronous_commit}')
        await _value(server, "CHECKPOINT")
        yield url


async def _round(server: str, template: str, synchronous_commit: str, directory: Path) -> Round:
    async with _copy(server, template, synchronous_commit) as url:
        desk, cases = await _through_the_desk(url, directory)
        connection = await asyncpg.connect(url)
        (key,) = await connection.fetch(
            f"SELECT {KEY_COLUMNS} FROM idempotency_key WHERE idempotency_key = 'measured'"
        )
        rows = await read_rows(connection, cases)
        await connection.close()
    async with _copy(server, template, synchronous_commit) as url:
        plain = await _through_asyncpg(url, tuple(key), rows)
    async with _copy(server, template, synchronous_commit) as url:
        await _give_lease_away(url, directory)
        http = await _through_http(url, directory, cases)
    async with _copy(server, template, synchronous_commit) as url:
        leading = await _through_http(url, directory, cases)
    return Round(desk, plain, http, leading, sum(len(each.orders) for each in rows[WARM_UP_CASES:]))


async def _through_the_desk(url: str, directory: Path) -> tuple[float, list[CaseId]]:
    audience = Audience(frozenset({Permission.RISK_WARNING_FULL}), account_scope=None)
    trader = Principal("bench", audience, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    async with open_desk(settings_for(url, directory)) as resources:
        cases = await open_cases()
        await _liquidate(resources, trader, "warm-up", cases[:WARM_UP_CASES])
        started = perf_counter()
        await _liquidate(resources, trader, "measured", cases[WARM_UP_CASES:])
        return perf_counter() - started, cases


async def _liquidate(resources: Resources, trader: Principal, key: str, cases: Sequence[CaseId]) -> None:
    items = tuple(LiquidateCase(case_id, 1, PlanRequest()) for case_id in cases)
    outcomes = await liquidate(resources.desk, trader, Liquidate(key, items, None))
    assert all(isinstance(outcome, LiquidationStarted) for outcome in outcomes), outcomes


async def _through_asyncpg(url: str, key: Values, rows: Sequence[CaseRows]) -> float:
    connection = await asyncpg.connect(url)
    try:
        await write_rows(connection, ("warm-up", "warm-up", *key[2:]), rows[:WARM_UP_CASES])
        return await write_rows(connection, key, rows[WARM_UP_CASES:])
    finally:
        await connection.close()


async def _give_lease_away(url: str, directory: Path) -> None:
    async with open_desk(settings_for(url, directory)):
        assert await acquire_lease(LEASE, "another process", timedelta(hours=1))


async def _through_http(url: str, directory: Path, cases: Sequence[CaseId]) -> float:
    token = issue(DEVELOPMENT_SECRET, "bench", [Permission.RISK_WARNING_FULL], None, 60, datetime.now(UTC))
    headers = {"Authorization": f"Bearer {token}"}
    server = served(
        port=free_port(),
        database_url=url,
        data_directory=directory,
        max_price_age_s=PRICES_NEVER_STALE_S,
        approval_cases=200,
        approval_notional=10**15,
    )
    with server as address:
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=START_TIMEOUT_S) as client:
            await until_ready(client)
            await _post(client, "warm-up", cases[:WARM_UP_CASES])
            started = perf_counter()
            await _post(client, "measured", cases[WARM_UP_CASES:])
            return perf_counter() - started


async def _post(client: httpx.AsyncClient, key: str, cases: Sequence[CaseId]) -> None:
    items = [{"caseId": global_id("Case", case_id), "expectedVersion": 1} for case_id in cases]
    request = {"query": MUTATION, "variables": {"input": {"idempotencyKey": key, "cases": items}}}
    answer = (await client.post("/graphql", json=request)).json()
    results = answer["data"]["liquidate"]["results"]
    assert all(result["__typename"] == "LiquidationStarted" for result in results), results


async def _planning(url: str, directory: Path) -> float:
    """Seconds that the planner takes for the measured cases, everything read before."""
    async with open_desk(settings_for(url, directory)) as resources:
        desk = resources.desk
        books = await load_books(await load_all_account_ids(), desk.policy.books, desk.clock())
        measured = list(books.values())[WARM_UP_CASES:]
        started = perf_counter()
        for account in measured:
            plan(account.book, (), PlanRequest(), desk.policy.plans, desk.clock())
        return perf_counter() - started


async def _value(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
