"""Gives other tasks their turn in the middle of a long computation.

Reading a page of rows into objects, or completing them for a response, can take hundreds of milliseconds, in
which the event loop answers no request. Such a loop calls `turn` for each of its items.
"""

from asyncio import sleep
from collections.abc import Callable
from time import perf_counter

TURN_S = 1 / 100
"""A tenth of what a person notices; a pause costs a thousandth of it."""


class Pace:
    """The pace of one operation. Its tasks share it: those that are ready together wait for one another."""

    __slots__ = ("_clock", "_since")

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._since = clock()

    @property
    def is_over(self) -> bool:
        """Whether the next call of `turn` pauses."""
        return self._clock() - self._since >= TURN_S

    async def turn(self) -> None:
        """Let others run if the last pause was some time ago."""
        while self.is_over:
            before = self._since
            await sleep(0)
            # The first of all that waited begins the next turn; the others look again.
            if self._since == before:
                self._since = self._clock()
                return
