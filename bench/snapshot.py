"""The daily snapshot of 2,000 open cases on PostgreSQL, as the leader takes it after the close.

Every round runs on a fresh copy of one database whose 2,000 accounts, with 8 positions each, are all in
margin call. Measured is `take_daily_snapshots` from the first read to the last commit, with the batch of the
settings; beside it the longest batch, which is what a trader could wait for an account.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import uvloop

from bench.called_book import fill, settings_for
from bench.measure import save, spread
from desk.evidence.daily_snapshots import take_daily_snapshots
from gateway.loops.policy import round_scheduler
from gateway.resources import Parts, Resources, open_resources
from models.sql.database import fetch
from tests.kit.servers import fresh_database, postgres_server

CASES, ROUNDS = 2_000, 5
OPENED_AT = datetime(2026, 3, 9, 16, tzinfo=UTC)
"""A Monday noon in New York."""
CLOSED_AT = datetime(2026, 3, 9, 20, 0, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds for all, the longest of one batch, and bytes of text per snapshot."""

    seconds: float
    longest_batch: float
    bytes_each: int


def main() -> None:
    """Measure, print, save."""
    save("snapshot", uvloop.run(_measure()))


async def _measure() -> dict[str, Any]:
    with postgres_server(durable=True) as server, TemporaryDirectory(prefix="bench-") as directory:
        async with _template(server, Path(directory)) as template:
            rounds = [await _round(server, template, Path(directory)) for _ in range(ROUNDS)]
    return _report(rounds)


def _report(rounds: Sequence[Round]) -> dict[str, Any]:
    seconds = spread([each.seconds for each in rounds])
    longest = spread([each.longest_batch for each in rounds])
    print(f"{CASES} cases: {seconds} s, {CASES / seconds.median:.0f} snapshots/s")
    print(f"  longest batch {longest} s, {rounds[0].bytes_each} bytes each")
    return {
        "cases": CASES,
        "seconds": seconds.as_json(),
        "snapshotsPerSecond": round(CASES / seconds.median),
        "longestBatchSeconds": longest.as_json(),
        "bytesEach": rounds[0].bytes_each,
    }


@asynccontextmanager
async def _desk(url: str, directory: Path, now: datetime) -> AsyncIterator[Resources]:
    async with open_resources(settings_for(url, directory), Parts(clock=lambda: now)) as resources:
        with resources.database.active():
            yield resources


@asynccontextmanager
async def _template(server: str, directory: Path) -> AsyncIterator[str]:
    async with fresh_database(server) as url:
        async with _desk(url, directory, OPENED_AT) as resources:
            await fill(resources, CASES)
        yield url


async def _round(server: str, template: str, directory: Path) -> Round:
    async with fresh_database(server, copy_of=template) as url, _desk(url, directory, CLOSED_AT) as resources:
        desk, batch = resources.desk, resources.settings.daily_snapshot_batch
        desk.calendar_of("XNYS")
        times: list[float] = [perf_counter()]
        taken = await take_daily_snapshots(
            desk, batch, round_scheduler(), lambda _: times.append(perf_counter())
        )
        assert taken == CASES, taken
        (row,) = await fetch("SELECT MAX(LENGTH(content)) AS size FROM snapshot WHERE kind = 'DAILY'")
    batches = [later - earlier for earlier, later in pairwise(times)]
    return Round(times[-1] - times[0], max(batches), int(row["size"]))
