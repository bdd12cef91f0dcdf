"""Turns of the subscriptions that look something up for an event, which are fair between subjects.

One subject may have hundreds of them. If all waited in one queue, those of every other subject would wait
behind these for each event, for seconds or for ever. So each subject has a queue of its own, and the subjects
take turns. A shared execution waits in the queue of that member which has least in front of it.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextvars import ContextVar

SUBJECTS_LOOKED_AT = 50
"""Of the members of a shared execution, which may be thousands."""
on_behalf_of: ContextVar[Sequence[str]] = ContextVar("on_behalf_of", default=("",))
"""The subjects that get what is executed in this context; any of them may lend its queue."""


class FairTurns:
    """At most so many turns at a time; used like `asyncio.Semaphore`."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By subject; the subject whose turn is next is the first."""

    async def acquire(self) -> None:
        """Wait for a turn; `release` ends it."""
        if self._free:
            self._free -= 1
            return
        subject = min(on_behalf_of.get(), key=lambda each: len(self._waiting.get(each, ())))
        turn = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(subject, deque())
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            else:
                self._give_up(subject, turn)
            raise

    def release(self) -> None:
        """The turn goes to the next subject that waits."""
        while self._waiting:
            subject, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[subject] = queue
            # One that was cancelled stays in its queue until its task has run.
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _give_up(self, subject: str, turn: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(subject, deque())
        if turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[subject]

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()
