"""A margin-call case: its states and what may happen in each.

`TRANSITIONS` and `REFUSED` are the whole machine: every pair of status and trigger stands in exactly one of
them. LIQUIDATING means that liquidation orders are open and nothing else; whether anything is owed is said by
the figures alone. docs/state_machines.md explains the odd rows and draws the tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.ids import AccountId, CaseId
from domain.margin import MarginFigures
from domain.refusals import Refusal, RefusalCode
from domain.reporting import Worth


class AlertType(StrEnum):
    """Why the case was opened."""

    MAINTENANCE = "MAINTENANCE"
    OVER_FINANCING = "OVER_FINANCING"
    CASH_DEBT = "CASH_DEBT"
    INTRADAY = "INTRADAY"
    COVERED_CALL_SHORTFALL = "COVERED_CALL_SHORTFALL"
    SHORT_RECALL = "SHORT_RECALL"


class CaseStatus(StrEnum):
    """Where the case stands."""

    OPEN = "OPEN"
    LIQUIDATING = "LIQUIDATING"
    EXCEPTION = "EXCEPTION"
    RESOLVED = "RESOLVED"
    WRITTEN_OFF = "WRITTEN_OFF"
    VOID = "VOID"


LIVE = frozenset({CaseStatus.OPEN, CaseStatus.LIQUIDATING, CaseStatus.EXCEPTION})
LONG_TERM = timedelta(days=90)
"""A case that is older counts as unsettled for long."""


class CaseCloseReason(StrEnum):
    """How a case ended."""

    CURED = "CURED"
    EXEMPTED = "EXEMPTED"
    WRITTEN_OFF = "WRITTEN_OFF"
    VOIDED = "VOIDED"


_REASONS = {
    CaseStatus.RESOLVED: (CaseCloseReason.CURED,),
    CaseStatus.WRITTEN_OFF: (CaseCloseReason.WRITTEN_OFF,),
    CaseStatus.VOID: (CaseCloseReason.EXEMPTED, CaseCloseReason.VOIDED),
}


class AutoLiquidationTrigger(StrEnum):
    """When the desk sells by itself: at a time set by a person, or at the deadline."""

    FIXED_TIME = "FIXED_TIME"
    DEADLINE = "DEADLINE"
    INTRADAY = "INTRADAY"
    """By the rules of intraday accounts: at once, or flat before the close."""


@dataclass(frozen=True, slots=True)
class AutoLiquidation:
    """The desk sells at `at` without being asked again."""

    at: datetime
    trigger: AutoLiquidationTrigger
    held: RefusalCode | None = None
    """It was due and waits, for the market to open for example; None: nothing has held it up."""
    held_until: datetime | None = None
    """When the desk tries again."""
    set_by: str | None = field(default=None, compare=False)
    """The person whose one-person limit it counts against; setting the same again changes nothing."""

    def due(self, now: datetime) -> bool:
        """Its time has come, and it is not held."""
        return now >= (self.held_until or self.at)


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody is on the case, until `expires_at` unless released before."""

    by: str
    at: datetime
    expires_at: datetime

    def holds(self, now: datetime) -> bool:
        """Not expired."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True)
class Case:
    """One margin call. Amounts are in the account's base currency."""

    id: CaseId
    case_no: str
    account_id: AccountId
    alert_type: AlertType
    status: CaseStatus
    figures: MarginFigures
    amount_at_open: Decimal
    uncovered_amount: Decimal
    """The amount less what open liquidation orders will still relieve."""
    opened_at: datetime
    deadline: datetime
    force_eligible: bool
    plans: int = 0
    """How many liquidations were accepted: the next one's number is one more."""
    cured_since: datetime | None = None
    """Since when the amount has been 0 without a break."""
    auto_liquidation: AutoLiquidation | None = None
    remark: str = ""
    reopened_from: CaseId | None = None
    closed_at: datetime | None = None
    close_reason: CaseCloseReason | None = None
    exempted_by: str | None = None
    """The exemption rule that made it void."""
    version: int = 1
    """Grows with every change of state or by a person, never with recomputed figures."""
    original_deadline: datetime | None = None
    """What the calendar said before a person moved the deadline; None: nobody did."""
    claim: Claim | None = None
    follow_ups: int = 0
    """How many follow-up records it has."""
    worth: Worth | None = None
    """Of the amount, in the reporting currency; None: unknown."""

    def __post_init__(self) -> None:
        times = (self.opened_at, self.deadline, self.cured_since, self.closed_at)
        if any(time is not None and time.tzinfo is None for time in times):
            raise ValueError("the times of a case are aware")
        if self.amount_at_open < 0 or self.uncovered_amount < 0 or self.plans < 0:
            raise ValueError("amounts and plans are not below zero")
        if self.status is CaseStatus.LIQUIDATING and not self.plans:
            raise ValueError("a case that is LIQUIDATING has accepted a liquidation")
        if self.cured_since is not None and self.figures.amount > 0:
            raise ValueError("a case with an amount to collect is not cured")
        self._check_end()

    def _check_end(self) -> None:
        if self.live and (self.closed_at is not None or self.close_reason is not None):
            raise ValueError(f"a case that is {self.status} has not ended")
        if not self.live and (self.closed_at is None or self.close_reason not in _REASONS[self.status]):
            raise ValueError(f"a case that is {self.status} ended at a time, for a reason of that status")

    @property
    def live(self) -> bool:
        """Not closed: at most one case of an account and alert type is."""
        return self.status in LIVE

    def elapsed_hours(self, now: datetime) -> int:
        """Whole hours since it was opened, until it was closed, rounded up and at least 1."""
        elapsed = (self.closed_at or now) - self.opened_at
        return max(1, -(-elapsed // timedelta(hours=1)))

    def overdue(self, now: datetime) -> bool:
        """Live past its deadline, which ends the client's time and the daily messages, not the case."""
        return self.live and now > self.deadline

    def claimed_now(self, now: datetime) -> Claim | None:
        """The claim, unless it has expired."""
        return self.claim if self.claim is not None and self.claim.holds(now) else None

    def messages_muted(self, now: datetime) -> bool:
        """No daily message: it is closed, in exception, or past its deadline."""
        return self.status not in (CaseStatus.OPEN, CaseStatus.LIQUIDATING) or self.overdue(now)

    def long_term_unsettled(self, now: datetime) -> bool:
        """Live for more than 90 days."""
        return self.live and now - self.opened_at > LONG_TERM


class CaseTrigger(StrEnum):
    """What can happen to a case."""

    RECOMPUTED = "RECOMPUTED"
    """New figures, not cured: see `with_figures`."""
    EDITED = "EDITED"
    """A person changed the deadline, the auto-liquidation or the remark."""
    DEADLINE_PASSED = "DEADLINE_PASSED"
    LIQUIDATION_ACCEPTED = "LIQUIDATION_ACCEPTED"
    ORDERS_ENDED = "ORDERS_ENDED"
    """The last open liquidation order became terminal."""
    CURED = "CURED"
    """Nothing has been owed for long enough: see `may_resolve`."""
    EXCEPTION_MARKED = "EXCEPTION_MARKED"
    EXCEPTION_CLEARED = "EXCEPTION_CLEARED"
    WRITTEN_OFF = "WRITTEN_OFF"
    EXEMPTED = "EXEMPTED"
    """An exemption rule matches now."""
    VOIDED = "VOIDED"
    """It was opened in error, by a bad price for example."""


_S, _T, _C = CaseStatus, CaseTrigger, RefusalCode

TRANSITIONS: Mapping[tuple[CaseStatus, CaseTrigger], CaseStatus] = {
    **{(status, trigger): status for status in LIVE for trigger in (_T.RECOMPUTED, _T.EDITED)},
    **{(status, _T.DEADLINE_PASSED): status for status in LIVE},
    (_S.OPEN, _T.LIQUIDATION_ACCEPTED): _S.LIQUIDATING,
    (_S.OPEN, _T.ORDERS_ENDED): _S.OPEN,
    (_S.OPEN, _T.CURED): _S.RESOLVED,
    (_S.OPEN, _T.EXCEPTION_MARKED): _S.EXCEPTION,
    (_S.OPEN, _T.EXCEPTION_CLEARED): _S.OPEN,
    (_S.OPEN, _T.EXEMPTED): _S.VOID,
    (_S.OPEN, _T.VOIDED): _S.VOID,
    (_S.LIQUIDATING, _T.LIQUIDATION_ACCEPTED): _S.LIQUIDATING,
    (_S.LIQUIDATING, _T.ORDERS_ENDED): _S.OPEN,
    (_S.LIQUIDATING, _T.EXCEPTION_CLEARED): _S.LIQUIDATING,
    (_S.EXCEPTION, _T.ORDERS_ENDED): _S.EXCEPTION,
    (_S.EXCEPTION, _T.CURED): _S.RESOLVED,
    (_S.EXCEPTION, _T.EXCEPTION_MARKED): _S.EXCEPTION,
    (_S.EXCEPTION, _T.EXCEPTION_CLEARED): _S.OPEN,
    (_S.EXCEPTION, _T.WRITTEN_OFF): _S.WRITTEN_OFF,
    (_S.EXCEPTION, _T.EXEMPTED): _S.VOID,
}
"""Where each trigger leads from each status where it can happen."""

CLOSED_MESSAGE = "The case is closed: a new breach opens a new case."

REFUSED: Mapping[tuple[CaseStatus, CaseTrigger], Refusal] = {
    (_S.OPEN, _T.WRITTEN_OFF): Refusal(
        _C.NOT_IN_EXCEPTION, "Mark the case as an exception first: then its debt can be written off."
    ),
    (_S.EXCEPTION, _T.LIQUIDATION_ACCEPTED): Refusal(
        _C.CASE_IN_EXCEPTION, "The case is in exception: clear the exception before liquidating."
    ),
    (_S.EXCEPTION, _T.VOIDED): Refusal(
        _C.CASE_IN_EXCEPTION, "The case is in exception: clear the exception before voiding it."
    ),
    **{
        (_S.LIQUIDATING, trigger): Refusal(
            _C.CASE_HAS_OPEN_ORDERS,
            "Liquidation orders of the case are open: cancel them or wait for their end.",
        )
        for trigger in (_T.CURED, _T.EXCEPTION_MARKED, _T.WRITTEN_OFF, _T.EXEMPTED, _T.VOIDED)
    },
    **{
        (status, trigger): Refusal(_C.CASE_CLOSED, CLOSED_MESSAGE)
        for status in CaseStatus
        if status not in LIVE
        for trigger in CaseTrigger
    },
}
"""Every other pair, and what the user is told."""

_CLOSE_REASON = {
    CaseTrigger.CURED: CaseCloseReason.CURED,
    CaseTrigger.WRITTEN_OFF: CaseCloseReason.WRITTEN_OFF,
    CaseTrigger.EXEMPTED: CaseCloseReason.EXEMPTED,
    CaseTrigger.VOIDED: CaseCloseReason.VOIDED,
}


def decide(case: Case, trigger: CaseTrigger, now: datetime) -> Case | Refusal:
    """What the trigger makes of the case, or why it cannot happen.

    The version grows, except where nothing changes: then the same case comes back. CURED is for a case that
    `may_resolve`. EDITED does nothing but count: the caller puts in what the person changed.
    """
    target = TRANSITIONS.get((case.status, trigger))
    if target is None:
        return REFUSED[case.status, trigger]
    assert trigger is not CaseTrigger.CURED or case.cured_since is not None
    changed = _moved(case, trigger, target, now)
    if changed == case and trigger is not CaseTrigger.EDITED:
        return case
    return replace(changed, version=case.version + 1)


def _moved(case: Case, trigger: CaseTrigger, target: CaseStatus, now: datetime) -> Case:
    if target not in LIVE:
        return replace(
            case,
            status=target,
            closed_at=now,
            close_reason=_CLOSE_REASON[trigger],
            auto_liquidation=None,
            claim=None,
        )
    return replace(
        case,
        status=target,
        plans=case.plans + (trigger is CaseTrigger.LIQUIDATION_ACCEPTED),
        force_eligible=case.force_eligible or trigger is CaseTrigger.DEADLINE_PASSED,
    )


def with_figures(
    case: Case,
    figures: MarginFigures,
    uncovered_amount: Decimal,
    worth: Worth | None,
    now: datetime,
    below_force: bool,
) -> Case:
    """The live case with new figures and the worth of their amount; the version stays.

    Its being cured lasts since the amount became 0.

    `below_force`: whether liquid net assets are for certain below the force-close margin, as judged.
    """
    assert case.live
    return replace(
        case,
        figures=figures,
        uncovered_amount=uncovered_amount,
        worth=worth,
        force_eligible=below_force or case.overdue(now),
        cured_since=None if figures.amount > 0 else case.cured_since or now,
    )


def in_doubt(case: Case, has_orders: bool, now: datetime, below_force: bool) -> Case:
    """The live case while nobody can say whether it still asks for something.

    It shows the figures of the last look that was certain, as old ones; without open orders nothing covers
    a part of the amount. Something may be owed meanwhile: being cured begins anew when the doubt is over.
    What lets the desk sell by force is what is certain at this moment: see `with_figures`.
    """
    return replace(
        case,
        figures=replace(case.figures, stale=True),
        uncovered_amount=case.uncovered_amount if has_orders else case.figures.amount,
        force_eligible=below_force or case.overdue(now),
        cured_since=None,
    )


def may_resolve(case: Case, now: datetime, hold: timedelta) -> bool:
    """Nothing has been owed for `hold`. A case that is LIQUIDATING first needs its open orders cancelled."""
    return case.live and case.cured_since is not None and now - case.cured_since >= hold
