"""A margin-call case: its states and transitions.

`TRANSITIONS` and `REFUSED` are the whole state machine: every pair of status and trigger is in exactly one of
them. LIQUIDATING means only that liquidation orders are open; whether anything is owed follows from the
figures alone. docs/state_machines.md explains the unusual rows and draws the tables.
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
    """The reason why a case was opened."""

    MAINTENANCE = "MAINTENANCE"
    OVER_FINANCING = "OVER_FINANCING"
    CASH_DEBT = "CASH_DEBT"
    INTRADAY = "INTRADAY"
    COVERED_CALL_SHORTFALL = "COVERED_CALL_SHORTFALL"
    SHORT_RECALL = "SHORT_RECALL"


class CaseStatus(StrEnum):
    """The status of a case."""

    OPEN = "OPEN"
    LIQUIDATING = "LIQUIDATING"
    EXCEPTION = "EXCEPTION"
    RESOLVED = "RESOLVED"
    WRITTEN_OFF = "WRITTEN_OFF"
    VOID = "VOID"


RECOVERY_ALERTS = frozenset({AlertType.COVERED_CALL_SHORTFALL, AlertType.SHORT_RECALL})
"""Cases of these types demand stock; all others demand money."""
LIVE = frozenset({CaseStatus.OPEN, CaseStatus.LIQUIDATING, CaseStatus.EXCEPTION})
LONG_TERM = timedelta(days=90)
_HOUR = timedelta(hours=1)
"""A case that is older counts as long unsettled."""


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
    """When an automatic liquidation runs: at a time set by a person, or at the deadline."""

    FIXED_TIME = "FIXED_TIME"
    DEADLINE = "DEADLINE"
    INTRADAY = "INTRADAY"
    """By the rules of intraday accounts: at once, or flat before the close."""


@dataclass(frozen=True, slots=True)
class AutoLiquidation:
    """The desk liquidates at `at` without further confirmation."""

    at: datetime
    trigger: AutoLiquidationTrigger
    held: RefusalCode | None = None
    """Why it is due but waits, such as for the market to open; None: nothing holds it."""
    held_until: datetime | None = None
    """When the desk tries again."""
    set_by: str | None = field(default=None, compare=False)
    """The person against whose one-person limit it counts; setting the same again does not change it."""

    def due(self, now: datetime) -> bool:
        """Whether its time has come and it is not held."""
        return now >= (self.held_until or self.at)


@dataclass(frozen=True, slots=True)
class Claim:
    """An operator's claim on the case until `expires_at`, unless released before."""

    by: str
    at: datetime
    expires_at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether the claim has not expired."""
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
    """Number of accepted liquidations; the next one gets the next number."""
    cured_since: datetime | None = None
    """Since when the amount has been 0 without interruption."""
    auto_liquidation: AutoLiquidation | None = None
    remark: str = ""
    reopened_from: CaseId | None = None
    closed_at: datetime | None = None
    close_reason: CaseCloseReason | None = None
    exempted_by: str | None = None
    """The exemption rule that voided the case."""
    version: int = 1
    """Grows with every change of status or by a person, never with recomputed figures."""
    original_deadline: datetime | None = None
    """The calendar's deadline, if a person has moved the deadline; else None."""
    claim: Claim | None = None
    follow_ups: int = 0
    """Number of follow-up records."""
    worth: Worth | None = None
    """The amount in the reporting currency; None: unknown."""

    def __post_init__(self) -> None:
        times = (self.opened_at, self.deadline, self.cured_since, self.closed_at)
        if any(time is not None and time.tzinfo is None for time in times):
            raise ValueError("the times of a case must have a time zone")
        if self.amount_at_open < 0 or self.uncovered_amount < 0 or self.plans < 0:
            raise ValueError("amounts and plans must not be below zero")
        if self.status is CaseStatus.LIQUIDATING and not self.plans:
            raise ValueError("a case that is LIQUIDATING must have accepted a liquidation")
        if self.cured_since is not None and self.figures.amount > 0:
            raise ValueError("a cured case must have no amount to collect")
        self._check_end()

    def _check_end(self) -> None:
        if self.live and (self.closed_at is not None or self.close_reason is not None):
            raise ValueError(f"a case that is {self.status} must have no end")
        if not self.live and (self.closed_at is None or self.close_reason not in _REASONS[self.status]):
            raise ValueError(
                f"a case that is {self.status} must have an end time and a reason of that status"
            )

    @property
    def is_recovery(self) -> bool:
        """Whether the case demands stock, not money."""
        return self.alert_type in RECOVERY_ALERTS

    @property
    def live(self) -> bool:
        """Whether the case is not closed. An account has at most one live case per alert type."""
        return self.status in LIVE

    def elapsed_hours(self, now: datetime) -> int:
        """Whole hours from its opening to its closing or `now`, rounded up and at least 1."""
        return elapsed_hours(self.opened_at, self.closed_at, now)

    def overdue(self, now: datetime) -> bool:
        """Live past its deadline, which ends the client's time and the daily messages, but not the case."""
        return is_overdue(self.status, self.deadline, now)

    def claimed_now(self, now: datetime) -> Claim | None:
        """The claim, unless it has expired."""
        return self.claim if self.claim is not None and self.claim.holds(now) else None

    def messages_muted(self, now: datetime) -> bool:
        """Whether daily messages stop: the case is closed, in exception, or past its deadline."""
        return self.status not in (CaseStatus.OPEN, CaseStatus.LIQUIDATING) or self.overdue(now)

    def long_term_unsettled(self, now: datetime) -> bool:
        """Whether the case has been live for more than 90 days."""
        return is_long_term_unsettled(self.status, self.opened_at, now)


def elapsed_hours(opened_at: datetime, closed_at: datetime | None, now: datetime) -> int:
    """See `Case.elapsed_hours`."""
    elapsed = (closed_at or now) - opened_at
    return max(1, -(-elapsed // _HOUR))


def is_overdue(status: CaseStatus, deadline: datetime, now: datetime) -> bool:
    """See `Case.overdue`."""
    return status in LIVE and now > deadline


def is_long_term_unsettled(status: CaseStatus, opened_at: datetime, now: datetime) -> bool:
    """See `Case.long_term_unsettled`."""
    return status in LIVE and now - opened_at > LONG_TERM


class CaseTrigger(StrEnum):
    """The events of a case."""

    RECOMPUTED = "RECOMPUTED"
    """New figures that do not cure the case: see `with_figures`."""
    EDITED = "EDITED"
    """A person changed the deadline, the automatic liquidation or the remark."""
    DEADLINE_PASSED = "DEADLINE_PASSED"
    LIQUIDATION_ACCEPTED = "LIQUIDATION_ACCEPTED"
    ORDERS_ENDED = "ORDERS_ENDED"
    """The last open liquidation order has ended."""
    CURED = "CURED"
    """Nothing has been owed for the hold time: see `may_resolve`."""
    EXCEPTION_MARKED = "EXCEPTION_MARKED"
    EXCEPTION_CLEARED = "EXCEPTION_CLEARED"
    WRITTEN_OFF = "WRITTEN_OFF"
    EXEMPTED = "EXEMPTED"
    """An exemption rule now applies."""
    VOIDED = "VOIDED"
    """The case was opened in error, for example because of a wrong price."""


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
"""The status after each trigger, for each status in which the trigger is allowed."""

CLOSED_MESSAGE = "The case is closed: a new breach opens a new case."

REFUSED: Mapping[tuple[CaseStatus, CaseTrigger], Refusal] = {
    (_S.OPEN, _T.WRITTEN_OFF): Refusal(
        _C.NOT_IN_EXCEPTION, "Mark the case as an exception before writing off its debt."
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
            "Liquidation orders of the case are open: cancel them or wait until they end.",
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
"""The refusal for every other pair of status and trigger."""

_CLOSE_REASON = {
    CaseTrigger.CURED: CaseCloseReason.CURED,
    CaseTrigger.WRITTEN_OFF: CaseCloseReason.WRITTEN_OFF,
    CaseTrigger.EXEMPTED: CaseCloseReason.EXEMPTED,
    CaseTrigger.VOIDED: CaseCloseReason.VOIDED,
}


def decide(case: Case, trigger: CaseTrigger, now: datetime) -> Case | Refusal:
    """The case after the trigger, or the refusal.

    The version grows, unless nothing changes: then the same case is returned. CURED requires `may_resolve`.
    EDITED only counts: the caller sets what the person changed.
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
    """The live case with new figures and the worth of their amount; the version stays the same.

    It counts as cured since the amount became 0. `below_force`: whether liquid net assets are certainly below
    the force-close margin, as judged.
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
    """The live case while it is unknown whether it still demands something.

    It shows the figures of the last certain assessment, marked as old; without open orders nothing covers a
    part of the amount. Something may be owed meanwhile, so the time of being cured starts again after the
    doubt. Whether the desk may sell by force depends on what is certain now: see `with_figures`.
    """
    return replace(
        case,
        figures=replace(case.figures, stale=True),
        uncovered_amount=case.uncovered_amount if has_orders else case.figures.amount,
        force_eligible=below_force or case.overdue(now),
        cured_since=None,
    )


def may_resolve(case: Case, now: datetime, hold: timedelta) -> bool:
    """Whether nothing has been owed for `hold`. A LIQUIDATING case first needs its open orders cancelled."""
    return case.live and case.cured_since is not None and now - case.cured_since >= hold
