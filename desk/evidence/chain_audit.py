"""Chain the audit: committed rows get their place in the hash chain, in one process at a time.

Ids are assigned at insert and say nothing about the order of commits, so a row with a lower id may appear
later: all ids above a mark are read. The mark advances by an hour at a time, far longer than a transaction
can last. A new leader and `verify-audit` begin without a mark and read all rows.
"""

from datetime import datetime, timedelta

from desk.context import DeskContext
from models.audit import extend_chain

SETTLED_AFTER = timedelta(hours=1)
_BELOW_ALL = -(2**63)


class AuditChainer:
    """Holds the mark; two that run at the same time are slower, but do no harm."""

    def __init__(self, desk: DeskContext, batch: int) -> None:
        self._desk = desk
        self._batch = batch
        self._settled = _BELOW_ALL
        self._highest = 0
        self._next: tuple[datetime, int] = (desk.clock(), _BELOW_ALL)

    async def chain(self) -> int:
        """Chain all waiting rows; returns how many."""
        chained = 0
        while ids := await extend_chain(self._settled, self._batch):
            chained += len(ids)
            self._highest = max(self._highest, *ids)
            if len(ids) < self._batch:
                break
        self._move_mark()
        return chained

    def _move_mark(self) -> None:
        since, highest = self._next
        if self._desk.clock() - since >= SETTLED_AFTER:
            self._settled = highest
            self._next = (self._desk.clock(), self._highest)
