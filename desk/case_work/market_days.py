"""Market days entered by hand, on which a market does not trade as its calendar says: a typhoon, an early
close.

A market day is written once and read by every process. The leader then moves the deadlines of live cases to
where the changed calendar puts them, and records it; never into the past (see domain.case_edits.shifted).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from desk.assessment.calendar_doubts import list_unknown_calendars
from desk.assessment.case_event import case_event
from desk.audit import case_entry, entry
from desk.command import CommandRequest, run_once
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.follow_up import note_by_desk
from desk.outcomes import Done, Outcome
from domain.calendar import MarketDay, NoCalendar
from domain.case import Case
from domain.case_edits import shifted
from domain.case_records import DeadlineChange, DeadlineChangeKind
from domain.events import CaseView
from domain.ids import CaseId
from domain.phrase import FollowUpCode, phrase
from domain.principal import EVERYTHING, SYSTEM, Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models import outbox
from models.audit import AuditEntry, write_audit
from models.case import live_case_ids, load_cases, lock_case, save_case
from models.case_records import deadline_set_by_person, insert_deadline_changes
from models.holding import symbols_of
from models.market_day import RecordedMarketDay, insert_market_day, override_on
from models.sql.database import transaction

CASES_AT_A_TIME = 200
DAYS_AHEAD_MAX = timedelta(days=731)
"""A market day further ahead is assumed to be a typing error."""


@dataclass(frozen=True, slots=True)
class SetMarketDay:
    """A market day to override the calendar with."""

    idempotency_key: str
    override: MarketDay


async def set_market_day(desk: DeskContext, principal: Principal, command: SetMarketDay) -> Outcome:
    """Store the market day; it affects every account, so it requires access to all accounts."""

    async def decide() -> Outcome | Refusal:
        now = desk.clock()
        refused = _refused(desk, principal, override)
        if refused is not None:
            return refused
        recorded = RecordedMarketDay(desk.new_id(), override, principal.subject, now)
        before = await override_on(override.market, override.day)
        await insert_market_day(recorded)
        await write_audit([_audit(principal, recorded, before, command.idempotency_key)])
        return Done(recorded.id)

    override = command.override
    content, needs = plain_override(override), (Capability.SET_MARKET_DAY,)
    request = CommandRequest(principal, "setMarketDay", command.idempotency_key, content, needs)
    return await run_once(desk, request, override.market, decide)


def _audit(
    principal: Principal, recorded: RecordedMarketDay, before: MarketDay | None, key: str
) -> AuditEntry:
    after, detail = recorded.override, {"idempotencyKey": key}
    return entry(principal, recorded.at, "setMarketDay", "market", after.market, detail).changing(
        before=None if before is None else plain_override(before), after=plain_override(after)
    )


def plain_override(override: MarketDay) -> dict[str, str | None]:
    """The market day as plain data for the audit."""
    closes_at = None if override.closes_at is None else f"{override.closes_at:%H:%M}"
    return {
        "market": override.market,
        "day": override.day.isoformat(),
        "kind": override.kind,
        "closesAt": closes_at,
        "reason": override.reason,
    }


async def shift_deadlines(desk: DeskContext, scheduler: FairScheduler) -> int:
    """Move the deadlines of live cases to where the calendars put them now; returns the number moved.

    Cases are independent of each other. Accounts whose calendars are not known are listed.
    """
    views = await _live_cases(scheduler)
    moved: list[CaseId] = []
    for view in views:
        who = deadline_item(view.case.id)
        if not scheduler.waits(who):
            await scheduler.run(who, "moving a deadline", partial(_shift_if_due, desk, view, moved))
    await list_unknown_calendars(desk, views, scheduler)
    if moved:
        desk.on_commit()
    return len(moved)


def deadline_item(case_id: CaseId) -> str:
    """The name of the case among the items of the scheduler of `shift_deadlines`."""
    return f"{case_id} deadline"


async def _live_cases(scheduler: FairScheduler) -> list[CaseView]:
    """All live cases that can be read."""
    ids = await live_case_ids()
    views: list[CaseView] = []

    async def read(chunk: Sequence[CaseId]) -> None:
        views.extend((await load_cases(EVERYTHING, chunk)).values())

    for start in range(0, len(ids), CASES_AT_A_TIME):
        chunk = ids[start : start + CASES_AT_A_TIME]
        await scheduler.run_all(chunk, lambda case_id: f"{case_id} read", "reading a case", read)
    return views


async def _shift_if_due(desk: DeskContext, view: CaseView, moved: list[CaseId]) -> None:
    if await _shifted(desk, view, desk.clock()) == view.case:
        return
    async with transaction():
        is_moved = await _shift(desk, view.case.id, desk.clock())
    if is_moved:
        moved.append(view.case.id)


async def _shift(desk: DeskContext, case_id: CaseId, now: datetime) -> bool:
    locked = await lock_case(EVERYTHING, case_id, wait=False)
    if locked is None or not locked[0].case.live:
        return False
    view = replace(locked[0], symbols=await symbols_of(locked[0].case.account_id))
    after = await _shifted(desk, view, now)
    if after == view.case:
        return False
    if after.deadline != view.case.deadline:
        after = await _say(desk, view.case, after, now)
    await save_case(after)
    shift = case_entry(SYSTEM, now, view.case, after, "shiftDeadline")
    await write_audit([shift] if shift else [])
    await outbox.append([case_event(desk, view, replace(view, case=after), now)])
    return True


async def _say(desk: DeskContext, before: Case, after: Case, now: datetime) -> Case:
    reason = "The trading days of the market changed."
    change = DeadlineChange(
        desk.new_id(),
        before.id,
        now,
        SYSTEM,
        DeadlineChangeKind.CALENDAR,
        before.deadline,
        after.deadline,
        reason,
    )
    await insert_deadline_changes([change])
    follow_up = phrase(FollowUpCode.DEADLINE_MOVED, before=before.deadline, after=after.deadline)
    return await note_by_desk(desk, after, follow_up, now)


async def _shifted(desk: DeskContext, view: CaseView, now: datetime) -> Case:
    if view.case.is_recovery:
        # A recall is due when the lender says, whatever the calendar.
        return view.case
    currency = view.account.base_currency
    alert_type = view.case.alert_type
    by_calendar = desk.deadline(view.case.opened_at, currency, alert_type)
    next_deadline = desk.next_deadline(now, currency, alert_type)
    set_to = None if view.case.original_deadline is None else await deadline_set_by_person(view.case.id)
    calendar = desk.calendar_for(currency)
    return shifted(view.case, by_calendar, next_deadline, calendar, now, set_to=set_to)


def _refused(desk: DeskContext, principal: Principal, override: MarketDay) -> Refusal | None:
    if principal.audience.account_scope is not None:
        return Refusal(
            RefusalCode.FORBIDDEN,
            "A market day affects every account, so it requires access to all accounts.",
        )
    try:
        desk.calendar_of(override.market).is_trading_day(override.day)
    except NoCalendar as unknown:
        return Refusal(RefusalCode.NOT_FOUND, f"The calendar has no such day to override: {unknown}.")
    if override.day > (desk.clock() + DAYS_AHEAD_MAX).date():
        return Refusal(
            RefusalCode.NOT_FOUND,
            f"The day cannot be overridden: {override.day} is more than {DAYS_AHEAD_MAX.days} days ahead.",
        )
    return None
