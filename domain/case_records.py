"""Permanent records of a case: follow-up records and moves of the deadline."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.ids import CaseId
from domain.message import Language
from domain.phrase import Phrase
from domain.phrase_texts import render


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
    """The text of the author; of a record by the desk, its English text when it was written."""
    phrase: Phrase | None = None
    """The content of a record by the desk. None for records by people, for records of versions that stored
    only the text, and for a code that this version does not know.
    """

    def text(self, language: Language) -> str:
        """The text for a reader: in this language if the record has a code, otherwise as it was written."""
        return self.note if self.phrase is None else render(self.phrase, language)


class DeadlineChangeKind(StrEnum):
    """The cause of a move of a deadline."""

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
