"""Calls that figures may or may not demand because data is missing, with the reasons."""

from dataclasses import dataclass
from datetime import datetime

from desk.assessment.due_calls import undecided_calls
from desk.assessment.missing_prices import detail_of
from domain.case import AlertType
from domain.doubt import DoubtReason
from domain.judgement import Judgement
from domain.margin import MarginFigures
from models.book import AccountBook


@dataclass(frozen=True, slots=True)
class UndecidedReason:
    """The missing data: a symbol or a currency, and in words what resolves it."""

    reason: DoubtReason
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """The calls, sorted; without calls there are no reasons."""

    calls: tuple[AlertType, ...]
    reasons: tuple[UndecidedReason, ...]


NOTHING = Undecided((), ())


def undecided(account: AccountBook, judgement: Judgement, figures: MarginFigures, now: datetime) -> Undecided:
    """The undecided calls of these figures, which may be those of a scenario."""
    calls = undecided_calls(account, judgement, figures, now)
    if not calls:
        return NOTHING
    stated = [
        UndecidedReason(doubt.reason, doubt.subject, doubt.detail)
        for doubt in account.doubts
        if doubt.reason is DoubtReason.INCOMPLETE
    ]
    gaps = [UndecidedReason(gap.reason, gap.subject, detail_of(gap)) for gap in judgement.gaps]
    return Undecided(tuple(sorted(calls)), (*stated, *gaps))
