"""`make poison`: 11,000 messages, of which 10,000 are poison, beside a trickle of good ones alone."""

import asyncio
import sys
import tempfile
from pathlib import Path

from redis.asyncio import Redis

from models.sql.database import Database
from tests.faults.run_poison import Report, accounted, fed_desk, feed_poison
from tests.kit.servers import fresh_database, postgres_server, redis_server

MESSAGES = 11_000
PAUSE_S = 0.1
"""Between twenty messages: two hundred in a second at most."""
LATE_MAX_S = 1.0


async def poisoned(postgres_url: str, redis_url: str) -> Report:
    async with fresh_database(postgres_url) as url:
        database = Database(url, pool_size=1)
        await database.open()
        await database.migrate()
        await database.close()
        with tempfile.TemporaryDirectory() as directory:
            async with fed_desk(Path(directory), redis_url, url) as desk, Redis.from_url(redis_url) as redis:
                report = await feed_poison(desk, redis, MESSAGES, PAUSE_S)
                counts = desk.resources.feed_watch.counts
                assert accounted(counts.outcomes) == accounted(report.outcomes), counts.outcomes
                return report


def main() -> int:
    with postgres_server() as postgres_url, redis_server() as redis_url:
        report = asyncio.run(poisoned(postgres_url, redis_url))
    late = sorted(report.late_s)
    print(f"messages               {report.outcomes.total():9,}")
    print(f"  good                 {len(late):9,}")
    print(f"  dead letters         {report.dead.total():9,}")
    print(f"good ones late, median {late[len(late) // 2]:9.3f} s")
    print(f"good ones late, worst  {late[-1]:9.3f} s")
    return 0 if late[-1] <= LATE_MAX_S else 1


if __name__ == "__main__":
    sys.exit(main())
