"""Bounded waits for questions that may not be answered."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Question(Generic[T]):
    """One question at a time: further callers wait for the answer to the pending one.

    The question is not cancelled when the time is over. A driver whose server is silent keeps waiting even
    after a cancellation, and each further question would occupy another connection.
    """

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, T]], timeout_s: float) -> None:
        self._ask = ask
        self._timeout_s = timeout_s
        self._asked: asyncio.Task[T] | None = None

    async def answer(self) -> T:
        """Raises TimeoutError if there is none in time, which is an OSError like any other outage."""
        asked = self._asked
        if asked is None or asked.done():
            asked = self._asked = asyncio.create_task(self._ask())
            asked.add_done_callback(lambda late: late.cancelled() or late.exception())
        await asyncio.wait({asked}, timeout=self._timeout_s)
        if not asked.done():
            raise TimeoutError(f"no answer in {self._timeout_s} s")
        return asked.result()
