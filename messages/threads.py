"""Threads for calls that block and cannot be interrupted: a bounded number, which a shutdown does not wait
for.

The standard library's pool joins its threads before the process ends, so that one slow call to a service
could delay a shutdown without limit. These threads are left behind.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class NoThread(Exception):
    """No thread could be started: the call has not begun, and will not."""


class Threads:
    """Threads for one purpose, so that hanging calls do not block other purposes."""

    def __init__(self, most: int, name: str) -> None:
        self._free = asyncio.Semaphore(most)
        self._name = name

    async def run(self, call: Callable[[], T]) -> T:
        """Return what the call returns, or raise what it raises. Cancel it by a timeout."""
        return await (await self.begin(call))

    async def begin(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Wait for a free thread and begin the call in it; the result is still to come.

        If the caller is cancelled before this returns, the call never begins; raises NoThread.
        """
        await self._free.acquire()
        # Nothing is awaited from here to the start, so no caller can be cancelled while holding a permit.
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        thread = Thread(target=self._work, args=(loop, call, answer), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as fault:
            self._free.release()
            raise NoThread(f"no thread could be started: {fault}") from fault
        return answer

    def _work(
        self, loop: asyncio.AbstractEventLoop, call: Callable[[], T], answer: "asyncio.Future[T]"
    ) -> None:
        try:
            with _Outcome(loop, answer) as outcome:
                outcome.returned(call())
        finally:
            _call_in_loop(loop, self._free.release)


class _Outcome(Generic[T]):
    """Passes the result of a call to the event loop, where a caller may or may not still await it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]") -> None:
        self._loop = loop
        self._answer = answer

    def returned(self, result: T) -> None:
        self._deliver(lambda: self._answer.set_result(result))

    def __enter__(self) -> "_Outcome[T]":
        return self

    def __exit__(
        self, _: type[BaseException] | None, fault: BaseException | None, __: TracebackType | None
    ) -> bool:
        """Catches everything: the exception is raised where the result is awaited."""
        if fault is not None:
            # A future cannot raise StopIteration.
            cause = (
                RuntimeError("the call raised StopIteration") if isinstance(fault, StopIteration) else fault
            )
            self._deliver(lambda: self._answer.set_exception(cause))
        return True

    def _deliver(self, news: Callable[[], None]) -> None:
        _call_in_loop(self._loop, lambda: None if self._answer.done() else news())


def _call_in_loop(loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> None:
    with suppress(RuntimeError):
        # The loop may have been closed meanwhile, so that no caller waits for the result.
        loop.call_soon_threadsafe(news)
