"""Bounded waits for what may not be answered."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def in_time(asked: Coroutine[Any, Any, T], timeout_s: float | None) -> T | None:
    """The answer, or None if it takes longer; a caller that is cancelled does not wait for it.

    Asked in a task, since a driver whose server is silent waits even after it was cancelled.
    """
    task = asyncio.create_task(asked)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
        return task.result() if done else None
    finally:
        if task.cancel():
            task.add_done_callback(lambda late: late.cancelled() or late.exception())


class SharedProbe(Generic[T]):
    """One probe at a time, whose answer further callers share.

    The probe is not cancelled when the time is over. A driver whose server is silent keeps waiting even after
    a cancellation, and each further probe would occupy another connection.
    """

    def __init__(self, probe: Callable[[], Coroutine[Any, Any, T]], timeout_s: float) -> None:
        self._probe = probe
        self._timeout_s = timeout_s
        self._pending: asyncio.Task[T] | None = None

    async def answer(self) -> T:
        """Raises TimeoutError if there is none in time, which is an OSError like any other outage."""
        pending = self._pending
        if pending is None or pending.done():
            pending = self._pending = asyncio.create_task(self._probe())
            pending.add_done_callback(lambda late: late.cancelled() or late.exception())
        await asyncio.wait({pending}, timeout=self._timeout_s)
        if not pending.done():
            raise TimeoutError(f"no answer in {self._timeout_s} s")
        return pending.result()
