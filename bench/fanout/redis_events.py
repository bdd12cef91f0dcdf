"""How the Python peers read the stream: one connection, what is new, each event shaped once."""

from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from bench.fanout.events import STREAM_KEY, shaped

BLOCK_MS = 4000
PAGE = 500


async def new_events(url: str, bus_name: str) -> AsyncIterator[dict[str, Any]]:
    """Events published from now on, in order; see `shaped`."""
    redis: Any = Redis.from_url(url, socket_timeout=None)
    key, last = STREAM_KEY % bus_name, "$"
    while True:
        for _, entries in await redis.xread({key: last}, count=PAGE, block=BLOCK_MS):
            for identity, fields in entries:
                last = identity.decode()
                yield shaped(fields[b"p"], last.partition("-")[0])
