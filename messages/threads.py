"""Threads for calls that block and that nothing interrupts: so many at once, and nobody waits for them.

The library's pool joins its threads before the process ends, so that one call to a service that trickles
would hold up a shutdown for as long as it likes. These are left behind.
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
    """For one purpose, so that calls that hang are missed by nobody else."""

    def __init__(self, most: int, name: str) -> None:
        self._free = asyncio.Semaphore(most)
        self._name = name

    async def run(self, call: Callable[[], T]) -> T:
        """What it returns, or raises. Give it a timeout."""
        return await (await self.begin(call))

    async def begin(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Wait for a free thread, and let the call begin in it; its answer is still to come.

        Whoever gives up before this returns leaves nothing behind that would begin later; raises NoThread.
        """
        await self._free.acquire()
        # Nothing is awaited from here to the start: nobody can be cancelled with a permit in hand.
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
            with _Telling(loop, answer) as telling:
                telling.returned(call())
        finally:
            _tell(loop, self._free.release)


class _Telling(Generic[T]):
    """Takes what a call returns or raises to the loop in which somebody awaits it, or gave that up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]") -> None:
        self._loop = loop
        self._answer = answer

    def returned(self, result: T) -> None:
        self._tell(lambda: self._answer.set_result(result))

    def __enter__(self) -> "_Telling[T]":
        return self

    def __exit__(
        self, _: type[BaseException] | None, fault: BaseException | None, __: TracebackType | None
    ) -> bool:
        """Nothing that was raised ends here: it is raised again where the answer is awaited."""
        if fault is not None:
            # A future cannot raise this one.
            told = (
                RuntimeError("the call raised StopIteration") if isinstance(fault, StopIteration) else fault
            )
            self._tell(lambda: self._answer.set_exception(told))
        return True

    def _tell(self, news: Callable[[], None]) -> None:
        _tell(self._loop, lambda: None if self._answer.done() else news())


def _tell(loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> None:
    with suppress(RuntimeError):
        # The loop may have ended meanwhile, and then nobody is there to hear it.
        loop.call_soon_threadsafe(news)
