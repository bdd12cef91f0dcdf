"""Whether this process still leads: looked at in the transactions of the order path and before an order goes.

A process that was frozen, or cut off from the database, does not know by itself that another one has taken
over. It finds the number of the lease's term grown, or its own clock shows that the lease may have run out.
"""

from typing import Protocol


class NotLeading(Exception):
    """Another process leads the desk by now, or may: nothing more is sent or decided here."""


class Leadership(Protocol):
    """What the order path asks."""

    async def check(self) -> None:
        """Ask the database, in the caller's transaction if there is one; raises `NotLeading`."""
        ...

    def require_unexpired(self) -> None:
        """By this process's own clock the lease cannot have run out yet; raises `NotLeading`. Asks nobody."""
        ...


class Undisputed:
    """Of a desk that shares its database with no other process."""

    async def check(self) -> None:
        pass

    def require_unexpired(self) -> None:
        pass


UNDISPUTED = Undisputed()
