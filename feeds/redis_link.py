"""The connection of the Redis feed: commands with a time limit, repeated for as long as an outage lasts.

Time limits are `asyncio.timeout` around each command, and the client has no socket timeout of its own: with
one, redis-py sends through `asyncio.wait_for`, which on Python 3.11 can swallow a cancellation, and a process
that has lost its lease would continue to read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from feeds.base import FeedObserver
from feeds.redis_source import FeedLimits, FeedTiming, RedisSource
from outages.log import OutageLog
from outages.redis_refusals import explained, refusal_in

MAX_REASON_LENGTH = 500

_AWAY = (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError)
_GROUP_LOST = "NOGROUP"
_WRONG_TYPE = "WRONGTYPE"

T = TypeVar("T")


class RedisLink:
    """One connection, what it is for, and the outage of its server."""

    def __init__(
        self, source: RedisSource, limits: FeedLimits, timing: FeedTiming, observer: FeedObserver
    ) -> None:
        self.source, self.limits, self.timing, self.observer = source, limits, timing, observer
        self.redis = _client(source.url, timing.reply_timeout_s)
        self.joined = False
        """Whether the groups were joined since the last fault."""
        self._closing = asyncio.Event()
        self._outage = OutageLog("feed interrupted", "feed resumed", streams=tuple(source.streams))

    @property
    def closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing.is_set()

    async def close(self) -> None:
        """Every `persist` returns."""
        self._closing.set()
        await self.redis.aclose()

    async def ask(self, command: Awaitable[T]) -> T:
        """The answer; raises TimeoutError if it does not come in time."""
        async with asyncio.timeout(self.timing.answer_within_s):
            return await command

    async def persist(self, action: Callable[[], Awaitable[T]]) -> T | None:
        """The action's result, however long the server is unavailable; None once closed."""
        delay_s = self.timing.backoff_first_s
        while not self.closing:
            try:
                result = await action()
            except (*_AWAY, exceptions.ResponseError) as error:
                outage = outage_in(error)
                if outage is None:
                    raise
                self._interrupted(*outage)
            else:
                self._works()
                return result
            self.joined = False
            await self.pause(delay_s)
            delay_s = min(2 * delay_s, self.timing.backoff_max_s)
        return None

    async def pause(self, delay_s: float) -> None:
        """Wait so long, or until closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._closing.wait()

    def _works(self) -> None:
        if self._outage.lasts:
            self.observer.interrupted(None)
        self._outage.over()

    def _interrupted(self, kind: str, reason: str) -> None:
        if not self.closing:
            self.observer.interrupted(reason)
            self._outage.report(reason, kind)


def is_wrong_type(error: exceptions.ResponseError) -> bool:
    """Whether the key is not a stream."""
    return _WRONG_TYPE in f"{error.status_code} {error}"


def is_of_one_stream(error: exceptions.ResponseError) -> bool:
    """Whether the error is of one stream only: another type of value, or a key that the user may not read."""
    text = str(error)
    return is_wrong_type(error) or ("permissions" in text and " key" in text)


def meaning_of(error: exceptions.ResponseError) -> str:
    """In words for the operator."""
    return explained(error.status_code, str(error))


def outage_in(error: Exception) -> tuple[str, str] | None:
    """The kind and meaning of an error that is retried; None: waiting would not help."""
    text = str(error)[:MAX_REASON_LENGTH]
    refusal = refusal_in(getattr(error, "status_code", None), str(error))
    if refusal is not None and refusal.code != _WRONG_TYPE:
        return refusal.code, f"{refusal.meaning} ({text})"
    if isinstance(error, _AWAY) or _GROUP_LOST in text:
        return type(error).__name__, text or "Redis does not answer"
    return None


def _client(url: str, reply_timeout_s: float) -> Redis:
    """RESP2 for one known reply shape; no retries inside the client, since a silently repeated read leaves
    its first answer pending.
    """
    return Redis.from_url(
        url,
        protocol=2,
        socket_timeout=None,
        socket_connect_timeout=reply_timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
