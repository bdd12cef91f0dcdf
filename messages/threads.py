"""Threads for calls that block and that nothing interrupts: so many at once, and nobody waits for them.

The library's pool joins its threads before the process ends, so that one call to a service that trickles
would hold up a shutdown for as long as it likes. These are left behind.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """For one purpose, so that calls that hang are missed by nobody else."""

    def __init__(self, most: int, name: str) -> None:
        self._free = asyncio.Semaphore(most)
        self._name = name

    async def run(self, call: Callable[[], T]) -> T:
        """What it returns. Give it a timeout, and no call that raises: that one is never answered.

        Whoever gives up while there is no free thread leaves nothing behind that would begin later.
        """
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        Thread(target=self._work, args=(loop, call, answer), name=self._name, daemon=True).start()
        return await answer

    def _work(
        self, loop: asyncio.AbstractEventLoop, call: Callable[[], T], answer: "asyncio.Future[T]"
    ) -> None:
        def tell(result: T) -> None:
            if not answer.done():
                answer.set_result(result)

        try:
            result = call()
            _tell(loop, lambda: tell(result))
        finally:
            _tell(loop, self._free.release)


def _tell(loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> None:
    with suppress(RuntimeError):
        # The loop may have ended meanwhile, and then nobody is there to hear it.
        loop.call_soon_threadsafe(news)
