"""The target of `python -m gateway replay`: the feed of running desks, or the database itself."""

from collections.abc import Callable
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from desk.monitoring.watch_margin import Monitor
from feeds.redis_feed import publish
from feeds.replay import ReplayFeed
from gateway.cli.terminal import Refused
from gateway.loops.policy import round_scheduler
from gateway.resources import Resources
from gateway.workers.term import LEASE
from models.lease import acquire_lease, release_lease, renew_lease

REPLAY_LEASE = timedelta(seconds=60)
"""Renewed with every step, so that a replay that was killed does not delay a new leader for long."""


async def into_redis(resources: Resources, feed: ReplayFeed, advance: Callable[[int], None]) -> None:
    """Publish to the feed stream of running desks; raises `Refused`."""
    settings = resources.settings
    try:
        async with Redis.from_url(settings.redis_url or "") as redis:
            async for batch in feed.batches():
                await publish(redis, settings.feed_streams[0], batch.messages)
                advance(feed.progress.day)
    except RedisError as away:
        raise Refused(f"Redis cannot be used (GATEWAY_REDIS_URL): {str(away).rstrip('.')}.") from None


async def into_database(resources: Resources, feed: ReplayFeed, advance: Callable[[int], None]) -> None:
    """Watch margin on it as a server would, as the only process; raises `Refused`."""
    fence = await _lead(resources)
    try:
        monitor = Monitor(resources.desk, round_scheduler())
        await monitor.note_everything()
        async for batch in feed.batches():
            if not await renew_lease(LEASE, resources.holder, fence, REPLAY_LEASE):
                raise Refused("Another process acquired the lease of this database: the replay stops.")
            await monitor.take(batch.messages)
            await monitor.look()
            advance(feed.progress.day)
        await monitor.refresh()
    finally:
        await release_lease(LEASE, resources.holder)


async def _lead(resources: Resources) -> int:
    """The term of its lease."""
    lease = await acquire_lease(LEASE, resources.holder, REPLAY_LEASE)
    if lease is None:
        raise Refused("A server is running on this database: stop it, or set GATEWAY_REDIS_URL for both.")
    return lease.fence
