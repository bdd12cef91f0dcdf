"""An answer that takes long to compute: all who ask share it, and it is given again for a while."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The value of `compute`, which is computed once at a time and at most once in `for_s` seconds."""

    def __init__(
        self,
        compute: Callable[[], Coroutine[Any, Any, T]],
        for_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compute = compute
        self._for_s = for_s
        self._clock = clock
        self._computing: asyncio.Task[T] | None = None
        self._computed_at: float | None = None

    async def value(self) -> T:
        """Not older than `for_s`; raises what `compute` raises, after which the next caller tries again. A
        caller that is cancelled does not cancel it for the others.
        """
        computing = self._computing
        if computing is None or self._is_over(computing):
            computing = self._computing = asyncio.create_task(self._run())
            # Its callers may have gone by then.
            computing.add_done_callback(lambda late: late.cancelled() or late.exception())
        return await asyncio.shield(computing)

    async def _run(self) -> T:
        self._computed_at = None
        value = await self._compute()
        self._computed_at = self._clock()
        return value

    def _is_over(self, computing: "asyncio.Task[T]") -> bool:
        if not computing.done():
            return False
        return self._computed_at is None or self._clock() - self._computed_at >= self._for_s
