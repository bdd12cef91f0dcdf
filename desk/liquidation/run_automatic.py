"""One round over the automatic liquidations that are due. Each gets its turn, whatever becomes of the others.

A case whose account somebody works on at the moment is passed over and not waited for: the next round is
soon. One that raises has changed nothing; its fault is told once, on the case, and it is tried again after a
growing wait. Where even that cannot be written down, the wait is in memory alone.
"""

from collections.abc import AsyncIterator
from functools import partial

import structlog

from desk.desk import Desk
from desk.liquidation.auto_liquidate import run_case, tell_fault
from desk.turns import Fault, Turns
from domain.ids import CaseId
from models.case import due_auto_liquidations
from models.sql.database import Busy, transaction
from outages.log import OutageLogs

log = structlog.get_logger()


class AutomaticLiquidations:
    """One per leader."""

    def __init__(self, desk: Desk, turns: Turns, batch: int) -> None:
        """`batch`: how many are read at a time."""
        self._desk = desk
        self._turns = turns
        self._batch = batch
        self._busy = OutageLogs(
            "case",
            "an automatic liquidation waits for the account's lock",
            "an automatic liquidation waits no longer for the account's lock",
            level="info",
        )

    async def run_due(self) -> int:
        """Try every one that is due, once, the longest due first; how many."""
        tried, due = 0, set()
        async for case_id in self._due():
            due.add(case_id)
            if self._turns.waits(case_id):
                continue
            fault = await self._turns.take(case_id, "an automatic liquidation", partial(self._run, case_id))
            if fault is not None:
                await self._hold(case_id, fault)
            tried += 1
        self._busy.only(due)
        if tried:
            self._desk.on_commit()
        return tried

    async def _due(self) -> AsyncIterator[CaseId]:
        now, last = self._desk.clock(), None
        while True:
            page = await due_auto_liquidations(now, self._batch, last)
            for last in page:
                yield last.case_id
            if len(page) < self._batch:
                return

    async def _run(self, case_id: CaseId) -> None:
        try:
            async with transaction():
                await run_case(self._desk, case_id, self._desk.clock())
            self._busy.over(case_id)
        except Busy as locked:
            self._busy.tell(case_id, locked)

    async def _hold(self, case_id: CaseId, fault: Fault) -> None:
        """Say so on the case, where that can be done; it must not end the round either."""
        untold = await self._turns.attempt(partial(self._tell, case_id, fault))
        if untold is None:
            self._turns.told(case_id)
        else:
            log.warning("the fault of a case could not be told", case=case_id, error=repr(untold))

    async def _tell(self, case_id: CaseId, fault: Fault) -> None:
        async with transaction():
            await tell_fault(self._desk, case_id, fault, self._desk.clock())
