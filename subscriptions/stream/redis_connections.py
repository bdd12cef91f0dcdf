"""The two connections of the Redis bus, with a time limit for each command and the refusals of the server.

Time limits are `asyncio.timeout` around whole commands, and the clients have no socket timeout of their own:
with one, redis-py sends through `asyncio.wait_for`, which on Python 3.11 can swallow a cancellation.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from outages.redis_refusals import Refusal, refusal_in
from subscriptions.stream.bus import BusUnavailable
from subscriptions.stream.redis_limits import BusTiming

COMMAND_RETRIES = 1
"""At once, for a connection that broke while idle; longer waits are covered by the outbox.

Every command here may be repeated: publishing is idempotent, and of broadcasts only the newest counts.
"""

_BROKEN: tuple[Any, ...] = (exceptions.ConnectionError, exceptions.TimeoutError, RuntimeError)
"""uvloop raises RuntimeError for a write to a connection that was reset meanwhile."""


class RedisConnections:
    """One connection for the reader of the process, and others for everything else."""

    def __init__(self, url: str, name: str, timing: BusTiming) -> None:
        self.client: Any = Redis.from_url(
            url, socket_timeout=None, retry=Retry(NoBackoff(), COMMAND_RETRIES, supported_errors=_BROKEN)
        )
        self.reader: Any = Redis.from_url(
            url, socket_timeout=None, retry=Retry(NoBackoff(), 0), client_name=name
        )
        self.away = False
        """The reader could not reconnect."""
        self._timing = timing
        self._refusals: dict[bool, Refusal] = {}
        """Why Redis last refused, separately for the reader and for all others."""

    @property
    def refused(self) -> Refusal | None:
        """Why Redis last refused anything, until it accepts that again."""
        return next(iter(self._refusals.values()), None)

    @property
    def reader_refused(self) -> Refusal | None:
        """Why Redis last refused the reader."""
        return self._refusals.get(True)

    def wrote(self) -> None:
        """Redis accepted a write of this process."""
        self._refusals.pop(False, None)

    def read(self, *, entries: bool) -> None:
        """Redis answered the reader; `entries` show that another process was permitted to write."""
        self._refusals.pop(True, None)
        if entries and (refused := self._refusals.get(False)) and not refused.of_everything:
            del self._refusals[False]

    async def close(self) -> None:
        """Release them."""
        await self.reader.aclose()
        await self.client.aclose()

    @asynccontextmanager
    async def answered(self, within_s: float | None = None) -> AsyncIterator[None]:
        """For all but the reader: no caller waits for a Redis that the reader knows to be unavailable."""
        if self.away:
            raise BusUnavailable("Redis does not answer")
        async with self.command(within_s or self._timing.command_timeout_s):
            yield

    @asynccontextmanager
    async def command(self, within_s: float, *, reads: bool = False) -> AsyncIterator[None]:
        """`reads`: on the reader's own connection, which may be served while others are refused."""
        try:
            async with asyncio.timeout(within_s):
                yield
        except (*_BROKEN, exceptions.ResponseError, TimeoutError) as fault:
            refusal = refusal_in(getattr(fault, "status_code", None), str(fault))
            if refusal is not None:
                self._refusals[reads] = refusal
                raise BusUnavailable(f"{refusal.meaning} ({fault})") from fault
            if isinstance(fault, exceptions.ResponseError):
                raise
            raise BusUnavailable(str(fault) or "Redis does not answer") from fault
        known = self._refusals.get(reads)
        if known is not None and known.of_everything:
            del self._refusals[reads]
