"""Changes to a live case by persons: its claim, its deadline, its automatic liquidation.

Pure functions: they return the changed case or a refusal. All of them are the trigger EDITED of the state
machine, so a closed case refuses them.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.calendar import TradingCalendar, after_trading_days, move_to_trading_time
from domain.case import (
    AutoLiquidation,
    AutoLiquidationTrigger,
    Case,
    CaseTrigger,
    Claim,
    decide,
)
from domain.judgement import above_force
from domain.refusals import Refusal, RefusalCode
from domain.text import same_subject


def claimed(case: Case, by: str, now: datetime, lasts: timedelta, take_over: bool) -> Case | Refusal:
    """Claim the case for `by`; renewing one's own claim prolongs it, and another operator's claim requires
    `take_over`.
    """
    edited = decide(case, CaseTrigger.EDITED, now)
    if isinstance(edited, Refusal):
        return edited
    held = case.claimed_now(now)
    if held is not None and not same_subject(held.by, by) and not take_over:
        return Refusal(
            RefusalCode.CASE_CLAIMED,
            f"{held.by} has claimed this case at {held.at:%H:%M} UTC until {held.expires_at:%H:%M} UTC: "
            "ask them, or take the claim over.",
        )
    return replace(edited, claim=Claim(by, now, now + lasts))


def released(case: Case, by: str, now: datetime) -> Case | Refusal:
    """Release the claim; only its holder can, and without a claim nothing changes."""
    edited = decide(case, CaseTrigger.EDITED, now)
    if isinstance(edited, Refusal):
        return edited
    held = case.claimed_now(now)
    if held is None:
        return case
    if not same_subject(held.by, by):
        return Refusal(RefusalCode.CASE_CLAIMED, f"{held.by} holds the claim: only they can release it.")
    return replace(edited, claim=None)


def with_deadline(case: Case, deadline: datetime, now: datetime) -> Case | Refusal:
    """Set the deadline; an automatic liquidation at the deadline moves with it."""
    edited = decide(case, CaseTrigger.EDITED, now)
    if isinstance(edited, Refusal):
        return edited
    if deadline <= now:
        return Refusal(RefusalCode.TOO_LATE, "The deadline must be in the future.")
    if deadline == case.deadline:
        return case
    moved = _due_then(edited, deadline, now)
    return replace(moved, original_deadline=case.original_deadline or case.deadline)


def needs_approval(case: Case, deadline: datetime, calendar: TradingCalendar, trading_days: int) -> bool:
    """Whether the deadline is more than so many trading days after the calendar's deadline."""
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
    """The live case after market days changed: the calendar's deadline computed again, a person's deadline
    moved off closed days.

    `set_to`: the deadline last set by a person, which is restored when a market day is removed.

    Nothing changes in hindsight: a market day entered after its early close takes no time from the client. A
    deadline that would move into the past is set to `next_cut_off`, the next one from now, and a deadline
    that had already passed stays. Returns the same case if nothing changes.
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
    """Set the automatic liquidation to a time, to the deadline, or (with neither) remove it, on behalf of
    `by`.
    """
    edited = decide(case, CaseTrigger.EDITED, now)
    if isinstance(edited, Refusal):
        return edited
    setting = None
    if at_deadline:
        setting = AutoLiquidation(max(case.deadline, now), AutoLiquidationTrigger.DEADLINE, set_by=by)
    elif at is not None:
        if at < now:
            return Refusal(
                RefusalCode.TOO_LATE, "The time has passed: liquidate now, or choose a later time."
            )
        setting = AutoLiquidation(at, AutoLiquidationTrigger.FIXED_TIME, set_by=by)
    return case if setting == case.auto_liquidation else replace(edited, auto_liquidation=setting)


def _due_then(case: Case, deadline: datetime, now: datetime) -> Case:
    auto = case.auto_liquidation
    if auto is not None and auto.trigger is AutoLiquidationTrigger.DEADLINE and deadline != case.deadline:
        # The result of the last slice still has to be checked.
        sliced = auto.held is RefusalCode.CAPPED
        auto = AutoLiquidation(
            deadline, auto.trigger, auto.held if sliced else None, deadline if sliced else None, auto.set_by
        )
    moved = replace(case, deadline=deadline, auto_liquidation=auto)
    if case.overdue(now) and not moved.overdue(now) and _is_above_force(case):
        return replace(moved, force_eligible=False)
    return moved


def _is_above_force(case: Case) -> bool:
    """Whether, by its figures, only the deadline lets the desk sell by force."""
    if case.is_recovery:
        return True
    return above_force(case.figures)
