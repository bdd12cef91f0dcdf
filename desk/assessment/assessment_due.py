"""Whether an assessment of an account would change something, and why: the monitor's only question.

Pure, on what the monitor keeps in memory. `assess_account` decides again under the lock, so a reason too many
costs a transaction; a reason too few would leave a case unassessed, which
`tests/integration/test_assessment_due.py` excludes on random days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from desk.assessment.due_calls import breach_ended, due_calls, exempting
from desk.assessment.excess_orders import exceeds
from desk.assessment.missing_prices import differ, open_gaps
from domain.case import Case, CaseStatus, may_resolve
from domain.events import OrderView
from domain.judgement import Answer, Judgement
from domain.margin import MarginFigures
from models.book import AccountBook


class Reason(StrEnum):
    """What an assessment would do."""

    BREACH_ENDED = "BREACH_ENDED"
    """The breach of a written-off debt has ended."""
    CALL_DUE = "CALL_DUE"
    ORDERS_EXCEED = "ORDERS_EXCEED"
    """Open orders exceed a position."""
    DOUBTS_CHANGED = "DOUBTS_CHANGED"
    FORCE_ELIGIBLE = "FORCE_ELIGIBLE"
    """The deadline has passed, or liquid net assets are below the force-close margin."""
    ORDERS_ENDED = "ORDERS_ENDED"
    EXEMPTED = "EXEMPTED"
    ORDERS_SUPERFLUOUS = "ORDERS_SUPERFLUOUS"
    """Nothing is left to collect, and orders of the case are open."""
    CURED = "CURED"


@dataclass(frozen=True, slots=True)
class Known:
    """An account as it is known now: its book, figures, live cases and open orders."""

    account: AccountBook
    figures: MarginFigures
    judgement: Judgement
    cases: Sequence[Case]
    orders: Sequence[OrderView]


def assessment_due(known: Known, now: datetime, close_hold: timedelta) -> Reason | None:
    """The first reason to assess the account; None: an assessment would change no state."""
    account, figures, judgement = known.account, known.figures, known.judgement
    if breach_ended(account, judgement):
        return Reason.BREACH_ENDED
    seen = {case.alert_type for case in known.cases}
    if judgement.called - seen and due_calls(account, judgement, figures, now) - seen:
        return Reason.CALL_DUE
    if exceeds(account, known.orders, now):
        return Reason.ORDERS_EXCEED
    if differ(account, open_gaps(account, judgement, figures, known.cases, now)):
        return Reason.DOUBTS_CHANGED
    reasons = (case_due(known, case, now, close_hold) for case in known.cases)
    return next((reason for reason in reasons if reason is not None), None)


def case_due(known: Known, case: Case, now: datetime, close_hold: timedelta) -> Reason | None:
    """The first reason that lies in one of the live cases."""
    judgement = known.judgement
    own = [view.order for view in known.orders if view.order.case_id == case.id]
    resolves = not own and may_resolve(case, now, close_hold)
    if not case.force_eligible and (case.overdue(now) or judgement.below_force is Answer.YES):
        return Reason.FORCE_ELIGIBLE
    if case.status is CaseStatus.LIQUIDATING and not own:
        return Reason.ORDERS_ENDED
    if case.is_recovery:
        return Reason.CURED if resolves else None
    if not own and exempting(known.account, case.alert_type, known.figures, now):
        return Reason.EXEMPTED
    if not judgement.ends(case.alert_type):
        return None
    if any(order.cancellable and not order.override for order in own):
        return Reason.ORDERS_SUPERFLUOUS
    return Reason.CURED if resolves else None
