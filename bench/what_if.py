"""The what-if of a whole book on PostgreSQL: 10,000 accounts with 20 positions each.

Two ways in turn: as the gateway runs it, in a process of its own, and the same use case on the event loop of
this process. While each runs, a clock on this loop ticks every 5 ms; by how much it is late is by how much
any request would have been. A run that values the accounts without the database tells what computing alone
costs, and reading alone is measured by a run that values nothing.
"""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import asyncpg
import uvloop

from bench.called_book import open_desk, settings_for
from bench.measure import save, spread
from demo.draw import Draw
from desk.monitoring.book_what_if import BookEffect, BookWhatIfRequest, book_what_if
from domain.ids import Symbol
from domain.margin import compute_figures
from domain.market import FactorSource, FxRate, Instrument, InstrumentKind, MarginFactors, Quote, TradeStatus
from domain.money import Currency
from domain.principal import EVERYTHING
from domain.what_if import Scenario, Shocked
from gateway.book_what_if_process import BookWhatIfProcess
from gateway.resources import Resources
from models.market import save_fx_rates, save_instrument, save_quotes
from models.sql.database import consistent_read, transaction
from models.whole_book import every_book, load_market
from tests.kit.servers import fresh_database, postgres_server

ACCOUNTS, POSITIONS, INSTRUMENTS, ROUNDS = 10_000, 20, 500, 5
SEED = 20_200_316
TICK_S = 0.005
HKD, USD = Currency("HKD"), Currency("USD")
SCENARIO = Scenario(everything=Decimal("-0.15"), markets={"XHKG": Decimal("-0.25")})


@dataclass(frozen=True, slots=True)
class Measured:
    """One run, and how late the clock was at worst meanwhile."""

    seconds: float
    worst_delay_ms: float
    effect: BookEffect


def main() -> None:
    """Measure, print, save."""
    figures = uvloop.run(_measure())
    save("what_if", figures)


async def _measure() -> dict[str, Any]:
    with postgres_server(durable=True) as server, TemporaryDirectory(prefix="bench-") as directory:
        async with fresh_database(server) as url, open_desk(settings_for(url, Path(directory))) as resources:
            await resources.database.migrate()
            await _fill(url)
            return await _rounds(resources)


async def _rounds(resources: Resources) -> dict[str, Any]:
    request, now = _request(resources), resources.desk.clock()
    apart = BookWhatIfProcess(resources.settings.database_url, timeout_s=600, waiting_max=1)
    ways: dict[str, list[Measured]] = {"inItsOwnProcess": [], "onTheEventLoop": []}
    await _timed(lambda: apart.run(request, now))
    for _ in range(ROUNDS):
        ways["inItsOwnProcess"].append(await _timed(lambda: apart.run(request, now)))
        ways["onTheEventLoop"].append(await _timed(lambda: book_what_if(request, now)))
    reading, valuing = await _parts(request, now)
    effect = ways["inItsOwnProcess"][0].effect
    assert all(each.effect == effect for runs in ways.values() for each in runs), "one answer"
    return _report(ways, effect, reading, valuing)


def _report(
    ways: dict[str, list[Measured]], effect: BookEffect, reading: float, valuing: float
) -> dict[str, Any]:
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / _MAXRSS_PER_MB
    print(f"{effect.accounts} accounts x {POSITIONS} positions: {effect.calls_after} calls")
    for way, runs in ways.items():
        seconds, late = spread([run.seconds for run in runs]), spread([run.worst_delay_ms for run in runs])
        print(f"  {way:16} {seconds} s   a request delayed by at most {late} ms")
    print(f"  reading {reading:.2f} s, valuing {valuing:.2f} s, peak of the process {peak_mb:.0f} MB")

    return {
        "accounts": effect.accounts,
        "positions": POSITIONS,
        "callsAfter": effect.calls_after,
        "seconds": {way: spread([run.seconds for run in runs]).as_json() for way, runs in ways.items()},
        "worstDelayMilliseconds": {
            way: spread([run.worst_delay_ms for run in runs]).as_json() for way, runs in ways.items()
        },
        "readingAloneSeconds": round(reading, 3),
        "valuingAloneSeconds": round(valuing, 3),
        "peakMegabytesOfTheProcess": round(peak_mb),
    }


def _request(resources: Resources) -> BookWhatIfRequest:
    policy = resources.desk.policy
    settings = resources.settings
    return BookWhatIfRequest(
        scenario=SCENARIO,
        audience=EVERYTHING,
        policy=policy.books,
        judgement=policy.judgement,
        reporting_currency=HKD,
        kept_max=settings.what_if_accounts_max,
        accounts_per_chunk=settings.what_if_chunk_accounts,
    )


async def _timed(run: Callable[[], Awaitable[BookEffect]]) -> Measured:
    async with _clock() as lateness:
        started = perf_counter()
        effect = await run()
        seconds = perf_counter() - started
    return Measured(seconds, max(lateness) * 1000, effect)


@asynccontextmanager
async def _clock() -> AsyncIterator[list[float]]:
    """By how many seconds each tick was late."""
    lateness: list[float] = [0.0]

    async def tick() -> None:
        while True:
            due = perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            lateness.append(perf_counter() - due)

    task = asyncio.create_task(tick())
    await asyncio.sleep(TICK_S)
    try:
        yield lateness
        await asyncio.sleep(TICK_S)
    finally:
        task.cancel()


async def _parts(request: BookWhatIfRequest, now: datetime) -> tuple[float, float]:
    """Seconds of reading every book, and of valuing each twice."""
    reading = valuing = 0.0
    shocked = Shocked(request.scenario)
    async with consistent_read():
        started = perf_counter()
        market = await load_market(request.policy, now)
        async for chunk in every_book(request.audience, market, request.accounts_per_chunk):
            reading += perf_counter() - started
            started = perf_counter()
            for account in chunk.books:
                compute_figures(account.book, now, request.judgement.max_age)
                compute_figures(shocked.book(account.book), now, request.judgement.max_age)
            valuing += perf_counter() - started
            started = perf_counter()
    return reading, valuing


async def _fill(url: str) -> None:
    """Instruments through the desk's own functions, the accounts by COPY."""
    now, draw = datetime.now(UTC), Draw(SEED)
    instruments = [_instrument(number) for number in range(INSTRUMENTS)]
    initial, maintenance, margin_call, force_close = map(Decimal, ("0.40", "0.30", "0.35", "0.25"))
    factors = MarginFactors(initial, maintenance, margin_call, force_close, FactorSource.INSTRUMENT)
    async with transaction():
        for instrument in instruments:
            await save_instrument(instrument, factors, now)
        await save_fx_rates(
            [FxRate(USD, HKD, Decimal("7.80"), now), FxRate(HKD, USD, Decimal("0.1282"), now)]
        )
        await save_quotes([_quote(draw, instrument.symbol, now) for instrument in instruments])
    connection = await asyncpg.connect(url)
    try:
        for table, columns, rows in _accounts(draw, instruments, now):
            await connection.copy_records_to_table(table, records=rows, columns=columns)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def _instrument(number: int) -> Instrument:
    american = number % 2
    return Instrument(
        symbol=Symbol(f"S{number:03}.{'US' if american else 'HK'}"),
        name=f"Stock {number}",
        market="XNYS" if american else "XHKG",
        currency=USD if american else HKD,
        kind=InstrumentKind.STOCK,
        lot_size=Decimal(1),
        multiplier=Decimal(1),
        fee_rate=Decimal("0.0003"),
        trade_status=TradeStatus.TRADING,
    )


def _quote(draw: Draw, symbol: Symbol, now: datetime) -> Quote:
    last = Decimal(draw.between(500, 50_000)) / 100
    step = Decimal("0.01")
    return Quote(symbol, now, last - step, last + step, last, last, Decimal(500), Decimal(500))


_Rows = tuple[str, tuple[str, ...], list[tuple[Any, ...]]]


def _accounts(draw: Draw, instruments: list[Instrument], now: datetime) -> Iterator[_Rows]:
    """Every table's rows; one client per account, loans that a fall of a quarter puts in call, mostly."""
    numbers = [f"{number:032x}" for number in range(ACCOUNTS)]
    none = Decimal(0)
    client_columns = ("id", "client_no", "name", "search_text")
    yield "client", client_columns, [(each, f"C{each[-6:]}", "Client", "client") for each in numbers]
    account_columns = (
        "id",
        "client_id",
        "account_no",
        "type",
        "base_currency",
        "financing_limit",
        "trading_limit",
        "outstanding_margin",
        "close_only",
        "book_version",
        "search_text",
    )
    limit = Decimal(1_000_000_000)
    yield (
        "account",
        account_columns,
        [
            (each, each, f"M{each[-6:]}", "MARGIN", HKD if n % 2 else USD, limit, none, none, False, 0, "m")
            for n, each in enumerate(numbers)
        ],
    )
    cash_columns = ("id", "account_id", "currency", "balance", "accrued_interest", "as_of")
    yield (
        "cash_balance",
        cash_columns,
        [(each, each, HKD, Decimal(-draw.between(500_000, 3_000_000)), none, now) for each in numbers],
    )
    positions = []
    for n, each in enumerate(numbers):
        for m, instrument in enumerate(draw.sample(instruments, POSITIONS)):
            quantity = Decimal(draw.between(10, 500) * (-1 if draw.chance(5) else 1))
            positions.append((f"{n * POSITIONS + m:032x}", each, instrument.symbol, quantity, None, now))
    position_columns = ("id", "account_id", "instrument_id", "quantity", "average_cost", "as_of")
    yield "position", position_columns, positions


_MAXRSS_PER_MB = 1024 * 1024 if sys.platform == "darwin" else 1024
