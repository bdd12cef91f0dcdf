"""Permanent records of a case: follow-up records and moves of the deadline."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.ids import CaseId


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A note for the next operator who handles the case."""

    id: str
    case_id: CaseId
    at: datetime
    author: str
    by_desk: bool
    """Written by the desk itself: what it did, or why it did not."""
    note: str


class DeadlineChangeKind(StrEnum):
    """What moved a deadline."""

    PERSON = "PERSON"
    CALENDAR = "CALENDAR"


@dataclass(frozen=True, slots=True)
class DeadlineChange:
    """One move of a case's deadline."""

    id: str
    case_id: CaseId
    at: datetime
    author: str
    kind: DeadlineChangeKind
    before: datetime
    after: datetime
    reason: str
    approved_by: str | None = None
