"""What people change about a live case: who is on it, its deadline, its automatic liquidation.

Pure: the case before in, the case after or a refusal out. Every one of them is the trigger EDITED of the
machine, so a closed case refuses them all.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.calendar import TradingCalendar, after_trading_days, move_to_trading_time
from domain.case import AutoLiquidation, AutoLiquidationTrigger, Case, CaseTrigger, Claim, decide
from domain.judgement import above_force
from domain.refusals import Refusal, RefusalCode
from domain.stock_recovery import RECOVERY_ALERTS
from domain.text import same_subject


def claimed(case: Case, by: str, now: datetime, lasts: timedelta, take_over: bool) -> Case | Refusal:
    """`by` is on the case; renewing one's own claim prolongs it, that of another has to be taken over."""
    edited = decide(case, CaseTrigger.EDITED, now)
    if isinstance(edited, Refusal):
        return edited
    held = case.claimed_now(now)
    if held is not None and not same_subject(held.by, by) and not take_over:
        return Refusal(
            RefusalCode.CASE_CLAIMED,
            f"{held.by} has been on this case since {held.at:%H:%M} UTC, until {held.expires_at:%H:%M} UTC: "
            "ask, or take it over.",
        )
    return replace(edited, claim=Claim(by, now, now + lasts))


def released(case: Case, by: str, now: datetime) -> Case | Refusal:
    """Nobody is on the case; only who claimed it releases it, and without a claim nothing changes."""
    edited = decide(case, CaseTrigger.EDITED, now)
    if isinstance(edited, Refusal):
        return edited
    held = case.claimed_now(now)
    if held is None:
        return case
    if not same_subject(held.by, by):
        return Refusal(RefusalCode.CASE_CLAIMED, f"{held.by} is on this case: only they release it.")
    return replace(edited, claim=None)


def with_deadline(case: Case, deadline: datetime, now: datetime) -> Case | Refusal:
    """The deadline as a person wants it; what is due at the deadline moves with it."""
    edited = decide(case, CaseTrigger.EDITED, now)
    if isinstance(edited, Refusal):
        return edited
    if deadline <= now:
        return Refusal(RefusalCode.TOO_LATE, "The deadline would lie in the past.")
    if deadline == case.deadline:
        return case
    moved = _due_then(edited, deadline, now)
    return replace(moved, original_deadline=case.original_deadline or case.deadline)


def needs_approval(case: Case, deadline: datetime, calendar: TradingCalendar, trading_days: int) -> bool:
    """Later than so many trading days after the deadline that the calendar had set."""
    original = case.original_deadline or case.deadline
    return deadline > after_trading_days(original, calendar, trading_days)


def shifted(
    case: Case,
    by_calendar: datetime,
    next_cut_off: datetime,
    calendar: TradingCalendar,
    now: datetime,
    *,
    set_to: datetime | None = None,
) -> Case:
    """The live case when market days changed: the calendar's deadline anew, a person's moved off closed days.

    `set_to`: where a person set it last, so that a word on a market day that is taken back gives it back.

    Nothing counts backwards: a word on a day that came after that day's early close takes nobody's time away
    in hindsight. A deadline that it would have put into the past is at `next_cut_off`, the first from now on,
    and one that had passed already stays. The same case where nothing changes.
    """
    assert case.live
    if case.original_deadline is None:
        deadline, original = by_calendar, None
    else:
        deadline, original = move_to_trading_time(set_to or case.deadline, calendar), by_calendar
    if deadline <= now and deadline < case.deadline:
        deadline = next_cut_off if case.deadline > now else case.deadline
    if deadline == case.deadline and original == case.original_deadline:
        return case
    return replace(_due_then(case, deadline, now), original_deadline=original, version=case.version + 1)


def with_auto_liquidation(
    case: Case, at: datetime | None, at_deadline: bool, now: datetime, by: str | None = None
) -> Case | Refusal:
    """The desk sells by itself at that time, at the deadline, or (with neither) not at all: `by` says so."""
    edited = decide(case, CaseTrigger.EDITED, now)
    if isinstance(edited, Refusal):
        return edited
    wanted = None
    if at_deadline:
        wanted = AutoLiquidation(max(case.deadline, now), AutoLiquidationTrigger.DEADLINE, set_by=by)
    elif at is not None:
        if at < now:
            return Refusal(RefusalCode.TOO_LATE, "That time has passed: liquidate, or choose a later one.")
        wanted = AutoLiquidation(at, AutoLiquidationTrigger.FIXED_TIME, set_by=by)
    return case if wanted == case.auto_liquidation else replace(edited, auto_liquidation=wanted)


def _due_then(case: Case, deadline: datetime, now: datetime) -> Case:
    auto = case.auto_liquidation
    if auto is not None and auto.trigger is AutoLiquidationTrigger.DEADLINE and deadline != case.deadline:
        # What became of the last slice is still to be looked at.
        sliced = auto.held is RefusalCode.CAPPED
        auto = AutoLiquidation(
            deadline, auto.trigger, auto.held if sliced else None, deadline if sliced else None, auto.set_by
        )
    moved = replace(case, deadline=deadline, auto_liquidation=auto)
    if case.overdue(now) and not moved.overdue(now) and _is_above_force(case):
        return replace(moved, force_eligible=False)
    return moved


def _is_above_force(case: Case) -> bool:
    """Only the deadline let the desk sell by force, as far as its figures tell."""
    if case.alert_type in RECOVERY_ALERTS:
        return True
    return above_force(case.figures)
