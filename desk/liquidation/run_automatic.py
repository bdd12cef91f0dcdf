"""One round over the automatic liquidations that are due, each independent of the others.

A case whose account is locked is skipped until the next round, which comes soon. A run that raises has
changed nothing; its fault is recorded once, on the case, and the run is tried again after a growing wait. If
even that cannot be recorded, the wait is kept in memory only.
"""

from collections.abc import AsyncIterator
from functools import partial

import structlog

from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler, Fault
from desk.liquidation.auto_liquidate import record_fault, run_case
from domain.ids import CaseId
from models.case import due_auto_liquidations
from models.sql.database import transaction
from models.sql.faults import Busy
from outages.log import OutageLogs

log = structlog.get_logger()


class AutomaticLiquidations:
    """The rounds of the automatic liquidation; one per leader."""

    def __init__(self, desk: DeskContext, scheduler: FairScheduler, batch: int) -> None:
        """`batch`: the number of cases read at a time."""
        self._desk = desk
        self._scheduler = scheduler
        self._batch = batch
        self._busy = OutageLogs(
            "case",
            "an automatic liquidation waits for the account lock",
            "an automatic liquidation no longer waits for the account lock",
            level="info",
        )

    async def run_due(self) -> int:
        """Try every due case once, the longest due first; returns how many."""
        tried, due = 0, set()
        async for case_id in self._due():
            due.add(case_id)
            if self._scheduler.waits(case_id):
                continue
            fault = await self._scheduler.run(
                case_id, "an automatic liquidation", partial(self._run, case_id)
            )
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
            self._busy.report(case_id, locked)

    async def _hold(self, case_id: CaseId, fault: Fault) -> None:
        """Record the fault on the case if possible; a failure here must not end the round."""
        error = await self._scheduler.attempt(partial(self._record, case_id, fault))
        if error is None:
            self._scheduler.mark_reported(case_id)
        else:
            log.warning("the fault could not be recorded on the case", case=case_id, error=repr(error))

    async def _record(self, case_id: CaseId, fault: Fault) -> None:
        async with transaction():
            await record_fault(self._desk, case_id, fault, self._desk.clock())
