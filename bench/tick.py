"""One market tick through the monitor: the demo book's 500 clients, one batch with all 20 quotes.

Four markets, one after the other on the same desk: calm (no case), falling (one tick for each day down to the
bottom of March 2020, which opens the cases), called (ticks within that last day, nothing opens) and
liquidating (the same, with liquidation orders of every case open). A tick is `Monitor.take`, `look` and
`refresh`, as the workers run them, on SQLite and on PostgreSQL.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import uvloop

from bench.called_book import open_desk, settings_for
from bench.measure import ROOT, save, spread
from demo.make_book import read_closes
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.monitoring.watch_margin import Monitor
from domain.liquidation_plan import PlanRequest
from domain.principal import Audience, Permission, Principal
from feeds.book_file import parse_book
from feeds.closes import Closes, fx_rates, quotes_at
from gateway.loops.policy import round_scheduler
from gateway.resources import Resources
from gateway.startup.book_import import import_book
from models.book import load_all_account_ids
from models.case import live_cases_of
from tests.kit.servers import fresh_database, postgres_server

TICKS, WARM_UP_TICKS = 30, 3
STEPS_PER_DAY = 100
SEED = 1
CALM, BOTTOM = date(2020, 2, 4), date(2020, 3, 23)
TRADER = Principal(
    "bench",
    Audience(frozenset({Permission.RISK_WARNING_FULL}), account_scope=None),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)


@dataclass(frozen=True, slots=True)
class Tick:
    """Milliseconds."""

    take: float
    look: float
    refresh: float

    @property
    def total(self) -> float:
        """Of the whole tick."""
        return self.take + self.look + self.refresh


@dataclass(slots=True)
class Market:
    """Plays the days up to a date one tick each, then ticks within that day."""

    resources: Resources
    monitor: Monitor
    closes: Closes
    day: int = 0

    async def go_to(self, when: date) -> list[Tick]:
        """Tick once per day, opening on the way whatever cases are due."""
        ticks = []
        while self.closes.dates[self.day] < when:
            self.day += 1
            await self.monitor.take(fx_rates(self.day, self.resources.desk.clock()))
            ticks.append(await self.tick(STEPS_PER_DAY))
        return ticks

    async def tick(self, step: int) -> Tick:
        """All quotes as they stand at a step of the day."""
        now = self.resources.desk.clock()
        quotes = quotes_at(self.closes, self.day, step, STEPS_PER_DAY, SEED, now)
        started = perf_counter()
        await self.monitor.take(quotes)
        taken = perf_counter()
        await self.monitor.look()
        looked = perf_counter()
        await self.monitor.refresh()
        refreshed = perf_counter()
        return Tick((taken - started) * 1000, (looked - taken) * 1000, (refreshed - looked) * 1000)


def main() -> None:
    """Measure on both databases, print, save."""
    save("tick", uvloop.run(_measure()))


async def _measure() -> dict[str, Any]:
    figures = {}
    with TemporaryDirectory(prefix="bench-") as directory:
        at = Path(directory)
        figures["sqlite"] = await _on(f"sqlite://{at}/desk.sqlite3", at)
        with postgres_server(durable=True) as server:
            async with fresh_database(server) as url:
                figures["postgres"] = await _on(url, at)
    return figures


async def _on(url: str, directory: Path) -> dict[str, Any]:
    print(url.partition(":")[0])
    async with _open_market(url, directory) as market:
        await market.go_to(CALM)
        figures = {"calm": await _phase("calm", market)}
        figures["falling"] = await _report("falling", await market.go_to(BOTTOM))
        figures["called"] = await _phase("called", market)
        await _liquidate_everything(market)
        figures["liquidating"] = await _phase("liquidating", market)
    return figures


@asynccontextmanager
async def _open_market(url: str, directory: Path) -> AsyncIterator[Market]:
    async with open_desk(settings_for(url, directory)) as resources:
        await resources.database.migrate()
        book = parse_book((ROOT / "demo" / "book.json").read_bytes())
        await import_book(book, resources.desk.clock(), lambda done: None)
        market = Market(resources, Monitor(resources.desk, round_scheduler()), read_closes())
        await market.monitor.note_everything()
        await market.tick(STEPS_PER_DAY)
        yield market


async def _phase(name: str, market: Market) -> dict[str, Any]:
    ticks = [await market.tick(STEPS_PER_DAY // 2 + number) for number in range(WARM_UP_TICKS + TICKS)]
    return await _report(name, ticks[WARM_UP_TICKS:])


async def _report(name: str, ticks: Sequence[Tick]) -> dict[str, Any]:
    cases = len(await live_cases_of(await load_all_account_ids()))
    parts = {
        "take": spread([tick.take for tick in ticks]),
        "look": spread([tick.look for tick in ticks]),
        "refresh": spread([tick.refresh for tick in ticks]),
        "total": spread([tick.total for tick in ticks]),
    }
    line = "   ".join(f"{part} {milliseconds}" for part, milliseconds in parts.items())
    print(f"  {name:12} {cases:4} cases  ms: {line}")
    return {
        "liveCases": cases,
        "milliseconds": {part: milliseconds.as_json() for part, milliseconds in parts.items()},
    }


async def _liquidate_everything(market: Market) -> None:
    """Batches as large as allowed; what is refused (nothing left to collect) stays as it is."""
    desk = market.resources.desk
    views = await live_cases_of(await load_all_account_ids())
    most = desk.policy.max_cases_per_batch
    for start in range(0, len(views), most):
        items = tuple(
            LiquidateCase(view.case.id, None, PlanRequest()) for view in views[start : start + most]
        )
        await liquidate(desk, TRADER, Liquidate(f"from {start}", items, None))
    await market.monitor.note_everything()
