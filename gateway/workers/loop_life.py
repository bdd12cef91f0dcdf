"""Whether the loop that answers requests still turns, as another thread sees it.

The thread asks, and the loop answers as soon as it gets to it. A question that is not answered until the next
one is due means that the loop stands still: one call computes, or blocks, for all that time.
"""

import asyncio
import sys
import threading
from contextlib import suppress
from time import monotonic
from traceback import extract_stack

from outages.log import OutageLog

PLACES_NAMED = 4
"""The innermost calls of a loop that stands still, for the log."""


class LoopLife:
    """Made in the thread of the loop; used by one other thread."""

    def __init__(self, step_max_s: float) -> None:
        """`step_max_s`: what counts at most between two looks. A process that was frozen as a whole must not
        take the time of its freeze for a loop that stands still.
        """
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._step_max_s = step_max_s
        self._answered = True
        self._looked_at = monotonic()
        self._silent_s = 0.0
        self.standstills = 0
        """How often it left a question unanswered until the next one."""
        self._outage = OutageLog(
            "the loop that answers requests stands still", "the loop answers again", level="error"
        )

    def look(self) -> float:
        """For how many seconds it has not answered; asks it again if it has."""
        now = monotonic()
        if self._answered:
            self._silent_s, self._answered = 0.0, False
            self._outage.over()
            # A closed loop answers no more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._answer)
        else:
            self._note(min(now - self._looked_at, self._step_max_s))
        self._looked_at = now
        return self._silent_s

    def _note(self, since_s: float) -> None:
        if not self._silent_s:
            self.standstills += 1
        self._silent_s += since_s
        self._outage.report(f"at {self._where()}", kind="standstill")

    def _answer(self) -> None:
        self._answered = True

    def _where(self) -> str:
        """The innermost calls, the innermost first; without any value."""
        frame = sys._current_frames().get(self._thread)
        calls = extract_stack(frame)[-PLACES_NAMED:] if frame is not None else []
        return ", ".join(f"{call.filename}:{call.lineno} {call.name}" for call in reversed(calls))
