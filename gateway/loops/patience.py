"""Bounded waits for probes that may not be answered."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


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
