"""One term of the lease, as the order path and the thread that renews it see it."""

import math
from time import monotonic

from desk.leadership import NotLeading
from models.lease import holds_lease

LEASE = "desk"


class Term:
    """The `Leadership` of one term, see `desk.leadership`. One thread renews it, others read."""

    def __init__(self, holder: str, fence: int, runs_out: float) -> None:
        self.holder = holder
        self.fence = fence
        self.runs_out = runs_out
        """By the monotonic clock, counted from before the lease was requested. The clock of the event loop
        would not do: a loop of uvloop that stands still does not advance it.
        """

    async def check(self) -> None:
        """Another process may have begun a later term."""
        if not await holds_lease(LEASE, self.holder, self.fence):
            raise NotLeading(f"term {self.fence} of the lease has ended")

    def require_unexpired(self) -> None:
        """A process that was frozen detects that its time is over."""
        if self.expired:
            raise NotLeading(f"term {self.fence} of the lease may have expired")

    @property
    def expired(self) -> bool:
        """Whether another process may lead by now."""
        return monotonic() >= self.runs_out

    def end(self) -> None:
        """From now on nothing is sent in this term."""
        self.runs_out = -math.inf
