"""`python -m gateway market-day`: enter a typhoon day or an early close, and print the deadlines that
moved.
"""

from asyncio import sleep
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from desk.case_work.market_days import (
    CASES_AT_A_TIME,
    SetMarketDay,
    deadline_item,
    set_market_day,
    shift_deadlines,
)
from desk.context import DeskContext
from desk.fair_scheduler import LOCK_MAX_WAIT
from desk.outcomes import Done
from domain.calendar import MarketDay
from domain.events import CaseView
from domain.ids import CaseId
from domain.principal import EVERYTHING, Audience, Permission, Principal
from gateway.cli.terminal import Refused
from gateway.loops.policy import round_scheduler
from gateway.watch.market_days import MarketDays
from models.case import live_case_ids, load_cases

SHORT_NAMES: Mapping[str, str] = {"HK": "XHKG", "US": "XNYS", "JP": "XTKS", "UK": "XLON"}
"""Short names of markets for operators; others by their name in the calendars."""
LOCKED_FOR_S = 10.0
"""How long the command waits for a lock on an account before it ends without that case."""
_ALWAYS = datetime.max.replace(tzinfo=UTC)
OPERATOR = Principal(
    "desk:market-day",
    Audience(frozenset({Permission.RISK_SETTING_FULL}), None),
    datetime.min.replace(tzinfo=UTC),
    _ALWAYS,
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A deadline before and after the move."""

    case_no: str
    account_no: str
    before: datetime
    after: datetime


async def put_in(desk: DeskContext, days: MarketDays, override: MarketDay) -> list[Moved]:
    """The deadlines that moved, whether this process moved them or the leader did first. Raises Refused."""
    await days.load()
    before = {view.case.id: view.case.deadline async for view in _live_cases()}
    outcome = await set_market_day(desk, OPERATOR, SetMarketDay(desk.new_id(), override))
    if not isinstance(outcome, Done):
        raise Refused(outcome.message)
    await days.load()
    await _shift_all(desk, before)
    return [
        _moved(view, before[view.case.id])
        async for view in _live_cases()
        if before.get(view.case.id, view.case.deadline) != view.case.deadline
    ]


async def _shift_all(desk: DeskContext, cases: Iterable[CaseId]) -> None:
    """A case whose account another transaction holds is tried again for a while: it may be the leader that
    moves the deadline at the same time.
    """
    scheduler, until = round_scheduler(), monotonic() + LOCKED_FOR_S
    while True:
        await shift_deadlines(desk, scheduler)
        faults = [scheduler.fault_of(deadline_item(case_id)) for case_id in cases]
        if monotonic() > until or not any(fault is not None and fault.is_lock for fault in faults):
            return
        await sleep(scheduler.pause(LOCK_MAX_WAIT).total_seconds())


async def _live_cases() -> AsyncIterator[CaseView]:
    ids: list[CaseId] = list(await live_case_ids())
    for start in range(0, len(ids), CASES_AT_A_TIME):
        for view in (await load_cases(EVERYTHING, ids[start : start + CASES_AT_A_TIME])).values():
            yield view


def _moved(view: CaseView, before: datetime) -> Moved:
    return Moved(view.case.case_no, view.account.account_no, before, view.case.deadline)
