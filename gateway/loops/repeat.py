"""Helpers for loops."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress


async def every(interval_s: float, work: Callable[[], Awaitable[object]]) -> None:
    """Run `work` at once and again after each pause, until cancelled."""
    while True:
        await work()
        await asyncio.sleep(interval_s)


async def in_batches(batch: int, work: Callable[[], Awaitable[int]]) -> None:
    """Until fewer items were left than one batch; `work` returns how many it did."""
    while await work() == batch:
        pass


async def woken_within(event: asyncio.Event, timeout_s: float) -> None:
    """Wait until the event is set, at most `timeout_s`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
