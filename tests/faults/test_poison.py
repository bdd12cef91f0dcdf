"""The short form of the poison run: each message is accounted for, and the good ones are used in order."""

from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis

from domain.doubt import DoubtReason
from models.doubt import doubts_of
from models.holding import account_id_of
from models.sql.database import fetch
from tests.faults.run_poison import accounted, fed_desk, feed_poison

pytestmark = pytest.mark.faults

MESSAGES = 616
"""Each way to be bad twenty times."""


async def test_each_bad_message_is_accounted_for_and_each_good_one_is_used(
    tmp_path: Path, redis_url: str, migrated_url: str
) -> None:
    async with fed_desk(tmp_path, redis_url, migrated_url) as desk, Redis.from_url(redis_url) as redis:
        report = await feed_poison(desk, redis, MESSAGES)
        counts, stream = desk.resources.feed_watch.counts, desk.resources.settings.feed_streams[0]
        assert accounted(counts.outcomes) == accounted(report.outcomes)
        assert {reason: count for (_, reason), count in counts.dead.items()} == dict(report.dead)
        letters = cast(list[tuple[bytes, dict[bytes, bytes]]], await redis.xrange(f"{stream}:dead"))
        assert len({fields[b"id"] for _, fields in letters}) == report.dead.total()
        assert all(fields[b"reason"] for _, fields in letters)
        assert not any(b"FOREIGN KEY" in fields[b"reason"] for _, fields in letters)
        assert sorted(report.used_at) == list(report.used_at), "the good ones came in order"
        assert max(report.used_at) == len(report.said_at)
        with desk.resources.database.active():
            account_id = await account_id_of("M2")
            assert account_id is not None
            doubts = (await doubts_of([account_id]))[account_id]
            assert {(each.doubt.reason, each.doubt.subject) for each in doubts} == {
                (DoubtReason.INCOMPLETE, "NEW.US"),
                (DoubtReason.INCOMPLETE, "66.HK"),
            }
            quotes = await fetch("SELECT symbol FROM quote")
            assert {row["symbol"] for row in quotes} == {"5.HK"}, "nothing unknown is stored"
        assert desk.application.workers.ready
        await redis.delete(stream, f"{stream}:dead")
