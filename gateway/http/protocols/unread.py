"""End a connection whose peer no longer reads the answer that waits for it.

ASGI waits without a limit for a peer that does not read, and an answer of megabytes stays in memory
meanwhile. Progress counts, not speed: a peer that reads something now and then is waited for.
"""

from asyncio import TimerHandle
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """The clock of an event loop."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> TimerHandle:
        """Call back in so many seconds."""


class Unread:
    """The data that waits for the peer of one connection. `left()` returns its bytes; `give_up()` ends the
    connection.
    """

    __slots__ = ("_clock", "_give_up", "_left", "_patience_s", "_timer", "_were_left")

    def __init__(
        self, clock: Clock, patience_s: float, left: Callable[[], int], give_up: Callable[[], object]
    ) -> None:
        self._clock = clock
        self._patience_s = patience_s
        self._left = left
        self._give_up = give_up
        self._timer: TimerHandle | None = None
        self._were_left = 0

    def watch(self) -> None:
        """Watch from now on, until everything is read or `over` is called."""
        if self._timer is None:
            self._were_left = self._left()
            self._timer = self._clock.call_later(self._patience_s, self._look)

    def over(self) -> None:
        """There is room again, or no connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        left = self._left()
        if left >= self._were_left > 0:
            self._give_up()
        elif left:
            self.watch()
