"""A margin-call case: its states and what may happen in each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.ids import AccountId, CaseId
from domain.margin import MarginFigures


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


class CaseCloseReason(StrEnum):
    """How a case ended."""

    CURED = "CURED"
    EXEMPTED = "EXEMPTED"
    WRITTEN_OFF = "WRITTEN_OFF"
    VOIDED = "VOIDED"


class AutoLiquidationTrigger(StrEnum):
    """When the desk sells by itself: at a time set by a person, or at the deadline."""

    FIXED_TIME = "FIXED_TIME"
    DEADLINE = "DEADLINE"


@dataclass(frozen=True, slots=True)
class AutoLiquidation:
    """The desk sells at `at` without being asked again."""

    at: datetime
    trigger: AutoLiquidationTrigger


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
    version: int = 1
    """Grows with every change of state or by a person, never with recomputed figures."""
