"""Whether this process still leads: checked in the transactions of the order path and before an order is
sent.

A process that was frozen, or cut off from the database, does not know by itself that another process has
taken over. It detects that the lease's term number has grown, or that by its own clock the lease may have
expired.
"""

from typing import Protocol


class NotLeading(Exception):
    """Another process leads the desk, or may: this process must not send or decide anything more."""


class Leadership(Protocol):
    """The checks of the order path."""

    async def check(self) -> None:
        """Check the lease in the database, in the caller's transaction if there is one; raises
        `NotLeading`.
        """
        ...

    def require_unexpired(self) -> None:
        """Check by this process's own clock that the lease cannot have expired; raises `NotLeading`. Sends no
        query.
        """
        ...


class Undisputed:
    """Leadership of a process that shares its database with no other."""

    async def check(self) -> None:
        pass

    def require_unexpired(self) -> None:
        pass


UNDISPUTED = Undisputed()
