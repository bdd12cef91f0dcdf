"""Moving windows shared by all processes through Redis, or of this process alone.

Without Redis, and while it does not answer, each process has windows of its own. A Redis that does not answer
is asked again after a pause, so that reports do not pile up behind it.
"""

import asyncio
import time
from collections.abc import Callable
from hashlib import blake2s
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis import exceptions
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.rates.tallies import Limit
from outages.log import OutageLog
from outages.redis_refusals import explained

PAUSE_S = 1.0
LOCAL_KEYS_MAX = 1_000
"""`limits` looks at all its keys for each report: with more, a flood from many addresses would cost the more
the longer it lasts. Beyond it all begin again.
"""
DIGEST_BYTES = 12
_NOT_ANSWERED = (exceptions.RedisError, OSError, TimeoutError, RuntimeError)
"""uvloop raises RuntimeError for a write to a connection that was reset meanwhile."""


class Windows:
    """The windows of every limit; `redis_url` None: of this process alone."""

    def __init__(
        self,
        redis_url: str | None,
        prefix: str,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._local = MemoryStorage()
        self._pool: Any = None
        self._shared: RedisStorage | None = None
        self._ask_at = 0.0
        self._outage = OutageLog(
            "the rate limits cannot reach Redis, and hold for each process alone",
            "the rate limits are shared through Redis again",
        )
        if redis_url is not None:
            self._pool = ConnectionPool.from_url(redis_url, socket_timeout=None, retry=Retry(NoBackoff(), 1))
            self._shared = RedisStorage(
                "async+redis://", implementation="redispy", key_prefix=prefix, connection_pool=self._pool
            )

    async def close(self) -> None:
        """Release the connection."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def use(self, limit: Limit, name: str, amount: int) -> float:
        """Seconds until the window has room for the amount; 0: it has taken it."""
        if self._shared is not None and self._clock() >= self._ask_at:
            try:
                async with asyncio.timeout(self._timeout_s):
                    refused_for_s = await _used(self._shared, limit, name, amount)
            except _NOT_ANSWERED as fault:
                self._not_answered(fault)
            else:
                self._outage.over()
                return refused_for_s
        if len(self._local.storage) >= LOCAL_KEYS_MAX:
            await self._local.reset()
        return await _used(self._local, limit, name, amount)

    def _not_answered(self, fault: Exception) -> None:
        text = str(fault) or "Redis does not answer"
        self._outage.report(explained(getattr(fault, "status_code", None), text), type(fault).__name__)
        self._ask_at = self._clock() + PAUSE_S


async def _used(storage: MemoryStorage | RedisStorage, limit: Limit, name: str, amount: int) -> float:
    item = RateLimitItemPerSecond(limit.most, limit.window_s, limit.name)
    # Names are of people, and of any length.
    digest = blake2s(name.encode(), digest_size=DIGEST_BYTES).hexdigest()
    if await SlidingWindowCounterRateLimiter(storage).hit(item, digest, cost=amount):
        return 0.0
    counted = await storage.get_sliding_window(item.key_for(digest), limit.window_s)
    return room_in_s(counted, limit, amount)


def room_in_s(counted: tuple[int, float, int, float], limit: Limit, amount: int) -> float:
    """Seconds until the window has room for the amount, if nothing else is used; above 0.

    `counted`: what was used in the previous and in the current part of the window, each with the seconds
    until it counts no more. The previous part fades evenly; the current one begins to, once its own time of
    a window has passed.
    """
    previous, previous_left_s, current, current_left_s = counted
    room, window_s = limit.most - amount, limit.window_s
    if current <= room and previous:
        wait_s = previous_left_s - (room - current) * window_s / previous
    elif current:
        wait_s = current_left_s - room * window_s / current
    else:
        wait_s = 0.0
    return max(wait_s, window_s / limit.most)
