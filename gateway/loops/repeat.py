"""How a loop goes round."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress


async def every(interval_s: float, work: Callable[[], Awaitable[object]]) -> None:
    """At once and again after each pause, until cancelled."""
    while True:
        await work()
        await asyncio.sleep(interval_s)


async def in_batches(batch: int, work: Callable[[], Awaitable[int]]) -> None:
    """Until fewer were left than one batch takes; `work` says how many it did."""
    while await work() == batch:
        pass


async def woken_within(event: asyncio.Event, timeout_s: float) -> None:
    """Until the event is set, but no longer than that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
